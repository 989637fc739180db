//! Dead letters: records that could not be read or trusted, kept as they were.

use order_model::TimeMs;

use crate::avro::{Cursor, Encode, Read, invalid};
use crate::limits::{
    DEAD_LETTER_DETAIL_BYTES_MAX, DEAD_LETTER_HEADERS_BYTES_MAX, DEAD_LETTER_KEY_BYTES_MAX,
    DEAD_LETTER_VALUE_BYTES_MAX, TOPIC_NAME_BYTES_MAX,
};
use crate::reason::{DeadLetterReason, Stage};

/// A record on `dead-letters`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeadLetter {
    /// The topic the bad record lies on.
    pub topic: String,
    /// Its partition there.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// Its record time.
    pub time: TimeMs,
    /// Where it failed.
    pub stage: Stage,
    /// Why.
    pub reason: DeadLetterReason,
    /// The same for people.
    pub detail: String,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, in the log's encoded form.
    pub headers: Vec<u8>,
}

impl DeadLetter {
    /// Cuts off what would make the letter larger than a log takes, and says so in the detail. The offset still
    /// leads to the whole record, as long as the log keeps it.
    #[must_use]
    pub fn cut_to_size(mut self) -> Self {
        let mut cuts = String::new();
        let parts = [
            ("key", self.key.as_mut(), DEAD_LETTER_KEY_BYTES_MAX),
            ("value", self.value.as_mut(), DEAD_LETTER_VALUE_BYTES_MAX),
            ("headers", Some(&mut self.headers), DEAD_LETTER_HEADERS_BYTES_MAX),
        ];
        for (name, bytes, bytes_max) in parts {
            if let Some(bytes) = bytes.filter(|bytes| bytes.len() > bytes_max) {
                cuts.push_str(&format!(
                    "; of the {name}'s {} bytes the first {bytes_max} are kept",
                    bytes.len()
                ));
                bytes.truncate(bytes_max);
            }
        }
        let room = DEAD_LETTER_DETAIL_BYTES_MAX.saturating_sub(cuts.len());
        self.detail.truncate(self.detail.floor_char_boundary(room));
        self.detail.push_str(&cuts);
        self
    }
}

pub(crate) fn read_dead_letter(cursor: &mut Cursor<'_>) -> Read<DeadLetter> {
    Ok(DeadLetter {
        topic: cursor.text("topic", TOPIC_NAME_BYTES_MAX)?.to_owned(),
        partition: cursor.partition("partition")?.0,
        offset: cursor.offset("offset")?.0,
        time: cursor.time("time_ms")?,
        stage: Stage::from_name(cursor.text("stage", usize::MAX)?)
            .ok_or_else(|| invalid("stage", "no stage has this name"))?,
        reason: DeadLetterReason::from_name(cursor.text("reason", usize::MAX)?)
            .ok_or_else(|| invalid("reason", "no reason has this name"))?,
        detail: cursor.text("detail", DEAD_LETTER_DETAIL_BYTES_MAX)?.to_owned(),
        key: read_optional(cursor, "key", DEAD_LETTER_KEY_BYTES_MAX)?,
        value: read_optional(cursor, "value", DEAD_LETTER_VALUE_BYTES_MAX)?,
        headers: cursor.bytes("headers", DEAD_LETTER_HEADERS_BYTES_MAX)?.to_vec(),
    })
}

fn read_optional(cursor: &mut Cursor<'_>, field: &'static str, bytes_max: usize) -> Read<Option<Vec<u8>>> {
    if !cursor.present(field)? {
        return Ok(None);
    }
    Ok(Some(cursor.bytes(field, bytes_max)?.to_vec()))
}

pub(crate) fn write_dead_letter(letter: &DeadLetter, out: &mut Vec<u8>) {
    out.text(letter.topic.as_bytes());
    out.partition(order_model::Partition(letter.partition));
    out.unsigned(letter.offset);
    out.unsigned(letter.time.0);
    out.text(letter.stage.name().as_bytes());
    out.text(letter.reason.name().as_bytes());
    out.text(letter.detail.as_bytes());
    for bytes in [&letter.key, &letter.value] {
        out.present(bytes.is_some());
        if let Some(bytes) = bytes {
            out.text(bytes);
        }
    }
    out.text(&letter.headers);
}
