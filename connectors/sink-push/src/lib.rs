//! Notices of decisions to people: by e-mail, SMS, mobile push, web push and webhook.
//!
//! Promised: at most one notice per (order, event, channel), whatever is read twice, written late or killed. A claim stands
//! before the first attempt; an attempt whose outcome nobody knows is settled by the channel's rule (see the README). A
//! notice is tried again until it becomes pointless, and a provider that halts delays no decision and no other channel.
//!
//! Not promised: that a notice arrives. A provider that says yes may lose it, and where a second one would be worse than
//! none, an attempt without an answer stays the only one.
//!
//! The way of a decision: [`plan`] says what there is to tell, pure; [`PushSink`] looks up whom and how, writes the notice
//! by [`Templates`], and records a claim in [`Claims`]; a lane of the [`Channel`] attempts it and settles the claim.

#[cfg(feature = "stand-in")]
pub mod bench;
pub mod channels;
pub mod claims;
pub mod config;
pub mod contacts;
mod delivery;
mod fan_out;
mod fields;
pub mod limits;
mod mac;
pub mod notice;
mod office;
mod queue;
mod requests;
mod sink;
#[cfg(feature = "stand-in")]
pub mod stand_in;
mod status;
mod stop;
pub mod templates;
mod token;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use order_model::TimeMs;

pub use self::sink::{Courier, Parts, PushSink};
pub use channels::outbox::Outbox;
pub use channels::{Channel, Message, Outcome, UnknownRule};
pub use claims::{
    Claim, ClaimKey, ClaimState, Claims, ClaimsError, MemoryClaims, Slot, StepToken, TableClaims,
};
pub use config::{ConfigError, Equipment, PushConfig};
pub use contacts::{
    Address, ChannelKind, Contact, Contacts, ContactsError, MemoryContacts, Mute, TableContacts,
};
pub use fields::Links;
pub use mac::{KeyError, SigningKeys};
pub use notice::{Class, Facts, NoticeKind, Planned, plan};
pub use office::Shop;
pub use status::ChannelStatus;
pub use templates::{Rendered, TemplateError, Templates};
pub use token::{TokenError, read_unsubscribe_token, unsubscribe_token};

/// Tells the time, in milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> TimeMs + Send + Sync>;

/// The system's clock.
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        TimeMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    })
}
