//! The pace, one row a situation, and the meter.

use order_model::TimeMs;
use waiting_room::{Figures, LastAdmission, Meter, PaceTarget, Pipeline, people_to_admit};

const TARGET: PaceTarget =
    PaceTarget { lag_ms: 1_000, think_ms: 30_000, start_people: 100, floor_per_s: 10, ceiling_per_s: 5_000 };

/// Decided, best, come in, lag, expected; everybody orders.
fn figures(numbers: [u32; 5]) -> Figures {
    let [decided_per_s, best_per_s, arrived_per_s, lag_records, expected] = numbers;
    Figures { decided_per_s, best_per_s, arrived_per_s, lag_records, expected, ordering_permille: 1_000 }
}

/// One row: what it is, the figures, then how long ago the last admission was, what was expected after it and how many
/// thought on average, how many wait, and how many are admitted.
type Row = (&'static str, [u32; 5], [u32; 3], u32, u32);

const MANY: u32 = 1_000_000;
const ROWS: [Row; 16] = [
    ("nothing is known: the first few, one after the other", [0, 0, 0, 0, 0], [1_000, 0, 0], MANY, 10),
    ("all of the first few think", [0, 0, 0, 0, 100], [1_000, 100, 50], MANY, 0),
    ("nothing is known, and there is a lag", [0, 0, 0, 21, 0], [1_000, 0, 0], MANY, 0),
    ("it stands still with a lag", [0, 1_000, 900, 500, 600], [1_000, 600, 600], MANY, 0),
    ("no lag: half as many again, slowly", [1_000, 1_000, 1_000, 0, 8_000], [1_000, 8_000, 8_000], MANY, 410),
    (
        "a wave has ebbed: what it could do counts",
        [100, 1_000, 1_000, 0, 8_000],
        [1_000, 8_000, 8_000],
        MANY,
        410,
    ),
    ("lag on target: hold", [1_000, 1_000, 1_000, 1_000, 9_000], [200, 9_000, 8_000], MANY, 2),
    (
        "on target, some have ordered: replace them",
        [1_000, 1_000, 1_000, 1_000, 8_800],
        [200, 9_000, 8_000],
        MANY,
        200,
    ),
    ("it has become slower: half as many", [500, 1_000, 1_000, 500, 8_000], [1_000, 8_000, 8_000], MANY, 10),
    ("lag at twice the target: nobody", [1_000, 1_000, 1_000, 2_000, 9_000], [1_000, 9_000, 8_000], MANY, 0),
    ("as many expected as can be decided", [100, 100, 10, 0, 3_100], [1_000, 3_100, 3_000], MANY, 0),
    ("nobody thinks: as many as are decided", [1_000, 1_000, 1_000, 1_000, 1_000], [200, 1_000, 0], MANY, 82),
    ("a long pause is no credit", [1_000, 1_000, 1_000, 0, 8_000], [60_000, 8_000, 8_000], MANY, 410),
    ("fewer wait", [1_000, 1_000, 1_000, 0, 8_000], [1_000, 8_000, 8_000], 3, 3),
    ("nobody waits", [0, 0, 0, 0, 0], [1_000, 0, 0], 0, 0),
    ("no faster than the ceiling", [100_000, 100_000, 100_000, 0, 0], [1_000, 0, 0], MANY, 5_000),
];

#[test]
fn every_situation() {
    for (what, seen, [since_ms, expected, mean_thinking], waiting, people) in ROWS {
        let last = LastAdmission { since_ms: since_ms.into(), expected, mean_thinking };
        assert_eq!(people_to_admit(&TARGET, &figures(seen), &last, waiting), people, "{what}: {seen:?}");
    }
    let half = Figures { ordering_permille: 500, ..figures([1_000, 1_000, 1_000, 1_000, 8_800]) };
    let last = LastAdmission { since_ms: 200, expected: 9_000, mean_thinking: 8_000 };
    assert_eq!(
        people_to_admit(&TARGET, &half, &last, MANY),
        400,
        "half of them order: twice as many are let in"
    );
}

/// The largest figures there can be overflow nothing.
#[test]
fn absurd_figures() {
    let most = u32::MAX;
    let last = LastAdmission { since_ms: u64::MAX, expected: most, mean_thinking: most };
    let target = PaceTarget {
        lag_ms: most,
        think_ms: most,
        start_people: most,
        floor_per_s: most,
        ceiling_per_s: most,
    };
    for bits in 0..64 {
        let pick = |bit: u32| if bits >> bit & 1 == 1 { most } else { 0 };
        let seen =
            Figures { ordering_permille: pick(5), ..figures([pick(0), pick(1), pick(2), pick(3), pick(4)]) };
        assert!(people_to_admit(&target, &seen, &last, 7) <= 7);
    }
}

#[test]
fn the_meter_counts_over_its_windows() {
    let mut meter = Meter::default();
    assert_eq!(meter.read(), None);
    meter.sample(TimeMs(1_000), 500, 100);
    assert_eq!(meter.read(), None);
    meter.sample(TimeMs(2_000), 1_500, 300);
    let expected =
        Pipeline { decided_per_s: 1_000, best_per_s: 1_000, arrived_per_s: 1_200, lag_records: 300 };
    assert_eq!(meter.read(), Some(expected));
    meter.sample(TimeMs(2_050), 9_999, 9_999);
    assert_eq!(meter.read(), Some(expected), "a sample too soon tells nothing");
    for second in 3..12 {
        meter.sample(TimeMs(second * 1_000), 1_800, 0);
    }
    let expected = Pipeline { decided_per_s: 0, best_per_s: 1_000, arrived_per_s: 120, lag_records: 0 };
    assert_eq!(meter.read(), Some(expected), "what it could do is remembered");
    for second in 12..60 {
        meter.sample(TimeMs(second * 1_000), 1_800, 0);
    }
    assert_eq!(meter.read(), Some(Pipeline::default()), "and forgotten");
    for number in 0..10_000 {
        meter.sample(TimeMs(60_000 + number), 1_800 + number, 0);
    }
    assert_eq!(meter.read().unwrap().decided_per_s, 1_000);
}
