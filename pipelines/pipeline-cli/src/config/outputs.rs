//! Where decisions are carried: the options of the sinks, understood.

use std::net::SocketAddr;
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

/// Who takes the money.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PaymentProvider {
    /// Nobody: it only looks so.
    Sandbox,
    /// An API in Stripe's shape at this URL.
    Http(String),
}

/// The payment worker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PaymentSettings {
    /// Who takes the money.
    pub provider: PaymentProvider,
    /// How many payments of a thousand the sandbox declines.
    pub sandbox_declines: u64,
    /// Our key there.
    pub key: Option<String>,
    /// What callbacks are signed with.
    pub callback_secret: Option<String>,
    /// Where they come in.
    pub listen: Option<SocketAddr>,
}

impl PaymentSettings {
    pub(super) fn new(values: &Values<'_>) -> Result<Self, ConfigError> {
        let provider = values.parse("payment_provider", |text| match text {
            "sandbox" => Ok(PaymentProvider::Sandbox),
            url if is_url(url) => Ok(PaymentProvider::Http(url.to_owned())),
            _ => Err("it has to be sandbox, or a URL that begins with http:// or https://"),
        })?;
        let listen = values.parse("payment_listen", |text| match text {
            "" => Ok(None),
            address => address.parse().map(Some).map_err(|_| "it has to be an address with a port"),
        })?;
        let sandbox_declines = values.parse("payment_sandbox_declines", |text| {
            text.parse()
                .ok()
                .filter(|declines| *declines <= 1_000)
                .ok_or("it has to be a number from 0 to 1000")
        })?;
        Ok(Self {
            provider,
            sandbox_declines,
            key: values.optional("payment_key"),
            callback_secret: values.optional("payment_callback_secret"),
            listen,
        })
    }
}

fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}
