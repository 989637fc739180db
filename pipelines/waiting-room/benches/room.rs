//! What the room costs: events applied a second on one core, the draw, a look, and the memory of a person.
//! `cargo bench -p waiting-room`
#![expect(clippy::print_stdout, reason = "the memory of a person is printed once")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use order_model::{CommandId, CustomerId, Offset, Partition, Position, Seed, TimeMs};
use waiting_room::{EntryId, Opening, Room, RoomEvent, commitment_to};

const PEOPLE: u32 = 1_000_000;
const SEED: Seed = Seed([7; 32]);
const OPENS: u64 = 10_000;

fn customer(number: u32) -> CustomerId {
    // As random as ids are.
    let hash = blake3::hash(&number.to_le_bytes());
    hash.as_bytes().first_chunk::<16>().copied().map_or_else(CustomerId::default, CustomerId)
}

fn at(offset: u32, time: u64) -> Position {
    Position { partition: Partition(0), offset: Offset(offset.into()), time: TimeMs(time) }
}

fn opened() -> Option<Room> {
    let mut room = Room::new("sale".parse().ok()?);
    let opening = Opening {
        id: CommandId::from(1),
        window_ms: 5_000,
        opens_at: TimeMs(OPENS),
        closes_at: TimeMs(1_000_000),
        people_max: 2 * PEOPLE,
        commitment: commitment_to(&SEED),
        seed_key: 1,
    };
    room.apply(at(0, 1), &RoomEvent::Open(opening));
    Some(room)
}

fn enter_all(room: &mut Room, events: &[RoomEvent], time: u64) {
    for (offset, event) in (1..).zip(events) {
        black_box(room.apply(at(offset, time), event));
    }
}

fn bench(criterion: &mut Criterion) {
    let entries: Vec<_> = (0..PEOPLE)
        .map(|number| RoomEvent::Enter { customer: customer(number), entry: EntryId([1; 8]) })
        .collect();
    let reveal = RoomEvent::Reveal { opening: CommandId::from(1), seed: SEED };
    let mut group = criterion.benchmark_group("room");
    group.sample_size(10).throughput(Throughput::Elements(PEOPLE.into()));
    for (what, time) in [("a million enter for the draw", OPENS - 1), ("a million queue", OPENS)] {
        group.bench_function(what, |bencher| {
            let enter = |room: Option<Room>| {
                room.map(|mut room| {
                    enter_all(&mut room, &entries, time);
                    room
                })
            };
            bencher.iter_batched(opened, enter, BatchSize::PerIteration);
        });
    }
    let gathered = || {
        let mut room = opened()?;
        enter_all(&mut room, &entries, OPENS - 1);
        Some(room)
    };
    group.bench_function("the draw of a million", |bencher| {
        let draw = |room: Option<Room>| {
            room.map(|mut room| {
                room.apply(at(PEOPLE + 1, OPENS), &reveal);
                room
            })
        };
        bencher.iter_batched(gathered, draw, BatchSize::PerIteration);
    });
    let Some(mut room) = gathered() else { return };
    room.apply(at(PEOPLE + 1, OPENS), &reveal);
    let bytes = room.bytes();
    println!("a million people: {bytes} bytes");
    group.throughput(Throughput::Elements(1));
    let mut number = 0;
    group.bench_function("a look at one customer of a million", |bencher| {
        bencher.iter(|| {
            number = (number + 7_919) % PEOPLE;
            black_box(room.standing(&customer(number)))
        });
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
