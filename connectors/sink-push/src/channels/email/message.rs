//! The message as it goes over the wire: a text and an HTML part, and the headers mail programs act on.

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox as Named, MultiPart};
use lettre::{Address as Mailbox, Message};

use super::Mail;

/// The message as it stands on the wire, to its last dot, so that it is one write. Its id is that of the notice: whatever
/// may come twice is seen to be one.
pub(super) fn content(mail: &Mail<'_>, sender: &Named, recipient: &Mailbox) -> Result<String, String> {
    let rendered = mail.rendered;
    let mut message = Message::builder()
        .from(sender.clone())
        .to(Named::new(None, recipient.clone()))
        .subject(rendered.subject.clone())
        .message_id(Some(format!("<{}@{}>", mail.id, sender.email.domain())))
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("Content-Language", &rendered.locale));
    if let Some(url) = &rendered.unsubscribe_url {
        // One click ends such notices, by a POST that needs no page (RFC 8058).
        message = message
            .raw_header(header("List-Unsubscribe", &format!("<{url}>")))
            .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
    }
    let parts = MultiPart::alternative_plain_html(rendered.text.clone(), rendered.html.clone());
    let message =
        message.multipart(parts).map_err(|error| format!("the message cannot be written: {error}"))?;
    // Parts are encoded, so whatever a text holds, this is ASCII, and its lines end as they have to.
    let text = String::from_utf8(message.formatted()).map_err(|_| "the message is not text".to_owned())?;
    Ok(stuffed(&text))
}

/// A dot at the beginning of a line is doubled, and one alone ends the message (RFC 5321, 4.5.2).
fn stuffed(text: &str) -> String {
    let mut stuffed = text.replace("\r\n.", "\r\n..");
    if stuffed.starts_with('.') {
        stuffed.insert(0, '.');
    }
    stuffed.push_str(if stuffed.ends_with("\r\n") { ".\r\n" } else { "\r\n.\r\n" });
    stuffed
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_at_the_beginning_of_a_line_are_doubled() {
        for (text, expected) in [
            ("", "\r\n.\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            (".\r\n", "..\r\n.\r\n"),
            ("a\r\n.\r\n..b.\r\n", "a\r\n..\r\n...b.\r\n.\r\n"),
        ] {
            assert_eq!(stuffed(text), expected, "{text:?}");
        }
    }
}
