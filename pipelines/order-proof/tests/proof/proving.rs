//! Good logs and damaged ones.

use std::sync::Arc;

use order_audit::Law;
use order_codec::{KeyRing, MacKey};
use order_core::combine;
use order_log::{Headers, MemoryLog, MemoryRecord, ReadLimits};
use order_model::{Decision, Event, OrderEventKind, TimeMs};
use order_proof::{Proof, ProofParts, prove};
use order_worker::Topics;

use crate::sale::{DEAD_LETTERS, DECISIONS, ORDERS, SECRET, Sale, values};

/// Partitions of the sale.
pub const PARTITIONS: u32 = 3;

pub fn prove_with(sale: &Sale, threads: usize, records_max: usize) -> Proof {
    let parts = ProofParts {
        log: Arc::new(sale.log.clone()),
        codec: sale.codec.clone(),
        ring: sale.ring.clone(),
        topics: Topics::with_prefix(""),
        threads,
        batch: ReadLimits { records_max, bytes_max: 1 << 20 },
        progress: Arc::new(|_| {}),
    };
    prove(&parts).unwrap()
}

/// A sale that is decided, paid for and over.
pub fn decided() -> Sale {
    let sale = Sale::of(500, PARTITIONS);
    sale.decide();
    sale
}

/// The log of a decided sale, with one partition of one topic changed.
pub fn with(topic: &str, partition: u32, change: impl FnOnce(&Sale, &mut Vec<MemoryRecord>)) -> Sale {
    let good = decided();
    let changed = Sale::empty(PARTITIONS);
    let mut change = Some(change);
    for name in [ORDERS, DECISIONS, DEAD_LETTERS] {
        for number in 0..PARTITIONS {
            let mut records = good.log.records(name, number).unwrap();
            if (name, number) == (topic, partition)
                && let Some(change) = change.take()
            {
                change(&good, &mut records);
            }
            copy(&changed.log, name, number, &records);
        }
    }
    changed
}

fn copy(log: &MemoryLog, topic: &str, partition: u32, records: &[MemoryRecord]) {
    for record in records {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let headers = Headers::from_encoded(&record.headers);
        log.append_at(topic, partition, record.time_ms, key, value, headers).unwrap();
    }
}

#[test]
fn a_good_log_proves_however_it_is_replayed() {
    let sale = Sale::of(500, PARTITIONS);
    let by_hand = sale.decide();
    let certificates: Vec<_> = by_hand.certificates.into_values().collect();
    let first = prove_with(&sale, 1, 4_096);
    assert!(first.holds(), "{first:#?}");
    for (threads, batch) in [(1, 4_096), (2, 4_096), (3, 4_096), (1, 1), (3, 1), (2, 7)] {
        let proof = prove_with(&sale, threads, batch);
        assert_eq!(proof.certificate, combine(&certificates), "{threads} threads, batches of {batch}");
        assert_eq!(proof, first, "{threads} threads, batches of {batch}");
    }
    let numbers = &first.audit.numbers;
    assert!(numbers.paid > 0 && numbers.expired > 0 && numbers.cancelled > 0, "{numbers:?}");
    assert_eq!(first.dead_letters, u64::try_from(by_hand.dead_letters.len()).unwrap());
    let equal: u64 = first.partitions.iter().map(|partition| partition.comparison.equal).sum();
    assert_eq!(equal, u64::try_from(values(&sale.log, DECISIONS).concat().len()).unwrap());
}

#[test]
fn a_key_that_was_not_valid_before_all_time_will_do() {
    let mut sale = decided();
    let key = MacKey { id: 1, secret: SECRET, valid_from: TimeMs(500), valid_until: TimeMs(0) };
    sale.ring = KeyRing::new(vec![key]).unwrap();
    let proof = prove_with(&sale, 2, 64);
    assert!(proof.holds(), "{proof:#?}");
}

#[test]
fn without_keys_there_is_a_verdict_all_the_same() {
    let mut sale = decided();
    sale.ring = KeyRing::default();
    assert!(!prove_with(&sale, 2, 64).holds());
}

#[test]
fn an_empty_log_proves() {
    let proof = prove_with(&Sale::empty(PARTITIONS), 2, 16);
    assert!(proof.holds());
    assert_eq!(proof.partitions.len(), 3);
}

#[test]
fn repeats_are_dropped_and_counted() {
    // What a zombie leaves: the tail again, twice, in the middle of what its successor says.
    let sale = with(DECISIONS, 1, |_, records| {
        let tail = records[20..40].to_vec();
        records.splice(40..40, [tail.clone(), tail].concat());
    });
    let proof = prove_with(&sale, 2, 16);
    assert!(proof.holds(), "{proof:#?}");
    assert_eq!(proof.certificate, prove_with(&decided(), 1, 4_096).certificate);
    assert_eq!(proof.partitions[1].comparison.repeated, 40);
    assert_eq!(proof.audit.numbers.repeats_dropped, 40);
}

/// A change of a decision.
pub fn change(sale: &Sale, record: &mut MemoryRecord, edit: impl FnOnce(&mut Decision)) {
    let mut decision = sale.codec.decision_from(record.value.as_deref().unwrap()).unwrap();
    edit(&mut decision);
    let mut value = Vec::new();
    sale.codec.decision_to(&decision, &mut value);
    record.value = Some(value);
}

