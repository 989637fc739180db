//! Every maximum of the gateway, with its unit in its name.

use std::time::Duration;

use order_log::ReadLimits;

/// How the door bounds itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DoorLimits {
    /// Most commands in hand: waiting to be appended, or appended and not acknowledged.
    pub commands_max: usize,
    /// Most commands of one append.
    pub batch_commands_max: usize,
    /// Time between two appends for each command in hand, in microseconds: each append costs the log a sync or a request,
    /// however little is in it. Few hardly wait for each other, many go together.
    pub append_pause_us_each: u64,
    /// Longest time between two appends while there is something to append, in milliseconds.
    pub append_pause_ms_max: u64,
    /// Longest wait for an acknowledgement, in milliseconds; then the outcome is unknown.
    pub answer_ms_max: u64,
    /// How long the oldest command may go unacknowledged before no further ones are taken, in milliseconds.
    pub stall_ms_max: u64,
    /// How long a full appender is tried before what waits is given back, in milliseconds.
    pub full_ms_max: u64,
}

impl Default for DoorLimits {
    fn default() -> Self {
        Self {
            commands_max: 50_000,
            batch_commands_max: 5_000,
            append_pause_us_each: 12,
            append_pause_ms_max: 3,
            answer_ms_max: 5_000,
            stall_ms_max: 2_000,
            full_ms_max: 500,
        }
    }
}

/// How the board bounds itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BoardLimits {
    /// How large read batches may be.
    pub batch: ReadLimits,
    /// Most orders remembered; ended ones are forgotten first, then the oldest.
    pub orders_max: usize,
    /// Most events remembered of one order; the latest are kept.
    pub order_events_max: usize,
    /// Events that wait for one reader of an order; a reader with more is cut.
    pub feed_events_max: usize,
    /// Most readers of one order.
    pub order_readers_max: usize,
    /// Time between two states of a listing on its feed, in milliseconds.
    pub listing_every_ms: u64,
    /// Time between two figures of a sale on its feed, in milliseconds.
    pub wall_every_ms: u64,
    /// Time between two looks at how far the log has got, in milliseconds.
    pub gauge_every_ms: u64,
    /// How long the log may go without an answer before we are not ready, in milliseconds.
    pub silence_ms_max: u64,
}

impl Default for BoardLimits {
    fn default() -> Self {
        Self {
            batch: ReadLimits { records_max: 4_096, bytes_max: 4 * 1_048_576 },
            orders_max: 100_000,
            order_events_max: 32,
            feed_events_max: 32,
            order_readers_max: 16,
            listing_every_ms: 100,
            wall_every_ms: 500,
            gauge_every_ms: 500,
            silence_ms_max: 5_000,
        }
    }
}

/// How the service bounds who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServiceLimits {
    /// Orders and cancellations (but for a producer's), steps into and out of rooms, subscriptions, and look-ups of past
    /// orders of one customer a second, on average.
    pub customer_per_second_max: u32,
    /// How many of them at once.
    pub customer_burst_max: u32,
    /// Requests of one address a second, on average.
    pub address_per_second_max: u32,
    /// How many of them at once.
    pub address_burst_max: u32,
    /// Orders of which it is remembered where they lie, until the board has them.
    pub recent_orders_max: usize,
    /// Commands of administration of which it is remembered what they said under their Idempotency-Key.
    pub recent_commands_max: usize,
    /// Longest wait for the first decision about an order that nobody knows, before it is said that there is none, in
    /// milliseconds.
    pub order_expected_ms_max: u64,
}

impl Default for ServiceLimits {
    fn default() -> Self {
        Self {
            customer_per_second_max: 10,
            customer_burst_max: 50,
            address_per_second_max: 500,
            address_burst_max: 2_000,
            recent_orders_max: 65_536,
            recent_commands_max: 65_536,
            order_expected_ms_max: 2_000,
        }
    }
}

