//! Every maximum of this crate, with its unit in its name, in one place.

/// Most notices one channel keeps in memory; the rest waits in the claims and is fetched when there is room.
pub const QUEUED_NOTICES_MAX: usize = 4_096;
/// Below so many notices in memory a channel fetches what waits in the claims.
pub const QUEUED_NOTICES_LOW: usize = QUEUED_NOTICES_MAX / 4;
/// Most claims fetched at once.
pub const OPEN_PAGE_CLAIMS_MAX: usize = 512;
/// How often a channel looks for claims that others left behind, in milliseconds.
pub const SCAN_INTERVAL_MS: u64 = 5_000;
/// Added to a channel's time-out before somebody else's attempt counts as broken off, in milliseconds.
pub const ABANDONED_AFTER_MS: u64 = 5_000;
/// Most attempts at the same time, per channel, where the channel's options do not say.
pub const LANES_DEFAULT: usize = 16;
/// Most attempts at the same time that options may ask for.
pub const LANES_MAX: usize = 256;
/// Longest attempt where the channel's options do not say, in milliseconds.
pub const ATTEMPT_MS_DEFAULT: u64 = 30_000;

/// First pause after a failed attempt, in milliseconds; it doubles with each further one.
pub const BACKOFF_MS_MIN: u64 = 500;
/// Longest pause between two attempts at one notice, in milliseconds.
pub const BACKOFF_MS_MAX: u64 = 600_000;
/// First pause of a destination that failed as a whole, in milliseconds; it doubles with each further failure.
pub const REST_MS_MIN: u64 = 200;
/// Longest pause of a destination, in milliseconds.
pub const REST_MS_MAX: u64 = 60_000;
/// Most destinations of one channel whose failures are remembered.
pub const RESTING_DESTINATIONS_MAX: usize = 4_096;
/// Most claims, contacts or messages asked of a store at once.
pub const STORE_BATCH_MAX: usize = 1_024;
/// How often a store that does not answer is asked again within one delivery step before the notice is left to the scan.
pub const STORE_ATTEMPTS_MAX: u32 = 5;
/// Pause between those, in milliseconds.
pub const STORE_PAUSE_MS: u64 = 200;
/// Most subscribers fetched at once for one sale or SKU.
pub const SUBSCRIBERS_PAGE_MAX: usize = 512;

/// At most one notice about moving on the waitlist per order and interval; in milliseconds.
pub const QUIET_INTERVAL_MS: u64 = 300_000;
/// At most one round of back-in-stock notices per SKU and interval; in milliseconds.
pub const BACK_IN_STOCK_INTERVAL_MS: u64 = 300_000;

/// Most requests to DynamoDB at a time for one call of a store.
pub const TABLE_REQUESTS_MAX: usize = 32;
/// Most items asked of DynamoDB in one request; DynamoDB's own limit.
pub const TABLE_KEYS_PER_REQUEST_MAX: usize = 100;
/// How often a throttled request is made in all, before the whole call is asked again.
pub const TABLE_THROTTLED_TRIES_MAX: u32 = 12;
/// How often a request without an answer is made in all.
pub const TABLE_LOST_TRIES_MAX: u32 = 6;
/// After so long a request without an answer is not made again, in milliseconds.
pub const TABLE_LOST_MS_MAX: u64 = 15_000;
/// First pause before a request is made again, in milliseconds; it doubles with each further one.
pub const TABLE_PAUSE_MS_MIN: u64 = 4;
/// Longest pause before a request is made again, in milliseconds.
pub const TABLE_PAUSE_MS_MAX: u64 = 640;

/// Most claims that the in-memory store keeps; then the oldest settled ones go.
pub const MEMORY_CLAIMS_MAX: usize = 2_000_000;
/// Most notices that the in-memory outbox keeps; then the oldest go.
pub const OUTBOX_NOTICES_MAX: usize = 10_000;
/// How long a settled claim is kept, in milliseconds: 30 days, longer than any log is read again.
pub const CLAIM_RETENTION_MS: u64 = 30 * 24 * 3_600_000;
/// Largest record of a claim, in bytes; a store may refuse more.
pub const CLAIM_FACTS_BYTES_MAX: usize = 65_536;

/// How long somebody waits to be told what they asked for, in milliseconds: 180 days.
pub const SUBSCRIPTION_MS: u64 = 180 * 24 * 3_600_000;

/// Longest rendered subject, in characters; what is longer is cut.
pub const SUBJECT_CHARS_MAX: usize = 200;
/// Longest short text (SMS, push), in characters; what is longer is cut.
pub const SHORT_CHARS_MAX: usize = 300;
/// Largest rendered part, in bytes; a template that writes more is refused.
pub const PART_BYTES_MAX: usize = 262_144;
/// Steps one template may take before it is stopped.
pub const TEMPLATE_FUEL: u64 = 200_000;
/// Largest template file, in bytes.
pub const TEMPLATE_FILE_BYTES_MAX: u64 = 1_048_576;

/// Longest e-mail address, in bytes (RFC 5321).
pub const EMAIL_BYTES_MAX: usize = 254;
/// Longest address of a push subscription or webhook, in bytes.
pub const URL_BYTES_MAX: usize = 2_048;
/// Most bytes of an answer that are read to explain a failure.
pub const ANSWER_BYTES_MAX: usize = 1_024;
/// Longest time the explanation of a failure is waited for, in milliseconds.
pub const ANSWER_MS_MAX: u64 = 1_000;
/// Longest explanation kept with a claim, in characters.
pub const DETAIL_CHARS_MAX: usize = 300;
/// How far the time of a webhook's signature may lie from the receiver's, in milliseconds, where it does not say.
pub const REPLAY_WINDOW_MS: u64 = 300_000;
/// How long a web push signature (VAPID) is valid, in seconds; push services take at most 24 hours.
pub const VAPID_SECONDS: u64 = 12 * 3_600;
/// Most origins of push services whose signatures are kept.
pub const VAPID_ORIGINS_MAX: usize = 256;
/// Longest time a push service is asked to keep a notice, in seconds.
pub const WEB_PUSH_TTL_SECONDS_MAX: u64 = 24 * 3_600;
/// Idle SMTP connections older than this are closed and not used again, in milliseconds.
pub const SMTP_IDLE_MS_MAX: u64 = 20_000;
/// Most messages over one SMTP connection.
pub const SMTP_MESSAGES_PER_CONNECTION_MAX: u32 = 1_000;

const _: () = assert!(QUEUED_NOTICES_LOW < QUEUED_NOTICES_MAX);
const _: () = assert!(OPEN_PAGE_CLAIMS_MAX <= QUEUED_NOTICES_MAX - QUEUED_NOTICES_LOW);
