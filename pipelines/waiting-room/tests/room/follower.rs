//! Several gateways over one log: each has the same room, whoever paces and dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use order_codec::KeyRing;
use order_log::{Clock, Log, MemoryLog};
use order_model::{CommandId, TimeMs, partition_of_key};
use waiting_room::{
    Accepted, Keeper, Opening, PaceTarget, Phase, Pipeline, RoomEvent, RoomFollower, RoomTopic, RoomView,
    RoomWriter, Standing, commitment_to, new_seed, prove,
};

use crate::support::{codec, customer, enter, entry, leave, name, ring, topic_spec};

const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const PARTITIONS: u32 = 3;

/// A gateway as far as the room goes.
pub(crate) struct Gateway {
    pub(crate) follower: RoomFollower,
    pub(crate) writer: RoomWriter,
    pub(crate) keeper: Option<Keeper>,
    pub(crate) is_known: Arc<AtomicBool>,
}

impl Gateway {
    pub(crate) fn start(topic: &RoomTopic, clock: &Clock, number: u64) -> Self {
        let follower = RoomFollower::start(topic.clone()).unwrap();
        let writer = RoomWriter::start(topic.clone()).unwrap();
        let is_known = Arc::new(AtomicBool::new(true));
        let knows = Arc::clone(&is_known);
        let pipeline =
            Pipeline { decided_per_s: 1_000, best_per_s: 1_000, arrived_per_s: 1_000, lag_records: 0 };
        let keeper = Keeper::start(
            follower.clone(),
            writer.clone(),
            PaceTarget::default(),
            Arc::new(move |_| knows.load(Ordering::SeqCst).then_some(pipeline)),
            Arc::clone(clock),
            number * 20,
        );
        Self { follower, writer, keeper: Some(keeper.unwrap()), is_known }
    }

    pub(crate) async fn enter(&self, number: u32) -> Accepted {
        let accepted = self.writer.append(&name("sale"), &enter(number), TimeMs(1)).await.unwrap();
        self.follower.reached(accepted.partition, accepted.offset).await.unwrap();
        accepted
    }

    pub(crate) fn view(&self) -> RoomView {
        self.follower.room(&name("sale")).unwrap()
    }
}

pub(crate) fn settings(ring: &KeyRing, now: u64, opens_in_ms: u64) -> Opening {
    let id = CommandId::from(77);
    let (seed_key, seed) = new_seed(ring, TimeMs(now), &name("sale"), id).unwrap();
    Opening {
        id,
        window_ms: opens_in_ms,
        opens_at: TimeMs(now + opens_in_ms),
        closes_at: TimeMs(now + 3_600_000),
        people_max: 100_000,
        commitment: commitment_to(&seed),
        seed_key,
    }
}

