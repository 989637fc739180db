//! The housekeeping of one record is bounded, and what it leaves is done at the next.

use order_audit::Law;
use order_model::limits::HOUSEKEEPING_PER_COMMAND_MAX;
use order_model::*;

use crate::story::*;
use LineState::Taken;
use OrderEventKind::{Expired, Held};

const HOLDS: usize = HOUSEKEEPING_PER_COMMAND_MAX + 20;

/// More holds fall due at once than one record may expire.
fn story_with(first: usize) -> Story {
    let mut s = Story::new(1);
    let settings =
        ListingSettings { limit_per_customer: 0, prices: settings().prices[..1].to_vec(), ..settings() };
    let total = u32::try_from(HOLDS).unwrap();
    let mut opened = listed(ListingEventKind::Opened, 1, "a", i64::from(total), (total, 0, 0, 0));
    if let Event::Listing(event) = &mut opened {
        event.settings = Some(settings.clone());
    }
    s.record(0, 100, open(1, "a", settings, i64::from(total)), vec![opened]);
    for number in 1..=total {
        let taken = line("a", 1, Taken, 1_000, Some((total - number, number, 0, 0)));
        let held = until(1_100, event(Held, number.into(), 1, &[taken]));
        s.record(0, 100, place(number.into(), 1, false, &[("a", 1)]), vec![held]);
    }
    let expired = |number: u32| {
        let freed = line("a", 1, Taken, 1_000, Some((number, total - number, 0, 0)));
        Event::Order(event(Expired, number.into(), 1, &[freed]))
    };
    let split = u32::try_from(first).unwrap();
    s.record(0, 2_000, Some(Command::Tick), (1..=split).map(expired).collect());
    s.record(0, 2_000, Some(Command::Tick), (split + 1..=total).map(expired).collect());
    s
}

fn story() -> Story {
    story_with(HOUSEKEEPING_PER_COMMAND_MAX)
}

pub(crate) const MUTATIONS: &[Mutation] = &[
    ("all at one record", Law::HousekeepingBounded, |s| *s = story_with(HOLDS)),
    ("fewer than could be", Law::ExpiredLate, |s| *s = story_with(HOUSEKEEPING_PER_COMMAND_MAX - 1)),
];

#[test]
fn the_story_keeps_every_law() {
    let report = story().audit();
    assert!(report.holds(), "{report}");
    let report = story().audit_decisions();
    assert!(report.holds(), "{report}");
}

#[test]
fn mutations_are_found() {
    check(story, MUTATIONS);
}
