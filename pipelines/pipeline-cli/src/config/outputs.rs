//! Where decisions are carried: the options of the sinks, understood.

use std::path::PathBuf;

use super::load::ConfigError;
use super::settings::{Values, not_empty};

/// Which DynamoDB.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DynamoDb {
    /// The stand-in that `dev up` started.
    Dev,
    /// AWS, with the credentials of the environment or the profile.
    Aws,
    /// A stand-in at this URL.
    At(String),
}

/// The tables in DynamoDB.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableSettings {
    /// Which DynamoDB.
    pub dynamodb: DynamoDb,
    /// Its region, if it is not the environment's.
    pub region: Option<String>,
    /// What the tables' names begin with.
    pub prefix: String,
}

impl TableSettings {
    pub(super) fn new(values: &Values<'_>) -> Result<Self, ConfigError> {
        let dynamodb = values.parse("dynamodb", |text| match text {
            "" => Ok(DynamoDb::Dev),
            "aws" => Ok(DynamoDb::Aws),
            url if is_url(url) => Ok(DynamoDb::At(url.to_owned())),
            _ => Err("it has to be aws, or a URL that begins with http:// or https://"),
        })?;
        let prefix = values.optional("table_prefix").unwrap_or_default();
        Ok(Self { dynamodb, region: values.optional("dynamodb_region"), prefix })
    }
}

/// Which ClickHouse.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClickHouseAt {
    /// A server at this URL.
    Url(String),
    /// The engine in this process, on this folder.
    Folder(PathBuf),
}

/// The analytics in ClickHouse.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClickHouseSettings {
    /// Which ClickHouse.
    pub at: ClickHouseAt,
    /// The database.
    pub database: String,
    /// Who we are there.
    pub user: Option<String>,
    /// Our password.
    pub password: Option<String>,
}

impl ClickHouseSettings {
    pub(super) fn new(values: &Values<'_>) -> Result<Self, ConfigError> {
        let at = values.parse("clickhouse", |text| match text {
            "" => Err("it has to be a URL or a folder"),
            url if is_url(url) => Ok(ClickHouseAt::Url(url.to_owned())),
            url if url.contains("://") => Err("a URL of ClickHouse begins with http:// or https://"),
            folder => Ok(ClickHouseAt::Folder(PathBuf::from(folder))),
        })?;
        Ok(Self {
            at,
            database: values.parse("clickhouse_database", not_empty)?,
            user: values.optional("clickhouse_user"),
            password: values.optional("clickhouse_password"),
        })
    }
}

fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}
