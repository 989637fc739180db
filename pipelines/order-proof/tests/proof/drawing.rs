//! A draw that proves, and lies about one that are found.

use std::sync::Arc;

use order_log::{Headers, MemoryRecord, ReadLimits};
use order_model::{
    Cancel, Command, CommandId, Commitment, Currency, CustomerId, Event, Line, ListingChange, ListingCommand,
    ListingSettings, OrderEventKind, OrderId, Place, PriceStep, Seed, Sku, TimeMs, partition_of,
};
use order_proof::{DrawProof, ProofParts, prove_draw};
use order_worker::Topics;

use crate::proving::{change, prove_with};
use crate::sale::{DECISIONS, ORDERS, Sale};

const SEED: Seed = Seed([5; 32]);
const ENTRIES: u128 = 300;
const STOCK: i64 = 40;
const PARTITIONS: u32 = 2;

fn sku() -> Sku {
    "SNEAKER".parse().unwrap()
}

fn listing(number: u128, change: ListingChange) -> Command {
    Command::Listing(ListingCommand { id: CommandId::from(number), sku: sku(), change })
}

fn place(order: u128) -> Command {
    Command::Place(Place {
        order: OrderId::from(order),
        customer: CustomerId::from(order),
        currency: Currency::EUR,
        partial: false,
        lines: [Line { sku: sku(), quantity: 1 }].into_iter().collect(),
    })
}

fn settings() -> ListingSettings {
    ListingSettings {
        sale: "drop".to_owned(),
        currency: Currency::EUR,
        opens_at: TimeMs(0),
        closes_at: TimeMs(0),
        limit_per_customer: 1,
        hold_ms: 600_000,
        extensions_max: 0,
        waitlist_max: 20,
        retention_ms: 600_000,
        tax_bp: 0,
        prices: vec![PriceStep { from_time: TimeMs(0), from_units: 0, unit_price: 100 }],
        draw: Some(Commitment(blake3::hash(&SEED.0).into())),
    }
}

/// A draw, decided as far as it is written.
fn draw(reveals: bool) -> Sale {
    let sale = Sale::empty(PARTITIONS);
    sale.write(&listing(1, ListingChange::Open { settings: Box::new(settings()), stock: STOCK }), None);
    for order in 1..=ENTRIES {
        sale.write(&place(order), None);
    }
    sale.write(&place(8), None);
    let cancel = Cancel { order: OrderId::from(7), customer: CustomerId::from(7), sku: sku() };
    sale.write(&Command::Cancel(cancel), None);
    // Nothing is decided by a seed that nobody was committed to, or that nobody signed.
    sale.write(&listing(2, ListingChange::Reveal { seed: Seed([6; 32]) }), None);
    if reveals {
        sale.write(&listing(3, ListingChange::Reveal { seed: SEED }), None);
    }
    sale.write(&place(1_000), None);
    sale.decide();
    sale
}

/// The log of a draw, with the home partition of one topic changed.
fn damaged(topic: &str, change: impl FnOnce(&Sale, &mut Vec<MemoryRecord>)) -> Sale {
    let good = draw(true);
    let changed = Sale::empty(PARTITIONS);
    let home = partition_of(&sku(), PARTITIONS).0;
    let mut change = Some(change);
    for name in [ORDERS, DECISIONS] {
        let mut records = good.log.records(name, home).unwrap();
        if name == topic
            && let Some(change) = change.take()
        {
            change(&good, &mut records);
        }
        for record in &records {
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            let headers = Headers::from_encoded(&record.headers);
            changed.log.append_at(name, home, record.time_ms, key, value, headers).unwrap();
        }
    }
    changed
}

fn prove(sale: &Sale) -> DrawProof {
    let parts = ProofParts {
        log: Arc::new(sale.log.clone()),
        codec: sale.codec.clone(),
        ring: sale.ring.clone(),
        topics: Topics::with_prefix(""),
        threads: 1,
        batch: ReadLimits { records_max: 64, bytes_max: 1 << 20 },
        progress: Arc::new(|_| {}),
    };
    prove_draw(&parts, &sku()).unwrap()
}

/// Both proofs have to find it, this one in these words.
fn refused(sale: &Sale, words: &str) {
    let proof = prove(sale);
    assert!(proof.problems.iter().any(|problem| problem.contains(words)), "{words}: {proof:#?}");
    assert!(!proof.holds());
    assert!(!prove_with(sale, 1, 64).holds());
}

