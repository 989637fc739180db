//! The pace: how many people to admit next. A pure function of figures, without a clock and without memory.
//!
//! Who is admitted orders some seconds later, or never, so looking at the lag alone comes too late. What is steered is how
//! many are *outstanding*: admitted lately, and no order decided. Their number and the orders that come in tell how many
//! of them it takes for one order a second, whatever they do in between. So many are kept outstanding that the orders come
//! in at the rate the pipeline decides, a little more while its lag is below the target, less while it is above.
//!
//! Promised: nobody is admitted while the pipeline stands still with a lag; never more are outstanding than it can decide
//! in [`PaceTarget::think_ms`] at its present rate, and [`PaceTarget::start_people`].

use crate::event::Figures;

/// More orders wished for than are decided, in thousandths, when there is no lag.
const GAIN_UP_PERMILLE: i64 = 250;
/// Fewer orders wished for than are decided, in thousandths, when the lag is twice the target or more.
const GAIN_DOWN_PERMILLE: i64 = 500;
/// Lag that is always all right, in records: a few records are always on their way.
const LAG_RECORDS_MIN: u64 = 20;
/// Growth of those outstanding for each order that comes in, in thousandths.
const GROWTH_PERMILLE: u64 = 700;
/// Time since the last admission that counts at most, in milliseconds: a pause is no credit.
const SINCE_MS_MAX: u64 = 1_000;

/// What the pace aims at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PaceTarget {
    /// How much work is to lie before the pipeline, in milliseconds of deciding.
    pub lag_ms: u32,
    /// How long somebody who is admitted is counted as about to order, in milliseconds.
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
        Self { lag_ms: 1_000, think_ms: 60_000, start_people: 100, floor_per_s: 10, ceiling_per_s: 20_000 }
    }
}

/// The last admission, as the log has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LastAdmission {
    /// How long ago, in milliseconds.
    pub since_ms: u64,
    /// How many were outstanding after it.
    pub outstanding: u32,
}

/// How many people to admit now, of `waiting`.
pub fn people_to_admit(target: &PaceTarget, seen: &Figures, last: &LastAdmission, waiting: u32) -> u32 {
    let since_ms = last.since_ms.min(SINCE_MS_MAX);
    let [decided, arrived, lag, outstanding] =
        [seen.decided_per_s, seen.arrived_per_s, seen.lag_records, seen.outstanding].map(u64::from);
    let cap = u64::from(target.start_people) + decided * u64::from(target.think_ms) / 1_000;
    let room = cap.saturating_sub(outstanding);
    let ceiling = u64::from(target.ceiling_per_s) * since_ms / 1_000;
    let lag_target = (decided * u64::from(target.lag_ms) / 1_000).max(LAG_RECORDS_MIN);
    let people = if decided == 0 && arrived == 0 {
        if lag <= LAG_RECORDS_MIN { room } else { 0 }
    } else {
        let goal = goal_per_s(decided, lag, lag_target);
        let grown = u64::from(last.outstanding)
            + (arrived * GROWTH_PERMILLE / 1_000 + u64::from(target.floor_per_s)) * since_ms / 1_000;
        let wished = wished(goal, arrived, outstanding.saturating_sub(lag), since_ms);
        let floor = if lag <= 2 * lag_target { u64::from(target.floor_per_s) * since_ms / 1_000 } else { 0 };
        wished.min(grown.saturating_sub(outstanding)).max(floor)
    };
    let people = people.min(room).min(ceiling).min(waiting.into());
    u32::try_from(people).unwrap_or(u32::MAX)
}

/// How many orders a second are wished for.
fn goal_per_s(decided: u64, lag: u64, lag_target: u64) -> u64 {
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (lag, wanted) = (signed(lag.min(2 * lag_target)), signed(lag_target));
    let error_permille = (wanted - lag) * 1_000 / wanted;
    let gain = if error_permille > 0 { GAIN_UP_PERMILLE } else { GAIN_DOWN_PERMILLE };
    let goal_permille = u64::try_from(1_000 + gain * error_permille / 1_000).unwrap_or(0);
    decided * goal_permille / 1_000
}

/// How many more have to think for so many orders a second. Who thinks for less than the time between two admissions is
/// hardly ever seen thinking: then as many are admitted as are to order.
fn wished(goal: u64, arrived: u64, thinking: u64, since_ms: u64) -> u64 {
    let held = if arrived == 0 { thinking } else { thinking * goal / arrived };
    held.max(goal * since_ms / 1_000).saturating_sub(thinking)
}
