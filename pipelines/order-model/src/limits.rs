//! Every maximum of the core, with its unit in its name, in one place.

/// Longest SKU, in bytes of UTF-8.
pub const SKU_BYTES_MAX: usize = 40;
/// Longest name of a sale, in bytes of UTF-8.
pub const SALE_NAME_BYTES_MAX: usize = 64;
/// Most lines in one order.
pub const LINES_MAX: usize = 16;
/// Most units in one line.
pub const LINE_QUANTITY_MAX: u32 = 10_000;
/// Most units of one listing, over its life.
pub const LISTING_STOCK_MAX: u32 = 1_000_000_000;
/// Highest unit price, in minor units: a billion of the major unit of a two-digit currency.
pub const UNIT_PRICE_MAX: i64 = 100_000_000_000;
/// Most price steps of one listing.
pub const PRICE_STEPS_MAX: usize = 32;
/// Longest hold, in milliseconds: 30 days.
pub const HOLD_MS_MAX: u64 = 30 * 24 * 3_600_000;
/// Shortest retention of a remembered order, in milliseconds after its end.
pub const RETENTION_MS_MIN: u64 = 1_000;
/// Longest retention of a remembered order, in milliseconds after its end: 400 days.
pub const RETENTION_MS_MAX: u64 = 400 * 24 * 3_600_000;
/// Retention of orders that name no listing of the ledger: 10 minutes.
pub const RETENTION_MS_UNLISTED: u64 = 600_000;
/// How long a payment that decided no order is remembered, so that it is refunded once: 7 days.
pub const RETENTION_MS_REFUNDS: u64 = 7 * 24 * 3_600_000;
/// Most orders that may wait for one listing.
pub const WAITLIST_MAX: u32 = 10_000_000;
/// Most orders of one draw, those that came while it was being decided among them.
pub const DRAW_ENTRIES_MAX: usize = 4 * 1_048_576;
/// Most entries of draws put in order at one record; the rest follows at the next records.
pub const DRAW_ORDERED_PER_COMMAND_MAX: usize = 4_096;
/// Most times one hold can be extended.
pub const EXTENSIONS_MAX: u32 = 100;
/// Most listings of one ledger.
pub const LISTINGS_MAX: usize = 1_048_576;
/// Most privileged changes to one listing, and most changes to the block list of one ledger.
pub const CHANGES_MAX: usize = 65_536;
/// Most customers blocked in one ledger; fewer than there may be changes, so that each can be unblocked again.
pub const BLOCKED_CUSTOMERS_MAX: usize = 32_768;
/// Most orders and parts of orders one ledger remembers at once.
pub const REMEMBERED_ORDERS_MAX: usize = 64 * 1_048_576;
/// Most refunds one ledger remembers at once, so as not to order them twice.
pub const REMEMBERED_REFUNDS_MAX: usize = 4 * 1_048_576;
/// Most holds expired, waiting orders served and entries of draws decided at one record, together; the rest follows
/// at the next records.
pub const HOUSEKEEPING_PER_COMMAND_MAX: usize = 256;
/// Most partitions of `orders`.
pub const PARTITIONS_MAX: u32 = 4_096;
/// Largest record value accepted on `orders`, in bytes; the largest command encodes to less.
pub const RECORD_VALUE_BYTES_MAX: usize = 65_536;
/// Largest record key accepted on `orders`, in bytes.
pub const RECORD_KEY_BYTES_MAX: usize = 1_024;

const _: () = assert!(SKU_BYTES_MAX < 256, "a SKU keeps its length in one byte");
const _: () = assert!(RETENTION_MS_MIN <= RETENTION_MS_UNLISTED && RETENTION_MS_UNLISTED <= RETENTION_MS_MAX);
const _: () = assert!(LINE_QUANTITY_MAX <= LISTING_STOCK_MAX);
const _: () = assert!(2 * BLOCKED_CUSTOMERS_MAX <= CHANGES_MAX);
const _: () = assert!(LINES_MAX * 128 + PRICE_STEPS_MAX * 32 + 512 < RECORD_VALUE_BYTES_MAX);
