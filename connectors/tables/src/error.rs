//! Why the tables cannot be used.

use crate::{Failure, Flaw};

/// Why the tables cannot be used, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum TablesError {
    /// A definition is no definition: a fault of this build.
    #[error("schemas/dynamodb/{table}.json does not define a table: {detail}; mend the file and build again")]
    BadDefinition {
        /// The table.
        table: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// The options cannot be used.
    #[error("the tables cannot be reached: {0}")]
    BadOptions(String),
    /// Tables are missing or not as they have to be.
    #[error("{}", sentence(.0))]
    Flawed(Vec<Flaw>),
    /// DynamoDB refused something, or did not answer.
    #[error("{action} {table}: {failure}")]
    Refused {
        /// What was being done.
        action: &'static str,
        /// To which table.
        table: String,
        /// What came back.
        failure: Failure,
    },
    /// A table did not become active in time.
    #[error("table {table} is still {state} after {seconds} s; look at it in the console, then try again")]
    NotActive {
        /// The table.
        table: String,
        /// The state it is in.
        state: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// DynamoDB in this process could not be started.
    #[error("DynamoDB in this process did not start: {0}")]
    Local(String),
}

fn sentence(flaws: &[Flaw]) -> String {
    let flaws: Vec<String> = flaws.iter().map(ToString::to_string).collect();
    flaws.join("; ")
}
