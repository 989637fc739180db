//! A shop: a log, an order worker, a provider, and what the log and the provider's book say in the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use order_codec::{Codec, FileSchemas, KeyRing, MAC_HEADER};
use order_log::{AppendBatch, Headers, Log, MemoryLog, Polled, ReadLimits};
use order_model::{
    Cancel, Command, CommandId, Currency, CustomerId, Decision, Event, Line, ListingChange, ListingCommand,
    ListingSettings, OrderEvent, OrderEventKind, OrderId, Place, PriceStep, RejectReason, Sku, TimeMs,
    partition_of,
};
use order_worker::{Stop, Summary, Topics, WorkerError, WorkerOptions, WorkerParts};
use payment_worker::{
    PaymentHandle, PaymentLimits, PaymentOptions, PaymentParts, PaymentWorker, Provider, Sandbox,
    SandboxFaults, SandboxOptions, Takings,
};

/// Longest wait for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const SECRET: &str = "whsec_test";
pub(crate) const PARTITIONS: u32 = 2;
pub(crate) const PRICE: i64 = 500;
const LIMITS: ReadLimits = ReadLimits { records_max: 64, bytes_max: 1 << 20 };

pub(crate) fn now() -> TimeMs {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    TimeMs(u64::try_from(since.as_millis()).unwrap())
}

#[track_caller]
pub(crate) fn until(what: &str, mut is_met: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_met() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A clock that goes with the time and can be put forward.
#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn pass(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }

    fn now(&self) -> TimeMs {
        now().after(self.0.load(Ordering::Relaxed))
    }

    fn to_fn(&self) -> Arc<dyn Fn() -> TimeMs + Send + Sync> {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}

pub(crate) struct Shop {
    /// Of the log in memory, the workers, and the provider that [`Self::sandbox`] makes.
    pub(crate) clock: Clock,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) codec: Codec,
    pub(crate) ring: KeyRing,
    worker: Option<(Stop, JoinHandle<Result<Summary, WorkerError>>)>,
    holds_ms: [u64; 2],
}

impl Shop {
    /// A shop on a log in memory, its order worker running.
    pub(crate) fn open(hold_ms: u64) -> Self {
        let clock = Clock::default();
        let stamps = clock.clone();
        let log = MemoryLog::new(Arc::new(move || stamps.now().0));
        let mut shop = Self::on(Arc::new(log), [hold_ms; 2]);
        shop.clock = clock;
        shop.list();
        shop.decide();
        shop
    }

    /// A shop on this log, with so long holds in the one partition and in the other.
    pub(crate) fn on(log: Arc<dyn Log>, holds_ms: [u64; 2]) -> Self {
        log.create_topics(&Topics::with_prefix("").specs(PARTITIONS, 1, 1_000_000_000)).unwrap();
        let codec = Codec::new(Arc::new(FileSchemas::new().unwrap())).unwrap();
        let (clock, ring) = (Clock::default(), KeyRing::generate_one([9; 32]));
        Self { clock, log, codec, ring, worker: None, holds_ms }
    }

    /// Starts the order worker.
    pub(crate) fn decide(&mut self) {
        let parts = WorkerParts {
            log: Arc::clone(&self.log),
            codec: self.codec.clone(),
            ring: self.ring.clone(),
            clock: self.clock.to_fn(),
            observer: Arc::new(|_| {}),
        };
        let options = WorkerOptions {
            group: "workers".to_owned(),
            topics: Topics::with_prefix(""),
            threads: 1,
            batch: LIMITS,
        };
        let stop = Stop::new();
        let asked = stop.clone();
        let thread = std::thread::spawn(move || order_worker::run(&parts, &options, &asked));
        self.worker = Some((stop, thread));
    }

    /// Stops the order worker.
    pub(crate) fn stop_deciding(&mut self) {
        if let Some((stop, thread)) = self.worker.take() {
            stop.ask();
            thread.join().unwrap().unwrap();
        }
    }

    /// SKUs of both partitions.
    pub(crate) fn skus() -> [Sku; 2] {
        let of = |partition: u32| {
            let mut names = (0..).map(|number: u32| format!("s{number}").parse::<Sku>().unwrap());
            names.find(|sku| partition_of(sku, PARTITIONS).0 == partition).unwrap()
        };
        [of(0), of(1)]
    }

