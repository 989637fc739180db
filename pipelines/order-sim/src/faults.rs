//! The faults: what may befall a worker, and what becomes of what it had on the wire.

use crate::limits::FAULTS_MAX;
use crate::outcome::SimFailure;
use crate::process::Process;
use crate::schedule::Schedule;
use crate::wire::{Kind, Landed, SharedWire, land, locked};

/// A point at which a worker may die that chance alone seldom hits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CrashPoint {
    /// The relays of a batch have landed, its decisions have not been appended.
    AfterRelays,
    /// Part of a batch of decisions has landed.
    WithinDecisions,
    /// A batch of decisions has landed and is not acknowledged.
    BeforeAcknowledgement,
}

impl CrashPoint {
    const ALL: [Self; 3] = [Self::AfterRelays, Self::WithinDecisions, Self::BeforeAcknowledgement];

    pub(crate) fn is_reached(self, landed: Landed) -> bool {
        match self {
            Self::AfterRelays => landed.kind == Kind::Relays && landed.left == 0 && !landed.has_decisions,
            Self::WithinDecisions => landed.kind == Kind::Decisions && landed.left > 0,
            Self::BeforeAcknowledgement => landed.kind == Kind::Decisions && landed.left == 0,
        }
    }
}

/// What a dead worker left on the wire.
pub(crate) struct Orphan {
    process: u32,
    wire: SharedWire,
}

impl Schedule {
    /// Something goes wrong.
    pub(crate) fn fault(&mut self) -> Result<(), SimFailure> {
        if self.faults >= FAULTS_MAX {
            return Ok(());
        }
        let Some(id) = self.any_awake() else { return Ok(()) };
        self.faults += 1;
        match self.world.dice.below(100) {
            0..=19 => {
                self.world.numbers.crashes += 1;
                self.bury(id, "it crashed");
            }
            20..=39 => self.crash_at = self.world.one_of(&CrashPoint::ALL),
            40..=59 => self.pause(id),
            60..=69 => self.lose_acknowledgements(id),
            70..=79 => self.hand_over(id),
            80..=91 => self.lose_partition(id),
            _ => {
                self.registry_silent_until = self.world.now_ms() + self.world.dice.below(3_000);
                self.world.registry.silence(true);
                self.world.note(format_args!("the registry falls silent"));
            }
        }
        Ok(())
    }

    /// A worker is dead. Part of what it had on the wire will land.
    pub(crate) fn bury(&mut self, id: u32, why: &str) {
        let Some(process) = self.processes.remove(&id) else { return };
        let mut wire = locked(&process.wire);
        self.world.numbers.torn_batches += wire.torn_batches();
        self.world.numbers.full_queues += wire.take_full_queues();
        self.world.numbers.records_lost_on_the_wire += wire.orphan(&mut self.world.dice);
        drop(wire);
        self.orphans.push(Orphan { process: id, wire: process.wire.clone() });
        self.owners.iter_mut().filter(|owner| **owner == Some(id)).for_each(|owner| *owner = None);
        self.world.note(format_args!("worker {id} is gone: {why}"));
    }

    pub(crate) fn crash_at_point(&mut self, id: u32) {
        let Some(point) = self.crash_at.take() else { return };
        let numbers = &mut self.world.numbers;
        numbers.crashes += 1;
        match point {
            CrashPoint::AfterRelays => numbers.crashes_after_relays += 1,
            CrashPoint::WithinDecisions => numbers.crashes_within_decisions += 1,
            CrashPoint::BeforeAcknowledgement => numbers.crashes_before_acknowledgement += 1,
        }
        self.bury(
            id,
            match point {
                CrashPoint::AfterRelays => "it crashed after its relays had landed",
                CrashPoint::WithinDecisions => "it crashed when half of its decisions had landed",
                CrashPoint::BeforeAcknowledgement => {
                    "it crashed before it heard that its decisions had landed"
                }
            },
        );
    }

    /// A worker falls asleep. Mostly the group gives its partitions to others meanwhile.
    fn pause(&mut self, id: u32) {
        let until = self.world.now_ms() + 50 + self.world.dice.below(4_000);
        if let Some(process) = self.processes.get_mut(&id).filter(|process| !process.owned.is_empty()) {
            process.asleep_until = Some(until);
            self.world.numbers.pauses += 1;
            self.world.note(format_args!("worker {id} sleeps until {until}"));
            if self.world.dice.chance(800) {
                self.owners.iter_mut().filter(|owner| **owner == Some(id)).for_each(|owner| *owner = None);
            }
        }
    }

