//! `pipeline log`: the topics, record by record, decoded.

use std::io::Stdout;
use std::time::Duration;

use anyhow::{Context as _, Result};
use catalogue::{Change, ProductCodec};
use clap::Subcommand;
use order_codec::{Codec, KeyRing, MAC_HEADER, RawRecord, read_command};
use order_log::{Bounds, Log, Record, RecordBatch};
use order_model::{Partition, TimeMs};

use crate::ExitCode;
use crate::context::Context;
use crate::decisions::{Numbered, Numbers};
use crate::failure::Failure;
use crate::nearest::suggestion;
use crate::notes::{note, warning};
use crate::output::{RowWriter, rows};
use crate::scan::Scan;
use crate::view::{CommandView, Content, DecisionContent, DecisionView, RecordRow, RoomEventView};
use order_worker::TopicKind;
use waiting_room::RoomCodec;

/// Longest wait inside one poll, in milliseconds.
const POLL_MS: u64 = 200;

/// Arguments of `pipeline log`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Read a topic to its end
    Read(Reading),
    /// Read what comes to a topic from now on, until interrupted
    Tail(Reading),
}

#[derive(Debug, clap::Args)]
struct Reading {
    /// orders, decisions, dead-letters, controls, catalogue or rooms
    topic: String,
    /// Begin at this offset, in each partition
    #[arg(long, value_name = "OFFSET")]
    from: Option<u64>,
    /// Read this partition only
    #[arg(long)]
    partition: Option<u32>,
    /// Stop after this many rows
    #[arg(long, value_name = "ROWS")]
    limit: Option<u64>,
    /// Show repeats of decisions too, which are dropped otherwise
    #[arg(long)]
    raw: bool,
}

/// Runs `pipeline log`.
pub fn run(context: &Context, args: Args) -> Result<ExitCode> {
    let (reading, tail) = match &args.verb {
        Verb::Read(reading) => (reading, false),
        Verb::Tail(reading) => (reading, true),
    };
    let kind = context.topics().find(&reading.topic).ok_or_else(|| {
        let hint = suggestion(&reading.topic, TopicKind::ALL.map(TopicKind::name));
        Failure::not_found(format!(
            "find the topic {}: ours are orders, decisions, dead-letters, controls, catalogue and rooms{hint}",
            reading.topic
        ))
    })?;
    if tail && !context.may_be_decided_elsewhere() {
        let text = "follow a log folder: nobody else can write to it while it is read";
        return Err(Failure::usage(text).next("pipeline log read").into());
    }
    let log = context.open_log_to_read()?;
    let reader = Reader::new(context, kind, reading)?;
    reader.run(&*log, context.topics().name(kind), tail)?;
    Ok(ExitCode::Ok)
}

struct Reader {
    kind: TopicKind,
    codec: Codec,
    products: ProductCodec,
    rooms: RoomCodec,
    keys: KeyRing,
    numbers: Numbers,
    raw: bool,
    from: Option<u64>,
    partition: Option<u32>,
    left: u64,
    out: RowWriter<Stdout>,
}

impl Reader {
    fn new(context: &Context, kind: TopicKind, reading: &Reading) -> Result<Self> {
        let keys = context.keys_if_any()?;
        if matches!(kind, TopicKind::Orders | TopicKind::Rooms) && keys.is_none() {
            note(format!(
                "no keys in {}: privileged commands show as unreadable",
                context.keys_file().display()
            ));
        }
        Ok(Self {
            kind,
            codec: context.codec()?,
            products: context.product_codec()?,
            rooms: context.room_codec()?,
            keys: keys.unwrap_or_default(),
            numbers: Numbers::default(),
            raw: reading.raw,
            from: reading.from,
            partition: reading.partition,
            left: reading.limit.unwrap_or(u64::MAX),
            out: rows(context.format),
        })
    }

