//! Comparing and mending, against logs that are whole and logs that are not. DynamoDB is in this process, ClickHouse the
//! engine itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod ground;
mod log;
mod stores;
