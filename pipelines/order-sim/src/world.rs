//! What all parts of a run share: the log, the virtual clock, chance, and what is noted down.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use order_codec::{Codec, FileSchemas, KeyRing, MacKey, RegistryError, SchemaSource};
use order_flow::Topics;
use order_log::{Headers, Log, MemoryLog, MemoryRecord};
use order_model::TimeMs;
use order_traffic::Dice;

use crate::claim::Claim;
use crate::limits::START_MS;
use crate::numbers::SimNumbers;
use crate::outcome::{Sabotage, SimFailure, SimOptions};
use crate::trace::Trace;

/// The id of the foreign writer's schema.
pub(crate) const FOREIGN_ID: u32 = 77;
/// Stream of chance; order-traffic has the lower ones.
const DICE_PURPOSE: u64 = 100;
/// How far the log's clock may go back, in milliseconds.
const CLOCK_BACK_MS_MAX: u64 = 300;
/// Keys change within this time of the beginning, in milliseconds.
const ROTATION_WITHIN_MS: u64 = 6_000;
/// How long both keys are valid, in milliseconds: longer than any record is on its way.
const KEY_OVERLAP_MS: u64 = 30_000;

/// A record on its way to a topic.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) partition: u32,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<u8>,
}

/// See the module.
pub(crate) struct World {
    pub(crate) log: MemoryLog,
    pub(crate) topics: Topics,
    pub(crate) partitions: u32,
    pub(crate) ring: KeyRing,
    /// Reads everything: for whoever is no worker.
    pub(crate) codec: Codec,
    pub(crate) registry: Arc<Registry>,
    pub(crate) dice: Dice,
    pub(crate) numbers: SimNumbers,
    pub(crate) claims: Vec<Claim>,
    pub(crate) sabotage: Option<Sabotage>,
    trace: Trace,
    clock: Arc<AtomicU64>,
}

