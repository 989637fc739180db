//! The versions of the schemas of commands and decisions.
//!
//! Both are read by hand, and both are written: a value in the oldest version that can say it. So a log without draws
//! holds the same bytes as before there were any, and whoever reads it needs to learn nothing.

use order_model::{Command, Decision, Event, ListingChange, OrderEventKind, RelayBody};

/// A version of the command schema or of the decision schema.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    /// The first.
    V1,
    /// With draws: commitment, seed, reveal and entries.
    V2,
}

impl Version {
    /// The oldest version that can say a command.
    #[inline]
    pub fn of_command(command: &Command) -> Self {
        match command {
            Command::Place(_) => Self::V1,
            Command::Listing(listing) => Self::of_change(&listing.change),
            Command::Relay(relay) => match &relay.body {
                RelayBody::Forward(command) => match &**command {
                    Command::Listing(listing) => Self::of_change(&listing.change),
                    _ => Self::V1,
                },
                _ => Self::V1,
            },
            _ => Self::V1,
        }
    }

    fn of_change(change: &ListingChange) -> Self {
        match change {
            ListingChange::Reveal { .. } => Self::V2,
            ListingChange::Open { settings, .. } | ListingChange::Change(settings) => {
                Self::with_draw(settings.draw.is_some())
            }
            _ => Self::V1,
        }
    }

    /// The oldest version that can say a decision.
    #[inline]
    pub fn of_decision(decision: &Decision) -> Self {
        match &decision.event {
            Event::Order(event) => Self::with_draw(event.kind == OrderEventKind::Entered),
            Event::Listing(event) => {
                let is_drawn = event.settings.as_ref().is_some_and(|settings| settings.draw.is_some());
                Self::with_draw(is_drawn || event.seed.is_some())
            }
            Event::Customer(_) => Self::V1,
        }
    }

    #[inline]
    fn with_draw(is_drawn: bool) -> Self {
        if is_drawn { Self::V2 } else { Self::V1 }
    }
}