fn order_in(sale: &Sale, record: &MemoryRecord) -> Option<(OrderEventKind, OrderId)> {
    let decision = sale.codec.decision_from(record.value.as_deref().unwrap()).unwrap();
    match decision.event {
        Event::Order(event) => Some((event.kind, event.order)),
        _ => None,
    }
}

#[test]
fn a_good_draw_proves() {
    let sale = draw(true);
    let proof = prove(&sale);
    assert!(proof.holds(), "{proof:#?}");
    assert_eq!((proof.entries, proof.withdrawn), (300, 1));
    assert_eq!(proof.seed, Some(SEED));
    assert_eq!(proof.commitment, settings().draw);
    assert_eq!(proof.decided.len(), 299);
    assert!(proof.decided.is_sorted_by_key(|drawn| drawn.rank));
    let got = |kind| proof.decided.iter().filter(|drawn| drawn.outcome == kind).count();
    let kinds = [OrderEventKind::Held, OrderEventKind::Waiting, OrderEventKind::TurnedAway];
    assert_eq!(kinds.map(got), [40, 20, 239]);
    let first = proof.decided[0];
    assert_eq!(first.rank, *blake3::hash(&[SEED.0.as_slice(), &first.order.0].concat()).as_bytes());
    assert!(prove_with(&sale, 2, 7).holds());
}

#[test]
fn without_the_seed_there_is_no_proof() {
    let proof = prove(&draw(false));
    assert_eq!((proof.entries, proof.seed), (301, None));
    assert_eq!(proof.problems, ["the seed has not been revealed yet"]);
    let nothing = prove(&Sale::empty(PARTITIONS));
    assert_eq!(nothing.problems, ["no decision opened SNEAKER"]);
}

#[test]
fn swapped_winners_are_found() {
    let sale = damaged(DECISIONS, |sale, records| {
        let drawn = |kind| {
            let is = |record: &MemoryRecord| order_in(sale, record).is_some_and(|(found, _)| found == kind);
            records.iter().position(is).unwrap()
        };
        let (winner, loser) = (drawn(OrderEventKind::Held), drawn(OrderEventKind::TurnedAway));
        let orders = [winner, loser].map(|at| order_in(sale, &records[at]).unwrap().1);
        for (at, order) in [(winner, orders[1]), (loser, orders[0])] {
            change(sale, &mut records[at], |decision| {
                if let Event::Order(event) = &mut decision.event {
                    event.order = order;
                    event.customer = CustomerId(order.0);
                }
            });
        }
    });
    refused(&sale, "place 1 of the draw is order");
}

#[test]
fn a_wrong_seed_is_found() {
    let sale = damaged(DECISIONS, |sale, records| {
        for record in records {
            change(sale, record, |decision| {
                if let Event::Listing(event) = &mut decision.event {
                    event.seed = event.seed.map(|_| Seed([6; 32]));
                }
            });
        }
    });
    refused(&sale, "the reveal was decided with");
}

#[test]
fn a_commitment_made_afterwards_is_found() {
    let sale = damaged(ORDERS, |sale, records| {
        let mut later = settings();
        later.draw = Some(Commitment([1; 32]));
        let open = listing(1, ListingChange::Open { settings: Box::new(later), stock: STOCK });
        let forger = Sale::empty(PARTITIONS);
        forger.write(&open, None);
        let home = partition_of(&sku(), sale.partitions).0;
        let forged = forger.log.records(ORDERS, home).unwrap().remove(0);
        records[0] = MemoryRecord { time_ms: records[0].time_ms, ..forged };
    });
    refused(&sale, "the opening was decided with");
}

#[test]
fn a_dropped_entry_is_found() {
    let sale = damaged(DECISIONS, |sale, records| {
        let dropped = OrderId::from(9);
        records.retain(|record| order_in(sale, record).is_none_or(|(_, order)| order != dropped));
        for (number, record) in (1..).zip(records) {
            change(sale, record, |decision| decision.sequence.0 = number);
        }
    });
    refused(&sale, "was placed in the window and is not among the entries");
}

#[test]
fn an_entry_nobody_placed_is_found() {
    let sale = damaged(DECISIONS, |sale, records| {
        for record in records {
            change(sale, record, |decision| {
                if let Event::Order(event) = &mut decision.event
                    && event.order == OrderId::from(9)
                {
                    event.order = OrderId::from(9_999);
                }
            });
        }
    });
    refused(&sale, "entered, but the record it names did not place it");
}