    fn run(mut self, log: &dyn Log, topic: &str, tail: bool) -> Result<()> {
        let read = || format!("read {topic}");
        let partitions = match self.partition {
            Some(partition) => partition..partition.saturating_add(1),
            None => 0..log.partitions(topic).with_context(read)?,
        };
        let start = |_, bounds: Bounds| self.from.unwrap_or(if tail { bounds.end } else { bounds.start });
        let mut scan = Scan::new(log, topic, partitions, start).with_context(read)?;
        while self.left > 0 {
            let batch = if tail {
                scan.next_within(Duration::from_millis(POLL_MS)).with_context(read)?
            } else {
                scan.next_stored().with_context(read)?
            };
            match batch {
                Some(batch) => self.show(&batch)?,
                None if tail => self.out.flush()?,
                None => break,
            }
        }
        Ok(self.out.finish()?)
    }

    fn show(&mut self, batch: &RecordBatch) -> Result<()> {
        for record in batch.iter() {
            if self.left == 0 {
                break;
            }
            if let Some(content) = self.content(batch.partition(), &record) {
                self.out.push(&RecordRow::new(batch.partition(), &record, content))?;
                self.left -= 1;
            }
        }
        Ok(())
    }

    /// What the record says; `None` for a repeat that is not to be shown.
    fn content(&mut self, partition: u32, record: &Record<'_>) -> Option<Content> {
        let value = record.value.unwrap_or_default();
        let content = match self.kind {
            TopicKind::Orders => {
                let time = TimeMs(record.time_ms);
                let mac = record.headers.get(MAC_HEADER);
                let partition = Partition(partition);
                let raw = RawRecord { partition, time, key: record.key, value: record.value, mac };
                read_command(&self.codec, &self.keys, &raw)
                    .map(|command| Content::Command(CommandView::from(&command)))
            }
            TopicKind::Decisions => match self.codec.decision_from(value) {
                Ok(decision) => {
                    let numbered = self.numbers.judge(&decision);
                    if let Numbered::AfterGap { expected } = numbered {
                        let number = decision.sequence;
                        warning(format!(
                            "partition {partition}: number {number} follows where {expected} was due"
                        ));
                    }
                    let repeat = numbered == Numbered::Repeat;
                    if repeat && !self.raw {
                        return None;
                    }
                    let decision = DecisionView::from(&decision);
                    Ok(Content::Decision(Box::new(DecisionContent { repeat, decision })))
                }
                Err(error) => Err(error.into()),
            },
            TopicKind::DeadLetters => match self.codec.dead_letter_from(value) {
                Ok(letter) => Ok(Content::DeadLetter(letter.into())),
                Err(error) => Err(error.into()),
            },
            TopicKind::Controls => Ok(control(value)),
            TopicKind::Catalogue => Ok(self.product(record)),
            TopicKind::Rooms => Ok(self.room(record)),
        };
        Some(content.unwrap_or_else(Content::from))
    }
}

impl Reader {
    fn product(&self, record: &Record<'_>) -> Content {
        match self.products.change_from(record) {
            Ok(Ok(Change::Put(product))) => Content::Product { product: Some(product) },
            Ok(Ok(Change::Remove(_))) => Content::Product { product: None },
            Ok(Err(reason)) => {
                Content::Unreadable { reason: "no_product".to_owned(), detail: reason.to_string() }
            }
            Err(error) => {
                Content::Unreadable { reason: "registry_unreachable".to_owned(), detail: error.to_string() }
            }
        }
    }
}

impl Reader {
    fn room(&self, record: &Record<'_>) -> Content {
        match self.rooms.read(record, Some(&self.keys)) {
            Ok((_, event)) => Content::Room(RoomEventView::from(&event)),
            Err(error) => {
                Content::Unreadable { reason: "no_room_event".to_owned(), detail: error.to_string() }
            }
        }
    }
}

/// A control as it stands there, whoever signed it.
fn control(value: &[u8]) -> Content {
    match serde_json::from_slice(value) {
        Ok(control) => Content::Control { control },
        Err(error) => Content::Unreadable { reason: "no_json".to_owned(), detail: error.to_string() },
    }
}
