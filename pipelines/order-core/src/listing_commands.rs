//! Opening, changing, restocking, pausing and closing a listing, and revealing its draw.

use order_model::limits::{CHANGES_MAX, LISTING_STOCK_MAX, LISTINGS_MAX};
use order_model::{
    Command, Event, ListingChange, ListingCommand, ListingEvent, ListingEventKind, ListingSettings,
    RejectReason, Seed, Stock, TimeMs,
};

use crate::draw::is_seed_of;
use crate::effects::{Outcome, Turn};
use crate::ledger::Ledger;
use crate::listing::{Listing, Status, settings_are_valid};
use crate::listings::ListingIndex;

/// What a change did: the kind of event and the units added.
type Done = (ListingEventKind, i64);

impl Ledger {
    pub(crate) fn change_listing(&mut self, turn: &mut Turn<'_>, command: &ListingCommand) -> Outcome {
        let sent_on = self.forward_unless_home(turn, &command.sku, || Command::Listing(command.clone()));
        if let Some(outcome) = sent_on {
            return outcome;
        }
        let found = self.listings.find(&command.sku);
        if found.is_some_and(|index| self.listings.get(index).changes.contains(&command.id)) {
            return Outcome::Repeated;
        }
        let result = match (&command.change, found) {
            (ListingChange::Open { settings, stock }, None) => self.open(command, settings, *stock),
            (ListingChange::Open { .. }, Some(_)) => Err(RejectReason::ListingExists),
            (_, None) => Err(RejectReason::ListingUnknown),
            (change, Some(index)) => self.change(index, change),
        };
        let listing = self.listings.find(&command.sku);
        if let (Ok(_), Some(index)) = (&result, listing) {
            self.listings.get_mut(index).changes.insert(command.id);
            self.chores.look_at(index);
        }
        self.say_listing(turn, command, listing, result)
    }

    fn open(
        &mut self,
        command: &ListingCommand,
        settings: &ListingSettings,
        stock: i64,
    ) -> Result<Done, RejectReason> {
        if !settings_are_valid(settings) {
            return Err(RejectReason::SettingsInvalid);
        }
        let units = units(0, stock)?;
        if self.listings.len() >= LISTINGS_MAX {
            return Err(RejectReason::TooManyListings);
        }
        let index = self.listings.insert(Listing::new(command.sku, settings.clone(), units));
        self.chores.close_at(settings.closes_at, index);
        Ok((ListingEventKind::Opened, stock))
    }

    fn change(&mut self, index: ListingIndex, change: &ListingChange) -> Result<Done, RejectReason> {
        let listing = self.listings.get_mut(index);
        if listing.status == Status::Closed && !matches!(change, ListingChange::Restock { .. }) {
            return Err(RejectReason::ListingClosed);
        }
        refuse_change(listing, change)?;
        match change {
            ListingChange::Open { .. } => Err(RejectReason::ListingExists),
            ListingChange::Change(settings) => {
                listing.settings = (**settings).clone();
                self.chores.close_at(settings.closes_at, index);
                Ok((ListingEventKind::Changed, 0))
            }
            ListingChange::Restock { delta } => {
                listing.restock(units(listing.free_units(), *delta)?);
                Ok((ListingEventKind::Restocked, *delta))
            }
            ListingChange::Pause => {
                listing.status = Status::Paused;
                Ok((ListingEventKind::Paused, 0))
            }
            ListingChange::Resume => {
                listing.status = Status::Open;
                Ok((ListingEventKind::Resumed, 0))
            }
            ListingChange::Close => {
                listing.status = Status::Closed;
                Ok((ListingEventKind::Closed, 0))
            }
            ListingChange::Reveal { seed } => {
                if let Some(draw) = &mut listing.draw {
                    draw.reveal(*seed, self.next_ticket);
                    self.chores.put_in_order(index);
                }
                Ok((ListingEventKind::Revealed, 0))
            }
        }
    }

    /// Closes a listing whose time has come.
    pub(crate) fn close_in_time(
        &mut self,
        turn: &mut Turn<'_>,
        index: ListingIndex,
        closes_at: TimeMs,
    ) -> bool {
        let listing = self.listings.get_mut(index);
        if listing.status == Status::Closed || listing.settings.closes_at != closes_at {
            return false;
        }
        listing.status = Status::Closed;
        let event = ListingEvent {
            kind: ListingEventKind::Closed,
            reason: None,
            id: order_model::CommandId::default(),
            sku: listing.sku,
            delta: 0,
            stock: listing.stock(),
            settings: None,
            seed: None,
        };
        turn.decide(Event::Listing(Box::new(event)));
        self.chores.look_at(index);
        true
    }

    fn say_listing(
        &self,
        turn: &mut Turn<'_>,
        command: &ListingCommand,
        listing: Option<ListingIndex>,
        result: Result<Done, RejectReason>,
    ) -> Outcome {
        let listing = listing.map(|index| self.listings.get(index));
        let (kind, delta) = result.unwrap_or((ListingEventKind::Refused, 0));
        let says_settings = matches!(kind, ListingEventKind::Opened | ListingEventKind::Changed);
        let event = ListingEvent {
            kind,
            reason: result.err(),
            id: command.id,
            sku: command.sku,
            delta,
            stock: listing.map_or_else(Stock::default, Listing::stock),
            settings: listing.filter(|_| says_settings).map(|listing| listing.settings.clone()),
            seed: match &command.change {
                ListingChange::Reveal { seed } if result.is_ok() => Some(*seed),
                _ => None,
            },
        };
        turn.decide(Event::Listing(Box::new(event)));
        Outcome::Decided(result.err())
    }
}

/// Whether a change to a listing that is open, or a restocking, cannot be.
fn refuse_change(listing: &Listing, change: &ListingChange) -> Result<(), RejectReason> {
    match change {
        ListingChange::Change(settings) => {
            let same =
                settings.currency == listing.settings.currency && settings.sale == listing.settings.sale;
            let same = same && settings.draw == listing.settings.draw;
            let counted = listing.has_limit || settings.limit_per_customer == 0;
            if !same || !counted || !settings_are_valid(settings) {
                return Err(RejectReason::SettingsInvalid);
            }
        }
        ListingChange::Restock { delta } => {
            units(listing.free_units(), *delta)?;
            units(listing.total(), *delta)?;
        }
        _ => {}
    }
    if listing.changes.len() >= CHANGES_MAX {
        return Err(RejectReason::TooManyChanges);
    }
    match change {
        ListingChange::Reveal { seed } => refuse_reveal(listing, seed),
        _ => Ok(()),
    }
}

fn refuse_reveal(listing: &Listing, seed: &Seed) -> Result<(), RejectReason> {
    match (&listing.settings.draw, &listing.draw) {
        (Some(commitment), Some(draw)) if draw.is_open() => {
            if is_seed_of(commitment, seed) {
                Ok(())
            } else {
                Err(RejectReason::SeedDiffers)
            }
        }
        _ => Err(RejectReason::DrawNotOpen),
    }
}

/// `have + delta` units, within the limits.
fn units(have: u32, delta: i64) -> Result<u32, RejectReason> {
    let units = i64::from(have).saturating_add(delta);
    match u32::try_from(units) {
        Ok(units) if units <= LISTING_STOCK_MAX => Ok(units),
        Err(_) if units < 0 => Err(RejectReason::StockBelowZero),
        _ => Err(RejectReason::StockTooLarge),
    }
}
