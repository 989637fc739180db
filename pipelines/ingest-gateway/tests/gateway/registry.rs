//! Decisions of another writer's schema, and a schema registry that is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ingest_gateway::board::{Board, BoardParts};
use ingest_gateway::limits::BoardLimits;
use order_codec::schemas::DECISION_V2;
use order_codec::{Codec, FileSchemas, RegistryError, SchemaSource};
use order_log::{Headers, Log as _, MemoryLog};
use order_model::{
    Currency, CustomerId, Decision, Event, Offset, OrderEvent, OrderEventKind, OrderId, Partition, Sequence,
    TimeMs,
};
use order_worker::Topics;

use crate::shop::{PATIENCE, now};

/// The id of a schema that is not ours, but says the same.
const FOREIGN: u32 = 4_711;

struct Flaky {
    files: FileSchemas,
    is_away: AtomicBool,
}

impl SchemaSource for Flaky {
    fn register_or_find(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError> {
        self.files.register_or_find(subject, schema_json)
    }

    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        if self.is_away.load(Ordering::SeqCst) {
            let (registry, detail) = ("memory".to_owned(), "away on purpose".to_owned());
            return Err(RegistryError::Unreachable { registry, detail });
        }
        Ok((id == FOREIGN).then(|| DECISION_V2.to_owned()))
    }
}

fn held(number: u64) -> Decision {
    Decision {
        partition: Partition(0),
        sequence: Sequence(number),
        offset: Offset(number),
        time: now(),
        event: Event::Order(OrderEvent {
            kind: OrderEventKind::Held,
            reason: None,
            order: OrderId::from(u128::from(number)),
            customer: CustomerId::from(7),
            currency: Currency::EUR,
            total: 0,
            tax: 0,
            deadline: TimeMs(0),
            payment: None,
            lines: Default::default(),
        }),
    }
}

fn until(what: &str, is_met: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_met() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn no_decision_is_passed_over_while_the_registry_is_away() {
    let log = MemoryLog::new(Arc::new(|| now().0));
    log.create_topics(&Topics::with_prefix("").specs(1, 1, 1_000_000_000)).unwrap();
    let source = Arc::new(Flaky { files: FileSchemas::new().unwrap(), is_away: AtomicBool::new(false) });
    let codec = Codec::new(Arc::<Flaky>::clone(&source)).unwrap();
    let write = |value: &[u8]| {
        log.append_at("decisions", 0, now().0, None, Some(value), Headers::default()).unwrap();
    };
    let write_held = |number: u64, id: Option<u32>| {
        let mut value = Vec::new();
        codec.decision_to(&held(number), &mut value);
        if let Some(id) = id {
            value[1..5].copy_from_slice(&id.to_be_bytes());
        }
        write(&value);
    };
    let parts = BoardParts {
        log: Arc::new(log.clone()),
        codec: codec.clone(),
        orders: "orders".into(),
        decisions: "decisions".into(),
    };
    let limits = BoardLimits { gauge_every_ms: 20, silence_ms_max: 400, ..BoardLimits::default() };
    let (board, threads) = Board::open(&parts, limits).unwrap();
    let knows = |number: u64| board.order(OrderId::from(u128::from(number))).is_some();
    write_held(1, None);
    write(b"nonsense");
    until("it is ready", || knows(1) && board.is_ready());
    source.is_away.store(true, Ordering::SeqCst);
    write_held(2, Some(FOREIGN));
    write_held(3, None);
    until("readiness says so", || !board.is_ready());
    assert!(!knows(2) && !knows(3), "nothing is taken in past it");
    source.is_away.store(false, Ordering::SeqCst);
    until("it has gone on", || knows(2) && knows(3) && board.is_ready());
    board.close();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