    /// Opens a listing in each partition.
    pub(crate) fn list(&self) {
        for (number, (sku, hold_ms)) in (1..).zip(Self::skus().into_iter().zip(self.holds_ms)) {
            let settings = ListingSettings {
                sale: "summer".to_owned(),
                currency: Currency::EUR,
                opens_at: TimeMs(0),
                closes_at: TimeMs(0),
                limit_per_customer: 0,
                hold_ms,
                extensions_max: 0,
                waitlist_max: 0,
                retention_ms: 600_000,
                tax_bp: 0,
                prices: vec![PriceStep { from_time: TimeMs(0), from_units: 0, unit_price: PRICE }],
                draw: None,
            };
            let change = ListingChange::Open { settings: Box::new(settings), stock: 100_000 };
            self.write(&[Command::Listing(ListingCommand { id: CommandId::from(number), sku, change })]);
        }
    }

    /// Places so many orders.
    pub(crate) fn place(&self, numbers: std::ops::Range<u128>) {
        self.write(&numbers.map(Self::placing).collect::<Vec<_>>());
    }

    /// What places an order: in turn in each partition, and every fifth with a line in both.
    pub(crate) fn placing(number: u128) -> Command {
        let [a, b] = Self::skus();
        let lines: &[Sku] = match number % 5 {
            4 => &[a, b],
            even if even % 2 == 0 => &[a],
            _ => &[b],
        };
        Command::Place(Place {
            order: OrderId::from(number),
            customer: CustomerId::from(number),
            currency: Currency::EUR,
            partial: false,
            lines: lines.iter().map(|sku| Line { sku: *sku, quantity: 1 }).collect(),
        })
    }

    /// What cancels an order that [`Self::placing`] places.
    pub(crate) fn cancelling(number: u128) -> Command {
        let [a, b] = Self::skus();
        let sku = match number % 5 {
            4 => a.min(b),
            even if even % 2 == 0 => a,
            _ => b,
        };
        Command::Cancel(Cancel { order: OrderId::from(number), customer: CustomerId::from(number), sku })
    }

    pub(crate) fn write(&self, commands: &[Command]) {
        let mut batch = AppendBatch::new("orders".into());
        for command in commands {
            let sku = command.home_sku().unwrap();
            let mut value = Vec::new();
            self.codec.command_to(command, &mut value);
            let mut headers = Vec::new();
            if command.is_privileged() {
                let mac = self.ring.sign(self.clock.now(), Some(sku.as_bytes()), &value).unwrap();
                Headers::encode(&mut headers, MAC_HEADER, &mac);
            }
            let (partition, key) = (partition_of(sku, PARTITIONS).0, Some(sku.as_bytes()));
            batch.push(partition, key, Some(&value), Headers::from_encoded(&headers));
        }
        let mut appender = self.log.appender().unwrap();
        appender.append(batch).unwrap();
        let mut acknowledged = Vec::new();
        until("commands are stored", || {
            appender.poll(Duration::from_millis(5), &mut acknowledged).unwrap();
            !acknowledged.is_empty()
        });
    }

    pub(crate) fn parts(&self) -> PaymentParts {
        PaymentParts {
            log: Arc::clone(&self.log),
            codec: self.codec.clone(),
            ring: self.ring.clone(),
            clock: self.clock.to_fn(),
            observer: Arc::new(|_| {}),
        }
    }

    /// A provider with the shop's clock.
    pub(crate) fn sandbox(&self, seed: u64, faults: SandboxFaults) -> Sandbox {
        sandbox_at(&self.clock, seed, faults)
    }

    pub(crate) fn pay(&self, provider: impl Provider) -> PaymentHandle {
        PaymentWorker::start(&self.parts(), &options(), provider).unwrap()
    }

    /// Every decision about an order, each once, partition after partition.
    pub(crate) fn decisions(&self) -> Vec<Decision> {
        let mut decisions: Vec<Decision> = Vec::new();
        for partition in 0..PARTITIONS {
            let mut last = 0;
            self.read("decisions", partition, |value| {
                let decision = self.codec.decision_from(value).unwrap();
                if decision.sequence.0 > last {
                    last = decision.sequence.0;
                    decisions.push(decision);
                }
            });
        }
        decisions
    }

    pub(crate) fn read(&self, topic: &str, partition: u32, mut each: impl FnMut(&[u8])) {
        let end = self.log.bounds(topic, partition).unwrap().end;
        let mut reader = self.log.reader(topic, LIMITS).unwrap();
        reader.start(partition, 0).unwrap();
        let mut next = 0;
        while next < end {
            if let Some(Polled::Batch(batch)) = reader.poll(Duration::from_millis(20)).unwrap() {
                batch.iter().for_each(|record| each(record.value.unwrap_or_default()));
                next = batch.next_offset();
            }
        }
    }

