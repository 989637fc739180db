//! Damage of every kind the proof has a number for, one at a time.

use order_audit::Law;
use order_codec::{DeadLetter, DeadLetterReason};
use order_log::{Headers, MemoryRecord};
use order_model::{Cancel, Command, partition_of};
use order_proof::{Comparison, PartitionProof, Proof};

use crate::proving::{PARTITIONS, change, decided, prove_with, refused, with};
use crate::sale::{DEAD_LETTERS, DECISIONS, ORDERS, Sale, values};

#[test]
fn every_doubt_alone_is_enough() {
    let good = prove_with(&Sale::empty(PARTITIONS), 1, 64);
    // Whoever adds a number has to say here whether it is a doubt.
    let Proof {
        partitions,
        certificate: _,
        dead_letters: _,
        dead_letters_missing: 0,
        dead_letters_extra: 0,
        dead_letters_changed: 0,
        relays_missing: 0,
        audit: _,
    } = &good
    else {
        panic!("{good:#?}")
    };
    let PartitionProof { partition: _, records: _, decisions: _, certificate: _, comparison, relay_gaps: 0 } =
        partitions[1]
    else {
        panic!("{good:#?}")
    };
    let Comparison {
        equal: _,
        repeated: _,
        first_differing: None,
        differing: 0,
        missing: 0,
        contradicting: 0,
        extra: 0,
        gaps: 0,
    } = comparison
    else {
        panic!("{comparison:?}")
    };
    let doubts: [fn(&mut Proof); 11] = [
        |proof| proof.partitions[1].comparison.differing = 1,
        |proof| proof.partitions[1].comparison.missing = 1,
        |proof| proof.partitions[1].comparison.gaps = 1,
        |proof| proof.partitions[1].comparison.contradicting = 1,
        |proof| proof.partitions[1].comparison.extra = 1,
        |proof| proof.partitions[1].relay_gaps = 1,
        |proof| proof.dead_letters_missing = 1,
        |proof| proof.dead_letters_extra = 1,
        |proof| proof.dead_letters_changed = 1,
        |proof| proof.relays_missing = 1,
        |proof| proof.audit.broken.push((Law::Oversold, 1)),
    ];
    for (number, doubt) in doubts.into_iter().enumerate() {
        let mut proof = good.clone();
        doubt(&mut proof);
        assert!(!proof.holds(), "doubt {number}");
    }
}

/// The comparison of partition 1, all but what is equal.
fn doubts(proof: &Proof) -> Comparison {
    Comparison { equal: 0, repeated: 0, first_differing: None, ..proof.partitions[1].comparison }
}

#[test]
fn a_decision_nobody_makes_is_found() {
    // Behind the last decision, about a record that was decided, under the next number.
    let sale = with(DECISIONS, 1, |sale, records| {
        let mut planted = records.last().unwrap().clone();
        change(sale, &mut planted, |decision| decision.sequence = decision.sequence.next());
        records.push(planted);
    });
    assert_eq!(doubts(&refused(&sale)), Comparison { extra: 1, ..Comparison::default() });
}

#[test]
fn a_decision_about_a_record_that_never_was_is_found() {
    let sale = with(DECISIONS, 1, |sale, records| {
        let mut planted = records.last().unwrap().clone();
        change(sale, &mut planted, |decision| {
            decision.sequence = decision.sequence.next();
            decision.offset.0 += 1_000_000;
        });
        records.push(planted);
    });
    assert_eq!(doubts(&refused(&sale)), Comparison { extra: 1, ..Comparison::default() });
}

#[test]
fn a_decision_in_a_partition_without_records_is_found() {
    let sale = Sale::empty(PARTITIONS);
    let value = values(&decided().log, DECISIONS)[1][0].clone();
    sale.log.append_at(DECISIONS, 1, 0, None, Some(&value), Headers::NONE).unwrap();
    assert_eq!(doubts(&refused(&sale)), Comparison { extra: 1, ..Comparison::default() });
}

#[test]
fn a_repeat_that_says_something_else_is_found() {
    let sale = with(DECISIONS, 1, |sale, records| {
        let mut planted = records[20].clone();
        change(sale, &mut planted, |decision| decision.time.0 += 1);
        records.insert(30, planted);
    });
    assert_eq!(doubts(&refused(&sale)), Comparison { contradicting: 1, ..Comparison::default() });
}

