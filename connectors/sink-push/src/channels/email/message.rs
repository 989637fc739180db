//! The message as it goes over the wire: a text and an HTML part, and the headers mail programs act on.

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox as Named, MultiPart};
use lettre::{Address as Mailbox, Message as Mail};

use crate::channels::Message;

/// The message's bytes. The id of the message is that of the notice: whatever may come twice is seen to be one.
pub(super) fn bytes(message: &Message, sender: &Named, recipient: &Mailbox) -> Result<Vec<u8>, String> {
    let rendered = &message.rendered;
    let mut mail = Mail::builder()
        .from(sender.clone())
        .to(Named::new(None, recipient.clone()))
        .subject(rendered.subject.clone())
        .message_id(Some(format!("<{}@{}>", message.id, sender.email.domain())))
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("Content-Language", &rendered.locale));
    if let Some(url) = &rendered.unsubscribe_url {
        // One click ends such notices, by a POST that needs no page (RFC 8058).
        mail = mail
            .raw_header(header("List-Unsubscribe", &format!("<{url}>")))
            .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
    }
    let parts = MultiPart::alternative_plain_html(rendered.text.clone(), rendered.html.clone());
    let mail = mail.multipart(parts).map_err(|error| format!("the message cannot be written: {error}"))?;
    Ok(mail.formatted())
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}