    pub(crate) fn events(&self) -> Vec<OrderEvent> {
        let events = self.decisions().into_iter().filter_map(|decision| match decision.event {
            Event::Order(event) => Some(event),
            _ => None,
        });
        events.collect()
    }

    /// Results of payments that the log was told.
    pub(crate) fn settles(&self) -> usize {
        let mut settles = 0;
        for partition in 0..PARTITIONS {
            self.read("orders", partition, |value| {
                settles += usize::from(matches!(self.codec.command_from(value), Ok(Command::Settle(_))));
            });
        }
        settles
    }

    pub(crate) fn count(&self, kind: OrderEventKind) -> usize {
        self.events().iter().filter(|event| event.kind == kind).count()
    }

    pub(crate) fn refunds(&self, reason: RejectReason) -> usize {
        let refunds = self.events().into_iter().filter(|event| event.kind == OrderEventKind::Refund);
        refunds.filter(|event| event.reason == Some(reason)).count()
    }

    /// Waits until every order placed has come to an end and the payment worker has nothing in hand.
    #[track_caller]
    pub(crate) fn settled(&self, orders: usize, handle: &PaymentHandle) {
        until("every order has its end", || self.ends() >= orders);
        self.idle(handle);
    }

    /// Waits until the payment worker has taken in every decision and has nothing in hand.
    #[track_caller]
    pub(crate) fn idle(&self, handle: &PaymentHandle) {
        until("the payment worker has nothing in hand", || {
            assert!(!handle.is_finished(), "it ended");
            let status = handle.status();
            let read = |partition: u32| {
                let end = self.log.bounds("decisions", partition).unwrap().end;
                status.partitions.get(&partition).is_some_and(|status| status.next_offset >= end)
            };
            status.is_idle() && (0..PARTITIONS).all(read)
        });
    }

    fn ends(&self) -> usize {
        let ends = [
            OrderEventKind::Paid,
            OrderEventKind::Declined,
            OrderEventKind::Cancelled,
            OrderEventKind::Expired,
        ];
        self.events().iter().filter(|event| ends.contains(&event.kind)).count()
    }

    /// Money taken is what was sold and what was given back; nothing is set aside for ever; nobody pays twice.
    #[track_caller]
    pub(crate) fn check(&self, sandbox: &Sandbox) -> Takings {
        let takings = sandbox.takings();
        let (mut sold, mut refunded) = (0, 0);
        let mut paid = BTreeMap::new();
        for event in self.events() {
            match event.kind {
                OrderEventKind::Paid => {
                    sold += event.total;
                    *paid.entry(event.order).or_insert(0) += 1;
                }
                OrderEventKind::Refund => refunded += event.total,
                _ => {}
            }
        }
        assert_eq!(takings.refunded, refunded, "given back is what the log says");
        assert_eq!(takings.taken, sold + refunded, "money taken = sold + refunded");
        assert_eq!(takings.set_aside, 0, "nothing stays set aside");
        assert!(paid.values().all(|times| *times == 1));
        for payment in sandbox.payments() {
            let kept = payment.captured - payment.refunded;
            let bought = payment.order.is_some_and(|order| paid.contains_key(&order));
            assert!(kept == 0 || (bought && kept == payment.captured), "{payment:?}");
        }
        for partition in 0..PARTITIONS {
            assert_eq!(self.log.bounds("dead-letters", partition).unwrap().end, 0, "no dead letter");
        }
        takings
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if let Some((stop, _)) = &self.worker {
            stop.ask();
            stop.ask();
        }
    }
}

pub(crate) fn options() -> PaymentOptions {
    PaymentOptions {
        group: "payment".to_owned(),
        orders: "orders".into(),
        decisions: "decisions".into(),
        dead_letters: "dead-letters".into(),
        limits: limits(),
        callback_secrets: vec![SECRET.to_owned()],
    }
}

/// Everything soon.
pub(crate) fn limits() -> PaymentLimits {
    PaymentLimits {
        call_ms_max: 400,
        retry_ms_min: 5,
        retry_ms_max: 50,
        pending_poll_ms: 10,
        capture_margin_ms: 0,
        close_after_ms: 200,
        ..PaymentLimits::default()
    }
}

pub(crate) fn sandbox(seed: u64, faults: SandboxFaults) -> Sandbox {
    sandbox_at(&Clock::default(), seed, faults)
}

fn sandbox_at(clock: &Clock, seed: u64, faults: SandboxFaults) -> Sandbox {
    let (befalls, secret) = (Arc::new(|_| true), SECRET.to_owned());
    Sandbox::new(SandboxOptions { seed, faults, befalls, secret, clock: clock.to_fn() })
}
