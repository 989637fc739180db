//! Every maximum of the waiting room, with its unit in its name.

use std::time::Duration;

/// Longest name of a room, in bytes of UTF-8: that of a sale.
pub const ROOM_NAME_BYTES_MAX: usize = order_model::limits::SALE_NAME_BYTES_MAX;
/// Most customers of one room, whatever its opening says.
pub const ROOM_PEOPLE_MAX: u32 = 4_194_304;
/// Most customers that the open rooms of one partition may take together.
pub const PARTITION_PEOPLE_MAX: u64 = 16_777_216;
/// Most rooms of one partition, closed ones included.
pub const PARTITION_ROOMS_MAX: usize = 4_096;
/// Most openings of one room, one after the other; a copy of an old one is known by its id.
pub const OPENINGS_MAX: usize = 64;
/// Most times one customer may enter one opening of a room anew after having left.
pub const REENTRIES_MAX: u8 = 16;
/// Memory of one customer in a room, in bytes, the draw included: a goal that a test measures.
pub const PERSON_BYTES_MAX: usize = 64;
/// Longest time from the record that opens a room to its closing, in milliseconds: 31 days. The topic keeps its records
/// for longer, so that no follower misses the beginning of an open room.
pub const ROOM_LIFE_MS_MAX: u64 = 31 * 24 * 3_600_000;
/// How long a room lives of which nobody says when it closes, in milliseconds: 30 days.
pub const ROOM_LIFE_MS_USUAL: u64 = 30 * 24 * 3_600_000;
/// How many customers a room takes of which nobody says how many.
pub const ROOM_PEOPLE_USUAL: u32 = 1_000_000;
/// Shortest time between two admissions, in milliseconds of the log: however many gateways pace, the room takes no more.
pub const PACE_MS_MIN: u64 = 200;
/// Most places one record may admit.
pub const ADMIT_STEP_MAX: u32 = 100_000;
/// Admissions remembered, so that it is known who was admitted lately.
pub const ADMISSIONS_KEPT_MAX: usize = 1_024;
/// People needed before it is said how many of those admitted order.
pub const OUTLOOK_PEOPLE_MIN: u64 = 50;
/// Fewest of a thousand who are taken to order.
pub const ORDERING_PERMILLE_MIN: u64 = 20;
/// Largest value of a record on the topic, in bytes.
pub const ROOM_VALUE_BYTES_MAX: usize = 512;

/// Longest text of a token, in bytes.
pub const TOKEN_TEXT_BYTES_MAX: usize = 512;
/// Longest life of a token, in milliseconds: that of a room.
pub const TOKEN_LIFE_MS_MAX: u64 = ROOM_LIFE_MS_MAX;

/// Length of one sample of the admission rate, in milliseconds, at least.
pub const RATE_SAMPLE_MS_MIN: u64 = 1_000;
/// Work before the pipeline from which on its own speed sets the pace, in milliseconds of deciding.
pub const BUSY_MS: u64 = 250;
/// Samples needed before an estimate is given.
pub const RATE_SAMPLES_MIN: u32 = 10;
/// Longest estimate given, in milliseconds: a day.
pub const ETA_MS_MAX: u64 = 24 * 3_600_000;

/// The window over which it is measured how fast the pipeline decides, in milliseconds.
pub const METER_QUICK_MS: u64 = 2_000;
/// The window over which it is measured how many orders come in, in milliseconds: long enough that waves even out.
pub const METER_SLOW_MS: u64 = 30_000;
/// Samples of the meter are at least so far apart, in milliseconds.
pub const METER_SAMPLE_MS_MIN: u64 = 100;

/// Most records of one read batch: readers of a room wait no longer than it takes to apply them.
pub const READ_RECORDS_MAX: usize = 4_096;
/// Most bytes of one read batch.
pub const READ_BYTES_MAX: usize = 1_048_576;
/// How long one poll of the log waits; the longest a follower takes to notice that it is to stop.
pub const READ_WAIT: Duration = Duration::from_millis(50);
/// How long a proof waits for a log that brings nothing.
pub const PROOF_PATIENCE: Duration = Duration::from_secs(30);
/// First pause after the log has failed.
pub const RETRY_MIN: Duration = Duration::from_millis(50);
/// Longest pause after the log has failed.
pub const RETRY_MAX: Duration = Duration::from_secs(5);

/// Most events that wait for the writer.
pub const WRITE_QUEUE_EVENTS_MAX: usize = 16_384;
/// Most events of one appended batch.
pub const WRITE_BATCH_EVENTS_MAX: usize = 1_024;
/// Most batches on their way to the log.
pub const WRITE_BATCHES_MAX: usize = 64;
/// How long the writer waits for the log's acknowledgement before it says that it does not know.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the writer waits for acknowledgements when nothing is to be appended.
pub const WRITE_WAIT: Duration = Duration::from_millis(1);
/// How long an idle writer sleeps; the longest it takes to notice that it is to stop.
pub const WRITE_IDLE: Duration = Duration::from_millis(100);

/// How often the keeper looks at its rooms.
pub const KEEPER_INTERVAL: Duration = Duration::from_millis(50);
/// How long the keeper waits for what it has written to come back before it writes it again, in milliseconds.
pub const KEEPER_PATIENCE_MS: u64 = 500;
/// Longest stagger of a keeper, in milliseconds: gateways step in one after the other instead of all at once.
pub const KEEPER_STAGGER_MS_MAX: u64 = 250;

const _: () = assert!(ROOM_LIFE_MS_USUAL < ROOM_LIFE_MS_MAX);
const _: () = assert!(ROOM_NAME_BYTES_MAX < 256, "a token keeps the length in one byte");
