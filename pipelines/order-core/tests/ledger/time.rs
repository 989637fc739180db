//! A ledger's time is the highest record time so far: it never runs back, and unreadable records move it too.

use order_model::TimeMs;

use crate::support::{HOLD_MS, Sale};

#[test]
fn record_time_that_runs_back_is_the_highest_time_so_far() {
    let mut sale = Sale::with([("A", 2)]);
    sale.now = 5_000;
    sale.place("o1", "alice", [("A", 1)]);
    sale.now = 100;
    sale.place("o2", "alice", [("A", 1)]);
    assert_eq!(sale.last("o2").deadline, TimeMs(5_000 + HOLD_MS));
    assert_eq!(sale.decisions.last().unwrap().time, TimeMs(5_000));
    assert_eq!(sale.ledgers[0].now(), TimeMs(5_000));
    assert_eq!(sale.tick_at(4_999 + HOLD_MS), [""; 0]);
    assert_eq!(sale.tick_at(5_000 + HOLD_MS), ["o1 expired", "o2 expired"]);
}

#[test]
fn an_unreadable_record_moves_time() {
    let mut sale = Sale::with([("A", 1)]);
    sale.place("o1", "alice", [("A", 1)]);
    sale.now = HOLD_MS;
    assert_eq!(sale.unreadable(), ["o1 expired"]);
    let counts = sale.ledgers[0].counts();
    assert_eq!((counts.records, counts.skipped), (3, 1));
    assert_eq!(sale.ledgers[0].next_offset().0, 3);
}

#[test]
fn the_end_of_time_stops_nothing() {
    let mut sale = Sale::with([("A", 2)]);
    sale.place("o1", "alice", [("A", 1)]);
    sale.now = u64::MAX;
    assert_eq!(sale.place("o2", "alice", [("A", 2)]), ["o1 expired", "o2 held"]);
    assert_eq!(sale.last("o2").deadline, TimeMs(u64::MAX));
    // There is no later time, so the hold is due at once; it still never expires early.
    sale.now = 0;
    assert_eq!(sale.place("o3", "alice", [("A", 1)]), ["o2 expired", "o3 held"]);
}