impl World {
    pub(crate) fn new(seed: u64, options: SimOptions) -> Result<Self, SimFailure> {
        let mut dice = Dice::new(seed, DICE_PURPOSE);
        let partitions = u32::try_from(1 + dice.below(3)).unwrap_or(1);
        let clock = Arc::new(AtomicU64::new(START_MS));
        let now = Arc::clone(&clock);
        let log = MemoryLog::new(Arc::new(move || now.load(Ordering::Relaxed)));
        let topics = Topics::with_prefix("");
        log.create_topics(&topics.specs(partitions, 1, 1))?;
        let registry = Arc::new(Registry::new()?);
        let ring = ring(&mut dice)?;
        Ok(Self {
            log,
            topics,
            partitions,
            ring,
            codec: codec(&registry)?,
            registry,
            dice,
            numbers: SimNumbers::default(),
            claims: Vec::new(),
            sabotage: options.sabotage,
            trace: Trace::new(seed, options.trace),
            clock,
        })
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    pub(crate) fn advance(&mut self, milliseconds: u64) {
        self.clock.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// The clock as a worker sees it.
    pub(crate) fn worker_clock(&self) -> order_flow::Clock {
        let clock = Arc::clone(&self.clock);
        std::rc::Rc::new(move || TimeMs(clock.load(Ordering::Relaxed)))
    }

    pub(crate) fn note(&mut self, event: fmt::Arguments<'_>) {
        let now = self.now_ms();
        self.trace.note(now, event);
    }

    pub(crate) fn trace_mut(&mut self) -> &mut Trace {
        &mut self.trace
    }

    /// Where a partition ends.
    pub(crate) fn end_of(&self, topic: &str, partition: u32) -> Result<u64, SimFailure> {
        Ok(self.log.bounds(topic, partition)?.end)
    }

    pub(crate) fn records(&self, topic: &str, partition: u32) -> Result<Vec<MemoryRecord>, SimFailure> {
        Ok(self.log.records(topic, partition)?)
    }

    /// Stores a record. The log's clock sometimes runs backwards.
    pub(crate) fn store(&mut self, topic: &str, record: &Outgoing) -> Result<u64, SimFailure> {
        let back = if self.dice.chance(30) { self.dice.below(CLOCK_BACK_MS_MAX) } else { 0 };
        self.numbers.clock_backwards += u64::from(back > 0);
        let Outgoing { partition, key, value, headers } = record;
        let time_ms = self.now_ms().saturating_sub(back);
        let headers = Headers::from_encoded(headers);
        let offset =
            self.log.append_at(topic, *partition, time_ms, key.as_deref(), value.as_deref(), headers)?;
        self.note(format_args!("{topic}/{partition} has record {offset} of time {time_ms}"));
        Ok(offset)
    }

    /// A number from 1 to `most`.
    pub(crate) fn one_to(&mut self, most: u64) -> usize {
        usize::try_from(1 + self.dice.below(most)).unwrap_or(1)
    }

    /// One of `choices`.
    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        self.dice.pick(choices).copied()
    }
}

/// Two keys: in mid-run the second takes over from the first.
fn ring(dice: &mut Dice) -> Result<KeyRing, SimFailure> {
    let mut key = |id: u32, valid_from: u64, valid_until: u64| {
        let mut secret = [0; 32];
        secret.iter_mut().for_each(|byte| *byte = u8::try_from(dice.below(256)).unwrap_or(0));
        MacKey { id, secret, valid_from: TimeMs(valid_from), valid_until: TimeMs(valid_until) }
    };
    let (first, second) = (key(1, 0, 1), key(2, 0, 0));
    let rotation = START_MS + dice.below(ROTATION_WITHIN_MS);
    let first = MacKey { valid_until: TimeMs(rotation + KEY_OVERLAP_MS / 2), ..first };
    let second = MacKey { valid_from: TimeMs(rotation - KEY_OVERLAP_MS / 2), ..second };
    KeyRing::new(vec![first, second]).map_err(|error| SimFailure::Simulator(error.to_string()))
}

/// A codec that has learnt nothing yet, as every new worker has it.
pub(crate) fn codec(registry: &Arc<Registry>) -> Result<Codec, SimFailure> {
    let source: Arc<dyn SchemaSource> = Arc::<Registry>::clone(registry);
    Codec::new(source).map_err(|error| SimFailure::Simulator(error.to_string()))
}

/// A registry that knows our schemas by their files and one foreign one, and is silent at times about the latter.
///
/// It is silent about nothing else: the codec remembers by the wall clock that an id is unknown, and what it asks must
/// not matter.
pub(crate) struct Registry {
    files: FileSchemas,
    is_silent: std::sync::atomic::AtomicBool,
    silences: AtomicU64,
}

impl Registry {
    fn new() -> Result<Self, SimFailure> {
        let files = FileSchemas::new().map_err(|error| SimFailure::Simulator(error.to_string()))?;
        Ok(Self { files, is_silent: false.into(), silences: AtomicU64::new(0) })
    }

    pub(crate) fn silence(&self, is_silent: bool) {
        self.is_silent.store(is_silent, Ordering::Relaxed);
    }

    /// How often it did not answer.
    pub(crate) fn silences(&self) -> u64 {
        self.silences.load(Ordering::Relaxed)
    }
}

impl SchemaSource for Registry {
    fn register_or_find(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError> {
        self.files.register_or_find(subject, schema_json)
    }

    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        if id != FOREIGN_ID {
            return self.files.schema(id);
        }
        if self.is_silent.load(Ordering::Relaxed) {
            self.silences.fetch_add(1, Ordering::Relaxed);
            return Err(RegistryError::Unreachable {
                registry: "simulated".to_owned(),
                detail: "silent".to_owned(),
            });
        }
        Ok(Some(order_codec::schemas::COMMAND_V1.to_owned()))
    }
}
