//! Decisions, contacts and sinks for the tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use order_model::*;
use sink::{Arrival, Batch, Refused, Target};
use sink_push::*;

/// The time at which the tests' decisions are made.
pub(crate) const NOW: u64 = 1_795_800_000_000;
/// Longest wait for something that is to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A clock the test sets.
#[derive(Clone)]
pub(crate) struct Hands {
    base: Arc<AtomicU64>,
    since: Option<Instant>,
}

impl Hands {
    /// Goes on with real time, so that pauses end.
    pub(crate) fn new() -> Self {
        Self { since: Some(Instant::now()), ..Self::still() }
    }

    /// Stands still: what is to be tried again later waits for the test.
    pub(crate) fn still() -> Self {
        Self { base: Arc::new(AtomicU64::new(NOW)), since: None }
    }

    pub(crate) fn advance(&self, ms: u64) {
        self.base.fetch_add(ms, Ordering::Relaxed);
    }

    pub(crate) fn clock(&self) -> Clock {
        let (base, since) = (Arc::clone(&self.base), self.since);
        Arc::new(move || {
            let gone = since.map_or(0, |since| u64::try_from(since.elapsed().as_millis()).unwrap());
            TimeMs(base.load(Ordering::Relaxed) + gone)
        })
    }
}

pub(crate) fn customer(number: u128) -> CustomerId {
    CustomerId::from(number)
}

pub(crate) fn order(number: u128) -> OrderId {
    OrderId::from(number)
}

pub(crate) fn line(sku: &str, quantity: i32, state: LineState, stock: Option<Stock>) -> DecidedLine {
    let unit_price = if state == LineState::Taken { 1_999 } else { 0 };
    DecidedLine { sku: sku.parse().unwrap(), quantity, state, unit_price, stock }
}

/// A decision about order `number` of customer `number`.
pub(crate) fn about(kind: OrderEventKind, number: u128, sequence: u64) -> Decision {
    let has_deadline = kind == OrderEventKind::Held;
    Decision {
        partition: Partition(0),
        sequence: Sequence(sequence),
        offset: Offset(sequence),
        time: TimeMs(NOW),
        event: Event::Order(OrderEvent {
            kind,
            reason: None,
            order: order(number),
            customer: customer(number),
            currency: Currency::EUR,
            total: 3_998,
            tax: 638,
            deadline: TimeMs(if has_deadline { NOW + 600_000 } else { 0 }),
            payment: None,
            lines: DecidedLines::from_elem(line("LAMP-1", 2, LineState::Taken, None), 1),
        }),
    }
}

pub(crate) fn of_listing(kind: ListingEventKind, sequence: u64, delta: i64, stock: Stock) -> Decision {
    Decision {
        partition: Partition(0),
        sequence: Sequence(sequence),
        offset: Offset(sequence),
        time: TimeMs(NOW),
        event: Event::Listing(Box::new(ListingEvent {
            kind,
            reason: None,
            id: CommandId::default(),
            sku: "LAMP-1".parse().unwrap(),
            delta,
            stock,
            settings: None,
            seed: None,
        })),
    }
}

pub(crate) fn batch(decisions: Vec<Decision>) -> Batch {
    let first = decisions.first().unwrap().sequence.0;
    let arrivals = decisions.into_iter().map(|decision| Arrival {
        offset: Offset(decision.sequence.0 - 1),
        time: decision.time,
        decision,
    });
    Batch { partition: Partition(0), follows: Sequence(first - 1), arrivals: arrivals.collect() }
}

pub(crate) fn shop() -> Shop {
    Shop {
        name: "The Shop".to_owned(),
        order_page: Some("https://shop.example/orders/{order}".to_owned()),
        sku_page: Some("https://shop.example/skus/{sku}".to_owned()),
        unsubscribe: Some(("https://shop.example/unsubscribe?token=".to_owned(), keys())),
    }
}

pub(crate) fn keys() -> SigningKeys {
    SigningKeys::new(&[7; 32], None).unwrap()
}

/// A claims store that several sinks share, as several processes share a table. The answers to so many of the next attempts
/// that are begun are lost.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedClaims(pub(crate) Arc<MemoryClaims>, pub(crate) Arc<AtomicU64>);

/// Everybody has the addresses these make of them.
pub(crate) fn everybody(
    address: impl Fn(CustomerId) -> Vec<Address> + Send + Sync + 'static,
) -> MemoryContacts {
    MemoryContacts::with_otherwise(move |customer| {
        Some(Contact { locale: "en".to_owned(), addresses: address(customer), muted: Vec::new() })
    })
}

pub(crate) fn mailbox(customer: CustomerId) -> Vec<Address> {
    vec![Address::Email(format!("{customer}@example.org"))]
}

pub(crate) fn start(
    claims: &SharedClaims,
    contacts: MemoryContacts,
    channels: Vec<Box<dyn Channel>>,
    clock: Clock,
) -> PushSink<SharedClaims, MemoryContacts> {
    PushSink::start(Parts {
        claims: claims.clone(),
        contacts,
        templates: Templates::built_in().unwrap(),
        shop: shop(),
        channels,
        clock,
    })
}

pub(crate) async fn write(
    sink: &mut PushSink<SharedClaims, MemoryContacts>,
    decisions: Vec<Decision>,
) -> Vec<Refused> {
    sink.write(&[batch(decisions)]).await.unwrap()
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until so much is counted, as long as the count grows.
pub(crate) async fn until_counted(what: &str, goal: u64, count: impl Fn() -> u64) {
    let (mut seen, mut deadline) = (0, Instant::now() + PATIENCE);
    loop {
        let counted = count();
        if counted >= goal {
            return;
        }
        if counted > seen {
            (seen, deadline) = (counted, Instant::now() + PATIENCE);
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}, {counted} of {goal}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Has the time of every attempt under way run out at once, so that no other is ended by how long it takes.
pub(crate) async fn time_runs_out() {
    tokio::time::pause();
    tokio::time::advance(PATIENCE).await;
    tokio::time::resume();
}

impl Claims for SharedClaims {
    async fn record(&self, claims: &[Claim]) -> Result<Vec<claims::Recorded>, ClaimsError> {
        self.0.record(claims).await
    }
    async fn find(&self, keys: &[ClaimKey]) -> Result<Vec<Option<Claim>>, ClaimsError> {
        self.0.find(keys).await
    }
    async fn of(&self, subject: &str) -> Result<Vec<Claim>, ClaimsError> {
        self.0.of(subject).await
    }
    async fn begin(
        &self,
        key: &ClaimKey,
        attempts: u32,
        until: TimeMs,
        token: StepToken,
    ) -> Result<Option<Claim>, ClaimsError> {
        let begun = self.0.begin(key, attempts, until, token).await;
        let is_lost =
            self.1.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if is_lost { Err(ClaimsError::Retry("no answer".to_owned())) } else { begun }
    }
    async fn settle(
        &self,
        key: &ClaimKey,
        attempts: u32,
        settled: claims::Settled,
    ) -> Result<bool, ClaimsError> {
        self.0.settle(key, attempts, settled).await
    }
    async fn open(&self, slot: Slot, now: TimeMs, max: usize) -> Result<Vec<Claim>, ClaimsError> {
        self.0.open(slot, now, max).await
    }
    async fn reached(&self, partition: Partition) -> Result<sink::Reached, ClaimsError> {
        self.0.reached(partition).await
    }
    async fn advance(&self, progress: &[(Partition, sink::Reached)]) -> Result<(), ClaimsError> {
        self.0.advance(progress).await
    }
}