pub(crate) async fn in_time<A>(what: &str, wait: impl Future<Output = A>) -> A {
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

pub(crate) async fn until(view: &RoomView, what: &str, is: impl Fn(&waiting_room::Summary) -> bool) {
    let mut watch = view.watch();
    in_time(what, watch.wait_for(|summary| summary.as_ref().is_some_and(|summary| is(summary))))
        .await
        .unwrap();
}

struct Place {
    log: MemoryLog,
    topic: RoomTopic,
    time: Arc<AtomicU64>,
    clock: Clock,
}

impl Place {
    fn new() -> Self {
        let time = Arc::new(AtomicU64::new(1_000_000));
        let told = Arc::clone(&time);
        let clock: Clock = Arc::new(move || told.load(Ordering::SeqCst));
        let log = MemoryLog::new(Arc::clone(&clock));
        log.create_topics(&[topic_spec("rooms", PARTITIONS, 1)]).unwrap();
        let topic =
            RoomTopic { log: Arc::new(log.clone()), topic: "rooms".into(), codec: codec(), ring: ring() };
        Self { log, topic, time, clock }
    }

    fn pass(&self, ms: u64) {
        self.time.fetch_add(ms, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn any_gateway_may_die() {
    let place = Place::new();
    let room = name("sale");
    let mut gateways: Vec<_> =
        (0..3).map(|number| Gateway::start(&place.topic, &place.clock, number)).collect();
    let open = RoomEvent::Open(settings(&ring(), 1_000_000, 5_000));
    let opened = gateways[0].writer.append(&room, &open, TimeMs(1_000_000)).await.unwrap();
    for gateway in &gateways {
        gateway.follower.reached(opened.partition, opened.offset).await.unwrap();
    }
    for number in 0..600 {
        gateways[usize::try_from(number % 3).unwrap()].enter(number).await;
    }
    let last = gateways[0].enter(0).await;
    for gateway in &gateways {
        gateway.follower.reached(last.partition, last.offset).await.unwrap();
        assert_eq!(gateway.view().summary().unwrap().people, 600, "who enters twice is there once");
        assert_eq!(gateway.view().look(&customer(5)).standing, Standing::ToBeDrawn);
    }
    // The one that would go first is gone before the opening.
    gateways.remove(0);
    place.pass(6_000);
    until(&gateways[0].view(), "the draw", |summary| summary.is_revealed).await;
    gateways[0].enter(600).await;
    let Standing::Waiting { place: at, .. } = gateways[0].view().look(&customer(600)).standing else {
        panic!("who comes last waits")
    };
    assert_eq!(at, 601);
    // Nobody is admitted when nobody knows how the pipeline does.
    for gateway in &gateways {
        gateway.is_known.store(false, Ordering::SeqCst);
    }
    until(&gateways[0].view(), "the phase", |summary| summary.phase == Phase::Admitting).await;
    gateways.iter().for_each(|gateway| gateway.is_known.store(true, Ordering::SeqCst));
    place.pass(1_000);
    until(&gateways[0].view(), "the first admission", |summary| summary.step > 0).await;
    // Another dies, and one joins that has to read everything.
    gateways.remove(0);
    gateways.push(Gateway::start(&place.topic, &place.clock, 4));
    while gateways[0].view().summary().unwrap().waiting > 0 {
        let step = gateways[0].view().summary().unwrap().step;
        place.pass(1_000);
        for number in 0..601 {
            gateways[0].view().note_order(&customer(number));
            if let Some(view) = gateways[1].follower.room(&room) {
                view.note_order(&customer(number));
            }
        }
        until(&gateways[0].view(), "one more admission", |summary| {
            summary.step > step || summary.waiting == 0
        })
        .await;
    }
    gateways.iter_mut().for_each(|gateway| gateway.keeper = None);
    // A writer that has written this has written what its keeper said last.
    let mut end = opened;
    for gateway in &gateways {
        end = in_time("the last record", gateway.enter(0)).await;
    }
    let mut certificates = Vec::new();
    for gateway in &gateways {
        in_time("the end", gateway.follower.reached(end.partition, end.offset)).await.unwrap();
        certificates.push(gateway.view().certificate().unwrap());
    }
    assert_eq!(certificates[0], certificates[1]);
    for with_keys in [Some(&place.topic.ring), None] {
        let report = prove(&place.log, "rooms", &place.topic.codec, with_keys, &room).unwrap();
        assert_eq!(report.findings, []);
        assert_eq!((report.drawn.len(), report.queued, report.is_revealed), (600, 1, true));
        assert_eq!(report.certificate, certificates[0]);
        let standing = gateways[0].view().look(&report.drawn[7]).standing;
        assert_eq!((standing, report.place_of(&report.drawn[7])), (Standing::Admitted { place: 8 }, Some(8)));
    }
}

#[tokio::test]
async fn a_clock_that_is_ahead_tells_no_seed_early() {
    let place = Place::new();
    let time = Arc::clone(&place.time);
    let ahead: Clock = Arc::new(move || time.load(Ordering::SeqCst) + 60_000);
    let gateway = Gateway::start(&place.topic, &ahead, 0);
    let room = name("sale");
    let open = RoomEvent::Open(settings(&ring(), 1_000_000, 5_000));
    let opened = gateway.writer.append(&room, &open, TimeMs(1_000_000)).await.unwrap();
    gateway.follower.reached(opened.partition, opened.offset).await.unwrap();
    let entered = gateway.enter(1).await;
    // By its own clock it is time, and it says something; by the log's it is not.
    let said = order_model::Offset(entered.offset.0 + 1);
    in_time("the keeper's record", gateway.follower.reached(entered.partition, said)).await.unwrap();
    assert_eq!(gateway.view().summary().unwrap().phase, Phase::Gathering);
    gateway.enter(2).await;
    place.pass(5_000);
    until(&gateway.view(), "the draw", |summary| summary.is_revealed).await;
    let report = prove(&place.log, "rooms", &place.topic.codec, Some(&place.topic.ring), &room).unwrap();
    assert_eq!((report.findings, report.drawn.len()), (vec![], 2));
}

#[tokio::test]
async fn orders_are_expected_until_they_are_noted() {
    let place = Place::new();
    let gateway = Gateway::start(&place.topic, &place.clock, 0);
    gateway.is_known.store(false, Ordering::SeqCst);
    let room = name("sale");
    let opening = settings(&ring(), 1_000_000, 0);
    let write = async |event: RoomEvent| {
        let accepted = gateway.writer.append(&room, &event, TimeMs(1_000_000)).await.unwrap();
        gateway.follower.reached(accepted.partition, accepted.offset).await.unwrap();
    };
    write(RoomEvent::Open(opening)).await;
    for number in 0..10 {
        gateway.enter(number).await;
    }
    let admit = |step, up_to| {
        let figures = waiting_room::Figures::default();
        RoomEvent::Admit(waiting_room::Admit { opening: opening.id, step, up_to, figures })
    };
    write(admit(0, 4)).await;
    place.pass(10_000);
    write(admit(1, 8)).await;
    let view = gateway.view();
    let now = 1_010_000;
    let expected = |think_ms| view.outlook(TimeMs(now), think_ms).unwrap().expected;
    assert_eq!((expected(20_000), expected(5_000)), (8, 4));
    view.note_order(&customer(0));
    view.note_order(&customer(0));
    view.note_order(&customer(5));
    view.note_order(&customer(999));
    assert_eq!((expected(20_000), expected(5_000)), (6, 3));
    write(leave(6)).await;
    assert_eq!((expected(20_000), expected(5_000)), (5, 2));
    assert_eq!(view.entry_of(&customer(6)), None);
    assert_eq!(view.entry_of(&customer(7)), Some(entry(1)));
    // A new opening knows nothing of the last one's orders.
    write(RoomEvent::Close { opening: opening.id }).await;
    assert_eq!(view.summary(), None);
    assert_eq!(view.look(&customer(7)).standing, Standing::Unknown);
    write(RoomEvent::Open(Opening { id: CommandId::from(78), opens_at: TimeMs(now), ..opening })).await;
    gateway.enter(0).await;
    assert_eq!(view.summary().unwrap().places, 1);
}

/// Records that are no events, or that nobody may say, change nothing and are counted.
#[tokio::test]
async fn what_cannot_be_read_is_passed_over() {
    let place = Place::new();
    let partition = partition_of_key(b"sale", PARTITIONS).0;
    let mut unsigned = Vec::new();
    place.topic.codec.event_to(&RoomEvent::Open(settings(&ring(), 1_000_000, 0)), &mut unsigned);
    let none = order_log::Headers::NONE;
    for (key, value) in [(&b"sale"[..], &b"nonsense"[..]), (b"", b""), (b"sale", &unsigned)] {
        place.log.append_at("rooms", partition, 1_000_000, Some(key), Some(value), none).unwrap();
    }
    let gateway = Gateway::start(&place.topic, &place.clock, 0);
    in_time(
        "three records",
        gateway.follower.reached(order_model::Partition(partition), order_model::Offset(2)),
    )
    .await
    .unwrap();
    let mut status = gateway.follower.status();
    let status =
        in_time("all partitions", status.wait_for(|status| status.is_caught_up)).await.unwrap().clone();
    assert_eq!((status.unreadable, status.events, status.fault), (3, 0, None));
    assert!(gateway.follower.room(&name("sale")).is_none());
    assert!(prove(&place.log, "rooms", &place.topic.codec, None, &name("another")).is_err());
}
