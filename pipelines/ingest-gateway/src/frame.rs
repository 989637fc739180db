//! Events of a stream, as the HTML standard writes them (`text/event-stream`).

use bytes::Bytes;
use serde::Serialize;

/// One event. JSON has no line breaks of its own, so one `data` line holds it.
pub(crate) fn frame(id: Option<&str>, event: &str, data: &impl Serialize) -> Bytes {
    let mut text = String::new();
    if let Some(id) = id {
        text.push_str("id: ");
        text.push_str(id);
        text.push('\n');
    }
    text.push_str("event: ");
    text.push_str(event);
    text.push_str("\ndata: ");
    text.push_str(&serde_json::to_string(data).unwrap_or_default());
    text.push_str("\n\n");
    Bytes::from(text)
}
