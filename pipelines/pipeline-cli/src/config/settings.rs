//! The settings: the configuration, understood.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use order_codec::Login;
use order_log::ReadLimits;
use order_log::limits::{READ_BATCH_BYTES_MAX, READ_BATCH_RECORDS_MAX};
use order_model::limits::{PARTITIONS_MAX, RETENTION_MS_MAX, RETENTION_MS_MIN};

use super::gateway::GatewaySettings;
use super::load::{ConfigError, Origin, Value};
use super::log_url::LogUrl;
use super::outputs::{ClickHouseSettings, PaymentSettings, TableSettings};
use crate::times::parse_duration_ms;
use order_worker::Topics;
use sink_push::PushConfig;

/// Most timely threads of one worker.
const THREADS_MAX: usize = 256;
/// Most copies of a record.
const REPLICATION_MAX: u16 = 16;
/// Longest topic prefix, in bytes: Kafka takes topic names up to 249.
const TOPIC_PREFIX_BYTES_MAX: usize = 200;
/// Longest wait for a log at start, in seconds: a day.
const WAIT_FOR_LOG_SECONDS_MAX: u64 = 86_400;

/// The configuration, understood and checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the log is.
    pub log: LogUrl,
    /// Kafka brokers for `kafka` without hosts; `None`: those of the dev stack.
    pub brokers: Option<String>,
    /// More settings of the Kafka client.
    pub kafka_properties: BTreeMap<String, String>,
    /// The schema registry; `None`: the schema files.
    pub registry: Option<String>,
    /// Who we are to the registry.
    pub registry_login: Option<Login>,
    /// The topics.
    pub topics: Topics,
    /// Partitions of `orders` and `decisions` when they are made.
    pub partitions: u32,
    /// Copies of each record when topics are made.
    pub replication: u16,
    /// How long the log keeps a record.
    pub retention_ms: u64,
    /// The workers' consumer group.
    pub group: String,
    /// Timely threads of a worker.
    pub threads: usize,
    /// How much a worker reads at once.
    pub read_limits: ReadLimits,
    /// The keys, if their place is given.
    pub keys_file: Option<PathBuf>,
    /// The tables in DynamoDB.
    pub tables: TableSettings,
    /// The analytics in ClickHouse.
    pub clickhouse: ClickHouseSettings,
    /// How people are told.
    pub push: PushConfig,
    /// The gateway.
    pub gateway: GatewaySettings,
    /// The payment worker.
    pub payment: PaymentSettings,
    /// Where the dev stack lives.
    pub dev_dir: PathBuf,
    /// How long to wait for the log at start.
    pub wait_for_log: Duration,
}

impl Settings {
    /// Understands the values of [`super::load`].
    pub fn new(values: &[Value]) -> Result<Self, ConfigError> {
        let values = Values(values);
        Ok(Self {
            log: values.parse("log", LogUrl::from_str)?,
            brokers: values.optional("brokers"),
            kafka_properties: values.parse("kafka_properties", properties)?,
            registry: values.optional("registry"),
            registry_login: values.login()?,
            topics: values.parse("topic_prefix", topics)?,
            partitions: values.number("partitions", 1..=PARTITIONS_MAX)?,
            replication: values.number("replication", 1..=REPLICATION_MAX)?,
            retention_ms: values.parse("retention", retention)?,
            group: values.parse("group", not_empty)?,
            threads: values.number("threads", 1..=THREADS_MAX)?,
            read_limits: ReadLimits {
                records_max: values.number("batch_records_max", 1..=READ_BATCH_RECORDS_MAX)?,
                bytes_max: values.number("batch_bytes_max", 1..=READ_BATCH_BYTES_MAX)?,
            },
            keys_file: values.optional("keys_file").map(PathBuf::from),
            tables: TableSettings::new(&values)?,
            clickhouse: ClickHouseSettings::new(&values)?,
            push: super::push::config(&values)?,
            gateway: GatewaySettings::new(&values)?,
            payment: PaymentSettings::new(&values)?,
            dev_dir: PathBuf::from(values.parse("dev_dir", not_empty)?),
            wait_for_log: Duration::from_secs(
                values.number("wait_for_log_seconds", 0..=WAIT_FOR_LOG_SECONDS_MAX)?,
            ),
        })
    }
}

pub(super) struct Values<'v>(&'v [Value]);

impl Values<'_> {
    pub(super) fn optional(&self, name: &str) -> Option<String> {
        let value = self.0.iter().find(|value| value.option.name == name)?;
        (!value.text.is_empty()).then(|| value.text.clone())
    }

    fn login(&self) -> Result<Option<Login>, ConfigError> {
        match (self.optional("registry_user"), self.optional("registry_password")) {
            (None, None) => Ok(None),
            (Some(user), Some(password)) => Ok(Some(Login { user, password })),
            (Some(_), None) => Err(self.bad("registry_password", "a registry_user needs a password")),
            (None, Some(_)) => Err(self.bad("registry_user", "a registry_password needs a user")),
        }
    }

    pub(super) fn bad(&self, name: &'static str, detail: impl Display) -> ConfigError {
        let value = self.0.iter().find(|value| value.option.name == name);
        ConfigError::BadValue {
            name,
            text: value.map_or_else(String::new, Value::shown),
            origin: value.map_or(Origin::Default, |value| value.origin.clone()),
            detail: detail.to_string(),
        }
    }

    pub(super) fn parse<T, E: Display>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, ConfigError> {
        let value = self.0.iter().find(|value| value.option.name == name);
        parse(value.map_or("", |value| &value.text)).map_err(|error| self.bad(name, error))
    }

    pub(super) fn number<T: FromStr + PartialOrd + Display>(
        &self,
        name: &'static str,
        range: RangeInclusive<T>,
    ) -> Result<T, ConfigError> {
        self.parse(name, |text| {
            let number = text.parse().ok().filter(|number| range.contains(number));
            number.ok_or_else(|| {
                format!("it has to be a whole number from {} to {}", range.start(), range.end())
            })
        })
    }
}

fn properties(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut properties = BTreeMap::new();
    for property in text.split(';').map(str::trim).filter(|property| !property.is_empty()) {
        let (name, value) =
            property.split_once('=').ok_or("each property is name=value, with semicolons between")?;
        properties.insert(name.trim().to_owned(), value.trim().to_owned());
    }
    Ok(properties)
}

fn topics(prefix: &str) -> Result<Topics, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if prefix.len() > TOPIC_PREFIX_BYTES_MAX || !prefix.bytes().all(allowed) {
        return Err(format!(
            "a prefix has at most {TOPIC_PREFIX_BYTES_MAX} letters, digits, dots, underscores or dashes"
        ));
    }
    Ok(Topics::with_prefix(prefix))
}

fn retention(text: &str) -> Result<u64, String> {
    let retention = parse_duration_ms(text).map_err(|error| error.to_string())?;
    if (RETENTION_MS_MIN..=RETENTION_MS_MAX).contains(&retention) {
        Ok(retention)
    } else {
        Err("it has to be from 1s to 400d".to_owned())
    }
}

pub(super) fn not_empty(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("it cannot be empty".to_owned()) } else { Ok(text.to_owned()) }
}
