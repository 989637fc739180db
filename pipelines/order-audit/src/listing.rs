//! What becomes of listings: whether each does what the commands about it say.

use order_model::{
    Command, CommandId, ListingChange, ListingCommand, ListingEvent, ListingEventKind, RejectReason, limits,
    partition_of,
};

use crate::draw::opens;
use crate::law::Law;
use crate::ledger::Ledger;
use crate::matching::Cause;
use crate::price::{perhaps_invalid, surely_invalid};
use crate::shared::{At, Shared};
use crate::stock::{Listing, Reported, Slot, compare};

impl Ledger {
    /// An event of a listing.
    pub(crate) fn listing(&mut self, at: At, event: &ListingEvent, cause: &Cause, shared: &mut Shared) {
        let own = partition_of(&event.sku, shared.partitions) == self.partition;
        shared.check(own, Law::HomeLedger, at, || format!("listing {} belongs elsewhere", event.sku));
        let slot = self.shelf.slot(&event.sku);
        if event.kind == ListingEventKind::Closed && event.id == CommandId::default() {
            self.record.actions += 1;
            let due = self.shelf.listing(slot).is_some_and(|listing| listing.is_due(at.now));
            shared.check(due, Law::ListingLife, at, || {
                format!("{} closes by itself before its time", event.sku)
            });
            self.close_listing(slot);
        } else {
            self.answer(at, shared);
            self.commanded(at, slot, event, cause, shared);
        }
        self.check_stock(at, slot, event, shared);
    }

    fn check_stock(&self, at: At, slot: Slot, event: &ListingEvent, shared: &mut Shared) {
        let law = match self.shelf.listing(slot) {
            None if event.stock == order_model::Stock::default() => return,
            None => Law::StockMoves,
            Some(listing) => match compare(listing, &event.stock) {
                Reported::Right => return,
                Reported::SumWrong => Law::StockConserved,
                Reported::CountsWrong => Law::StockMoves,
            },
        };
        shared.found(law, at, || {
            let counted = self.shelf.listing(slot).map(|l| (l.free, l.held, l.sold, l.waiting()));
            format!(
                "{} of {} reports {:?}, counted are {counted:?}",
                event.kind.name(),
                event.sku,
                event.stock
            )
        });
    }

    fn commanded(&mut self, at: At, slot: Slot, event: &ListingEvent, cause: &Cause, shared: &mut Shared) {
        let command = match cause {
            Cause::Command(Command::Listing(command)) if command.sku == event.sku => Some(command),
            _ => {
                self.check_uncaused(at, cause, shared);
                None
            }
        };
        if let Some(command) = command {
            shared.check(agrees(command, event), Law::ListingLife, at, || {
                format!("{command:?} became {event:?}")
            });
        }
        let listing = self.shelf.listing(slot);
        let repeat = listing.is_some_and(|listing| listing.commands.get(&event.id) == Some(&true));
        shared
            .check(!repeat, Law::Duplicated, at, || format!("listing command {} is decided again", event.id));
        match event.reason {
            Some(reason) if event.kind == ListingEventKind::Refused => {
                let allowed = refusal_allowed(&self.shelf, listing, command, reason);
                shared.check(allowed, Law::RefusedWrongly, at, || {
                    format!("{command:?} about {} is refused as {}", event.sku, reason.name())
                });
            }
            _ => {
                let wrong = must_be_refused(listing, event);
                shared.check(!wrong, Law::AcceptedWrongly, at, || format!("{event:?} had to be refused"));
                self.carry_out_listing(at, slot, event, shared);
            }
        }
        if let Some(listing) = self.shelf.listing_mut(slot) {
            listing.commands.insert(event.id, event.kind != ListingEventKind::Refused);
        }
    }

    fn carry_out_listing(&mut self, at: At, slot: Slot, event: &ListingEvent, shared: &mut Shared) {
        match (event.kind, &event.settings) {
            (ListingEventKind::Opened, Some(settings)) if self.shelf.listing(slot).is_none() => {
                self.shelf.open(slot, settings.clone(), event.delta, at.offset);
                return;
            }
            (ListingEventKind::Changed, Some(settings)) => {
                let Some(listing) = self.shelf.listing_mut(slot) else { return };
                let before = std::mem::replace(&mut listing.settings, settings.clone());
                listing.settings_from = at.offset;
                self.shelf.closing.remove(&(before.closes_at, slot));
                if settings.closes_at.0 > 0 {
                    self.shelf.closing.insert((settings.closes_at, slot));
                }
                return;
            }
            (ListingEventKind::Closed, _) => {
                self.close_listing(slot);
                return;
            }
            (ListingEventKind::Revealed, _) => {
                self.reveal(at, slot, event, shared);
                return;
            }
            _ => {}
        }
        let Some(listing) = self.shelf.listing_mut(slot) else {
            shared.found(Law::ListingLife, at, || format!("{} is not listed: {event:?}", event.sku));
            return;
        };
        match event.kind {
            ListingEventKind::Paused => listing.paused = true,
            ListingEventKind::Resumed => listing.paused = false,
            ListingEventKind::Restocked => {
                listing.free = listing.free.saturating_add(event.delta);
                listing.put_in = listing.put_in.saturating_add(event.delta);
                let below = listing.free < 0;
                shared.check(!below, Law::Oversold, at, || {
                    format!("{} loses units it has not free", event.sku)
                });
            }
            _ => shared.found(Law::ListingLife, at, || format!("{event:?} says no settings")),
        }
    }

