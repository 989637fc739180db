//! Why something was refused: one flat list with stable numbers, in precedence order.
//!
//! The first reason that applies is the answer. For an order, the reasons about the order as a whole come first;
//! then the lines are gone through in SKU order, each through the reasons about a line; shortage is looked at last,
//! over all lines. In a partial order a line that would be refused is left out instead, and the order is
//! refused, for the reason of its first line, only when nothing is left.

macro_rules! reasons {
    ($($(#[$doc:meta])+ $variant:ident = $number:literal, $name:literal;)+) => {
        /// Why a command was refused. Numbers are stable and never reused; the order of the members is the
        /// order of precedence within each group.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u16)]
        pub enum RejectReason {
            $($(#[$doc])+ $variant = $number,)+
        }

        impl RejectReason {
            /// Every reason, in precedence order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable number.
            #[expect(clippy::as_conversions, reason = "the number is the discriminant")]
            pub const fn number(self) -> u16 {
                self as u16
            }

            /// The stable name, as it stands in schemas and output.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }

            /// The reason with this number.
            pub fn from_number(number: u16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

reasons! {
    // Placing: the order as a whole.
    /// The order id was used before for something else.
    OrderIdReused = 1, "order_id_reused";
    /// The customer is blocked.
    CustomerBlocked = 2, "customer_blocked";
    /// The order has no lines.
    NoLines = 3, "no_lines";
    /// More than [`crate::limits::LINES_MAX`] lines.
    TooManyLines = 4, "too_many_lines";
    /// A quantity is zero or negative.
    QuantityNotPositive = 5, "quantity_not_positive";
    /// A quantity is above [`crate::limits::LINE_QUANTITY_MAX`].
    QuantityTooLarge = 6, "quantity_too_large";
    /// A SKU stands in two lines.
    SkuRepeated = 7, "sku_repeated";
    /// The ledger remembers as many orders as it may ([`crate::limits::REMEMBERED_ORDERS_MAX`]).
    LedgerFull = 8, "ledger_full";

    // Placing: line by line in SKU order.
    /// No such listing.
    ListingUnknown = 20, "listing_unknown";
    /// The listing is closed.
    ListingClosed = 21, "listing_closed";
    /// The listing has not opened yet.
    ListingNotOpen = 22, "listing_not_open";
    /// The listing is paused.
    ListingPaused = 23, "listing_paused";
    /// The listing is sold in another currency.
    CurrencyForeign = 24, "currency_foreign";
    /// The customer would have more units than the listing allows one customer.
    LimitPerCustomer = 25, "limit_per_customer";
    /// The listing is drawn, and the order has other lines: what is drawn can be ordered only alone.
    DrawOnlyAlone = 26, "draw_only_alone";

    // Placing: shortage, over all lines.
    /// Too few units are free or those that are free are promised to who waits, and the order cannot wait: a short listing has
    /// no waitlist, or the order's lines lie in several partitions.
    StockShort = 30, "stock_short";
    /// The order would have to wait, and as many wait already as may.
    WaitlistFull = 31, "waitlist_full";
    /// The listing is drawn, and as many take part as may ([`crate::limits::DRAW_ENTRIES_MAX`]).
    DrawFull = 32, "draw_full";
    /// The draw had nothing left when the order's turn came, and the listing has no waitlist.
    NotDrawn = 33, "not_drawn";

    // Commands about an order.
    /// The ledger does not know the order (any more).
    OrderUnknown = 40, "order_unknown";
    /// The order is somebody else's.
    CustomerDiffers = 41, "customer_differs";
    /// The order has come to its end, or is paid for.
    OrderEnded = 42, "order_ended";
    /// The order has no hold.
    NotHeld = 43, "not_held";
    /// The hold was extended as often as the listing allows, or the extension's number is not the next one.
    ExtensionsSpent = 44, "extensions_spent";

    // Payments.
    /// The order is paid for already, by another payment.
    PaidAlready = 50, "paid_already";
    /// The amount or the currency is not the order's.
    AmountDiffers = 51, "amount_differs";

    // Commands about a listing or a customer.
    /// There is such a listing already.
    ListingExists = 60, "listing_exists";
    /// The settings contradict themselves or a limit.
    SettingsInvalid = 61, "settings_invalid";
    /// The listing would have less than no free units.
    StockBelowZero = 62, "stock_below_zero";
    /// The listing would have more than [`crate::limits::LISTING_STOCK_MAX`] units.
    StockTooLarge = 63, "stock_too_large";
    /// The ledger has as many listings as it may.
    TooManyListings = 64, "too_many_listings";
    /// The listing, or the block list, was changed as often as it may be.
    TooManyChanges = 65, "too_many_changes";
    /// The ledger blocks as many customers as it may.
    TooManyBlocked = 66, "too_many_blocked";
    /// The listing is not drawn, or its seed was revealed before.
    DrawNotOpen = 67, "draw_not_open";
    /// The seed is not the one the listing is committed to.
    SeedDiffers = 68, "seed_differs";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_lead_back() {
        assert!(RejectReason::ALL.is_sorted_by(|a, b| a.number() < b.number()));
        for reason in RejectReason::ALL {
            assert_eq!(RejectReason::from_number(reason.number()), Some(*reason));
        }
        assert_eq!(RejectReason::from_number(0), None);
    }
}
