//! What every command is given: the settings, the form of its output, and the ways to the log, the codec and the keys.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use catalogue::ProductCodec;
use ingest_gateway::identity::Secret;
use order_codec::{Codec, FileSchemas, HttpRegistry, KeyRing, RegistryError, SchemaSource};
use order_log::{EmbeddedLog, EmbeddedOptions, KafkaLog, KafkaOptions, Log, LogError};
use testbed::DevStack;
use waiting_room::{RoomCodec, RoomTopic};

use crate::config::{LogUrl, Settings, Value};
use crate::failure::Failure;
use crate::keys;
use crate::notes::note;
use crate::output::Format;
use order_worker::Topics;

/// Where a broker listens when nobody says otherwise.
const DEFAULT_BROKERS: &str = "127.0.0.1:9092";
/// How long a broker may take to its first answer, in milliseconds, before it counts as away.
const CONNECT_TIMEOUT_MS: u64 = 5_000;
/// Pause between attempts to reach a log, in milliseconds.
const REACH_PAUSE_MS: u64 = 500;

/// What every command is given.
#[derive(Debug)]
pub struct Context {
    /// The configuration, understood.
    pub settings: Settings,
    /// The configuration as it was given, for `config show`.
    pub values: Vec<Value>,
    /// The form of the data on standard output.
    pub format: Format,
}

impl Context {
    /// The topics.
    pub fn topics(&self) -> &Topics {
        &self.settings.topics
    }

    /// The log, to read and write. A folder is thereby ours alone.
    pub fn open_log(&self) -> Result<Arc<dyn Log>> {
        self.open(|folder| Ok(Arc::new(EmbeddedLog::open(folder, EmbeddedOptions::default())?)))
    }

    /// The log, to read. A folder may be open elsewhere.
    pub fn open_log_to_read(&self) -> Result<Arc<dyn Log>> {
        if let LogUrl::Folder(folder) = &self.settings.log
            && !folder.exists()
        {
            let text = format!("open the log {}: there is no such folder", folder.display());
            return Err(Failure::not_found(text)
                .next("pipeline topic create, or name a log by --log")
                .into());
        }
        self.open(|folder| Ok(Arc::new(EmbeddedLog::open_read_only(folder)?)))
    }

    fn open(&self, folder_log: impl Fn(&Path) -> Result<Arc<dyn Log>, LogError>) -> Result<Arc<dyn Log>> {
        let log = match &self.settings.log {
            LogUrl::Folder(folder) => folder_log(folder),
            LogUrl::Kafka(_) => {
                let brokers = self.brokers()?;
                reach(self.settings.wait_for_log, |connect_timeout_ms| {
                    let properties = self.settings.kafka_properties.clone();
                    let options =
                        KafkaOptions { properties, connect_timeout_ms, ..KafkaOptions::new(brokers.clone()) };
                    Ok::<Arc<dyn Log>, _>(Arc::new(KafkaLog::connect(options)?))
                })
            }
        };
        log.with_context(|| format!("open the log {}", self.settings.log))
    }

    /// The brokers: named with the log, in the configuration, by the dev stack, or the usual ones.
    pub fn brokers(&self) -> Result<String> {
        if let LogUrl::Kafka(Some(brokers)) = &self.settings.log {
            return Ok(brokers.clone());
        }
        if let Some(brokers) = &self.settings.brokers {
            return Ok(brokers.clone());
        }
        Ok(self.dev_stack()?.map_or_else(|| DEFAULT_BROKERS.to_owned(), |stack| stack.bootstrap))
    }

    /// The dev stack, if its broker is the one we use.
    fn dev_stack(&self) -> Result<Option<DevStack>> {
        if self.settings.log != LogUrl::Kafka(None) || self.settings.brokers.is_some() {
            return Ok(None);
        }
        let folder = &self.settings.dev_dir;
        DevStack::read(folder).with_context(|| format!("read the dev stack in {}", folder.display()))
    }

    /// The codec of commands, decisions and dead letters.
    pub fn codec(&self) -> Result<Codec> {
        self.schemas(Codec::new)
    }

    /// The codec of the catalogue.
    pub fn product_codec(&self) -> Result<ProductCodec> {
        self.schemas(ProductCodec::new)
    }

    /// The codec of waiting rooms.
    pub fn room_codec(&self) -> Result<RoomCodec> {
        self.schemas(RoomCodec::new)
    }

    /// The topic of waiting rooms on a log, with these keys.
    pub fn room_topic(&self, log: Arc<dyn Log>, ring: KeyRing) -> Result<RoomTopic> {
        Ok(RoomTopic { log, topic: Arc::clone(&self.topics().rooms), codec: self.room_codec()?, ring })
    }

