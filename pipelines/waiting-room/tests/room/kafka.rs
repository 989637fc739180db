//! The room on a real broker, stamped by its clock: gateways die, the broker restarts, and the proof holds.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use order_log::{Clock, KafkaLog, KafkaOptions, Log};
use order_model::{TimeMs, partition_of_key};
use testbed::Broker;
use waiting_room::{Accepted, Eta, RoomEvent, RoomName, RoomTopic, Standing, prove};

use crate::follower::{Gateway, PARTITIONS, in_time, settings, until};
use crate::support::{codec, customer, enter, name, ring, topic_spec};

fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Another room of the same partition.
fn beside(room: &RoomName) -> RoomName {
    let partition = |room: &RoomName| partition_of_key(room.as_str().as_bytes(), PARTITIONS);
    let mut others = (0..).map(|number| name(&format!("other-{number}")));
    others.find(|other| partition(other) == partition(room)).unwrap()
}

/// Enters until the log is known to have it: while a broker comes up it may be unknown or away, and the same entry is sent
/// again.
async fn enter_at(gateway: &Gateway, room: &RoomName, number: u32) -> Accepted {
    in_time("an entry", async {
        loop {
            if let Ok(accepted) = gateway.writer.append(room, &enter(number), TimeMs(now())).await {
                break accepted;
            }
        }
    })
    .await
}

async fn all_have_read(gateways: &[Gateway], record: Accepted) {
    for gateway in gateways {
        in_time("a record", gateway.follower.reached(record.partition, record.offset)).await.unwrap();
    }
}

#[tokio::test]
async fn a_room_on_kafka() {
    let mut broker = Broker::start().unwrap();
    let log: Arc<dyn Log> = Arc::new(KafkaLog::connect(KafkaOptions::new(broker.bootstrap())).unwrap());
    let spec = topic_spec("rooms", PARTITIONS, 1);
    log.create_topics(std::slice::from_ref(&spec)).unwrap();
    assert_eq!(log.check_topics(&[spec]).unwrap(), []);
    let topic = RoomTopic { log: Arc::clone(&log), topic: "rooms".into(), codec: codec(), ring: ring() };
    let clock: Clock = Arc::new(now);
    let room = name("sale");
    let mut gateways: Vec<_> = (0..2).map(|number| Gateway::start(&topic, &clock, number)).collect();
    // The first record takes long on a new broker, and the room must not open meanwhile.
    for gateway in &gateways {
        let first = enter_at(gateway, &beside(&room), 0).await;
        all_have_read(&gateways, first).await;
    }
    let opening = settings(&topic.ring, now(), 15_000);
    let opened = gateways[0].writer.append(&room, &RoomEvent::Open(opening), TimeMs(now())).await.unwrap();
    all_have_read(&gateways, opened).await;
    let mut last = opened;
    for number in 0..40 {
        last = in_time("an entry", gateways[usize::try_from(number % 2).unwrap()].enter(number)).await;
    }
    in_time("the last entry", gateways[0].follower.reached(last.partition, last.offset)).await.unwrap();
    let early = gateways[0].view().summary().unwrap().drawn;
    gateways.remove(0);
    until(&gateways[0].view(), "the draw", |summary| summary.is_revealed).await;
    until(&gateways[0].view(), "an admission", |summary| summary.step > 0).await;
    broker.restart().unwrap();
    gateways.push(Gateway::start(&topic, &clock, 1));
    let late = enter_at(&gateways[0], &room, 1_000).await;
    all_have_read(&gateways, late).await;
    until(&gateways[0].view(), "everybody's admission", |summary| summary.waiting == 0).await;
    gateways.iter_mut().for_each(|gateway| gateway.keeper = None);
    // A writer that has written this has written what its keeper said last.
    let mut end = late;
    for gateway in &gateways {
        end = enter_at(gateway, &room, 1_000).await;
    }
    all_have_read(&gateways, end).await;
    let look = gateways[0].view().look(&customer(1_000));
    assert!(matches!(look.standing, Standing::Admitted { place: 41 }), "{look:?}");
    assert_eq!(look.eta, None::<Eta>);
    let ring = Some(&topic.ring);
    let report = tokio::task::spawn_blocking({
        let (topic, room, ring) = (topic.clone(), room.clone(), ring.cloned());
        move || prove(&*topic.log, "rooms", &topic.codec, ring.as_ref(), &room)
    });
    let report = report.await.unwrap().unwrap();
    assert_eq!(report.findings, []);
    assert_eq!((report.is_revealed, u32::try_from(report.drawn.len()).unwrap()), (true, early));
    for gateway in &gateways {
        assert_eq!(gateway.view().certificate(), Some(report.certificate));
    }
}
