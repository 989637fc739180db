//! Writing commands: encoded, signed where they are privileged, each to the partition that decides it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use order_codec::{Codec, KeyRing, MAC_HEADER};
use order_log::{AppendBatch, AppendError, Headers, Log};
use order_model::{Command, Partition, partition_of};

use crate::failure::Failure;
use crate::times;

/// Most commands in one batch.
const BATCH_COMMANDS_MAX: usize = 1_000;
/// Longest wait for the log to acknowledge a batch, in seconds.
const ACKNOWLEDGE_SECONDS_MAX: u64 = 30;
/// Longest wait inside one poll, in milliseconds.
const POLL_MS: u64 = 100;

/// Where a command lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Written {
    /// Its partition.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
}

/// Writes commands to one topic.
pub struct Submitter<'a> {
    log: &'a dyn Log,
    codec: &'a Codec,
    /// Needed for privileged commands only.
    keys: Option<&'a KeyRing>,
    topic: &'a str,
    partitions: u32,
}

impl<'a> Submitter<'a> {
    /// A submitter to `topic`.
    pub fn new(
        log: &'a dyn Log,
        codec: &'a Codec,
        keys: Option<&'a KeyRing>,
        topic: &'a str,
    ) -> Result<Self> {
        let partitions = log.partitions(topic).with_context(|| format!("write to {topic}"))?;
        Ok(Self { log, codec, keys, topic, partitions })
    }

    /// How many partitions there are.
    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    /// Writes commands, each to the partition of its smallest SKU, and waits until the log has them.
    pub fn submit(&self, commands: &[Command]) -> Result<Vec<Written>> {
        let home = |command: &Command| match command.home_sku() {
            Some(sku) => Ok((partition_of(sku, self.partitions), command.clone())),
            None => bail!("write a command that names no SKU: it belongs to no one partition"),
        };
        let commands = commands.iter().map(home).collect::<Result<Vec<_>>>()?;
        self.submit_to(&commands)
    }

    /// Writes each command to the partition given with it, and waits until the log has them.
    pub fn submit_to(&self, commands: &[(Partition, Command)]) -> Result<Vec<Written>> {
        let mut written = Vec::with_capacity(commands.len());
        for chunk in commands.chunks(BATCH_COMMANDS_MAX) {
            let mut batch = AppendBatch::new(self.topic.into());
            batch.want_offsets = true;
            for (partition, command) in chunk {
                self.encode(*partition, command, &mut batch)?;
            }
            let offsets = self.append(batch).with_context(|| format!("write to {}", self.topic))?;
            let places = chunk.iter().zip(offsets);
            written.extend(places.map(|((partition, _), offset)| Written { partition: partition.0, offset }));
        }
        Ok(written)
    }

    fn encode(&self, partition: Partition, command: &Command, batch: &mut AppendBatch) -> Result<()> {
        let mut value = Vec::new();
        self.codec.command_to(command, &mut value);
        let key = command.home_sku().map(|sku| sku.as_bytes());
        let mut headers = Vec::new();
        if command.is_privileged() {
            let mac = self.keys.and_then(|keys| keys.sign(times::now(), key, &value));
            let mac = mac.ok_or_else(|| {
                Failure::usage("sign the command: no key of the keys file is valid now")
                    .next("pipeline keys generate")
            })?;
            Headers::encode(&mut headers, MAC_HEADER, &mac);
        }
        batch.push(partition.0, key, Some(&value), Headers::from_encoded(&headers));
        Ok(())
    }

    fn append(&self, batch: AppendBatch) -> Result<Vec<u64>> {
        let mut appender = self.log.appender()?;
        let start = Instant::now();
        let mut acknowledged = Vec::new();
        let mut left = Some(batch);
        let mut ticket = None;
        while start.elapsed() < Duration::from_secs(ACKNOWLEDGE_SECONDS_MAX) {
            if let Some(batch) = left.take() {
                match appender.append(batch) {
                    Ok(taken) => ticket = Some(taken),
                    // The log does not answer yet: a new appender's queue takes more than one batch of ours.
                    Err(AppendError::Full(batch)) => left = Some(batch),
                    Err(AppendError::Log(error)) => return Err(error.into()),
                    Err(error) => return Err(error.into()),
                }
            }
            appender.poll(Duration::from_millis(POLL_MS), &mut acknowledged)?;
            if let Some(done) = acknowledged.iter().find(|done| Some(done.ticket) == ticket) {
                return Ok(done.offsets.clone());
            }
        }
        bail!(
            "{} did not acknowledge within {ACKNOWLEDGE_SECONDS_MAX} s; the commands may be in it all the same",
            self.log.describe()
        )
    }
}
