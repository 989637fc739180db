//! A worker that takes over: at whatever decision the one before was cut off, the topic becomes the same.

use order_flow::{FlowError, Resume};
use order_log::Headers;
use order_model::{Decision, Sequence};

use crate::appender::{Noted, TestAppender};
use crate::driver::{Driver, empty_log};
use crate::sale::{DEAD_LETTERS, DECISIONS, ORDERS, Sale, values};

fn sale() -> Sale {
    Sale::of(180, 2)
}

#[test]
fn every_cut_of_the_decisions_is_completed_to_the_same_topic() {
    let sale = sale();
    let decided = sale.decide();
    let published = values(&sale.log, DECISIONS).remove(0);
    let letters = values(&sale.log, DEAD_LETTERS).remove(0);
    assert!(published.len() > 60 && !letters.is_empty(), "{} {}", published.len(), letters.len());
    for cut in 0..=published.len() {
        let before = &published[..cut];
        let last: Option<Decision> = before.last().map(|value| sale.codec.decision_from(value).unwrap());
        let is_open =
            |place: &&(u32, u64)| place.0 == 0 && last.as_ref().is_none_or(|last| place.1 > last.offset.0);
        let (relays, open_letters) = (
            decided.relays.iter().filter(is_open).count(),
            decided.dead_letters.iter().filter(is_open).count(),
        );
        let out = empty_log(2);
        before.iter().for_each(|value| {
            out.append_at(DECISIONS, 0, 0, None, Some(value), Headers::NONE).unwrap();
        });
        let appender = TestAppender::new(&out);
        let rules = appender.rules();
        let mut driver = Driver::new(appender);
        let resume = last.clone().map_or_else(Resume::from_start, Resume::after);
        driver.start(&sale, 0, if cut % 2 == 0 { 1 } else { 7 }, resume);
        driver.run();
        assert!(values(&out, DECISIONS)[0] == published, "cut after {cut}");
        assert_eq!(driver.certificates()[&0], decided.certificates[&0], "cut after {cut}");
        // What stands before the last decision has been sent, and is not sent again.
        let sent: usize = rules.lock().unwrap().noted.iter().map(relays_in).sum();
        assert_eq!(sent, relays, "relays after cut {cut}");
        assert!(values(&out, DEAD_LETTERS)[0] == letters[letters.len() - open_letters..], "cut after {cut}");
    }
}

fn relays_in(noted: &Noted) -> usize {
    match noted {
        Noted::Appended(topic, records) if topic == ORDERS => *records,
        _ => 0,
    }
}

#[test]
fn another_last_decision_stops_the_partition() {
    let sale = sale();
    sale.decide();
    let published = values(&sale.log, DECISIONS).remove(0);
    let mut last = sale.codec.decision_from(&published[20]).unwrap();
    last.time.0 += 1;
    let out = empty_log(2);
    let mut driver = Driver::new(TestAppender::new(&out));
    driver.start(&sale, 0, 7, Resume::after(last));
    driver.settle();
    let (flow, _) = &driver.flows[0];
    let diverged = flow.failure().unwrap();
    assert!(matches!(diverged, FlowError::Diverged { partition: 0, sequence: Sequence(21) }), "{diverged}");
    assert_eq!(flow.durable_offset(), 0, "nothing it says afterwards is to be believed");
    assert_eq!(values(&out, DECISIONS)[0].len(), 0, "nothing is published behind what contradicts it");
}
