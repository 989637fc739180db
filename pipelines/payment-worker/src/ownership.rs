//! Partitions come and go: how the desk restores one that is assigned, and gives back one that is not its own any more.
//!
//! Promised: no money is taken for a partition before all that earlier owners may have begun is known; one that goes is
//! given back as soon as its calls have come back.

use std::time::Instant;

use order_log::LogError;
use order_model::{OrderId, Sequence, TimeMs};

use crate::desk::{Desk, Owned, State, queue};
use crate::error::PaymentError;
use crate::limits::BEGIN_RETRY;
use crate::shelf::Shelf;
use crate::worker::Moment;

impl Desk {
    pub(crate) fn begin_assigned(&mut self) -> Result<(), PaymentError> {
        let now = Instant::now();
        let due = self.assigned.iter().find(|(_, at)| **at <= now).map(|(partition, _)| *partition);
        let Some(partition) = due else { return Ok(()) };
        match self.begin(partition) {
            Err(LogError::Unreachable { .. }) => {
                self.assigned.insert(partition, Instant::now() + BEGIN_RETRY);
                Ok(())
            }
            begun => {
                self.assigned.remove(&partition);
                Ok(begun?)
            }
        }
    }

    /// A partition is ours: its open orders are what its decisions, read from the beginning, leave open.
    pub(crate) fn begin(&mut self, partition: u32) -> Result<(), LogError> {
        let bounds = self.parts.log.bounds(&self.options.decisions, partition)?;
        self.member.start(partition, bounds.start)?;
        if self.is_paused {
            self.member.pause(partition)?;
        }
        let owned = Owned {
            shelf: Shelf::default(),
            state: State::Restoring { end: bounds.end, try_at: None },
            next_offset: bounds.start,
            sequence: Sequence(0),
            decided: None,
            read_at: TimeMs(0),
            calling: 0,
        };
        self.owned.insert(partition, owned);
        self.weigh_anew();
        (self.parts.observer)(Moment::Assigned(partition));
        Ok(())
    }

    /// Restores what has been read far enough: what the log was told and has not decided is looked up on `orders`.
    pub(crate) fn catch_up(&mut self) -> Result<(), PaymentError> {
        let due = self.owned.iter().find_map(|(partition, owned)| match owned.state {
            State::Restoring { end, try_at } if owned.next_offset >= end => {
                try_at.is_none_or(|at| at <= Instant::now()).then_some(*partition)
            }
            _ => None,
        });
        let Some(partition) = due else { return Ok(()) };
        let Some(owned) = self.owned.get_mut(&partition) else { return Ok(()) };
        let from = owned.decided.map_or(0, |offset| offset.saturating_add(1));
        let settles = match self.look_back.settles(partition, from) {
            Ok(settles) => settles,
            Err(error @ LogError::Unreachable { .. }) => {
                tracing::warn!(partition, %error, "the partition cannot be restored yet; trying again");
                let end = owned.next_offset;
                owned.state = State::Restoring { end, try_at: Some(Instant::now() + BEGIN_RETRY) };
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        for settle in &settles {
            if let Some(dossier) = owned.shelf.get_mut(&settle.order) {
                dossier.note_told(settle);
            }
        }
        owned.state = State::Live;
        let orders: Vec<OrderId> = owned.shelf.orders().map(|(order, _)| *order).collect();
        for order in orders {
            queue(&mut self.ready, owned, partition, order);
        }
        self.weigh_anew();
        (self.parts.observer)(Moment::Restored(partition));
        Ok(())
    }

    pub(crate) fn leave_all(&mut self) -> Result<(), PaymentError> {
        for (partition, _) in std::mem::take(&mut self.assigned) {
            self.member.stop(partition)?;
        }
        let partitions: Vec<u32> = self.owned.keys().copied().collect();
        for partition in partitions {
            if self.owned.get(&partition).is_some_and(|owned| owned.state != State::Leaving) {
                self.member.pause(partition)?;
            }
            self.leave(partition)?;
        }
        Ok(())
    }

    pub(crate) fn leave(&mut self, partition: u32) -> Result<(), PaymentError> {
        match self.owned.get_mut(&partition) {
            Some(owned) => owned.state = State::Leaving,
            None => {
                self.assigned.remove(&partition);
                self.member.stop(partition)?;
            }
        }
        Ok(())
    }

    /// Gives back the partitions that are to go and have no call under way: whoever comes next looks at the rest.
    pub(crate) fn give_back(&mut self) -> Result<(), PaymentError> {
        let done: Vec<u32> = self
            .owned
            .iter()
            .filter(|(_, owned)| owned.state == State::Leaving && owned.calling == 0)
            .map(|(partition, _)| *partition)
            .collect();
        for partition in done {
            self.owned.remove(&partition);
            self.weigh_anew();
            self.member.stop(partition)?;
            (self.parts.observer)(Moment::Released(partition));
        }
        Ok(())
    }
}