    /// The window of a draw ends.
    fn reveal(&mut self, at: At, slot: Slot, event: &ListingEvent, shared: &mut Shared) {
        let commitment = self.shelf.listing(slot).and_then(|listing| listing.settings.draw);
        let right = commitment.zip(event.seed).is_some_and(|(commitment, seed)| opens(&commitment, &seed));
        shared.check(right, Law::DrawSeed, at, || {
            format!("{} is committed to {commitment:?}, revealed is {:?}", event.sku, event.seed)
        });
        if let (Some(listing), Some(seed)) = (self.shelf.listing_mut(slot), event.seed) {
            self.to_order += listing.reveal(seed);
        }
    }

    fn close_listing(&mut self, slot: Slot) {
        let Some(listing) = self.shelf.listing_mut(slot) else { return };
        listing.closed = true;
        let closes_at = listing.settings.closes_at;
        self.shelf.closing.remove(&(closes_at, slot));
    }
}

/// Whether the event says what the command does.
fn agrees(command: &ListingCommand, event: &ListingEvent) -> bool {
    if command.id != event.id {
        return false;
    }
    if event.kind == ListingEventKind::Refused {
        return event.reason.is_some();
    }
    let same = |settings| event.settings.as_ref() == Some(settings);
    match &command.change {
        ListingChange::Open { settings, stock } => {
            event.kind == ListingEventKind::Opened && event.delta == *stock && same(settings)
        }
        ListingChange::Change(settings) => event.kind == ListingEventKind::Changed && same(settings),
        ListingChange::Restock { delta } => {
            event.kind == ListingEventKind::Restocked && event.delta == *delta
        }
        ListingChange::Pause => event.kind == ListingEventKind::Paused,
        ListingChange::Resume => event.kind == ListingEventKind::Resumed,
        ListingChange::Close => event.kind == ListingEventKind::Closed,
        ListingChange::Reveal { seed } => {
            event.kind == ListingEventKind::Revealed && event.seed == Some(*seed)
        }
    }
}

/// Whether a change that was made had to be refused.
fn must_be_refused(listing: Option<&Listing>, event: &ListingEvent) -> bool {
    let invalid = event.settings.as_ref().is_some_and(surely_invalid);
    let most = i64::from(limits::LISTING_STOCK_MAX);
    match (event.kind, listing) {
        (ListingEventKind::Opened, listing) => {
            listing.is_some() || invalid || !(0..=most).contains(&event.delta)
        }
        (_, None) => true,
        (ListingEventKind::Changed, Some(listing)) => {
            let moved = |settings| listing.is_moved_by(settings);
            listing.closed || invalid || event.settings.as_ref().is_some_and(moved)
        }
        (ListingEventKind::Restocked, Some(listing)) => {
            listing.put_in.saturating_add(event.delta) > most || listing.free.saturating_add(event.delta) < 0
        }
        (ListingEventKind::Paused | ListingEventKind::Resumed | ListingEventKind::Closed, Some(listing)) => {
            listing.closed
        }
        (ListingEventKind::Revealed, Some(listing)) => listing.closed || !listing.in_window(),
        (ListingEventKind::Refused, _) => false,
    }
}

/// Whether the reason of a refusal is true, as far as the command is known.
fn refusal_allowed(
    shelf: &crate::stock::Shelf,
    listing: Option<&Listing>,
    command: Option<&ListingCommand>,
    reason: RejectReason,
) -> bool {
    let change = command.map(|command| &command.change);
    let most = i64::from(limits::LISTING_STOCK_MAX);
    let (settings, units) = match change {
        Some(ListingChange::Open { settings, stock }) => (Some(settings), Some(*stock)),
        Some(ListingChange::Change(settings)) => (Some(settings), None),
        Some(ListingChange::Restock { delta }) => (None, Some(*delta)),
        _ => (None, None),
    };
    let open = change.is_none() || matches!(change, Some(ListingChange::Open { .. }));
    let seed = match change {
        Some(ListingChange::Reveal { seed }) => Some(seed),
        _ => None,
    };
    let is_reveal = change.is_none() || seed.is_some();
    match reason {
        RejectReason::ListingUnknown => listing.is_none(),
        RejectReason::ListingClosed => listing.is_some_and(|listing| listing.closed),
        RejectReason::ListingExists => listing.is_some() && open,
        RejectReason::SettingsInvalid => settings.is_none_or(|settings| {
            let moved = listing.is_some_and(|listing| listing.is_moved_by(settings));
            moved || perhaps_invalid(settings)
        }),
        RejectReason::StockTooLarge => {
            units.is_none_or(|units| listing.map_or(0, |listing| listing.put_in).saturating_add(units) > most)
        }
        RejectReason::StockBelowZero => {
            units.is_none_or(|units| listing.map_or(0, |listing| listing.free).saturating_add(units) < 0)
        }
        RejectReason::DrawNotOpen => is_reveal && listing.is_some_and(|listing| !listing.in_window()),
        RejectReason::SeedDiffers => {
            let commitment = listing.filter(|listing| listing.in_window()).and_then(|l| l.settings.draw);
            is_reveal
                && commitment.is_some_and(|commitment| seed.is_none_or(|seed| !opens(&commitment, seed)))
        }
        RejectReason::TooManyListings => shelf.count >= limits::LISTINGS_MAX,
        RejectReason::TooManyChanges => {
            listing.is_some_and(|listing| listing.commands.len() >= limits::CHANGES_MAX)
        }
        _ => false,
    }
}