    /// What is made with the registry configured, else that of the dev stack we use, else the schema files.
    pub fn schemas<T>(
        &self,
        make: impl FnOnce(Arc<dyn SchemaSource>) -> Result<T, RegistryError>,
    ) -> Result<T> {
        let dev_registry = || Ok::<_, anyhow::Error>(self.dev_stack()?.map(|stack| stack.registry_url));
        let url = self.settings.registry.clone().map_or_else(dev_registry, |url| Ok(Some(url)))?;
        let login = self.settings.registry_login.as_ref();
        let made = || {
            let source: Arc<dyn SchemaSource> = match &url {
                Some(url) => Arc::new(HttpRegistry::new(url, login)?),
                None => Arc::new(FileSchemas::new()?),
            };
            make(source)
        };
        made().context("learn the ids of our schemas")
    }

    /// Where the keys are.
    pub fn keys_file(&self) -> PathBuf {
        match (&self.settings.keys_file, &self.settings.log) {
            (Some(file), _) => file.clone(),
            (None, LogUrl::Folder(folder)) => folder.join(keys::FILE_NAME),
            (None, LogUrl::Kafka(_)) => self.settings.dev_dir.join(keys::FILE_NAME),
        }
    }

    /// Where the seeds of draws are: beside the keys.
    pub fn draws_file(&self) -> PathBuf {
        self.keys_file().with_file_name(crate::draws::FILE_NAME)
    }

    /// The keys to sign with. Where no place is configured they are made at first use.
    pub fn keys(&self) -> Result<KeyRing> {
        let file = self.keys_file();
        match keys::read(&file)? {
            Some(ring) => Ok(ring),
            None if self.settings.keys_file.is_some() => Err(keys::missing(&file).into()),
            None => {
                let ring = keys::generate(&file)?;
                note(format!("made a key that signs privileged commands: {}", file.display()));
                Ok(ring)
            }
        }
    }

    /// What all gateways share: configured, or in a file beside the keys, made at first use.
    pub fn gateway_secret(&self) -> Result<Secret> {
        match &self.settings.gateway.secret {
            Some(secret) => Ok(secret.clone()),
            None => keys::gateway_secret(&self.keys_file().with_file_name(keys::SECRET_FILE_NAME)),
        }
    }

    /// What signs the tokens of waiting rooms: in a file beside the keys, made at first use.
    pub fn place_keys(&self) -> Result<KeyRing> {
        keys::place_keys(&self.keys_file().with_file_name(keys::PLACES_FILE_NAME))
    }

    /// Where the keys are that sign tokens of people: beside the keys, made at first use.
    pub fn token_keys_file(&self) -> PathBuf {
        self.keys_file().with_file_name(keys::TOKENS_FILE_NAME)
    }

    /// The keys to check with, if there are any.
    pub fn keys_if_any(&self) -> Result<Option<KeyRing>> {
        keys::read(&self.keys_file())
    }

    /// Whether another process may be deciding while we look.
    pub fn may_be_decided_elsewhere(&self) -> bool {
        matches!(self.settings.log, LogUrl::Kafka(_))
    }
}

/// Tries until it works, fails for good, or `wait` is over. Each attempt is told how many milliseconds it may take.
fn reach<T>(wait: Duration, mut attempt: impl FnMut(u64) -> Result<T, LogError>) -> Result<T, LogError> {
    let start = Instant::now();
    let left = || wait.saturating_sub(start.elapsed());
    let mut budget_ms = CONNECT_TIMEOUT_MS;
    loop {
        let error = match attempt(budget_ms) {
            Err(error @ LogError::Unreachable { .. }) => error,
            settled => return settled,
        };
        if left().is_zero() {
            return Err(error);
        }
        note(format!("{error}; trying for {} s more", left().as_secs()));
        std::thread::sleep(left().min(Duration::from_millis(REACH_PAUSE_MS)));
        let left_ms = u64::try_from(left().as_millis()).unwrap_or(u64::MAX);
        budget_ms = left_ms.clamp(REACH_PAUSE_MS, CONNECT_TIMEOUT_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away() -> LogError {
        LogError::Unreachable { log: "kafka".into(), detail: "refused".into() }
    }

    #[test]
    fn waits_only_when_told_to_and_only_for_what_may_come() {
        let mut attempts = 0;
        let mut fail = |error: LogError| {
            attempts += 1;
            Err::<(), _>(error)
        };
        assert!(reach(Duration::ZERO, |_| fail(away())).is_err());
        let failed = || LogError::Failed { context: "x".into(), detail: "y".into() };
        assert!(reach(Duration::from_secs(60), |_| fail(failed())).is_err());
        assert_eq!(attempts, 2, "one attempt each");

        let mut answers = [Err(away()), Ok(7)].into_iter();
        assert!(matches!(reach(Duration::from_secs(60), |_| answers.next().unwrap()), Ok(7)));
    }
}