#[test]
fn a_relay_that_never_arrived_is_found() {
    let sale = Sale::empty(2);
    let mut skus = ["a", "b", "c", "d"].map(|sku| sku.parse().unwrap()).into_iter();
    let away = skus.find(|sku| partition_of(sku, 2).0 == 1).unwrap();
    // In the wrong partition, so that it is relayed.
    sale.write(&Command::Cancel(Cancel { order: 1.into(), customer: 1.into(), sku: away }), Some(0));
    sale.decide();
    let good = prove_with(&sale, 1, 64);
    assert!(good.holds(), "{good:#?}");
    assert_eq!(sale.log.records(ORDERS, 1).unwrap().len(), 1, "the relay");

    let lost = Sale::empty(2);
    for topic in [ORDERS, DECISIONS] {
        for record in sale.log.records(topic, 0).unwrap() {
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            let headers = Headers::from_encoded(&record.headers);
            lost.log.append_at(topic, 0, record.time_ms, key, value, headers).unwrap();
        }
    }
    let proof = refused(&lost);
    assert_eq!(proof.relays_missing, 1);
    assert!(
        proof.audit.holds() && proof.partitions.iter().all(|part| part.comparison.is_equal()),
        "{proof:#?}"
    );
}

/// A partition that has dead letters, and how many.
fn lettered() -> (u32, usize) {
    let good = values(&decided().log, DEAD_LETTERS);
    let found = (0..).zip(&good).find(|(_, letters)| !letters.is_empty()).unwrap();
    (found.0, found.1.len())
}

/// Missing, extra, changed.
fn letters(proof: &Proof) -> (u64, u64, u64) {
    (proof.dead_letters_missing, proof.dead_letters_extra, proof.dead_letters_changed)
}

/// A sale with one of its dead letters as `edit` leaves it; `is_added`: beside the letter itself.
fn with_letter(is_added: bool, edit: impl FnOnce(&mut DeadLetter)) -> Sale {
    with(DEAD_LETTERS, lettered().0, |sale, records: &mut Vec<MemoryRecord>| {
        let mut planted = records[0].clone();
        let mut letter = sale.codec.dead_letter_from(planted.value.as_deref().unwrap()).unwrap();
        edit(&mut letter);
        let mut value = Vec::new();
        sale.codec.dead_letter_to(&letter, &mut value);
        planted.value = Some(value);
        if is_added {
            records.push(planted);
        } else {
            records[0] = planted;
        }
    })
}

#[test]
fn a_missing_dead_letter_is_found() {
    let sale = with(DEAD_LETTERS, lettered().0, |_, records| {
        records.remove(0);
    });
    assert_eq!(letters(&refused(&sale)), (1, 0, 0));
}

#[test]
fn a_dead_letter_that_was_written_twice_is_as_good_as_one() {
    let sale = with_letter(true, |_| {});
    let proof = prove_with(&sale, 1, 64);
    assert!(proof.holds(), "{proof:#?}");
    // In other words, as another version of the worker may put it.
    let sale = with_letter(true, |letter| letter.detail.push('!'));
    assert!(prove_with(&sale, 1, 64).holds());
}

#[test]
fn a_dead_letter_of_a_good_record_is_found() {
    let bad = Sale::of(500, PARTITIONS).decide().dead_letters;
    let good = (0..).find(|offset| !bad.contains(&(lettered().0, *offset))).unwrap();
    let sale = with_letter(true, |letter| letter.offset = good);
    assert_eq!(letters(&refused(&sale)), (0, 1, 0));
}

#[test]
fn a_dead_letter_of_a_record_that_never_was_is_found() {
    let sale = with_letter(true, |letter| letter.offset += 1_000_000);
    assert_eq!(letters(&refused(&sale)), (0, 1, 0));
    let sale = with_letter(true, |letter| letter.partition = PARTITIONS);
    assert_eq!(letters(&refused(&sale)), (0, 1, 0));
}

#[test]
fn a_dead_letter_in_the_wrong_partition_is_found() {
    let (partition, _) = lettered();
    let letter = values(&decided().log, DEAD_LETTERS)[usize::try_from(partition).unwrap()][0].clone();
    let sale = with(DEAD_LETTERS, (partition + 1) % PARTITIONS, |_, records| {
        let headers = Vec::new();
        records.push(MemoryRecord { offset: 0, time_ms: 0, key: None, value: Some(letter), headers });
    });
    assert_eq!(letters(&refused(&sale)), (0, 1, 0));
}

#[test]
fn a_changed_dead_letter_is_found() {
    let changes: [fn(&mut DeadLetter); 4] = [
        |letter| letter.reason = DeadLetterReason::MacWrong,
        |letter| letter.value.get_or_insert_default().push(1),
        |letter| letter.time.0 += 1,
        |letter| letter.key = Some(b"other".to_vec()),
    ];
    for (number, edit) in changes.into_iter().enumerate() {
        assert_eq!(letters(&refused(&with_letter(false, edit))), (0, 0, 1), "change {number}");
        // Beside the right one.
        assert_eq!(letters(&refused(&with_letter(true, edit))), (0, 0, 1), "change {number}, added");
    }
}