    fn lose_acknowledgements(&mut self, id: u32) {
        let patience = self.world.now_ms() + 100 + self.world.dice.below(1_500);
        if let Some(process) = self.processes.get_mut(&id) {
            process.patience_ends = Some(patience);
            locked(&process.wire).is_silent = true;
            self.world.note(format_args!("worker {id} hears no more from the log until {patience}"));
        }
    }

    /// A partition is asked back in order.
    fn hand_over(&mut self, id: u32) {
        let partition = self.any_partition();
        if self.owner_of(partition) == Some(id)
            && let Some(process) = self.processes.get_mut(&id)
        {
            process.finish_partition(partition);
            self.world.note(format_args!("worker {id} is asked to give partition {partition} back"));
        }
    }

    /// A partition goes to others, and the worker hears of it later.
    fn lose_partition(&mut self, id: u32) {
        let partition = self.any_partition();
        let steps = self.world.dice.below(40);
        let owner = usize::try_from(partition).ok().and_then(|index| self.owners.get_mut(index));
        let Some(owner) = owner.filter(|owner| **owner == Some(id)) else { return };
        let owned = self.processes.get_mut(&id).and_then(|process| process.owned.get_mut(&partition));
        if let Some(owned) = owned {
            *owner = None;
            owned.lost_in = Some(steps);
            self.world.numbers.partitions_lost += 1;
            self.world.note(format_args!("worker {id} loses partition {partition} and does not know"));
        }
    }

    /// Sleepers wake, patience ends, the registry speaks again.
    pub(crate) fn let_time_pass(&mut self) {
        let now = self.world.now_ms();
        if self.registry_silent_until <= now {
            self.world.registry.silence(false);
        }
        for process in self.processes.values_mut() {
            if process.asleep_until.is_some_and(|until| until <= now) {
                process.asleep_until = None;
                let lost = mark_losses(process, &self.owners, &mut self.world.dice);
                self.world.numbers.zombies += u64::from(lost > 0);
                let id = process.id;
                self.world.note(format_args!("worker {id} wakes, {lost} of its partitions are others'"));
            }
            if process.patience_ends.is_some_and(|ends| ends <= now) {
                let detail = "no acknowledgement came in time".to_owned();
                locked(&process.wire)
                    .break_with(order_log::LogError::Unreachable { log: "simulated".to_owned(), detail });
            }
        }
    }

    /// Some of what the dead left lands.
    pub(crate) fn land_orphans(&mut self, records: usize) -> Result<(), SimFailure> {
        let busy: Vec<(u32, SharedWire)> = self
            .orphans
            .iter()
            .filter(|orphan| !locked(&orphan.wire).busy_lanes().is_empty())
            .map(|orphan| (orphan.process, orphan.wire.clone()))
            .collect();
        let number = self.world.dice.below(u64::try_from(busy.len()).unwrap_or(0));
        let Some((process, wire)) = usize::try_from(number).ok().and_then(|index| busy.get(index)) else {
            self.orphans.clear();
            return Ok(());
        };
        let lanes = locked(wire).busy_lanes();
        let number = self.world.dice.below(u64::try_from(lanes.len()).unwrap_or(0));
        let Some(lane) = usize::try_from(number).ok().and_then(|index| lanes.get(index)) else {
            return Ok(());
        };
        for _ in 0..records {
            if land(wire, lane, &mut self.world)?.is_none() {
                break;
            }
            self.world.numbers.late_landings += 1;
            self.world.note(format_args!("that was dead worker {process}'s"));
        }
        Ok(())
    }
}

/// A worker that slept goes on with partitions others have, until it hears of it.
fn mark_losses(process: &mut Process, owners: &[Option<u32>], dice: &mut order_traffic::Dice) -> u64 {
    let mut lost = 0;
    for (partition, owned) in &mut process.owned {
        let owner = usize::try_from(*partition).ok().and_then(|index| owners.get(index).copied()).flatten();
        if owner != Some(process.id) && owned.lost_in.is_none() {
            owned.lost_in = Some(dice.below(60));
            lost += 1;
        }
    }
    lost
}
