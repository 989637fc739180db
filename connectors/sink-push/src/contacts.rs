//! Who gets what where: addresses, preferences, and what people asked to be told about.
//!
//! An address is judged here, before any provider sees it: [`Address::check`] is the one place that says what is none.

use std::future::Future;
use std::str::FromStr;

use lettre::Address as Mailbox;
use order_model::{CustomerId, Sku, TimeMs};
use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::limits::{EMAIL_BYTES_MAX, URL_BYTES_MAX};
use crate::notice::Class;

mod dynamodb;
mod memory;

pub use dynamodb::TableContacts;
pub use memory::MemoryContacts;

/// A way to people. The number is stable and never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum ChannelKind {
    /// E-mail by SMTP.
    Email = 1,
    /// A text message by SNS.
    Sms = 2,
    /// A push to an app by SNS.
    MobilePush = 3,
    /// A push to a browser.
    WebPush = 4,
    /// A signed HTTP request to somebody's server.
    Webhook = 5,
}

impl ChannelKind {
    /// Every channel.
    pub const ALL: [Self; 5] = [Self::Email, Self::Sms, Self::MobilePush, Self::WebPush, Self::Webhook];

    /// The stable name, as it stands in claims and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::MobilePush => "mobile-push",
            Self::WebPush => "web-push",
            Self::Webhook => "webhook",
        }
    }

    /// The stable number.
    #[expect(clippy::as_conversions, reason = "the number is the discriminant")]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// Where one channel reaches somebody.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Address {
    /// A mailbox: `somebody@example.org`.
    Email(String),
    /// A telephone number in E.164 form: `+4930123456`.
    Sms(String),
    /// The ARN of an SNS platform endpoint.
    MobilePush(String),
    /// What a browser's `pushManager.subscribe` gave.
    WebPush(WebSubscription),
    /// Where to post.
    Webhook(String),
}

/// A browser's push subscription.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WebSubscription {
    /// Where the push service takes messages for this browser.
    pub endpoint: String,
    /// The browser's public key, base64url.
    pub p256dh: String,
    /// The browser's secret, base64url.
    pub auth: String,
}

/// A text that is no address of its channel.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{text}` is no address for {channel}: {detail}")]
pub struct AddressError {
    /// The channel.
    pub channel: &'static str,
    /// What stood there, shortened.
    pub text: String,
    /// What is wrong with it.
    pub detail: String,
}

impl Address {
    /// The channel it belongs to.
    pub const fn channel(&self) -> ChannelKind {
        match self {
            Self::Email(_) => ChannelKind::Email,
            Self::Sms(_) => ChannelKind::Sms,
            Self::MobilePush(_) => ChannelKind::MobilePush,
            Self::WebPush(_) => ChannelKind::WebPush,
            Self::Webhook(_) => ChannelKind::Webhook,
        }
    }

    /// The address as text, for people.
    pub fn text(&self) -> &str {
        match self {
            Self::Email(text) | Self::Sms(text) | Self::MobilePush(text) | Self::Webhook(text) => text,
            Self::WebPush(subscription) => &subscription.endpoint,
        }
    }

    /// Whether it can be an address at all; whether somebody is there only an attempt shows. `insecure` lets addresses
    /// without TLS pass.
    pub fn check(&self, insecure: bool) -> Result<(), AddressError> {
        let judged =
            match self {
                Self::Email(text) => check_email(text),
                Self::Sms(text) => check_number(text),
                Self::MobilePush(text) => match text.strip_prefix("arn:") {
                    Some(rest) if rest.contains(":sns:") && rest.contains(":endpoint/") => Ok(()),
                    _ => Err("an SNS platform endpoint begins with `arn:` and names `sns` and `endpoint/`"
                        .to_owned()),
                },
                Self::WebPush(subscription) => {
                    check_url(&subscription.endpoint, insecure).and_then(|()| check_web_keys(subscription))
                }
                Self::Webhook(text) => check_url(text, insecure),
            };
        judged.map_err(|detail| AddressError {
            channel: self.channel().name(),
            text: self.text().chars().take(80).collect(),
            detail,
        })
    }
}

fn check_email(text: &str) -> Result<(), String> {
    if text.len() > EMAIL_BYTES_MAX {
        return Err(format!("it is longer than {EMAIL_BYTES_MAX} bytes"));
    }
    Mailbox::from_str(text).map(|_| ()).map_err(|error| error.to_string())
}

fn check_number(text: &str) -> Result<(), String> {
    let digits = text.strip_prefix('+').unwrap_or_default();
    let fits = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if fits && !digits.starts_with('0') {
        return Ok(());
    }
    Err("a number is `+`, the country and 7 to 15 digits in all, without spaces".to_owned())
}