/// How the HTTP server bounds connections, requests and streams.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HttpLimits {
    /// Most connections.
    pub connections_max: usize,
    /// Most connections of one address.
    pub address_connections_max: usize,
    /// Most requests in hand, those that wait for a decision among them.
    pub requests_max: usize,
    /// Most open event streams.
    pub streams_max: usize,
    /// Most of them of one address.
    pub address_streams_max: usize,
    /// Longest time a connection may take to the end of a request's head, its idle time before that included, in
    /// milliseconds.
    pub head_ms_max: u64,
    /// Longest time a body may take, in milliseconds.
    pub body_ms_max: u64,
    /// Longest time a write to a connection, or an answer on it, may stand still, in milliseconds.
    pub write_ms_max: u64,
    /// Longest time from the signal to the end of the process, in milliseconds.
    pub drain_ms_max: u64,
    /// Time between the signal and the first connection that is ended, in milliseconds: for load balancers to look away.
    pub unready_ms: u64,
    /// Time between two signs of life on a stream, in milliseconds.
    pub stream_beat_ms: u64,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections_max: 20_000,
            address_connections_max: 1_000,
            requests_max: 16_384,
            streams_max: 20_000,
            address_streams_max: 1_000,
            head_ms_max: 60_000,
            body_ms_max: 10_000,
            write_ms_max: 20_000,
            drain_ms_max: 15_000,
            unready_ms: 0,
            stream_beat_ms: 15_000,
        }
    }
}

