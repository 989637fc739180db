//! The pace, one row a situation, and the meter.

use order_model::TimeMs;
use waiting_room::{Figures, LastAdmission, Meter, PaceTarget, Pipeline, people_to_admit};

const TARGET: PaceTarget =
    PaceTarget { lag_ms: 1_000, think_ms: 60_000, start_people: 100, floor_per_s: 10, ceiling_per_s: 5_000 };

fn figures(decided_per_s: u32, arrived_per_s: u32, lag_records: u32, outstanding: u32) -> Figures {
    Figures { decided_per_s, arrived_per_s, lag_records, outstanding }
}

#[test]
fn every_situation() {
    let wide = 1_000_000;
    let rows = [
        // what                                            decided arrived lag  outst.  since  before  waiting  people
        ("nothing is known yet: the first few", figures(0, 0, 0, 0), (1_000, 0), wide, 100),
        ("the first few think", figures(0, 0, 0, 100), (1_000, 100), wide, 0),
        ("some of the first few have gone", figures(0, 0, 0, 40), (1_000, 100), wide, 60),
        ("it stands still with a lag", figures(0, 0, 500, 600), (1_000, 600), wide, 0),
        ("it stands still and orders come in", figures(0, 50, 500, 600), (1_000, 600), wide, 0),
        ("no lag: a quarter more", figures(1_000, 1_000, 0, 8_000), (1_000, 8_000), wide, 710),
        ("lag on target: hold", figures(1_000, 1_000, 1_000, 9_000), (250, 9_000), wide, 2),
        (
            "lag on target, some have ordered: replace",
            figures(1_000, 1_000, 1_000, 8_800),
            (250, 9_000),
            wide,
            202,
        ),
        (
            "lag at twice the target: let it run out",
            figures(1_000, 1_000, 2_000, 9_000),
            (1_000, 9_000),
            wide,
            10,
        ),
        ("lag beyond that: nobody", figures(1_000, 1_000, 2_001, 9_000), (1_000, 9_000), wide, 0),
        ("more come in than are decided", figures(1_000, 2_000, 500, 9_000), (1_000, 9_000), wide, 10),
        ("as many outstanding as can be decided", figures(100, 10, 0, 6_100), (1_000, 6_100), wide, 0),
        (
            "nobody thinks: as many as are decided",
            figures(1_000, 1_000, 1_000, 1_000),
            (200, 1_000),
            wide,
            142,
        ),
        ("a long pause is no credit", figures(1_000, 1_000, 0, 8_000), (60_000, 8_000), wide, 710),
        ("fewer wait", figures(1_000, 1_000, 0, 8_000), (1_000, 8_000), 3, 3),
        ("nobody waits", figures(0, 0, 0, 0), (1_000, 0), 0, 0),
        ("no faster than the ceiling", figures(1_000_000, 1_000_000, 0, 0), (1_000, 0), wide, 5_000),
    ];
    for (what, seen, (since_ms, outstanding), waiting, expected) in rows {
        let last = LastAdmission { since_ms, outstanding };
        assert_eq!(people_to_admit(&TARGET, &seen, &last, waiting), expected, "{what}: {seen:?}");
    }
}

/// The largest figures there can be overflow nothing.
#[test]
fn absurd_figures() {
    let most = u32::MAX;
    let last = LastAdmission { since_ms: u64::MAX, outstanding: most };
    let target = PaceTarget {
        lag_ms: most,
        think_ms: most,
        start_people: most,
        floor_per_s: most,
        ceiling_per_s: most,
    };
    for bits in 0..16 {
        let pick = |bit: u32| if bits >> bit & 1 == 1 { most } else { 0 };
        let seen = figures(pick(0), pick(1), pick(2), pick(3));
        assert!(people_to_admit(&target, &seen, &last, 7) <= 7);
    }
}

#[test]
fn the_meter_counts_over_its_window() {
    let mut meter = Meter::default();
    assert_eq!(meter.read(), None);
    meter.sample(TimeMs(1_000), 500, 100);
    assert_eq!(meter.read(), None);
    meter.sample(TimeMs(2_000), 1_500, 300);
    let expected = Pipeline { decided_per_s: 1_000, arrived_per_s: 1_200, lag_records: 300 };
    assert_eq!(meter.read(), Some(expected));
    meter.sample(TimeMs(2_000), 9_999, 9_999);
    assert_eq!(meter.read(), Some(expected), "a clock that stands still tells nothing");
    for second in 3..60 {
        meter.sample(TimeMs(second * 1_000), 1_500, 0);
    }
    assert_eq!(meter.read(), Some(Pipeline::default()), "what was long ago does not count");
    for number in 0..10_000 {
        meter.sample(TimeMs(60_000 + number), number, 0);
    }
    assert_eq!(meter.read().unwrap().decided_per_s, 1_000);
}
