//! Admission: how far the places go that may order, and what those are expected to do who may.

use order_model::TimeMs;

use super::Hall;
use crate::event::Admit;
use crate::limits::{
    ADMISSIONS_KEPT_MAX, ADMIT_STEP_MAX, BUSY_MS, METER_SLOW_MS, ORDERING_PERMILLE_MIN, OUTLOOK_PEOPLE_MIN,
    PACE_MS_MIN,
};
use crate::outcome::{Outcome, Refusal};
use crate::places::Ordered;
use crate::standing::{Outlook, Phase};

/// A moment of admission.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admission {
    pub(super) time: TimeMs,
    up_to: u32,
    /// How many of those admitted were expected to order and had not.
    thinking: u32,
}

impl Hall {
    pub(crate) fn admit(&mut self, time: TimeMs, admit: &Admit) -> Result<Outcome, Refusal> {
        if self.opening.id != admit.opening {
            return Err(Refusal::OpeningUnknown);
        }
        match self.phase(time) {
            Phase::Admitting => {}
            Phase::Drawing => return Err(Refusal::NotDrawn),
            Phase::Announced | Phase::Gathering | Phase::Closed => return Err(Refusal::NotOpen),
        }
        if admit.step != self.step {
            return Err(Refusal::StepPassed);
        }
        let last = self.admissions.back().map(|last| last.time);
        if last.is_some_and(|last| time < last.after(PACE_MS_MIN)) {
            return Err(Refusal::TooSoon);
        }
        if admit.up_to > self.places.len() || admit.up_to > self.admitted.saturating_add(ADMIT_STEP_MAX) {
            return Err(Refusal::TooFar);
        }
        self.step += 1;
        let before = self.places.taken_up_to(self.admitted);
        self.admitted = self.admitted.max(admit.up_to);
        let people = self.places.taken_up_to(self.admitted) - before;
        self.waiting -= people;
        let is_busy =
            u64::from(admit.figures.lag_records) * 1_000 >= u64::from(admit.figures.decided_per_s) * BUSY_MS;
        self.rate.admitted(time, people, is_busy && admit.figures.lag_records > 0);
        let ordering = u64::from(people) * u64::from(admit.figures.ordering_permille.min(1_000)) / 1_000;
        let ordering = u32::try_from(ordering).unwrap_or(u32::MAX);
        self.expected_after = admit.figures.expected.saturating_add(ordering);
        if self.admissions.len() >= ADMISSIONS_KEPT_MAX {
            self.forgotten_up_to = self.admissions.pop_front().map_or(0, |oldest| oldest.up_to);
        }
        let thinking = self.expected_after.saturating_sub(admit.figures.lag_records);
        self.admissions.push_back(Admission { time, up_to: self.admitted, thinking });
        Ok(Outcome::Admitted(self.admitted))
    }

    /// The place to admit up to for so many more people.
    pub(crate) fn place_after(&self, people: u32) -> u32 {
        if people == 0 {
            return self.admitted;
        }
        let up_to = self.places.nth_taken(self.places.taken_up_to(self.admitted).saturating_add(people));
        up_to.clamp(self.admitted, self.admitted.saturating_add(ADMIT_STEP_MAX))
    }

    /// What is to be expected at `now` of those admitted in the last `think_ms`, given who has ordered.
    pub(crate) fn outlook(&self, now: TimeMs, think_ms: u64, ordered: &Ordered) -> Outlook {
        let place_at = |ago_ms: u64| {
            let since = TimeMs(now.0.saturating_sub(ago_ms));
            let before = self.admissions.iter().rev().find(|admission| admission.time < since);
            before.map_or(self.forgotten_up_to, |before| before.up_to)
        };
        let people = |from: u32, to: u32| {
            let taken = self.places.taken_up_to(to) - self.places.taken_up_to(from);
            (u64::from(taken), u64::from(taken - self.places.taken_unmarked(from, to, ordered)))
        };
        let (lately, before) = (place_at(think_ms), place_at(think_ms.saturating_mul(2)));
        let (came, have_ordered) = people(before, lately);
        let permille = if came < OUTLOOK_PEOPLE_MIN {
            1_000
        } else {
            (have_ordered * 1_000 / came).max(ORDERING_PERMILLE_MIN)
        };
        let (came, have_ordered) = people(lately, self.admitted);
        let expected = (came * permille / 1_000).saturating_sub(have_ordered);
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Outlook {
            expected: small(expected),
            mean_thinking: self.mean_thinking(now),
            ordering_permille: small(permille),
        }
    }

    /// The mean over the time between admissions, each with what it left.
    fn mean_thinking(&self, now: TimeMs) -> u32 {
        let from = TimeMs(now.0.saturating_sub(METER_SLOW_MS));
        let (mut until, mut sum, mut took_ms) = (now, 0_u64, 0_u64);
        for admission in self.admissions.iter().rev() {
            let begins = admission.time.max(from);
            let ms = until.0.saturating_sub(begins.0);
            sum = sum.saturating_add(ms.saturating_mul(admission.thinking.into()));
            took_ms += ms;
            until = until.min(begins);
            if admission.time <= from {
                break;
            }
        }
        u32::try_from(sum / took_ms.max(1)).unwrap_or(u32::MAX)
    }
}
