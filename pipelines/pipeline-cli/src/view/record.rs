//! A record of one of our topics as a row.

use order_codec::{DeadLetter, Unreadable};
use order_log::Record;
use serde::Serialize;

use super::{CommandView, DecisionView, RoomEventView};
use crate::output::Row;
use crate::times::show_time;

/// Bytes of a dead letter shown in a table.
const SHOWN_BYTES_MAX: usize = 32;

/// A record, as JSON has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RecordRow {
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: u64,
    /// When the log stored it, in milliseconds since 1970.
    pub time_ms: u64,
    /// The same for people.
    pub time: String,
    /// Its key as text, if it has one.
    pub key: Option<String>,
    /// What it says.
    #[serde(flatten)]
    pub content: Content,
}

/// What a record says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// A command.
    Command(CommandView),
    /// A decision.
    Decision(Box<DecisionContent>),
    /// A dead letter.
    DeadLetter(LetterContent),
    /// A control of a sink, or its heartbeat.
    Control {
        /// What it says.
        control: serde_json::Value,
    },
    /// A product.
    Product {
        /// The product; null when it is taken out.
        product: Option<Box<catalogue::Product>>,
    },
    /// What happened in a waiting room.
    Room(RoomEventView),
    /// None of these.
    Unreadable {
        /// The name it has in a dead letter.
        reason: String,
        /// The same for people.
        detail: String,
    },
}

/// A decision and whether it was read before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct DecisionContent {
    /// Whether a decision with this number was read before.
    pub repeat: bool,
    /// The decision.
    pub decision: DecisionView,
}

/// A dead letter.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LetterContent {
    /// Where the bad record lies.
    pub of_topic: String,
    /// Its partition.
    pub of_partition: u32,
    /// Its offset.
    pub of_offset: u64,
    /// Where it failed.
    pub stage: &'static str,
    /// Why.
    pub reason: &'static str,
    /// The same for people.
    pub detail: String,
    /// Its key, in hexadecimal.
    pub key_hex: Option<String>,
    /// Its value, in hexadecimal.
    pub value_hex: Option<String>,
}

impl RecordRow {
    /// A row of `record`.
    pub fn new(partition: u32, record: &Record<'_>, content: Content) -> Self {
        Self {
            partition,
            offset: record.offset,
            time_ms: record.time_ms,
            time: show_time(order_model::TimeMs(record.time_ms)),
            key: record.key.map(show_key),
            content,
        }
    }
}

impl From<DeadLetter> for LetterContent {
    fn from(letter: DeadLetter) -> Self {
        Self {
            stage: letter.stage.name(),
            reason: letter.reason.name(),
            of_topic: letter.topic,
            of_partition: letter.partition,
            of_offset: letter.offset,
            detail: letter.detail,
            key_hex: letter.key.as_deref().map(hex),
            value_hex: letter.value.as_deref().map(hex),
        }
    }
}

impl From<Unreadable> for Content {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Bad(reason, detail) => Self::Unreadable { reason: reason.name().to_owned(), detail },
            Unreadable::Retry(error) => {
                Self::Unreadable { reason: "registry_unreachable".to_owned(), detail: error.to_string() }
            }
        }
    }
}

impl Row for RecordRow {
    const COLUMNS: &'static [&'static str] =
        &["time", "partition", "offset", "what", "reason", "subject", "detail"];

    fn cells(&self) -> Vec<String> {
        let (what, reason, subject, detail) = match &self.content {
            Content::Command(command) => (command.name(), String::new(), command.subject(), command.detail()),
            Content::Decision(content) => {
                let DecisionContent { repeat, decision } = &**content;
                let mark = if *repeat { " (repeat)" } else { "" };
                let what = format!("{} {}{mark}", decision.about, decision.event);
                (what, decision.reason.unwrap_or_default().to_owned(), decision.subject(), decision.detail())
            }
            Content::DeadLetter(letter) => {
                let what = format!("dead letter ({})", letter.stage);
                let place = format!("{}/{}@{}", letter.of_topic, letter.of_partition, letter.of_offset);
                let value = letter.value_hex.as_deref().unwrap_or("none");
                let shown = value
                    .get(..2 * SHOWN_BYTES_MAX)
                    .map_or_else(|| value.to_owned(), |head| format!("{head}…"));
                (what, letter.reason.to_owned(), place, format!("{}; value {shown}", letter.detail))
            }
            Content::Control { control } => {
                let subject = self.key.clone().unwrap_or_default();
                ("control".to_owned(), String::new(), subject, control.to_string())
            }
            Content::Product { product } => {
                let what = if product.is_some() { "product" } else { "product removed" };
                let title = product.as_ref().map(|product| product.title.clone()).unwrap_or_default();
                (what.to_owned(), String::new(), self.key.clone().unwrap_or_default(), title)
            }
            Content::Room(event) => {
                let subject = self.key.clone().unwrap_or_default();
                (format!("room {}", event.name()), String::new(), subject, event.detail())
            }
            Content::Unreadable { reason, detail } => {
                let subject = self.key.clone().unwrap_or_default();
                ("unreadable".to_owned(), reason.clone(), subject, detail.clone())
            }
        };
        let place = [self.time.clone(), self.partition.to_string(), self.offset.to_string()];
        place.into_iter().chain([what, reason, subject, detail]).collect()
    }
}

/// A record's key as text; bytes that are no text are replaced.
fn show_key(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