fn check_url(text: &str, insecure: bool) -> Result<(), String> {
    if text.len() > URL_BYTES_MAX {
        return Err(format!("it is longer than {URL_BYTES_MAX} bytes"));
    }
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    match url.scheme() {
        "https" => {}
        "http" if insecure => {}
        "http" => return Err("it is not https".to_owned()),
        other => return Err(format!("`{other}` is not https")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user or a password".to_owned());
    }
    Ok(())
}

fn check_web_keys(subscription: &WebSubscription) -> Result<(), String> {
    crate::channels::webpush::keys(subscription).map(|_| ())
}

/// Somebody, and where and in which language they are told.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Contact {
    /// `en`, `de-AT`; the nearest there are templates for is used.
    pub locale: String,
    /// At most one for each channel; the first counts.
    pub addresses: Vec<Address>,
    /// What they do not want.
    pub muted: Vec<Mute>,
}

/// Something somebody does not want.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Mute {
    /// By this channel.
    pub channel: ChannelKind,
    /// Of this class.
    pub class: Class,
}

impl Contact {
    /// Whether they want notices of this class by this channel.
    pub fn wants(&self, channel: ChannelKind, class: Class) -> bool {
        !self.muted.contains(&Mute { channel, class })
    }

    /// Where this channel reaches them.
    pub fn address(&self, channel: ChannelKind) -> Option<&Address> {
        self.addresses.iter().find(|address| address.channel() == channel)
    }

    /// The addresses notices of this class go to, one for each channel.
    pub fn reached_by(&self, class: Class) -> impl Iterator<Item = &Address> {
        ChannelKind::ALL
            .into_iter()
            .filter(move |channel| self.wants(*channel, class))
            .filter_map(|channel| self.address(channel))
    }
}

/// What people ask to be told about.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Interest {
    /// The sale of this SKU opens.
    Opening(Sku),
    /// This SKU is to be had again.
    Stock(Sku),
}

/// Somebody who asked to be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subscriber {
    /// Who.
    pub customer: CustomerId,
    /// Since when; whoever asks again later is told again.
    pub since: TimeMs,
}

/// Why contacts could not be asked. Asking again may help.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("contacts: {0}")]
pub struct ContactsError(pub String);

/// Keeps contacts, preferences and subscriptions.
pub trait Contacts: Send + Sync + 'static {
    /// The contacts of these customers, in the same order; `None` where there is none.
    fn of(
        &self,
        customers: &[CustomerId],
    ) -> impl Future<Output = Result<Vec<Option<Contact>>, ContactsError>> + Send;

    /// At most `max` subscribers in the order of their ids, those after `after`; fewer only when there are no more.
    fn subscribers(
        &self,
        interest: &Interest,
        after: Option<CustomerId>,
        max: usize,
    ) -> impl Future<Output = Result<Vec<Subscriber>, ContactsError>> + Send;

    /// Notes that somebody does not want something; a repeat changes nothing.
    fn mute(
        &self,
        customer: CustomerId,
        mute: Mute,
    ) -> impl Future<Output = Result<(), ContactsError>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_an_address_and_what_is_none() {
        let email = |text: &str| Address::Email(text.to_owned());
        let sms = |text: &str| Address::Sms(text.to_owned());
        let hook = |text: &str| Address::Webhook(text.to_owned());
        let mobile = |text: &str| Address::MobilePush(text.to_owned());
        let long = format!("{}@example.org", "a".repeat(250));
        for (address, is_one) in [
            (email("a.b+c@example.org"), true),
            (email("ä@example.org"), true),
            (email("nobody"), false),
            (email("a@b@c"), false),
            (email("a b@example.org"), false),
            (email("a@example.org\r\nBcc: b@example.org"), false),
            (email("<a@example.org>"), false),
            (email(""), false),
            (email(&long), false),
            (sms("+4930123456"), true),
            (sms("030123456"), false),
            (sms("+49 30 123456"), false),
            (sms("+0123456789"), false),
            (sms("+123"), false),
            (mobile("arn:aws:sns:eu-central-1:1:endpoint/GCM/app/1"), true),
            (mobile("arn:aws:sqs:eu-central-1:1:queue"), false),
            (hook("https://example.org/hook?x=1"), true),
            (hook("http://example.org/hook"), false),
            (hook("ftp://example.org/hook"), false),
            (hook("https://user:secret@example.org/hook"), false),
            (hook("example.org"), false),
        ] {
            assert_eq!(address.check(false).is_ok(), is_one, "{address:?}");
        }
        let error = email("nobody").check(false).unwrap_err().to_string();
        assert!(error.starts_with("`nobody` is no address for email: "), "{error}");
        assert!(hook("http://127.0.0.1:1/").check(true).is_ok());
    }
}