/// Largest body about an account or a cart, in bytes.
pub const ACCOUNT_BODY_BYTES_MAX: usize = 8_192;
/// Largest picture served from a folder, in bytes.
pub const IMAGE_BYTES_MAX: u64 = 16 * 1_048_576;
/// Longest name of a picture's file, in bytes.
pub const IMAGE_NAME_BYTES_MAX: usize = 200;
/// Products on one page where nothing else is asked for.
pub const PRODUCTS_PER_PAGE: usize = 24;
/// Longest search, in bytes.
pub const QUERY_BYTES_MAX: usize = 200;
/// Most sales on the first page.
pub const SALES_SHOWN_MAX: usize = 50;
/// Listings of one sale looked at for how the sale stands.
pub const SALE_LISTINGS_LOOKED_AT_MAX: usize = 100;
/// Longest wait for a store that knows orders of the past.
pub const ARCHIVE_TIMEOUT: Duration = Duration::from_secs(3);
/// Most products shown as bought together with another.
pub const TOGETHER_PRODUCTS_MAX: usize = 6;
/// How long it is taken for known what is bought together: five minutes.
pub const TOGETHER_KEPT: Duration = Duration::from_secs(300);
/// How long after a failure it is not asked again.
pub const TOGETHER_RETRY: Duration = Duration::from_secs(30);
/// Longest wait for the store that has counted it.
pub const TOGETHER_TIMEOUT: Duration = Duration::from_secs(2);
/// Most questions to that store at a time.
pub const TOGETHER_LOOKUPS_MAX: usize = 4;
/// Most SKUs for which it is kept.
pub const TOGETHER_SKUS_MAX: usize = 10_000;
/// Most units a page offers where the listing has no limit.
pub const ORDER_UNITS_SHOWN_MAX: u32 = 100;
/// Largest body of one order, in bytes.
pub const ORDER_BODY_BYTES_MAX: usize = 16_384;
/// Largest body of a batch, in bytes.
pub const BATCH_BODY_BYTES_MAX: usize = 2 * 1_048_576;
/// Most orders of a batch.
pub const BATCH_ORDERS_MAX: usize = 1_000;
/// Largest body of an administrative command, in bytes.
pub const ADMIN_BODY_BYTES_MAX: usize = 1_048_576;
/// Most listings of one sale posted at once.
pub const SALE_LISTINGS_MAX: usize = 1_000;
/// How long a hold lasts where nothing is said, as in a sale file: ten minutes, in milliseconds.
pub const HOLD_MS_USUAL: u64 = 10 * 60_000;
/// How long an order is remembered after its end where nothing is said, as in a sale file: seven days, in milliseconds.
pub const RETENTION_MS_USUAL: u64 = 7 * 24 * 3_600_000;
/// Longest idempotency key, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
/// Longest wait a client may prefer, in seconds.
pub const WAIT_SECONDS_MAX: u64 = 30;
/// Most headers of a request.
pub const HEADERS_MAX: usize = 64;
/// Most bytes of a request's head.
pub const HEAD_BYTES_MAX: usize = 16_384;
/// Longest request target, in bytes.
pub const TARGET_BYTES_MAX: usize = 2_048;
/// Most orders or listings on one page.
pub const PAGE_ITEMS_MAX: usize = 100;
/// Most listings shown on the wall of a sale; the figures are of all.
pub const WALL_LISTINGS_MAX: usize = 100;
/// Longest access token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 4_096;
/// Longest head of the PROXY protocol, in bytes: version 2 with the addresses of sockets of files.
pub const PROXY_HEAD_BYTES_MAX: usize = 536;
/// Most streams of one HTTP/2 connection.
pub const HTTP2_STREAMS_MAX: u32 = 128;
/// Headers of an answer that room is made for at once.
pub(crate) const ANSWER_HEADERS_USUAL: usize = 10;
/// Seconds a client that was turned away is asked to wait.
pub const RETRY_AFTER_SECONDS: u64 = 1;
/// Milliseconds after which a stream that ended is to be opened again.
pub const RECONNECT_MS: u64 = 1_000;
/// Longest wait for the waiting rooms to be read as far as a token says.
pub(crate) const ROOM_CATCH_UP_MAX: Duration = Duration::from_secs(3);
/// Time between two looks at one place in a waiting room that somebody watches.
pub const ROOM_EVENTS_EVERY: Duration = Duration::from_millis(500);
/// Time between two looks at the health that somebody follows.
pub(crate) const HEALTH_EVERY: Duration = Duration::from_millis(250);
/// What is left of a call's deadline for its answer, when a decision is waited for.
pub(crate) const GRPC_ANSWER_MARGIN: Duration = Duration::from_millis(50);
/// Shorter pauses between two appends are none: the system does not sleep so little.
pub(crate) const APPEND_PAUSE_MIN: Duration = Duration::from_micros(100);
/// Longest wait of the door for acknowledgements before it looks whether it is time for new commands.
pub(crate) const DOOR_POLL: Duration = Duration::from_millis(1);
/// Time between two attempts to make an appender.
pub(crate) const APPENDER_RETRY: Duration = Duration::from_millis(500);
/// Longest wait of the board for decisions before it looks at its feeds.
pub(crate) const BOARD_POLL: Duration = Duration::from_millis(20);
/// Time between two attempts to read decisions.
pub(crate) const READER_RETRY: Duration = Duration::from_millis(500);
/// Most decisions taken in under one lock: those who ask wait no longer.
pub(crate) const LOCKED_DECISIONS_MAX: usize = 256;
/// Seconds over which decisions a second are counted.
pub(crate) const PACE_SECONDS: usize = 5;
/// Time between two sweeps of counters nobody uses any more.
pub(crate) const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// Longest time of a TLS handshake or a PROXY head.
pub(crate) const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Looks at whether an answer stands still, in the time it may.
pub(crate) const LOOKS_PER_WRITE: u32 = 4;
/// Time between two looks at whether a connection has something in hand, while connections are ended.
pub(crate) const CLOSING_LOOK: Duration = Duration::from_millis(250);
/// So many looks in a row that find nothing end it.
pub(crate) const CLOSING_LOOKS: u32 = 4;
/// Bytes the system keeps for one connection's reader; it may take twice as many.
pub(crate) const SEND_BUFFER_BYTES: u32 = 65_536;
/// Most connections that wait to be accepted.
pub(crate) const BACKLOG_CONNECTIONS_MAX: u32 = 4_096;
