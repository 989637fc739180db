//! The two stand-ins for DynamoDB, and tables of a test's own in them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sink_dynamodb::{DynamoDb, Options, TABLES};
use tables::{Local, TableOptions, Tables};
use testbed::shared_dynamodb;

/// Which.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StandIn {
    Dynoxide,
    DynamoDbLocal,
}

impl StandIn {
    pub(crate) const BOTH: [Self; 2] = [Self::Dynoxide, Self::DynamoDbLocal];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dynoxide => "dynamodb (dynoxide)",
            Self::DynamoDbLocal => "dynamodb (DynamoDB Local)",
        }
    }

    pub(crate) fn endpoint(self) -> String {
        static LOCAL: OnceLock<Local> = OnceLock::new();
        match self {
            Self::Dynoxide => LOCAL.get_or_init(|| Local::start().unwrap()).endpoint(),
            Self::DynamoDbLocal => shared_dynamodb().unwrap().url(),
        }
    }

    /// Options for tables that nobody else uses, not made yet.
    pub(crate) fn options(self) -> Options {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let prefix = format!("t{}-", NUMBER.fetch_add(1, Ordering::Relaxed));
        let tables = TableOptions { prefix, ..TableOptions::local(self.endpoint()) };
        Options { stock_interval: Duration::ZERO, ..Options::new(tables) }
    }

    /// Tables that nobody else uses.
    pub(crate) async fn tables(self) -> (Tables, Options) {
        let options = self.options();
        let tables = Tables::connect(&options.tables).await.unwrap();
        tables.create(&TABLES).await.unwrap();
        (tables, options)
    }
}

/// A target over the same tables, by another way.
pub(crate) async fn through(endpoint: &str, options: &Options) -> DynamoDb {
    let mut options = options.clone();
    options.tables.endpoint = Some(endpoint.to_owned());
    DynamoDb::over(Tables::connect(&options.tables).await.unwrap(), &options)
}
