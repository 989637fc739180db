//! The pace: how many people to admit next. A pure function of figures, without a clock and without memory.
//!
//! Who is admitted orders some seconds later, or never, so looking at the lag alone comes too late. What is steered is how
//! many orders are *expected*: of people admitted lately, less those who have ordered, less those who, as experience says,
//! will not. How many were expected on average, and how many orders came in meanwhile, tells how many it takes for one
//! order a second, whatever people do in between. So many are kept expected that orders come in at the rate the pipeline
//! decides, more while its lag is below the target, less while it is above.
//!
//! Promised: nobody is admitted while the pipeline stands still with a lag; never more orders are expected than it decides
//! in [`PaceTarget::think_ms`] at its best rate of late, and [`PaceTarget::start_people`].

use crate::event::Figures;

/// More orders wished for than are decided, in thousandths, when there is no lag.
const GAIN_UP_PERMILLE: i64 = 500;
/// Fewer orders wished for than are decided, in thousandths, when the lag is twice the target or more.
const GAIN_DOWN_PERMILLE: i64 = 500;
/// Lag that is always all right, in records: a few records are always on their way.
const LAG_RECORDS_MIN: u64 = 20;
/// Growth of what is expected for each order that comes in, in thousandths.
const GROWTH_PERMILLE: u64 = 400;
/// Time over which the first people are let in, in seconds.
const START_S: u64 = 10;
/// Time since the last admission that counts at most, in milliseconds: a pause is no credit.
const SINCE_MS_MAX: u64 = 1_000;

/// What the pace aims at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PaceTarget {
    /// How much work is to lie before the pipeline, in milliseconds of deciding.
    pub lag_ms: u32,
    /// How long somebody who is admitted is expected to order, in milliseconds.
    pub think_ms: u32,
    /// How many are admitted before anything is known of the pipeline.
    pub start_people: u32,
    /// How many are admitted a second at least, as long as the lag is no more than twice the target.
    pub floor_per_s: u32,
    /// How many are admitted a second at most.
    pub ceiling_per_s: u32,
}

impl Default for PaceTarget {
    fn default() -> Self {
        Self { lag_ms: 1_000, think_ms: 30_000, start_people: 100, floor_per_s: 10, ceiling_per_s: 20_000 }
    }
}

/// The last admission, as the log has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LastAdmission {
    /// How long ago, in milliseconds.
    pub since_ms: u64,
    /// How many orders were expected after it.
    pub expected: u32,
    /// How many people were thinking on average, as long as orders are counted that come in.
    pub mean_thinking: u32,
}

/// How many people to admit now, of `waiting`.
pub fn people_to_admit(target: &PaceTarget, seen: &Figures, last: &LastAdmission, waiting: u32) -> u32 {
    let since_ms = last.since_ms.min(SINCE_MS_MAX);
    let lag = u64::from(seen.lag_records);
    let expected = u64::from(seen.expected);
    let best = u64::from(seen.best_per_s);
    let per_step = |per_s: u64| per_s * since_ms / 1_000;
    let floor = per_step(target.floor_per_s.into());
    let orders = if best == 0 {
        // Not all at once: who comes in a wave orders in a wave.
        if lag <= LAG_RECORDS_MIN { per_step(u64::from(target.start_people) / START_S).max(1) } else { 0 }
    } else {
        let (goal, is_short) = goal_per_s(target, seen);
        let thinking = expected.saturating_sub(lag);
        let grown = u64::from(last.expected) + per_step(best * GROWTH_PERMILLE / 1_000) + floor;
        let wished = wished(goal, seen, last).max(per_step(goal)).saturating_sub(thinking);
        wished.min(grown.saturating_sub(expected)).max(if is_short { floor } else { 0 })
    };
    let cap = u64::from(target.start_people) + best * u64::from(target.think_ms) / 1_000;
    let orders = orders.min(cap.saturating_sub(expected));
    let people = orders * 1_000 / u64::from(seen.ordering_permille.clamp(1, 1_000));
    let ceiling = per_step(target.ceiling_per_s.into());
    u32::try_from(people.min(ceiling).min(waiting.into())).unwrap_or(u32::MAX)
}

/// How many orders a second are wished for, and whether the lag is short enough that somebody is always let in.
///
/// A pipeline that has work decides as fast as it can. One that has none could do what it did at its best, at the least.
fn goal_per_s(target: &PaceTarget, seen: &Figures) -> (u64, bool) {
    let lag = u64::from(seen.lag_records);
    let lag_of = |per_s: u32| (u64::from(per_s) * u64::from(target.lag_ms) / 1_000).max(LAG_RECORDS_MIN);
    let is_busy = lag > lag_of(seen.decided_per_s) / 2;
    let able = if is_busy { seen.decided_per_s } else { seen.best_per_s };
    let wanted = lag_of(able);
    let (lag, signed) = (i128::from(lag.min(2 * wanted)), i128::from(wanted));
    let error_permille = i64::try_from((signed - lag) * 1_000 / signed).unwrap_or(0);
    let gain = if error_permille > 0 { GAIN_UP_PERMILLE } else { GAIN_DOWN_PERMILLE };
    let goal_permille = u64::try_from(1_000 + gain * error_permille / 1_000).unwrap_or(0);
    (u64::from(able) * goal_permille / 1_000, lag < 2 * signed)
}

/// How many people have to think for so many orders a second: as many as did, for those orders that came.
fn wished(goal: u64, seen: &Figures, last: &LastAdmission) -> u64 {
    let thinking = u64::from(last.mean_thinking).saturating_mul(goal);
    thinking.checked_div(seen.arrived_per_s.into()).unwrap_or_else(|| last.expected.into())
}
