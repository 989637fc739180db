//! Placing an order.

use std::sync::Arc;
use std::time::Duration;

use order_model::limits::{LINE_QUANTITY_MAX, LINES_MAX};
use order_model::{
    Command, Currency, CustomerId, Line, Lines, OrderEvent, OrderId, Place, RejectReason, Sku, partition_of,
};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::recent::{About, Entered, Name, Print};
use super::refusal::{Refusal, written};
use super::{Service, random};
use crate::board::{Followed, OrderNews, Remembered};
use crate::door::Outcome;
use crate::identity::Identity;
use crate::limits::{IDEMPOTENCY_KEY_BYTES_MAX, ROOM_CATCH_UP_MAX};
use crate::views::sorted;

/// An order as it is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlaceAsk {
    /// Its id, if the client names it.
    pub order: Option<OrderId>,
    /// Whose it is, if not the asker's.
    pub customer: Option<CustomerId>,
    /// What is asked for.
    pub lines: Lines,
    /// The currency to pay in; that of the listing if not said.
    pub currency: Option<Currency>,
    /// Whether lines that cannot be had may be left out.
    pub partial: bool,
}

/// How a command is to be placed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PlaceOptions<'a> {
    /// Names the order where it has no id of its own.
    pub idempotency_key: Option<&'a str>,
    /// How long to wait for its decision.
    pub wait: Option<Duration>,
    /// Holds the customer's place in a waiting room; of several, with commas between.
    pub room_token: Option<&'a str>,
}

/// An order that the log has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placed {
    /// Which.
    pub order: OrderId,
    /// The partition of the command,
    pub partition: u32,
    /// and its place there, where it is known.
    pub offset: Option<u64>,
    /// What was decided, if that was waited for and came in time.
    pub answer: Option<Arc<OrderNews>>,
}

/// An order ready to be written.
pub(super) struct Draft {
    pub(super) place: Place,
    pub(super) name: Name,
    pub(super) about: About,
    /// Whether its client named it, and may have asked before.
    is_named: bool,
}

/// What shows that it is somebody's turn, and until when to wait for the rooms to be read that far: once for a whole batch.
#[derive(Clone, Copy)]
pub(super) struct Turn<'a> {
    pub(super) room_token: Option<&'a str>,
    pub(super) rooms_by: Instant,
}

impl Service {
    /// Places an order.
    pub async fn place(
        &self,
        who: &Identity,
        ask: PlaceAsk,
        options: PlaceOptions<'_>,
    ) -> Result<Placed, Refusal> {
        self.place_as(who, ask, options, false).await
    }

    /// The same. What may be written was asked for before under its id, and nobody knows whether the log has it: then the
    /// ledger answers.
    pub(super) async fn place_as(
        &self,
        who: &Identity,
        ask: PlaceAsk,
        options: PlaceOptions<'_>,
        may_be_written: bool,
    ) -> Result<Placed, Refusal> {
        let draft = self.draft(who, ask, options.idempotency_key, 0)?;
        if let Some(known) = self.known(&draft)? {
            return Ok(again(&known, options.wait.is_some()));
        }
        let turn = Turn { room_token: options.room_token, rooms_by: Instant::now() + ROOM_CATCH_UP_MAX };
        self.admit(who, &draft, turn, may_be_written).await?;
        let order = draft.place.order;
        // Whoever waits listens before the command is written, so that no answer passes unheard.
        let waits = options.wait.and_then(|wait| {
            let feed = self.board().follow(order, None)?;
            Some((wait, feed, draft.place.clone()))
        });
        let (partition, offset) = self.write_once(draft).await?;
        let mut placed = Placed { order, partition, offset: Some(offset), answer: None };
        if let Some((wait, feed, asked)) = waits {
            // Under its id there may be another order, whose answer is not ours: then ours is refused in the same ledger, or
            // decided by itself in its own.
            let settles = |news: &OrderNews| {
                let is_ours = (news.id.partition.0, news.offset.0) == (partition, offset);
                let is_answer = news.is_first_answer() && (is_ours || is_of(&news.event, &asked));
                is_answer || (is_ours && news.is_reuse())
            };
            placed.answer = heard(feed, wait, self.ending(), settles).await;
            if placed.answer.as_ref().is_some_and(|news| news.is_reuse()) {
                return Err(reused());
            }
        }
        Ok(placed)
    }

