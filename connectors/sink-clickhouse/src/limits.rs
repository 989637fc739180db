//! Every maximum of this sink, with its unit in its name or type.

use std::time::Duration;

use sink::SinkLimits;

/// Decisions of one span: the unit in which roll-ups are computed anew. Part of the schema: the roll-ups of a database
/// are keyed by it, so another number needs new tables.
pub const SPAN_DECISIONS: u64 = 8_192;
/// Most rows of one block of an insert.
pub const BLOCK_ROWS_MAX: usize = 65_536;
/// A block takes no further row once it has this many bytes.
pub const BLOCK_BYTES_TARGET: usize = 16 * 1_048_576;
/// Bytes of a block sent at once.
pub const CHUNK_BYTES: usize = 1_048_576;
/// Most rows of one insert; fewer after the engine ran out of memory, down to [`INSERT_ROWS_MIN`].
pub const INSERT_ROWS_MAX: usize = 1_048_576;
/// Fewest rows of one insert that is made smaller because the engine ran out of memory.
pub const INSERT_ROWS_MIN: usize = 1_024;
/// Most roll-up rows kept of spans that are not full yet, over all partitions; beyond, they are read back.
pub const OPEN_ROWS_MAX: usize = 1_048_576;
/// Most rows read back at once.
pub const READ_BACK_ROWS_MAX: u64 = 65_536;
/// Most bytes of an answer that is kept whole.
pub const ANSWER_BYTES_MAX: usize = 256 * 1_048_576;
/// Most orders named in one statement.
pub const ORDERS_PER_STATEMENT_MAX: usize = 1_000;
/// Most differences of derived tables named by one look; the next look finds the rest.
pub const DERIVED_DIFFERENCES_MAX: usize = 10_000;
/// How long the engine may take for one chunk of an insert.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the engine may take to answer an insert that was sent whole.
pub const INSERT_TIMEOUT: Duration = Duration::from_secs(120);
/// How far the clocks of the brokers, and of who marks partitions, may be from each other: nobody marks a later time than
/// their own less this.
pub const CLOCK_MARGIN: Duration = Duration::from_secs(10);
/// Latest time a row can hold, in milliseconds: 2299-12-31T23:59:59.999Z, the end of `DateTime64(3)`.
pub const TIME_MS_MAX: u64 = 10_413_791_999_999;
/// Most characters of an answer of the engine that are shown.
pub const ANSWER_SHOWN_CHARS_MAX: usize = 600;

/// Limits of the loop that suit ClickHouse: few large inserts, about one a second when little happens.
pub fn sink_limits() -> SinkLimits {
    SinkLimits {
        read_records_max: 32_768,
        read_bytes_max: 8 * 1_048_576,
        held_bytes_max: 256 * 1_048_576,
        flush_bytes_target: 96 * 1_048_576,
        flush_rows_target: 262_144,
        flush_wait: Duration::from_secs(1),
        call_timeout: Duration::from_secs(300),
        ..SinkLimits::default()
    }
}
