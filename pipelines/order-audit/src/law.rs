//! The laws: every one the auditor knows, and what was found against them.

use std::fmt;

use order_model::{Offset, Partition, Sequence};

/// Most findings a report keeps word for word; the rest is only counted.
pub const FINDINGS_KEPT_MAX: usize = 1_000;

macro_rules! laws {
    ($($variant:ident = $name:literal, $text:literal;)+) => {
        /// A law the ledgers have to keep.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Law {
            $(#[doc = $text] $variant,)+
        }

        impl Law {
            /// Every law.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable name, as it stands in output.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The law itself, in one sentence.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

laws! {
    DenseNumbers = "dense_numbers", "The decisions of a ledger are numbered from 1 without a gap.";
    LogTime = "log_time", "A decision names its record in log order and carries the highest record time so far.";
    HomeLedger = "home_ledger", "A ledger decides only about orders and listings that are its own.";
    StockConserved = "stock_conserved", "Free, held and sold units together are all that were ever put in.";
    StockMoves = "stock_moves", "The stock a decision reports is the one the decisions before it lead to.";
    Oversold = "oversold", "No unit is set aside, sold or taken away that is not there.";
    RefusedWrongly = "refused_wrongly", "Nothing is refused that was there, and the reason given is the true one.";
    AcceptedWrongly = "accepted_wrongly", "What has to be refused is refused.";
    QueueOrder = "queue_order", "Nobody jumps the waitlist, and who waits is served in the order of placing.";
    WaitsInVain = "waits_in_vain", "Nobody waits who could be served.";
    LimitPerCustomer = "limit_per_customer", "No customer has more units of a listing than it allows one customer.";
    Price = "price", "A line costs what the price list said when its units were set aside.";
    Total = "total", "The total and its tax are those of the lines that were taken.";
    Deadline = "deadline", "A hold lasts as long as its listings say.";
    ExpiredEarly = "expired_early", "No hold expires before its deadline.";
    ExpiredLate = "expired_late", "Due holds expire at the next record, the earliest deadline first.";
    PaidWhileHeld = "paid_while_held", "An order is paid only while it is held, with the right amount and currency.";
    PaymentOnce = "payment_once", "Money that was taken ends in exactly one sale or one refund.";
    OrderLife = "order_life", "An order goes only where its life allows, and keeps its customer, lines and prices.";
    ListingLife = "listing_life", "A listing is and does what the commands about it say.";
    Lost = "lost", "Every acknowledged command is decided.";
    Duplicated = "duplicated", "No command is decided twice.";
    Uncaused = "uncaused", "Nothing is decided that the record it names did not ask for.";
    RelaysDense = "relays_dense", "The relays between two ledgers are numbered without a gap.";
    PartsAgree = "parts_agree", "Every ledger's part of an order ends as the order itself.";
    HousekeepingBounded = "housekeeping_bounded", "No record causes more housekeeping than it may.";
    DrawSeed = "draw_seed", "The seed of a draw is the one its listing was committed to from the start.";
    DrawWindow = "draw_window", "Who comes in the window of a draw enters it and is not decided, nobody enters after the reveal.";
    DrawOrder = "draw_order", "A draw is decided in the order of BLAKE3(seed, order id), and before whoever came after the reveal.";
    DrawComplete = "draw_complete", "Everybody who entered a draw is decided once the seed is known.";
    FedInOrder = "fed_in_order", "The auditor sees commands before the decisions they cause.";
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where a finding was made: the decision being looked at, or the last one when a record left none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The ledger.
    pub partition: Partition,
    /// The decision.
    pub sequence: Sequence,
    /// The record.
    pub offset: Offset,
}

/// One breach of a law.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Which.
    pub law: Law,
    /// Where.
    pub place: Place,
    /// What was found, and what should have been.
    pub detail: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { partition, sequence, offset } = self.place;
        write!(
            f,
            "{}: partition {partition}, decision {sequence}, record {offset}: {}",
            self.law, self.detail
        )
    }
}

/// Collects findings, bounded.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) kept: Vec<Finding>,
    counts: Vec<u64>,
}

impl Findings {
    pub(crate) fn new() -> Self {
        Self { kept: Vec::new(), counts: vec![0; Law::ALL.len()] }
    }

    pub(crate) fn add(&mut self, law: Law, place: Place, detail: impl FnOnce() -> String) {
        if let Some((_, count)) = Law::ALL.iter().zip(&mut self.counts).find(|(known, _)| **known == law) {
            *count += 1;
        }
        if self.kept.len() < FINDINGS_KEPT_MAX {
            self.kept.push(Finding { law, place, detail: detail() });
        }
    }

    /// The laws that were broken, and how often.
    pub(crate) fn counts(&self) -> Vec<(Law, u64)> {
        Law::ALL.iter().copied().zip(self.counts.iter().copied()).filter(|(_, count)| *count > 0).collect()
    }
}
