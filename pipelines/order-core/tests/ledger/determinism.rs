//! The same log gives the same effects and the same certificate, and no other log does.

use order_core::{Certificate, Effects, Ledger, Shape, combine};
use order_model::{Command, Offset, Partition, Position, TimeMs};
use order_traffic::random_workload;

use crate::support::place;

type Record = (Position, Option<Command>);

/// The log of one ledger: a random workload, with some records nobody can read.
fn log(seed: u64, count: u64) -> Vec<Record> {
    let items = random_workload(seed, count, 1).enumerate();
    let mut offset = 0;
    items
        .map(|(number, (partition, time, command))| {
            // Offsets of a log may have gaps.
            offset += if number % 10 == 9 { 2 } else { 1 };
            let command = if number % 50 == 49 { None } else { Some(command) };
            (Position { partition, offset: Offset(offset), time }, command)
        })
        .collect()
}

fn apply(ledger: &mut Ledger, record: &Record, effects: &mut Effects) {
    match &record.1 {
        Some(command) => {
            ledger.apply(record.0, command, effects);
        }
        None => ledger.skip(record.0, effects),
    }
}

fn decide(log: &[Record]) -> (Effects, Certificate) {
    let mut ledger = Ledger::new(Shape::of(Partition(0), 1));
    let mut effects = Effects::default();
    log.iter().for_each(|record| apply(&mut ledger, record, &mut effects));
    (effects, ledger.certificate())
}

#[test]
fn the_same_log_gives_the_same_effects_and_certificate() {
    for seed in 0..20 {
        let log = log(seed, 2_000);
        let (effects, certificate) = decide(&log);
        assert!(effects.decisions.len() > 500);
        assert_eq!(decide(&log), (effects, certificate), "seed {seed}");
    }
}

#[test]
fn effects_do_not_depend_on_when_they_are_taken_away() {
    let log = log(3, 2_000);
    let (all, certificate) = decide(&log);
    let mut ledger = Ledger::new(Shape::of(Partition(0), 1));
    let (mut effects, mut decisions) = (Effects::default(), Vec::new());
    for record in &log {
        apply(&mut ledger, record, &mut effects);
        decisions.append(&mut effects.decisions);
        // Asking for the certificate half-way changes nothing.
        ledger.certificate();
    }
    assert_eq!((decisions, ledger.certificate()), (all.decisions, certificate));
}

#[test]
fn numbers_are_dense_and_times_never_run_back() {
    let (effects, _) = decide(&log(5, 3_000));
    let mut last = (0, TimeMs(0), Offset(0));
    for decision in &effects.decisions {
        assert_eq!(decision.sequence.0, last.0 + 1);
        assert!(decision.time >= last.1 && decision.offset >= last.2);
        last = (decision.sequence.0, decision.time, decision.offset);
    }
}

#[test]
fn any_change_to_the_log_changes_the_certificate() {
    let mut whole: Vec<Record> = log(7, 300);
    // Orders for plenty of stock, so that each of these records has effects of its own.
    let open = crate::support::listing_command(
        order_model::CommandId::from(4_711),
        "plenty",
        order_model::ListingChange::Open { settings: Box::new(crate::support::settings()), stock: 1_000 },
    );
    let end = whole.last().unwrap().0;
    let orders = (0..50).map(|number| Some(place(&format!("o{number}"), "alice", &[("plenty", 1)])));
    for (offset, command) in (end.offset.0 + 1..).zip(std::iter::once(Some(open)).chain(orders)) {
        whole.push((Position { offset: Offset(offset), ..end }, command));
    }
    let (_, right) = decide(&whole);
    let first = whole.len() - 50;
    for index in first..whole.len() - 1 {
        let mut changed = whole.clone();
        changed.remove(index);
        assert_ne!(decide(&changed).1, right, "dropped {index}");

        let mut changed = whole.clone();
        let (one, other) = (changed[index].1.clone(), changed[index + 1].1.clone());
        (changed[index].1, changed[index + 1].1) = (other, one);
        assert_ne!(decide(&changed).1, right, "reordered {index}");

        let mut changed = whole.clone();
        changed[index].1 = Some(place(&format!("o{}", index - first), "alice", &[("plenty", 2)]));
        assert_ne!(decide(&changed).1, right, "changed {index}");

        let mut changed = whole.clone();
        changed[index].1 = None;
        assert_ne!(decide(&changed).1, right, "unreadable {index}");

        let mut changed = whole.clone();
        changed[index].0.time.0 -= 1;
        assert_ne!(decide(&changed).1, right, "earlier {index}");
    }
    for cut in 1..50 {
        assert_ne!(decide(&whole[..whole.len() - cut]).1, right, "cut by {cut}");
    }
}

#[test]
fn the_certificate_of_all_ledgers_tells_them_apart() {
    let certificate = |partition| Ledger::new(Shape::of(Partition(partition), 2)).certificate();
    let (zero, one) = (certificate(0), certificate(1));
    assert_ne!(zero, one);
    assert_ne!(combine(&[zero, one]), combine(&[one, zero]));
    assert_ne!(combine(&[zero, one]), combine(&[zero]));
    assert_eq!(zero.to_string().len(), 64);
}

#[test]
fn a_ledger_refuses_to_read_backwards_or_what_is_not_its_own() {
    let read = |partition, offsets: [u64; 2]| {
        std::panic::catch_unwind(|| {
            let mut ledger = Ledger::new(Shape::of(Partition(0), 2));
            for offset in offsets {
                let at =
                    Position { partition: Partition(partition), offset: Offset(offset), time: TimeMs(0) };
                ledger.apply(at, &Command::Tick, &mut Effects::default());
            }
        })
    };
    assert!(read(0, [5, 6]).is_ok());
    assert!(read(0, [5, 5]).is_err());
    assert!(read(1, [5, 6]).is_err());
}