    pub(super) fn draft(
        &self,
        who: &Identity,
        ask: PlaceAsk,
        key: Option<&str>,
        index: u32,
    ) -> Result<Draft, Refusal> {
        if !who.verified {
            return Err(Refusal::NotVerified);
        }
        let customer = match ask.customer {
            Some(customer) if customer != who.customer && !who.roles.producer => {
                return Err(Refusal::RoleNeeded("producer"));
            }
            customer => customer.unwrap_or(who.customer),
        };
        let rejected = |reason| Refusal::Rejected { reason, read_at: None };
        if let Some(reason) = contradiction(&ask.lines) {
            return Err(rejected(reason));
        }
        let home = ask.lines.iter().map(|line| line.sku).min();
        let home = home.ok_or_else(|| rejected(RejectReason::NoLines))?;
        if key.is_some_and(|key| !is_key(key)) {
            return Err(Refusal::KeyInvalid);
        }
        let secret = &self.parts.secret;
        let (order, name) = match (ask.order, key) {
            (Some(order), _) => (order, Name::Order(order)),
            (None, Some(key)) => {
                let name = Name::Key(secret.key_name(customer, key, index));
                (secret.order_id(customer, key, index, &home), name)
            }
            (None, None) => {
                let order = OrderId(random()?);
                (order, Name::Order(order))
            }
        };
        let of_listing =
            || ask.lines.iter().find_map(|line| Some(self.board().listing(&line.sku)?.settings.currency));
        let currency = ask.currency.or_else(of_listing).ok_or(Refusal::CurrencyNeeded)?;
        let is_named = ask.order.is_some() || key.is_some();
        let place = Place { order, customer, currency, partial: ask.partial, lines: ask.lines };
        let about = About { order, customer, home, print: print(&place) };
        Ok(Draft { place, name, about, is_named })
    }

    /// The order, if the board knows one of this name that says the same.
    pub(super) fn known(&self, draft: &Draft) -> Result<Option<Remembered>, Refusal> {
        if !draft.is_named {
            return Ok(None);
        }
        let Some(known) = self.board().order(draft.place.order) else { return Ok(None) };
        let is_same = known.first().is_some_and(|first| is_of(&first.event, &draft.place));
        if is_same { Ok(Some(known)) } else { Err(reused()) }
    }

    /// Whether it may be written: its customer does not ask too often, the waiting room lets them in, and it can come to
    /// something. Of one that is in the log, or on its way there, all that was asked before.
    pub(super) async fn admit(
        &self,
        who: &Identity,
        draft: &Draft,
        turn: Turn<'_>,
        may_be_written: bool,
    ) -> Result<(), Refusal> {
        match self.recent.look(draft.name, &draft.about) {
            Some((true, _)) => return Ok(()),
            Some((false, Some(Outcome::Accepted { .. }))) => return Err(reused()),
            _ => {}
        }
        let place = &draft.place;
        if !who.roles.producer {
            self.pacing.customer(place.customer)?;
            self.pass_rooms(place, turn).await?;
        }
        // An order that was placed before has an answer of its own, which may be forgotten here, or not be read yet.
        if may_be_written || (draft.is_named && !self.board().remembers_all()) {
            return Ok(());
        }
        self.hopeless(place).map_or(Ok(()), Err)
    }

    /// Why an order cannot come to anything, as far as the decisions of its home ledger have been read. Of lines elsewhere
    /// nothing is said: that ledger may have been read further, or less far.
    fn hopeless(&self, place: &Place) -> Option<Refusal> {
        if place.partial || !self.board().is_ready() {
            return None;
        }
        let home = place.lines.iter().map(|line| line.sku).min()?;
        let partitions = self.door().partitions();
        let home = partition_of(&home, partitions);
        let read_at = self.board().read_at(home.0);
        let own = sorted(&place.lines);
        let own = own.iter().take_while(|line| partition_of(&line.sku, partitions) == home);
        let mut is_short = false;
        for line in own {
            let reason = match self.board().listing(&line.sku) {
                None => Some(RejectReason::ListingUnknown),
                Some(listing) if listing.is_closed => Some(RejectReason::ListingClosed),
                Some(listing) => {
                    is_short |= listing.is_sold_out();
                    None
                }
            };
            if let Some(reason) = reason {
                return Some(Refusal::Rejected { reason, read_at });
            }
        }
        is_short.then_some(Refusal::Rejected { reason: RejectReason::StockShort, read_at })
    }

