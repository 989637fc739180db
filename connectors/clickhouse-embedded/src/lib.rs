//! The ClickHouse engine in this process, behind the HTTP protocol of a ClickHouse server.
//!
//! The engine is `libchdb`, fetched by npm on first use ([`fetch`]) and loaded at run time. [`Engine`] puts it behind a port
//! on 127.0.0.1, where the `clickhouse` crate, `curl` and BI tools find what they find at a server: `/` for statements,
//! `/ping`, parameters, settings, sessions, formats, compression in blocks of LZ4, error codes and texts.
//!
//! Promised:
//! - A statement that was answered with success is in the folder, and all its rows are. The engine gets an INSERT's data when
//!   the client has sent all of them: one that breaks off inserts nothing.
//!   Data never stand in the statement's own text: the engine loses rows then, without an error. They go by its insert stream,
//!   and a test counts a million rows by each way.
//! - When the disk is full, INSERTs are refused with code 243; what was answered stays, and the engine goes on answering.
//! - Requests are strangers to one another (settings, database, temporary tables), unless they name the same session.
//! - Memory is bounded by [`limits`], whatever clients send or fail to read; what is too much is refused with an error that
//!   says so.
//! - Web pages of other hosts cannot reach it by way of a browser.
//!
//! Not promised:
//! - One process has one engine, and a folder belongs to one process at a time.
//! - No users and no passwords: whoever may open a port on this machine may read and write, files of the process's user
//!   included. It is for tests, benchmarks and `demo`, not for a network.
//! - Not here: `INSERT ... SELECT FROM input()`, external tables, ZSTD, `Content-Encoding`, GET in a session, results of
//!   framed formats (JSON, Parquet, Arrow, Pretty...) beyond [`limits::WHOLE_RESULT_BYTES_MAX`], replication.
//! - Like any ClickHouse table, a MergeTree takes an INSERT of up to a million rows in one block, all or nothing; of a larger
//!   one that fails, the first blocks may stay. A process that is killed keeps what was answered; what the disk keeps when the
//!   power fails is as the table's `fsync_after_insert` says.

mod compressed;
mod engine;
mod error;
mod exception;
mod fetch;
mod ffi;
mod http;
pub mod limits;
mod pieces;
mod request;
mod run;
mod sessions;
mod spool;
mod statement;

pub use engine::{Engine, EngineOptions};
pub use error::EngineError;
pub use fetch::{LIBRARY_VERSION, Progress, fetch};
