//! Workers in threads, and waiting for what they do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use order_log::{Log, MemoryLog, ReadLimits};
use order_model::TimeMs;
use order_proof::{Proof, ProofParts, prove};
use order_worker::{
    Stop, Summary, Topics, WorkerError, WorkerEvent, WorkerOptions, WorkerParts, resume_point, run,
};

use crate::sale::{DECISIONS, ORDERS, Sale};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);
const LIMITS: ReadLimits = ReadLimits { records_max: 16, bytes_max: 1 << 20 };

/// A worker in a thread.
pub struct Member {
    stop: Stop,
    thread: JoinHandle<Result<Summary, WorkerError>>,
    events: Arc<Mutex<Vec<WorkerEvent>>>,
}

impl Member {
    /// Starts a worker of `group` on two timely threads, by the time of day of this machine.
    pub fn start(sale: &Sale, group: &str) -> Self {
        Self::start_on(Arc::new(sale.log.clone()), sale, group)
    }

    /// The same on another way to the sale's log.
    pub fn start_on(log: Arc<dyn Log>, sale: &Sale, group: &str) -> Self {
        let events: Arc<Mutex<Vec<WorkerEvent>>> = Arc::default();
        let noted = Arc::clone(&events);
        let parts = WorkerParts {
            log,
            observer: Arc::new(move |event| noted.lock().unwrap().push(event)),
            ..parts(sale)
        };
        let (options, stop) = (options(group), Stop::new());
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || run(&parts, &options, &stopped));
        Self { stop, thread, events }
    }

    pub fn events(&self) -> Vec<WorkerEvent> {
        self.events.lock().unwrap().clone()
    }

    /// The partitions it was given.
    pub fn assigned(&self) -> Vec<u32> {
        let mut assigned: Vec<_> = self
            .events()
            .iter()
            .filter_map(|event| match event {
                WorkerEvent::Assigned { partition, .. } => Some(*partition),
                _ => None,
            })
            .collect();
        assigned.sort_unstable();
        assigned.dedup();
        assigned
    }

    /// How many records it has decided, as far as they are durable.
    pub fn durable(&self) -> u64 {
        let mut offsets = BTreeMap::new();
        for event in self.events() {
            if let WorkerEvent::Durable { partition, offset } = event {
                offsets.insert(partition, offset);
            }
        }
        offsets.values().sum()
    }

    /// Lets it finish what it has begun.
    #[track_caller]
    pub fn drain(self) -> Summary {
        self.stop.ask();
        self.thread.join().unwrap().unwrap()
    }

    /// Has it leave everything where it is.
    #[track_caller]
    pub fn leave(self) -> Summary {
        self.stop.ask();
        self.stop.ask();
        self.thread.join().unwrap().unwrap()
    }
}

pub fn parts(sale: &Sale) -> WorkerParts {
    WorkerParts {
        log: Arc::new(sale.log.clone()),
        codec: sale.codec.clone(),
        ring: sale.ring.clone(),
        clock: Arc::new(now),
        observer: Arc::new(|_| {}),
    }
}

pub fn options(group: &str) -> WorkerOptions {
    WorkerOptions { group: group.to_owned(), topics: Topics::with_prefix(""), threads: 2, batch: LIMITS }
}

/// A sale whose records are stamped by the time of day, which workers tick by.
pub fn live_sale(orders: u64, partitions: u32) -> Sale {
    Sale::on(Arc::new(|| now().0), partitions).with_traffic(orders)
}

pub fn now() -> TimeMs {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    TimeMs(u64::try_from(since.as_millis()).unwrap())
}

/// Waits for a condition.
#[track_caller]
pub fn until(what: &str, mut is_met: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_met() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until every partition is decided to its end, which moves while ledgers send each other relays.
#[track_caller]
pub fn until_decided(sale: &Sale, members: &[&Member]) {
    let ends = |log: &MemoryLog| -> Vec<u64> {
        (0..sale.partitions).map(|partition| log.bounds(ORDERS, partition).unwrap().end).collect()
    };
    until("all is decided", || {
        let before = ends(&sale.log);
        let mut durable = BTreeMap::new();
        for event in members.iter().flat_map(|member| member.events()) {
            if let WorkerEvent::Durable { partition, offset } = event {
                let highest: &mut u64 = durable.entry(partition).or_default();
                *highest = (*highest).max(offset);
            }
        }
        let is_decided = |(partition, end): (u32, &u64)| durable.get(&partition).unwrap_or(&0) >= end;
        (0..).zip(&before).all(is_decided) && ends(&sale.log) == before
    });
}

/// Proves the log, and says what is wrong if it does not hold.
#[track_caller]
pub fn assert_proved(sale: &Sale) -> Proof {
    let parts = ProofParts {
        log: Arc::new(sale.log.clone()),
        codec: sale.codec.clone(),
        ring: sale.ring.clone(),
        topics: Topics::with_prefix(""),
        threads: 2,
        batch: ReadLimits { records_max: 4_096, ..LIMITS },
        progress: Arc::new(|_| {}),
    };
    let proof = prove(&parts).unwrap();
    assert!(proof.holds(), "{proof:#?}");
    assert_eq!(proof.audit.numbers.lost, 0);
    let log: Arc<dyn Log> = parts.log;
    let mut reader = log.reader(DECISIONS, LIMITS).unwrap();
    for partition in &proof.partitions {
        let resume =
            resume_point(log.as_ref(), reader.as_mut(), &sale.codec, &parts.topics, partition.partition);
        assert_eq!(
            resume.unwrap().sequence().0,
            partition.decisions,
            "the last decision has the last number"
        );
    }
    proof
}