    /// Writes an order; those who write the same one at the same time get the same answer.
    pub(super) async fn write_once(&self, draft: Draft) -> Result<(u32, u64), Refusal> {
        let Draft { place, name, about, .. } = draft;
        loop {
            let (is_same, outcome) = match self.recent.enter(name, about) {
                Entered::First(first) => {
                    let outcome = self.door().submit(Command::Place(place)).await;
                    first.settle(outcome);
                    return written(outcome);
                }
                Entered::Before { is_same, outcome } => (is_same, outcome),
            };
            match outcome.await {
                Ok(outcome) if is_same => return written(outcome),
                Ok(Outcome::Accepted { .. }) => return Err(reused()),
                Ok(Outcome::Unknown) => return Err(Refusal::OutcomeUnknown),
                // Whoever wrote it has gone, or did not get it in: now it is ours to write.
                _ => {}
            }
        }
    }
}

fn reused() -> Refusal {
    Refusal::Rejected { reason: RejectReason::OrderIdReused, read_at: None }
}

/// The answer to an order that was placed before: its decision where that is wanted, else where it lies.
pub(super) fn again(known: &Remembered, wants_decision: bool) -> Placed {
    let first = known.first();
    Placed {
        order: first.map(|news| news.event.order).unwrap_or_default(),
        partition: first.map_or(0, |news| news.id.partition.0),
        offset: known.offset(),
        answer: known.answer().filter(|_| wants_decision).cloned(),
    }
}

/// Whether an event is of this order, and not of another under the same id.
fn is_of(event: &OrderEvent, place: &Place) -> bool {
    let lines = event.lines.iter().map(|line| Line { sku: line.sku, quantity: line.quantity });
    event.customer == place.customer
        && event.currency == place.currency
        && sorted(&lines.collect::<Lines>()) == sorted(&place.lines)
}

/// The first news that `settles` it, if it comes in time, and before connections are ended.
pub(super) async fn heard(
    (before, mut feed): Followed,
    wait: Duration,
    mut ending: watch::Receiver<bool>,
    settles: impl Fn(&OrderNews) -> bool,
) -> Option<Arc<OrderNews>> {
    if let Some(news) = before.into_iter().find(|news| settles(news)) {
        return Some(news);
    }
    let listen = async {
        while let Some(news) = feed.recv().await {
            if settles(&news) {
                return Some(news);
            }
        }
        None
    };
    tokio::select! {
        biased;
        news = timeout(wait, listen) => news.ok().flatten(),
        _ = ending.wait_for(|is_ending| *is_ending) => None,
    }
}

/// What is wrong with lines whatever the listings are, by precedence.
fn contradiction(lines: &[Line]) -> Option<RejectReason> {
    let too_large =
        |line: &Line| u32::try_from(line.quantity).is_ok_and(|quantity| quantity > LINE_QUANTITY_MAX);
    let mut skus: Vec<Sku> = lines.iter().map(|line| line.sku).collect();
    skus.sort_unstable();
    match lines {
        [] => Some(RejectReason::NoLines),
        _ if lines.len() > LINES_MAX => Some(RejectReason::TooManyLines),
        _ if lines.iter().any(|line| line.quantity <= 0) => Some(RejectReason::QuantityNotPositive),
        _ if lines.iter().any(too_large) => Some(RejectReason::QuantityTooLarge),
        _ if skus.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) => Some(RejectReason::SkuRepeated),
        _ => None,
    }
}

pub(super) fn is_key(key: &str) -> bool {
    (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What the order says, shortened.
fn print(place: &Place) -> Print {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&place.customer.0).update(place.currency.as_bytes()).update(&[u8::from(place.partial)]);
    for line in sorted(&place.lines) {
        let sku = line.sku.as_bytes();
        hasher.update(&u64::try_from(sku.len()).unwrap_or(u64::MAX).to_le_bytes()).update(sku);
        hasher.update(&line.quantity.to_le_bytes());
    }
    *hasher.finalize().as_bytes()
}