#[track_caller]
pub fn refused(sale: &Sale) -> Proof {
    let proof = prove_with(sale, 2, 64);
    assert!(!proof.holds(), "the damage was not found");
    assert_eq!(proof, prove_with(sale, 1, 1), "what is found does not depend on threads and batches");
    proof
}

/// The place of the first decision of partition 1 that is a hold.
fn first_hold(sale: &Sale, records: &[MemoryRecord]) -> usize {
    let is_hold = |record: &MemoryRecord| {
        let decision = sale.codec.decision_from(record.value.as_deref().unwrap()).unwrap();
        matches!(decision.event, Event::Order(order) if order.kind == OrderEventKind::Held)
    };
    records.iter().position(is_hold).unwrap()
}

#[test]
fn a_changed_decision_is_found() {
    let mut place = 0;
    let sale = with(DECISIONS, 1, |sale, records| {
        place = first_hold(sale, records);
        change(sale, &mut records[place], |decision| {
            let Event::Order(order) = &mut decision.event else { panic!() };
            order.total += 1;
        });
    });
    let proof = refused(&sale);
    let found = &proof.partitions[1].comparison;
    assert_eq!((found.differing, found.missing, found.gaps), (1, 0, 0));
    assert_eq!(found.first_differing.map(|sequence| sequence.0), Some(u64::try_from(place + 1).unwrap()));
    assert!(proof.audit.count(Law::Total) > 0, "the auditor finds it by itself: {}", proof.audit);
}

#[test]
fn a_sold_unit_that_was_never_there_is_found() {
    let sale = with(DECISIONS, 1, |sale, records| {
        let place = first_hold(sale, records);
        change(sale, &mut records[place], |decision| {
            let Event::Order(order) = &mut decision.event else { panic!() };
            let stock = order.lines[0].stock.as_mut().unwrap();
            stock.held += 1;
        });
    });
    let proof = refused(&sale);
    assert_eq!(proof.partitions[1].comparison.differing, 1);
    assert!(
        proof.audit.count(Law::StockMoves) + proof.audit.count(Law::StockConserved) > 0,
        "{}",
        proof.audit
    );
}

#[test]
fn a_dropped_decision_is_found() {
    let sale = with(DECISIONS, 1, |_, records| {
        records.remove(30);
    });
    let proof = refused(&sale);
    let found = &proof.partitions[1].comparison;
    assert_eq!((found.gaps, found.missing), (1, 1), "{found:?}");
    assert_eq!(found.first_differing.map(|sequence| sequence.0), Some(32));
    assert!(proof.audit.count(Law::DenseNumbers) > 0, "{}", proof.audit);
}

#[test]
fn swapped_decisions_are_found() {
    let sale = with(DECISIONS, 1, |_, records| records.swap(30, 31));
    let proof = refused(&sale);
    assert_eq!(proof.partitions[1].comparison.gaps, 1, "{:?}", proof.partitions[1]);
    assert!(proof.audit.count(Law::DenseNumbers) > 0, "{}", proof.audit);
}

#[test]
fn an_undecided_tail_is_found() {
    let sale = with(DECISIONS, 2, |_, records| records.truncate(records.len() - 5));
    let proof = refused(&sale);
    let found = &proof.partitions[2].comparison;
    assert_eq!((found.missing, found.differing, found.gaps), (5, 0, 0));
}

#[test]
fn decisions_without_records_are_found() {
    // The log of commands lost its end; what was decided about it stands there still.
    let sale = with(ORDERS, 2, |_, records| records.truncate(records.len() - 10));
    let proof = refused(&sale);
    assert!(proof.partitions[2].comparison.extra > 0, "{proof:#?}");
    assert_eq!(proof.partitions[2].comparison.missing, 0, "{proof:#?}");
}

#[test]
fn a_removed_order_is_found() {
    let sale = with(ORDERS, 1, |_, records| {
        records.remove(records.len() / 2);
    });
    let proof = refused(&sale);
    assert!(proof.partitions[1].comparison.differing > 0, "{:?}", proof.partitions[1]);
    assert_ne!(proof.certificate, prove_with(&decided(), 1, 4_096).certificate);
}

#[test]
fn a_changed_order_is_found() {
    let sale = with(ORDERS, 1, |_, records| {
        // One bit of the order's id, which stands behind header and kind.
        let is_plain = |record: &&mut MemoryRecord| record.headers.is_empty() && record.key.is_some();
        let record = records.iter_mut().find(is_plain).unwrap();
        record.value.as_mut().unwrap()[10] ^= 1;
    });
    let proof = refused(&sale);
    assert!(proof.partitions[1].comparison.differing > 0, "{:?}", proof.partitions[1]);
}

#[test]
fn a_forged_payment_is_found() {
    // A privileged command is changed: its MAC does not hold any more, and the replay does not believe it.
    let sale = with(ORDERS, 1, |_, records| {
        let record = records.iter_mut().rfind(|record| !record.headers.is_empty()).unwrap();
        *record.value.as_mut().unwrap().last_mut().unwrap() ^= 1;
    });
    let proof = refused(&sale);
    assert_eq!(proof.dead_letters_missing, 1);
}
