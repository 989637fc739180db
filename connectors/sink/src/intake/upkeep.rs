//! What the intake does beside reading, now and then, and what may fail without harm.

use std::time::Instant;

use order_model::Partition;

use super::{FromLog, Intake};
use crate::limits::{COMMIT_INTERVAL, CONTROLS_INTERVAL, ENDS_INTERVAL};

impl Intake {
    /// Does what is due.
    pub(super) fn chores(&mut self) {
        let now = Instant::now();
        if now >= self.next_commit {
            self.next_commit = now + COMMIT_INTERVAL;
            self.commit_all();
        }
        if now >= self.next_end {
            self.look_at_an_end(now);
        }
        if now >= self.next_controls
            && let Some(follower) = &mut self.follower
        {
            self.next_controls = now + CONTROLS_INTERVAL;
            match follower.catch_up() {
                Ok(()) => {
                    let is_paused = follower.is_paused();
                    if is_paused != self.is_paused {
                        self.is_paused = is_paused;
                        self.tell(FromLog::Paused(is_paused));
                    }
                }
                Err(error) => tracing::warn!(sink = self.sink, %error, "the controls cannot be read"),
            }
        }
        if let Ok(heartbeat) = self.heartbeats.try_recv()
            && let Some(controls) = self.controls()
            && let Err(error) = controls.beat(&heartbeat)
        {
            tracing::warn!(sink = self.sink, %error, "the heartbeat was not written");
        }
    }

    fn look_at_an_end(&mut self, now: Instant) {
        let after = self.owned.range(self.looked_at.saturating_add(1)..).next();
        let Some((partition, _)) = after.or_else(|| self.owned.first_key_value()) else { return };
        self.looked_at = *partition;
        let shares = u32::try_from(self.owned.len()).unwrap_or(u32::MAX);
        self.next_end = now + ENDS_INTERVAL / shares;
        match self.parts.log.bounds(&self.options.topics.decisions, *partition) {
            Ok(bounds) => self.tell(FromLog::End(Partition(*partition), bounds.end)),
            Err(error) => tracing::warn!(sink = self.sink, partition, %error, "the end cannot be looked at"),
        }
    }

    pub(super) fn commit_all(&mut self) {
        let partitions: Vec<u32> = self.owned.keys().copied().collect();
        partitions.into_iter().for_each(|partition| self.commit(partition));
    }

    pub(super) fn commit(&mut self, partition: u32) {
        let Some(own) = self.owned.get_mut(&partition) else { return };
        if own.written > own.committed {
            own.committed = own.written;
            self.member.commit(partition, own.written);
        }
    }
}
