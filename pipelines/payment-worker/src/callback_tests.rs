//! Callbacks: genuine, forged, old, repeated, too many.

use std::sync::Arc;

use crossbeam_channel::bounded;
use order_model::TimeMs;

use crate::callback::{CallbackError, Callbacks, Note, Receipt, Taken, sign, verify};
use crate::limits::{CALLBACK_BYTES_MAX, CALLBACK_TOLERANCE};

const NOW: TimeMs = TimeMs(1_700_000_000_000);

fn event(id: &str, metadata: &str) -> Vec<u8> {
    let intent = format!(
        r#"{{"id":"pi_1","object":"payment_intent","amount":500,"amount_received":500,"currency":"eur",
            "status":"succeeded","created":1700000000,"metadata":{{{metadata}}}}}"#
    );
    format!(r#"{{"id":"{id}","type":"payment_intent.succeeded","data":{{"object":{intent}}}}}"#).into_bytes()
}

const OURS: &str = r#""order":"00000000-0000-0000-0000-000000000007","sku":"a""#;

fn callbacks(room: usize) -> (Callbacks, crossbeam_channel::Receiver<Note>) {
    let (inbox, outbox) = bounded(room);
    (Callbacks::new(vec!["old".to_owned(), "new".to_owned()], Arc::new(|| NOW), inbox), outbox)
}

fn outcome(receipt: Receipt) -> Result<(), CallbackError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.unwrap().block_on(receipt.done())
}

#[test]
fn a_genuine_callback_is_known_once_it_is_done() {
    let (callbacks, outbox) = callbacks(4);
    let body = event("evt_1", OURS);
    let header = sign("new", &body, NOW);
    let noted = || match callbacks.take(Some(&header), &body) {
        Ok(Taken::Noted(receipt)) => receipt,
        other => panic!("{other:?}"),
    };
    let [first, second] = [noted(), noted()];
    drop(outbox.try_recv().unwrap());
    assert_eq!(outcome(first), Err(CallbackError::Ended), "dropped is not done");
    let note = outbox.try_recv().unwrap();
    assert_eq!((note.payment.id.as_str(), note.payment.captured), ("pi_1", 500));
    note.done();
    assert_eq!(outcome(second), Ok(()));
    let later = sign("old", &body, TimeMs(NOW.0 + 60_000));
    let repeated = callbacks.take(Some(&later), &body);
    assert!(matches!(repeated, Ok(Taken::Repeated)), "signed anew, still the same: {repeated:?}");
}

#[test]
fn what_is_not_genuine_is_turned_away_by_name() {
    let (callbacks, _outbox) = callbacks(4);
    let body = event("evt_1", OURS);
    let good = sign("new", &body, NOW);
    let mut changed = body.clone();
    changed[10] ^= 1;
    let stamp = good.split_once(',').unwrap().0;
    let old = sign("new", &body, TimeMs(NOW.0 - 301_000));
    let ahead = sign("new", &body, TimeMs(NOW.0 + 301_000));
    let moved = format!("t=1700000001,{}", good.split_once(',').unwrap().1);
    for (header, body, error) in [
        (None, &body, CallbackError::Unsigned),
        (Some(""), &body, CallbackError::Malformed),
        (Some("t=x,v1=00"), &body, CallbackError::Malformed),
        (Some(stamp), &body, CallbackError::Malformed),
        (Some(&good[..good.len() - 1]), &body, CallbackError::Malformed),
        (Some(&good), &changed, CallbackError::Wrong),
        (Some(&sign("other", &body, NOW)), &body, CallbackError::Wrong),
        (Some(&moved), &body, CallbackError::Wrong),
        (Some(&old), &body, CallbackError::OutOfTime { seconds_off: 301 }),
        (Some(&ahead), &body, CallbackError::OutOfTime { seconds_off: 301 }),
    ] {
        assert_eq!(callbacks.take(header, body).unwrap_err(), error, "{header:?}");
    }
    let huge = vec![b' '; CALLBACK_BYTES_MAX + 1];
    assert_eq!(callbacks.take(Some(&good), &huge).unwrap_err(), CallbackError::TooLarge(huge.len()));
    let garbage = b"{".to_vec();
    let header = sign("new", &garbage, NOW);
    assert!(matches!(callbacks.take(Some(&header), &garbage), Err(CallbackError::Unreadable(_))));
}

#[test]
fn an_empty_secret_opens_nothing() {
    let body = event("evt_1", OURS);
    let header = sign("", &body, NOW);
    assert_eq!(
        verify(&[String::new()], Some(&header), &body, NOW, CALLBACK_TOLERANCE),
        Err(CallbackError::Wrong)
    );
}

#[test]
fn one_of_several_signatures_is_enough() {
    let body = event("evt_1", OURS);
    let good = sign("new", &body, NOW);
    let (stamp, signature) = good.split_once(',').unwrap();
    let header = format!("{stamp}, v0=00, v1={}, {signature}", "0".repeat(64));
    assert_eq!(verify(&["new".to_owned()], Some(&header), &body, NOW, CALLBACK_TOLERANCE), Ok(()));
}

#[test]
fn payments_of_others_are_let_pass() {
    let (callbacks, outbox) = callbacks(4);
    for (id, metadata) in [("evt_1", ""), ("evt_2", r#""order":"7","sku":"a""#), ("evt_3", r#""sku":"a""#)] {
        let body = event(id, metadata);
        let header = sign("new", &body, NOW);
        assert!(matches!(callbacks.take(Some(&header), &body), Ok(Taken::NotOurs)), "{metadata}");
    }
    assert!(outbox.is_empty());
}

#[test]
fn what_there_is_no_room_for_is_not_remembered() {
    let (callbacks, outbox) = callbacks(1);
    let take = |id: &str| {
        let body = event(id, OURS);
        callbacks.take(Some(&sign("new", &body, NOW)), &body)
    };
    assert!(matches!(take("evt_1"), Ok(Taken::Noted(_))));
    assert_eq!(take("evt_2").unwrap_err(), CallbackError::Busy);
    outbox.try_recv().unwrap().done();
    assert!(matches!(take("evt_2"), Ok(Taken::Noted(_))));
    drop(outbox);
    assert_eq!(take("evt_3").unwrap_err(), CallbackError::Ended);
}
