//! What the writer hears and says: messages of the intake, requests of handles, the status and heartbeats.

use order_model::{Offset, Partition, TimeMs};
use tokio::time::Instant;

use super::{Asking, Writer};
use crate::controls::Heartbeat;
use crate::error::SinkError;
use crate::intake::{FromLog, ToIntake};
use crate::target::Target;

impl<T: Target> Writer<T> {
    pub(super) fn take(&mut self, message: FromLog) -> Result<(), SinkError> {
        match message {
            FromLog::Assigned(partition) => {
                self.asking.insert(partition, Asking { faults: 0, not_before: Instant::now() });
            }
            FromLog::Portion(portion, raw) => {
                self.lines.status.send_modify(|status| {
                    status.repeats += portion.repeats;
                    status.missing += portion.missing;
                    status.held_bytes += portion.bytes;
                    status.held_bytes_peak = status.held_bytes_peak.max(status.held_bytes);
                });
                self.gathered.push(portion, raw, Instant::now());
            }
            FromLog::Revoked(partition) => {
                self.forget(partition);
                self.tell(ToIntake::Released(partition));
            }
            FromLog::Lost(partition) => self.forget(partition),
            FromLog::End(partition, end) => self.lines.status.send_modify(|status| {
                if let Some(partition) = status.partitions.get_mut(&partition.0) {
                    partition.end = Offset(end);
                }
            }),
            FromLog::Paused(is_paused) => {
                self.is_paused_by_controls = is_paused;
                self.show_pause();
            }
            FromLog::Drained => self.is_drained = true,
            FromLog::Failed(error) => return Err(error),
        }
        Ok(())
    }

    pub(super) fn take_request(&mut self) {
        let request = *self.lines.asked.borrow_and_update();
        if request == self.request {
            return;
        }
        if request.drain && !self.request.drain {
            self.drain_until = Some(Instant::now() + self.options.limits.drain_timeout);
            self.tell(ToIntake::Drain);
        }
        self.request = request;
        self.show_pause();
    }

    fn show_pause(&self) {
        let is_paused = self.is_paused();
        self.lines.status.send_modify(|status| status.is_paused = is_paused);
    }

    /// Says something to the intake; when it is gone, its last message says why.
    pub(super) fn tell(&self, message: ToIntake) {
        self.lines.to_intake.send(message).ok();
    }

    /// Nothing more is written of a partition: whoever has it next asks the target.
    fn forget(&mut self, partition: Partition) {
        self.asking.remove(&partition);
        let mut freed = self.gathered.drop_partition(partition);
        if let Some(flush) = &mut self.flush {
            freed += flush.drop_partition(partition);
        }
        self.flush = self.flush.take().filter(|flush| !flush.progress.is_empty());
        // A fault that nothing waits for any more is over.
        let is_waiting = self.flush.is_some() || !self.asking.is_empty();
        self.free(freed);
        self.lines.status.send_modify(|status| {
            status.partitions.remove(&partition.0);
            status.fault = status.fault.take().filter(|_| is_waiting);
        });
    }

    pub(super) fn free(&self, bytes: usize) {
        self.tell(ToIntake::Freed(bytes));
        self.lines.status.send_modify(|status| status.held_bytes = status.held_bytes.saturating_sub(bytes));
    }

    pub(super) fn beat(&mut self) {
        let now = Instant::now();
        if now < self.next_heartbeat {
            return;
        }
        self.next_heartbeat = now + self.options.limits.heartbeat_interval;
        self.show_lag();
        if self.options.topics.controls.is_some() {
            let status = self.lines.status.borrow();
            let heartbeat = Heartbeat::of(self.sink, &self.options.instance, (self.parts.clock)(), &status);
            // When the one before was not written yet, this one is no news.
            self.lines.beat.try_send(heartbeat).ok();
        }
    }

    pub(super) fn show_lag(&self) {
        let now = (self.parts.clock)();
        self.lines.status.send_modify(|status| {
            for (number, partition) in &mut status.partitions {
                let flushed = self.flush.as_ref().and_then(|flush| flush.progress.get(&Partition(*number)));
                let oldest = flushed.map(|progress| progress.time).filter(|time| *time > TimeMs(0));
                let oldest = oldest.or_else(|| self.gathered.oldest(Partition(*number)));
                partition.lag_ms = oldest.map_or(0, |time| now.0.saturating_sub(time.0));
            }
        });
    }
}
