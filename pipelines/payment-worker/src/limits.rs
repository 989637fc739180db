//! Every maximum of the payment worker, with its unit in its name.

use std::time::Duration;

use order_log::ReadLimits;

/// How a payment worker bounds itself. [`Default`] suits a provider on the other side of the internet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PaymentLimits {
    /// How large read batches may be.
    pub batch: ReadLimits,
    /// Most calls to the provider under way at once. After a fault fewer are, and more again with every success.
    pub calls_max: usize,
    /// Orders in hand at which no further decisions are read until there are fewer. Holds of a partition that is being
    /// restored count only once it is: they are as many as are really open.
    pub orders_max: usize,
    /// Longest wait for one answer of the provider, in milliseconds.
    pub call_ms_max: u64,
    /// First wait after a fault, in milliseconds; doubled with each further one of the same order.
    pub retry_ms_min: u64,
    /// Longest wait after a fault, in milliseconds.
    pub retry_ms_max: u64,
    /// How often a payment that the provider has not decided is asked after, in milliseconds.
    pub pending_poll_ms: u64,
    /// Nothing is captured so shortly before a hold falls due, in milliseconds: it would likely be given back.
    pub capture_margin_ms: u64,
    /// How long after a hold fell due the provider is asked for the last time whether it knows a payment, before none
    /// counts as certain; in milliseconds. Longer than clocks differ, and than the provider's search lags behind.
    pub close_after_ms: u64,
    /// How often a payment that is to be given back, or that a callback spoke of, is looked for before it counts as unknown
    /// to the provider.
    pub seeks_max: u32,
    /// How far the provider's clock and the log's may differ, in milliseconds.
    pub clock_skew_ms: u64,
}

impl Default for PaymentLimits {
    fn default() -> Self {
        Self {
            batch: ReadLimits { records_max: 4_096, bytes_max: 4 * 1_048_576 },
            calls_max: 64,
            orders_max: 100_000,
            call_ms_max: 10_000,
            retry_ms_min: 100,
            retry_ms_max: 30_000,
            pending_poll_ms: 2_000,
            capture_margin_ms: 2_000,
            close_after_ms: 120_000,
            seeks_max: 12,
            clock_skew_ms: 60_000,
        }
    }
}

/// Most calls a worker may be told to have under way at once.
pub const CALLS_MAX: usize = 4_096;
/// Most callbacks in hand at once; the provider is asked to call again later.
pub const CALLBACKS_MAX: usize = 10_000;
/// Largest body of a callback, in bytes.
pub const CALLBACK_BYTES_MAX: usize = 262_144;
/// How old, or how far ahead, the time of a callback's signature may be.
pub const CALLBACK_TOLERANCE: Duration = Duration::from_secs(300);
/// Longest wait until a callback is done, before the provider is asked to call again.
pub(crate) const CALLBACK_WAIT: Duration = Duration::from_secs(8);
/// Most callbacks remembered so that a repeat is known at once.
pub const CALLBACKS_REMEMBERED_MAX: usize = 65_536;
/// Most signatures looked at in one callback's header.
pub const CALLBACK_SIGNATURES_MAX: usize = 16;
/// Largest answer of a provider that is read, in bytes.
pub const ANSWER_BYTES_MAX: usize = 4 * 1_048_576;
/// Longest detail of a fault kept, in bytes of UTF-8.
pub const DETAIL_BYTES_MAX: usize = 512;
/// Most payments of one order looked at.
pub const PAYMENTS_PER_ORDER_MAX: usize = 100;
/// How long the desk waits for decisions before it looks at answers.
pub(crate) const DESK_WAIT: Duration = Duration::from_millis(2);
/// How long the desk waits for acknowledgements while the appender is full.
pub(crate) const ACKNOWLEDGE_WAIT: Duration = Duration::from_millis(5);
/// How long the end of a partition may take to come while it is looked back on.
pub(crate) const LOOK_BACK_TIMEOUT: Duration = Duration::from_secs(60);
/// How long one poll waits meanwhile.
pub(crate) const LOOK_BACK_WAIT: Duration = Duration::from_millis(20);
/// Time between two notes of how far the partitions are, for those who watch the lag.
pub(crate) const NOTE_INTERVAL: Duration = Duration::from_millis(500);
/// How long to wait before a partition that could not be restored is tried again.
pub(crate) const BEGIN_RETRY: Duration = Duration::from_secs(1);
