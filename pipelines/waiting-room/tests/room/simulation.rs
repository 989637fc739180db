//! A pipeline of a bounded speed behind the room, by seed: people think, leave, or never order; several gateways pace, each
//! with figures of its own that are a little old, and one after the other dies.
//!
//! Shown: the lag stays bounded, the pipeline is used, and the estimates hold as often as they say.

use std::collections::{BTreeMap, VecDeque};

use fastrand::Rng;
use order_model::TimeMs;
use waiting_room::{
    Admit, Eta, Figures, LastAdmission, Meter, Ordered, Outcome, PaceTarget, RoomEvent, Standing,
    people_to_admit,
};

use crate::support::{OPENS, Script, enter, leave, opening, reveal};

const TICK_MS: u64 = 20;
const PEOPLE: u32 = 60_000;
const GATEWAYS: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Thinking {
    /// Independent of how long one has thought: many quick ones, few slow ones.
    Exponential { mean_ms: f64 },
    /// Everybody takes about the same.
    Around { from_ms: u64, to_ms: u64 },
    /// Programs, and people who know what they want.
    Instant,
}

impl Thinking {
    fn draw(self, rng: &mut Rng) -> u64 {
        match self {
            Self::Exponential { mean_ms } => {
                let milli = (-(1.0 - rng.f64()).ln() * mean_ms).round();
                format!("{milli:.0}").parse().unwrap()
            }
            Self::Around { from_ms, to_ms } => rng.u64(from_ms..to_ms),
            Self::Instant => rng.u64(0..100),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    seed: u64,
    thinking: Thinking,
    /// Of ten people, so many never order.
    idle_of_ten: u32,
    /// Orders decided a second, before and after the change.
    speed: (u32, u32),
    change_ms: u64,
    /// Of a thousand who wait, so many leave each second.
    leavers_permille: u32,
}

#[derive(Debug, Default)]
struct Seen {
    used_permille: u64,
    lag_ms_max: u64,
    estimates: u32,
    held: u32,
    width_permille: u64,
}

struct World {
    plan: Plan,
    rng: Rng,
    script: Script,
    now: u64,
    /// When whose order comes in; those of who never orders are not there.
    orders: BTreeMap<u64, Vec<u32>>,
    queue: VecDeque<u32>,
    decided: u64,
    credit: u64,
    ordered: Ordered,
    place_of: Vec<u32>,
    admitted_at: Vec<Option<u64>>,
    asked: Vec<(u32, u64, Eta)>,
    meters: [Meter; GATEWAYS],
    places: BTreeMap<u32, u32>,
    admitted: u32,
}

impl World {
    fn new(plan: Plan) -> Self {
        let mut script = Script::opened();
        let mut places = BTreeMap::new();
        for number in 0..PEOPLE / 2 {
            script.at(6_000, enter(number));
        }
        script.at(OPENS, reveal());
        for number in PEOPLE / 2..PEOPLE {
            script.at(OPENS, enter(number));
        }
        let mut place_of = Vec::new();
        for number in 0..PEOPLE {
            places.insert(script.waits(number).0, number);
            place_of.push(script.waits(number).0);
        }
        let count = usize::try_from(PEOPLE).unwrap();
        Self {
            plan,
            rng: Rng::with_seed(plan.seed),
            script,
            now: OPENS,
            orders: BTreeMap::new(),
            queue: VecDeque::new(),
            decided: 0,
            credit: 0,
            ordered: Ordered::default(),
            place_of,
            admitted_at: vec![None; count],
            asked: Vec::new(),
            meters: Default::default(),
            places,
            admitted: 0,
        }
    }

    fn index(number: u32) -> usize {
        usize::try_from(number).unwrap()
    }

    fn speed(&self) -> u64 {
        let (before, after) = self.plan.speed;
        u64::from(if self.now - OPENS < self.plan.change_ms { before } else { after })
    }

    /// Orders come in and are decided; says how many were and how many could have been.
    fn decide(&mut self) -> (u64, u64) {
        let later = self.orders.split_off(&(self.now + 1));
        for number in std::mem::replace(&mut self.orders, later).into_values().flatten() {
            self.queue.push_back(number);
        }
        self.credit += self.speed() * TICK_MS;
        let able = self.credit / 1_000;
        self.credit %= 1_000;
        let mut done = 0;
        while done < able
            && let Some(number) = self.queue.pop_front()
        {
            self.ordered.note(self.place_of[Self::index(number)]);
            done += 1;
        }
        self.decided += done;
        (done, able)
    }

    /// All gateways that live look at the same moment, as badly as it can fall; one record takes effect.
    fn pace(&mut self, target: &PaceTarget) {
        let summary = self.script.summary();
        if summary.waiting == 0 {
            return;
        }
        let alive = if self.now - OPENS < 20_000 { GATEWAYS } else { 1 };
        let room = self.script.rooms.get(&self.script.room).unwrap();
        let outlook = room.outlook(TimeMs(self.now), target.think_ms.into(), &self.ordered).unwrap();
        let mut taken = 0;
        for meter in self.meters.iter().take(alive) {
            let pipeline = meter.read().unwrap_or_default();
            let figures = Figures {
                decided_per_s: pipeline.decided_per_s,
                best_per_s: pipeline.best_per_s,
                arrived_per_s: pipeline.arrived_per_s,
                lag_records: pipeline.lag_records,
                expected: outlook.expected,
                ordering_permille: outlook.ordering_permille,
            };
            let last = LastAdmission {
                since_ms: self.now - summary.admitted_at.0,
                expected: summary.expected_after,
                mean_thinking: outlook.mean_thinking,
            };
            let people = people_to_admit(target, &figures, &last, summary.waiting);
            let up_to = self.script.rooms.get(&self.script.room).unwrap().place_after(people);
            if up_to <= summary.admitted {
                continue;
            }
            let admit = Admit { opening: opening(1).id, step: summary.step, up_to, figures };
            taken +=
                u32::from(matches!(self.script.at(self.now, RoomEvent::Admit(admit)), Outcome::Admitted(_)));
        }
        assert!(taken <= 1, "two gateways admitted in one turn");
        let admitted = self.script.summary().admitted;
        for place in self.admitted + 1..=admitted {
            let number = self.places[&place];
            if !matches!(self.script.standing(number), Standing::Admitted { .. }) {
                continue;
            }
            self.admitted_at[Self::index(number)] = Some(self.now);
            if self.rng.u32(0..10) >= self.plan.idle_of_ten {
                let thinks = self.plan.thinking.draw(&mut self.rng);
                self.orders.entry(self.now + thinks.max(1)).or_default().push(number);
            }
        }
        self.admitted = admitted;
    }

    /// Some of those who wait look at their estimate, and some leave.
    fn wander(&mut self) {
        for _ in 0..20 {
            let number = self.rng.u32(0..PEOPLE);
            let Standing::Waiting { ahead, .. } = self.script.standing(number) else { continue };
            if let Some(eta) = self.script.rooms.get(&self.script.room).unwrap().eta(ahead) {
                self.asked.push((number, self.now, eta));
            }
        }
        for _ in 0..self.script.summary().waiting * self.plan.leavers_permille / 1_000 {
            let number = self.rng.u32(0..PEOPLE);
            if matches!(self.script.standing(number), Standing::Waiting { .. }) {
                self.script.at(self.now, leave(number));
            }
        }
    }

    fn run(mut self) -> Seen {
        let target = PaceTarget::default();
        let (mut done, mut able, mut lag_ms_max) = (0, 0, 0);
        while self.script.summary().waiting > 0 {
            self.now += TICK_MS;
            assert!(self.now < OPENS + 3_600_000, "the room does not empty: {:?}", self.script.summary());
            let (did, could) = self.decide();
            // The first seconds belong to those who are only just let in.
            if self.now > OPENS + 120_000 {
                done += did;
                able += could;
            }
            lag_ms_max = lag_ms_max.max(u64::try_from(self.queue.len()).unwrap() * 1_000 / self.speed());
            let gateway = usize::try_from(self.now / TICK_MS).unwrap() % GATEWAYS;
            let lag = u64::try_from(self.queue.len()).unwrap();
            self.meters[gateway].sample(TimeMs(self.now), self.decided, lag);
            if self.now.is_multiple_of(100) {
                self.pace(&target);
            }
            if self.now.is_multiple_of(1_000) {
                self.wander();
            }
        }
        let mut seen = Seen { used_permille: done * 1_000 / able.max(1), lag_ms_max, ..Seen::default() };
        for (number, at, eta) in self.asked {
            // Who left does not learn whether it was right.
            let Some(admitted_at) = self.admitted_at[Self::index(number)] else { continue };
            let waited = admitted_at - at;
            seen.estimates += 1;
            seen.held += u32::from((eta.early_ms..=eta.late_ms).contains(&waited));
            seen.width_permille += (eta.late_ms - eta.early_ms) * 1_000 / eta.likely_ms.max(1_000);
        }
        seen.width_permille /= u64::from(seen.estimates.max(1));
        seen
    }
}

const STEADY: Plan = Plan {
    seed: 1,
    thinking: Thinking::Exponential { mean_ms: 5_000.0 },
    idle_of_ten: 2,
    speed: (200, 200),
    change_ms: u64::MAX,
    leavers_permille: 0,
};

fn plans() -> Vec<(&'static str, Plan)> {
    vec![
        ("steady", STEADY),
        (
            "half the speed after two minutes",
            Plan { speed: (200, 100), change_ms: 120_000, seed: 2, ..STEADY },
        ),
        (
            "twice the speed after two minutes",
            Plan { speed: (100, 200), change_ms: 120_000, seed: 3, ..STEADY },
        ),
        (
            "everybody takes ten seconds",
            Plan { thinking: Thinking::Around { from_ms: 8_000, to_ms: 12_000 }, seed: 4, ..STEADY },
        ),
        ("programs", Plan { thinking: Thinking::Instant, idle_of_ten: 0, seed: 5, ..STEADY }),
        ("most only look", Plan { idle_of_ten: 7, seed: 6, ..STEADY }),
        (
            "everybody takes twenty seconds",
            Plan { thinking: Thinking::Around { from_ms: 15_000, to_ms: 25_000 }, seed: 10, ..STEADY },
        ),
        ("slow thinkers", Plan { thinking: Thinking::Exponential { mean_ms: 20_000.0 }, seed: 7, ..STEADY }),
        ("impatient", Plan { leavers_permille: 1, seed: 8, ..STEADY }),
        ("fast", Plan { speed: (500, 500), seed: 9, ..STEADY }),
    ]
}

#[test]
fn the_pipeline_is_used_and_never_swamped() {
    let (mut estimates, mut held) = (0, 0);
    for (what, plan) in plans() {
        let seen = World::new(plan).run();
        println!("{what}: {seen:?}");
        // What everybody does twenty seconds later is found out slowly, and comes in waves.
        let is_slow = matches!(plan.thinking, Thinking::Around { from_ms, .. } if from_ms > 10_000);
        let (used, lag_ms) = if is_slow { (700, 10_000) } else { (900, 5_000) };
        assert!(seen.used_permille >= used, "{what}: {seen:?}");
        assert!(seen.lag_ms_max <= lag_ms, "{what}: {seen:?}");
        if plan.change_ms == u64::MAX && !is_slow {
            assert!(seen.held * 10 >= seen.estimates * 8, "{what}: {seen:?}");
            assert!(seen.width_permille <= 1_000, "{what}: {seen:?}");
        }
        estimates += seen.estimates;
        held += seen.held;
    }
    assert!(estimates > 10_000, "{estimates} are too few to tell");
    // Some estimates are about a speed that changes before they come true, and those count too.
    assert!(held * 10 >= estimates * 8, "{held} of {estimates} estimates held");
}

#[test]
fn the_same_seed_is_the_same_evening() {
    let short = Plan { speed: (2_000, 2_000), ..STEADY };
    let certificate = || {
        let mut world = World::new(short);
        for _ in 0..500 {
            world.now += TICK_MS;
            world.decide();
            let lag = u64::try_from(world.queue.len()).unwrap();
            world.meters[0].sample(TimeMs(world.now), world.decided, lag);
            if world.now.is_multiple_of(100) {
                world.pace(&PaceTarget::default());
            }
        }
        world.script.rooms.get(&world.script.room).unwrap().certificate()
    };
    assert_eq!(certificate(), certificate());
}
