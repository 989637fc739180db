//! The end of a run: no more faults, one worker a partition, until nothing is left to do.

use order_core::Certificate;
use order_model::TimeMs;

use crate::limits::{ROUNDS_MAX, TICK_INTERVAL_MS};
use crate::outcome::SimFailure;
use crate::process;
use crate::schedule::Schedule;
use crate::wire::{land, locked};

/// What the last workers say.
pub(crate) struct Ended {
    /// The certificate of each partition, in order.
    pub(crate) certificates: Vec<Certificate>,
}

impl Schedule {
    /// Ends all faults and finishes everything.
    pub(crate) fn finish(&mut self) -> Result<Ended, SimFailure> {
        self.world.note(format_args!("faults end"));
        self.crash_at = None;
        self.world.registry.silence(false);
        let ids: Vec<u32> = self.processes.keys().copied().collect();
        ids.into_iter().for_each(|id| self.bury(id, "the end begins"));
        for partition in 0..self.world.partitions {
            let id = self.start_worker()?;
            self.give(partition, id)?;
        }
        for _ in 0..ROUNDS_MAX {
            if self.finishing_round()? {
                return self.ended();
            }
        }
        Err(SimFailure::NoRest(format!("after {ROUNDS_MAX} rounds there is still something to do")))
    }

    /// True when nothing is left to do.
    fn finishing_round(&mut self) -> Result<bool, SimFailure> {
        let mut is_done = true;
        while !self.orphans.is_empty() {
            self.land_orphans(usize::MAX)?;
        }
        if !self.shoppers.is_over {
            self.shoppers.arrive(&mut self.world)?;
            is_done = false;
        }
        self.shoppers.deliver(&mut self.world)?;
        for partition in 0..self.world.partitions {
            is_done &= !self.shoppers.pay(&mut self.world, partition)?;
        }
        let mut due = self.shoppers.next_due();
        for process in self.processes.values_mut() {
            match process.round(&mut self.world) {
                Ok(()) => {}
                Err(process::Ended::ByABug(failure)) => return Err(failure),
                Err(process::Ended::ByTheLog) => {
                    return Err(SimFailure::Simulator("the log failed after faults had ended".to_owned()));
                }
            }
            let lanes = locked(&process.wire).busy_lanes();
            for lane in &lanes {
                while land(&process.wire, lane, &mut self.world)?.is_some() {}
            }
            while locked(&process.wire).acknowledge(false) {}
            let (is_at_rest, next) = process.rest(&self.world)?;
            is_done &= is_at_rest;
            due = [due, next].into_iter().flatten().min();
        }
        if !is_done {
            return Ok(false);
        }
        let Some(TimeMs(due)) = due else { return Ok(true) };
        // At rest until then: go there, or give a tick the time it takes.
        let wait = due.saturating_sub(self.now().0).max(TICK_INTERVAL_MS);
        self.world.advance(wait);
        Ok(false)
    }

    fn ended(&mut self) -> Result<Ended, SimFailure> {
        let mut all = Vec::new();
        for process in self.processes.values() {
            all.extend(process.certificates());
        }
        all.sort_by_key(|(partition, ..)| *partition);
        if let Some((partition, ..)) = all.iter().find(|(.., gaps)| *gaps > 0) {
            let detail = format!("a relay came to partition {partition} before its predecessor");
            return Err(SimFailure::Relays(detail));
        }
        Ok(Ended { certificates: all.into_iter().map(|(_, certificate, _)| certificate).collect() })
    }
}
