//! Every size, count and time-out of the engine's front, with its unit in its name.

use std::time::Duration;

/// Statements that run at once; more wait.
pub const STATEMENTS_AT_ONCE_MAX: usize = 8;
/// Requests that may be under way, their bodies included; the next one is refused with code 202, which is worth a retry.
pub const REQUESTS_MAX: usize = 64;
/// Largest text of one statement, in bytes; the engine's own `max_query_size`.
pub const STATEMENT_BYTES_MAX: usize = 262_144;
/// Largest multipart body, which carries a statement and its parameters, in bytes.
pub const FORM_BYTES_MAX: usize = 4 * STATEMENT_BYTES_MAX;
/// Largest body of one INSERT, in bytes.
pub const INSERT_BYTES_MAX: u64 = 8 * 1024 * 1024 * 1024;
/// How much of the bodies of all INSERTs together is kept in memory, in bytes. What finds no room goes
/// to a file, by way of another [`INSERT_PIECE_BYTES`] each.
pub const INSERTS_MEMORY_BYTES_MAX: usize = 96 * 1024 * 1024;
/// How much the engine is handed at a time, in bytes.
pub const INSERT_PIECE_BYTES: usize = 1024 * 1024;
/// Largest block of a body compressed by the client (`decompress=1`), before and after, in bytes.
pub const COMPRESSED_BLOCK_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Largest result that cannot be sent piece by piece, by the size of its columns, in bytes.
pub const WHOLE_RESULT_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Pieces of a result that wait for a client to read them.
pub const PIECES_WAITING_MAX: usize = 2;
/// How long a client may leave a piece of a result unread, in seconds; then its statement is cancelled.
pub const UNREAD_SECONDS_MAX: u64 = 30;
/// Sessions kept at once; the next one is refused.
pub const SESSIONS_MAX: usize = 64;
/// How long an unused session is kept unless the client says otherwise, in seconds.
pub const SESSION_IDLE_SECONDS: u64 = 60;
/// Longest a client may ask an unused session to be kept, in seconds.
pub const SESSION_IDLE_SECONDS_MAX: u64 = 3_600;
/// How long a stop waits for statements under way; then it cancels them, and waits as long again.
pub const STOP_WAIT: Duration = Duration::from_secs(5);
/// How often the size of a growing download is looked at.
pub const PROGRESS_STEP: Duration = Duration::from_millis(200);
/// Lines of npm's own words that an error repeats.
pub const NPM_LINES_IN_ERROR_MAX: usize = 12;
