//! Opening and changing listings.

use std::fmt::Debug;

use order_model::{Command, CommandId, ListingChange, ListingCommand, ListingSettings, Seed, Settle, Sku};
use waiting_room::{RoomName, RoomNameError, RoomPlan};

use super::place::is_key;
use super::refusal::{Refusal, written};
use super::rooms::RoomWritten;
use super::{Service, random};
use crate::identity::Identity;
use crate::limits::SALE_LISTINGS_MAX;

/// A sale as it is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SaleAsk {
    /// Its name.
    pub name: String,
    /// Its waiting room; without one none is opened, and one that is open stays.
    pub room: Option<RoomPlan>,
    /// Its listings, which say the name as well.
    pub listings: Vec<ListingAsk>,
}

/// A listing as it is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListingAsk {
    /// What is sold.
    pub sku: Sku,
    /// Units it opens with; one that is open keeps what it has.
    pub stock: u32,
    /// The rest.
    pub settings: ListingSettings,
}

/// One word about a listing that exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListingWord {
    /// Add units, or take free ones away.
    Restock(i64),
    /// Refuse orders until resumed.
    Pause,
    /// End a pause.
    Resume,
    /// Refuse orders for good.
    Close,
    /// End the window of its draw.
    Reveal(Seed),
}

/// What was written about a sale.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SaleWritten {
    /// About its waiting room, if it is to have one.
    pub room: Option<RoomWritten>,
    /// About its listings, in their order.
    pub listings: Vec<Written>,
}

/// What was written about a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// The listing.
    pub sku: Sku,
    /// `open`, `change`, `unchanged`, or the word.
    pub action: &'static str,
    /// Where it lies; `None` when there was nothing to write.
    pub place: Option<(u32, u64)>,
}

impl Service {
    /// Opens the listings of a sale, or changes them to what is asked for; its waiting room first, so that nothing is sold
    /// past it.
    pub async fn apply_sale(
        &self,
        who: &Identity,
        ask: SaleAsk,
        key: Option<&str>,
    ) -> Result<SaleWritten, Refusal> {
        check(who, key)?;
        if ask.listings.len() > SALE_LISTINGS_MAX {
            return Err(Refusal::SaleTooLarge);
        }
        let room = match &ask.room {
            Some(plan) => {
                let name: RoomName =
                    ask.name.parse().map_err(|error: RoomNameError| Refusal::Invalid(error.to_string()))?;
                Some(self.open_room(who, &name, plan, key).await?)
            }
            None => None,
        };
        Ok(SaleWritten { room, listings: self.apply_listings(who, ask.listings, key).await? })
    }

    async fn apply_listings(
        &self,
        who: &Identity,
        listings: Vec<ListingAsk>,
        key: Option<&str>,
    ) -> Result<Vec<Written>, Refusal> {
        let (mut plan, mut commands) = (Vec::new(), Vec::new());
        for listing in listings {
            let ListingAsk { sku, stock, settings } = listing;
            let current = self.board().listing(&sku);
            let (action, change) = match current {
                None => {
                    let (settings, stock) = (Box::new(settings), i64::from(stock));
                    ("open", Some(ListingChange::Open { settings, stock }))
                }
                Some(current) if *current.settings == settings => ("unchanged", None),
                Some(_) => ("change", Some(ListingChange::Change(Box::new(settings)))),
            };
            plan.push((sku, action, change.is_some()));
            if let Some(change) = change {
                let id = self.command_id(who, key, action, sku.as_bytes(), &change)?;
                commands.push(Command::Listing(ListingCommand { id, sku, change }));
            }
        }
        let outcomes = if commands.is_empty() { Vec::new() } else { self.door().submit_all(commands).await };
        let mut outcomes = outcomes.into_iter();
        let mut done = Vec::with_capacity(plan.len());
        for (sku, action, is_written) in plan {
            let outcome = if is_written { outcomes.next() } else { None };
            done.push(Written { sku, action, place: outcome.map(written).transpose()? });
        }
        Ok(done)
    }

    /// Says one word about a listing that exists.
    pub async fn tell_listing(
        &self,
        who: &Identity,
        sku: Sku,
        word: ListingWord,
        key: Option<&str>,
    ) -> Result<Written, Refusal> {
        check(who, key)?;
        self.listing(&sku)?;
        let (action, change) = match word {
            ListingWord::Restock(delta) => ("restock", ListingChange::Restock { delta }),
            ListingWord::Pause => ("pause", ListingChange::Pause),
            ListingWord::Resume => ("resume", ListingChange::Resume),
            ListingWord::Close => ("close", ListingChange::Close),
            ListingWord::Reveal(seed) => ("reveal", ListingChange::Reveal { seed }),
        };
        let id = self.command_id(who, key, action, sku.as_bytes(), &change)?;
        let command = Command::Listing(ListingCommand { id, sku, change });
        let place = Some(written(self.door().submit(command).await)?);
        Ok(Written { sku, action, place })
    }

    /// Tells the log that money was taken; who says so has been checked.
    pub async fn settle(&self, settle: Settle) -> Result<(u32, u64), Refusal> {
        written(self.door().submit(Command::Settle(settle)).await)
    }

    /// The same key gives the same id, so that a repeat changes nothing. Other content under it is refused, as far as it is
    /// remembered here: the ledger only says that the id was there before.
    pub(super) fn command_id(
        &self,
        who: &Identity,
        key: Option<&str>,
        action: &str,
        about: &[u8],
        content: &impl Debug,
    ) -> Result<CommandId, Refusal> {
        let Some(key) = key else {
            return Ok(CommandId(random()?));
        };
        let subject = [action.as_bytes(), b" ", about].concat();
        let id = self.parts.secret.command_id(who.customer, key, &subject).into();
        self.said.note(id, content)?;
        Ok(id)
    }
}

pub(super) fn check(who: &Identity, key: Option<&str>) -> Result<(), Refusal> {
    if !who.roles.admin {
        return Err(Refusal::RoleNeeded("admin"));
    }
    if key.is_some_and(|key| !is_key(key)) {
        return Err(Refusal::KeyInvalid);
    }
    Ok(())
}
