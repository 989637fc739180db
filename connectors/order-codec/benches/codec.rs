//! What one record costs: the usual order read, the usual decision written, a privileged command judged.
//! `cargo bench -p order-codec`
#![expect(clippy::expect_used, reason = "a bench stops at the first thing that is not as it should be")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use order_codec::{Codec, FileSchemas, KeyRing, RawRecord, read_command};
use order_model::{
    Command, Currency, CustomerId, DecidedLine, Decision, Event, Line, LineState, Offset, OrderEvent,
    OrderEventKind, OrderId, Partition, PaymentId, PaymentResult, Place, Sequence, Settle, Sku, Stock,
    TimeMs,
};

fn place(sku: Sku) -> Command {
    Command::Place(Place {
        order: OrderId::from(1),
        customer: CustomerId::from(2),
        currency: Currency::EUR,
        partial: false,
        lines: [Line { sku, quantity: 1 }].into_iter().collect(),
    })
}

fn settle(sku: Sku) -> Command {
    Command::Settle(Settle {
        order: OrderId::from(1),
        sku,
        payment: PaymentId::from(3),
        amount: 9_900,
        currency: Currency::EUR,
        result: PaymentResult::Captured,
    })
}

fn held(sku: Sku) -> Decision {
    let stock = Some(Stock { free: 999, held: 1, sold: 0, waiting: 0 });
    let line = DecidedLine { sku, quantity: 1, state: LineState::Taken, unit_price: 9_900, stock };
    let event = OrderEvent {
        kind: OrderEventKind::Held,
        reason: None,
        order: OrderId::from(1),
        customer: CustomerId::from(2),
        currency: Currency::EUR,
        total: 9_900,
        tax: 1_581,
        deadline: TimeMs(1_780_000_600_123),
        payment: None,
        lines: [line].into_iter().collect(),
    };
    Decision {
        partition: Partition(3),
        sequence: Sequence(123_456),
        offset: Offset(654_321),
        time: TimeMs(1_780_000_000_123),
        event: Event::Order(event),
    }
}

fn codec(criterion: &mut Criterion) {
    let source = FileSchemas::new().expect("the compiled-in schemas are whole");
    let codec = Codec::new(Arc::new(source)).expect("the compiled-in schemas have ids");
    let ring = KeyRing::generate_one([7; 32]);
    let sku: Sku = "SNEAKER-42".parse().expect("a SKU");
    let [mut placed, mut settled, mut out] = [Vec::new(), Vec::new(), Vec::new()];
    codec.command_to(&place(sku), &mut placed);
    codec.command_to(&settle(sku), &mut settled);
    let decision = held(sku);

    criterion.bench_function("read a place", |bench| {
        bench.iter(|| codec.command_from(black_box(&placed)).expect("readable"));
    });
    criterion.bench_function("write a held", |bench| {
        bench.iter(|| {
            out.clear();
            codec.decision_to(black_box(&decision), &mut out);
            out.len()
        });
    });
    let mac = ring.sign(TimeMs(1), Some(sku.as_bytes()), &settled);
    criterion.bench_function("judge a settle", |bench| {
        let record = RawRecord {
            partition: Partition(0),
            time: TimeMs(1),
            key: Some(sku.as_bytes()),
            value: Some(&settled),
            mac: mac.as_deref(),
        };
        bench.iter(|| read_command(&codec, &ring, black_box(&record)).expect("trusted"));
    });
}

criterion_group!(benches, codec);
criterion_main!(benches);
