//! The schedule: who does the next small step. Chance alone decides.

use std::collections::BTreeMap;

use order_model::TimeMs;

use crate::check::check;
use crate::faults::{CrashPoint, Orphan};
use crate::finish::Ended as EndOfRun;
use crate::limits::{PROCESSES_MAX, STEPS_AFTER_ARRIVALS, STEPS_MAX};
use crate::outcome::{Sabotage, SimFailure, SimOptions, SimOutcome};
use crate::process::{Ended, Process};
use crate::shoppers::Shoppers;
use crate::wire::{land, locked};
use crate::world::World;

/// See the module.
pub(crate) struct Schedule {
    pub(crate) world: World,
    pub(crate) shoppers: Shoppers,
    pub(crate) processes: BTreeMap<u32, Process>,
    /// Which worker the group says has each partition.
    pub(crate) owners: Vec<Option<u32>>,
    /// What dead workers left on the wire.
    pub(crate) orphans: Vec<Orphan>,
    pub(crate) workers_started: u32,
    pub(crate) faults: u64,
    /// How likely a fault is at each step, in per mille.
    pub(crate) faults_per_mille: u64,
    /// The point at which the next worker that gets there dies.
    pub(crate) crash_at: Option<CrashPoint>,
    pub(crate) registry_silent_until: u64,
}

impl Schedule {
    pub(crate) fn new(seed: u64, options: SimOptions) -> Result<Self, SimFailure> {
        let mut world = World::new(seed, options)?;
        let shoppers = Shoppers::new(seed, &mut world);
        let owners = (0..world.partitions).map(|_| None).collect();
        let faults_per_mille = world.one_of(&[1, 4, 4, 10]).unwrap_or(1);
        Ok(Self {
            world,
            shoppers,
            processes: BTreeMap::new(),
            owners,
            orphans: Vec::new(),
            workers_started: 0,
            faults: 0,
            faults_per_mille,
            crash_at: None,
            registry_silent_until: 0,
        })
    }

