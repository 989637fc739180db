//! The ways to people. A [`Channel`] sends one message and says what became of it; it keeps no queue and never tries again.
//!
//! Every channel has a pure `classify`, a table from what a provider said to an [`Outcome`], and a rule, written down in the
//! crate's README, for an attempt whose outcome is unknown.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use order_model::{CustomerId, TimeMs};

use crate::claims::ClaimKey;
use crate::contacts::{Address, AddressError, ChannelKind};
use crate::limits::DETAIL_CHARS_MAX;
use crate::notice::Facts;
use crate::templates::Rendered;

pub mod email;
pub mod outbox;
pub mod sns;
pub mod webhook;
pub mod webpush;

pub mod http;

/// What a channel sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Which claim it goes out for.
    pub key: ClaimKey,
    /// The same for every attempt at the same notice, and for no other; 32 hexadecimal digits.
    pub id: String,
    /// Whom it tells.
    pub customer: CustomerId,
    /// Where.
    pub address: Address,
    /// What it says, for machines.
    pub facts: Facts,
    /// What it says, for people.
    pub rendered: Rendered,
    /// Pointless from this time on.
    pub expires: TimeMs,
    /// The time of the attempt.
    pub now: TimeMs,
}

/// What became of an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The provider has taken it.
    Sent,
    /// It has certainly not been taken, and may be later.
    Retry(Setback),
    /// It will never be taken.
    Refused(String),
    /// It may have been taken.
    Unknown(String),
}

/// Why an attempt is to be repeated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setback {
    /// What the provider said, or the lack of an answer.
    pub detail: String,
    /// Whether the whole destination should rest, not this notice alone.
    pub rest: bool,
    /// How long at least, where the provider says so.
    pub pause: Option<Duration>,
}

impl Outcome {
    /// This notice alone is tried again.
    pub fn again(detail: impl Into<String>) -> Self {
        Self::Retry(Setback { detail: detail.into(), rest: false, pause: None })
    }

    /// The destination takes nothing just now.
    pub fn rest(detail: impl Into<String>) -> Self {
        Self::Retry(Setback { detail: detail.into(), rest: true, pause: None })
    }
}

/// What is done about an attempt whose outcome is unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnknownRule {
    /// Not tried again: a second message would be a second notice.
    Never,
    /// Tried again: whoever gets both sees by the message's id that they are one.
    Again,
}

/// An attempt under way.
pub type Attempt<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// A way to people. Used by several tasks at once.
pub trait Channel: Send + Sync + 'static {
    /// Which.
    fn kind(&self) -> ChannelKind;

    /// What is done about an attempt whose outcome is unknown.
    fn rule(&self) -> UnknownRule;

    /// How many attempts at the same time it is good for.
    fn lanes(&self) -> usize;

    /// How long an attempt may take; then its outcome is unknown.
    fn attempt_max(&self) -> Duration;

    /// Whether it would try this address at all.
    fn check(&self, address: &Address) -> Result<(), AddressError>;

    /// What fails together: the server an address names; `None` where all addresses have one provider.
    fn destination(&self, address: &Address) -> Option<String>;

    /// Sends one message. Dropping the future leaves the outcome unknown.
    fn send<'a>(&'a self, message: &'a Message) -> Attempt<'a>;
}

/// What a provider said, made fit to be kept and shown: one line, without control characters, not too long.
pub(crate) fn shown(text: impl fmt::Display) -> String {
    let text = text.to_string();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|character| !character.is_control()).take(DETAIL_CHARS_MAX).collect()
}

/// An error and what caused it, in one line: clients hide the reason in the causes.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = cause.source();
    }
    shown(text)
}