    /// The run itself, faults and all.
    pub(crate) fn play(&mut self) -> Result<(), SimFailure> {
        let mut left = STEPS_AFTER_ARRIVALS;
        for _ in 0..STEPS_MAX {
            self.world.numbers.steps += 1;
            self.step()?;
            if self.shoppers.is_over {
                left -= 1;
            }
            if left == 0 {
                break;
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), SimFailure> {
        match self.world.dice.below(1_000) {
            0..=89 => {
                let most = self.world.one_of(&[2, 10, 60, 60, 400]).unwrap_or(1);
                let milliseconds = 1 + self.world.dice.below(most);
                self.world.advance(milliseconds);
                self.let_time_pass();
            }
            90..=92 => self.shoppers.copy(&mut self.world)?,
            93..=149 => self.shoppers.arrive(&mut self.world)?,
            150..=209 => {
                self.shoppers.deliver(&mut self.world)?;
                let partition = self.any_partition();
                self.shoppers.pay(&mut self.world, partition)?;
            }
            210..=239 => self.assign()?,
            240..=619 => self.turn()?,
            620..=939 => self.move_wire()?,
            _ => self.land_orphans(1)?,
        }
        if self.world.dice.chance(self.faults_per_mille) {
            self.fault()?;
        }
        Ok(())
    }

    pub(crate) fn any_partition(&mut self) -> u32 {
        u32::try_from(self.world.dice.below(u64::from(self.world.partitions))).unwrap_or(0)
    }

    /// A worker that is awake.
    pub(crate) fn any_awake(&mut self) -> Option<u32> {
        let awake: Vec<u32> = self
            .processes
            .values()
            .filter(|process| process.asleep_until.is_none())
            .map(|process| process.id)
            .collect();
        self.world.one_of(&awake)
    }

    /// Gives a partition that nobody has to somebody.
    fn assign(&mut self) -> Result<(), SimFailure> {
        let partition = self.any_partition();
        let index = usize::try_from(partition).unwrap_or(0);
        if self.owners.get(index).copied().flatten().is_some() {
            return Ok(());
        }
        let fits = |process: &&Process| process.is_available() && !process.owned.contains_key(&partition);
        let mut choices: Vec<Option<u32>> =
            self.processes.values().filter(fits).map(|process| Some(process.id)).collect();
        if self.processes.len() < PROCESSES_MAX {
            choices.push(None);
        }
        let Some(chosen) = self.world.one_of(&choices) else { return Ok(()) };
        let id = match chosen {
            Some(id) => id,
            None => self.start_worker()?,
        };
        self.give(partition, id)
    }

    pub(crate) fn start_worker(&mut self) -> Result<u32, SimFailure> {
        self.workers_started += 1;
        let id = self.workers_started;
        self.processes.insert(id, Process::start(id, &mut self.world)?);
        Ok(id)
    }

    pub(crate) fn give(&mut self, partition: u32, id: u32) -> Result<(), SimFailure> {
        let owner = usize::try_from(partition).ok().and_then(|index| self.owners.get_mut(index));
        if let (Some(owner), Some(process)) = (owner, self.processes.get_mut(&id)) {
            *owner = Some(id);
            process.take_over(partition, &mut self.world)?;
        }
        Ok(())
    }

    /// A worker that is awake takes a small step.
    fn turn(&mut self) -> Result<(), SimFailure> {
        let Some(id) = self.any_awake() else { return Ok(()) };
        let Some(process) = self.processes.get_mut(&id) else { return Ok(()) };
        let ended = process.turn(&mut self.world).err();
        process.hear_of_losses(&mut self.world);
        let gap = process.relay_gap();
        if let Some(partition) = gap {
            let detail = format!("a relay came to partition {partition} before its predecessor");
            return Err(SimFailure::Relays(detail));
        }
        self.note_handovers(id);
        match ended {
            None => Ok(()),
            Some(Ended::ByABug(failure)) => Err(failure),
            Some(Ended::ByTheLog) => {
                self.world.numbers.acknowledgements_lost += 1;
                self.bury(id, "the log failed it");
                Ok(())
            }
        }
    }

    /// Partitions a worker has given back are nobody's.
    fn note_handovers(&mut self, id: u32) {
        let Some(process) = self.processes.get(&id) else { return };
        for (partition, owner) in (0..).zip(&mut self.owners) {
            if *owner == Some(id) && !process.owned.contains_key(&partition) {
                *owner = None;
            }
        }
    }

    /// Records land, or acknowledgements arrive, for some worker; also for one that sleeps.
    fn move_wire(&mut self) -> Result<(), SimFailure> {
        let ids: Vec<u32> = self.processes.keys().copied().collect();
        let Some(id) = self.world.one_of(&ids) else { return Ok(()) };
        let Some(wire) = self.processes.get(&id).map(|process| process.wire.clone()) else { return Ok(()) };
        if self.world.dice.chance(400) {
            let early = self.world.sabotage == Some(Sabotage::AcknowledgeEarly);
            if locked(&wire).acknowledge(early) {
                self.world.note(format_args!("worker {id} will hear of a batch"));
            }
            return Ok(());
        }
        let lanes = locked(&wire).busy_lanes();
        let index = usize::try_from(self.world.dice.below(u64::try_from(lanes.len()).unwrap_or(0)));
        let Some(lane) = index.ok().and_then(|index| lanes.get(index)) else { return Ok(()) };
        for _ in 0..self.world.one_to(6) {
            let Some(landed) = land(&wire, lane, &mut self.world)? else { break };
            let is_others = self.owner_of(lane.1) != Some(id);
            if lane.0 == self.world.topics.decisions && is_others {
                self.world.numbers.zombie_decisions += 1;
            }
            if self.crash_at.is_some_and(|point| point.is_reached(landed)) {
                self.crash_at_point(id);
                break;
            }
        }
        Ok(())
    }

    pub(crate) fn owner_of(&self, partition: u32) -> Option<u32> {
        usize::try_from(partition).ok().and_then(|index| self.owners.get(index).copied()).flatten()
    }

    /// Checks the log at the end.
    pub(crate) fn check(&mut self, ended: &EndOfRun) -> Result<(), SimFailure> {
        check(&mut self.world, ended)
    }

    /// What the run came to, whether or not it was found wanting.
    pub(crate) fn outcome(mut self, seed: u64, mut failure: Option<SimFailure>) -> SimOutcome {
        self.world.numbers.registry_silences = self.world.registry.silences();
        let bytes = self.hash_topics();
        failure = failure.or_else(|| bytes.err());
        let digest = self.world.trace_mut().digest();
        let trace = self.world.trace_mut().take_lines();
        SimOutcome { seed, digest, numbers: self.world.numbers, failure, trace }
    }

    fn hash_topics(&mut self) -> Result<(), SimFailure> {
        let topics = self.world.topics.clone();
        for topic in [&topics.orders, &topics.decisions, &topics.dead_letters] {
            for partition in 0..self.world.partitions {
                let records = self.world.records(topic, partition)?;
                let trace = self.world.trace_mut();
                trace.bytes(topic.as_bytes());
                for record in &records {
                    trace.bytes(&record.time_ms.to_le_bytes());
                    for part in [&record.key, &record.value] {
                        trace.bytes(&[u8::from(part.is_some())]);
                        trace.bytes(part.as_deref().unwrap_or_default());
                    }
                    trace.bytes(&record.headers);
                }
            }
        }
        Ok(())
    }

    /// The virtual time, as a worker has it.
    pub(crate) fn now(&self) -> TimeMs {
        TimeMs(self.world.now_ms())
    }
}
