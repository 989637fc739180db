//! A target in memory with both kinds of output there are: items that a younger version replaces, and rows of which
//! each counts once. Faults on demand; planted flaws on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use order_model::{Decision, Event, Partition, Sequence};
use sink::harness::{Contents, Injected, Subject};
use sink::{Arrival, Batch, Fault, Reached, Refused, Target};

/// What is wrong with the target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flaw {
    None,
    /// Says that it has got further than it has, for a moment.
    OverstatesProgress,
    /// Lets an older version replace a younger one.
    AppliesOlder,
    /// Takes an answer that says "in part" for one that says "done".
    LosesPartial,
    /// Counts a row again when it comes again.
    CountsTwice,
    /// Records whatever progress it is told.
    MovesBack,
    /// Drops what is refused and does not say so.
    RefusesSilently,
    /// Writes the same decision anew under a name of its own at each attempt.
    WritesAnew,
}

#[derive(Default)]
struct Store {
    items: BTreeMap<String, (Sequence, String)>,
    rows: BTreeSet<(u32, u64)>,
    counted: u64,
    attempts: u64,
    progress: BTreeMap<Partition, Reached>,
    fault: Option<Injected>,
    requests: u64,
}

type Shared = Arc<Mutex<Store>>;

pub(crate) struct Memory {
    store: Shared,
    flaw: Flaw,
}

impl Memory {
    pub(crate) fn good() -> Self {
        Self::with(Flaw::None)
    }

    pub(crate) fn with(flaw: Flaw) -> Self {
        Self { store: Shared::default(), flaw }
    }

    fn at<A>(&self, act: impl FnOnce(&mut Store) -> A) -> A {
        act(&mut self.store.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(crate) struct MemoryTarget {
    store: Shared,
    flaw: Flaw,
}

impl Subject for Memory {
    type Target = MemoryTarget;

    fn name(&self) -> String {
        match self.flaw {
            Flaw::None => "memory".to_owned(),
            flaw => format!("memory, {flaw:?}"),
        }
    }

    async fn fresh(&mut self) {
        self.store = Shared::default();
    }

    async fn open(&self) -> MemoryTarget {
        MemoryTarget { store: Arc::clone(&self.store), flaw: self.flaw }
    }

    async fn contents(&self) -> Contents {
        self.at(|store| {
            let mut contents: Contents = store
                .items
                .iter()
                .map(|(name, (version, value))| (name.clone(), format!("{version} {value}")))
                .collect();
            contents.insert("rows".to_owned(), store.rows.len().to_string());
            contents.insert("counted".to_owned(), store.counted.to_string());
            contents
        })
    }

    fn expected(&self, decisions: &[Vec<Decision>]) -> Option<Contents> {
        let mut contents = Contents::new();
        for decision in decisions.iter().flatten() {
            let (name, value) = item(decision);
            contents.insert(name, format!("{} {value}", decision.sequence));
        }
        let rows: usize = decisions.iter().map(Vec::len).sum();
        contents.insert("rows".to_owned(), rows.to_string());
        contents.insert("counted".to_owned(), rows.to_string());
        Some(contents)
    }

    fn inject(&self, fault: Option<Injected>) -> bool {
        self.at(|store| store.fault = fault);
        true
    }
}

/// The item a decision makes.
fn item(decision: &Decision) -> (String, String) {
    let partition = decision.partition;
    match &decision.event {
        Event::Order(event) => (format!("order {:?} {partition}", event.order), event.kind.name().to_owned()),
        Event::Listing(event) => (format!("listing {} {partition}", event.sku), format!("{:?}", event.stock)),
        Event::Customer(event) => {
            (format!("customer {:?} {partition}", event.customer), event.blocked.to_string())
        }
    }
}

/// What becomes of a request.
enum Fate {
    Done,
    /// Only so many of its parts are done, and the answer is this.
    Cut(usize, Fault),
    /// Done, and the answer is lost.
    Lost,
}

impl MemoryTarget {
    fn at<A>(&self, act: impl FnOnce(&mut Store) -> A) -> A {
        act(&mut self.store.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn fate(&self, parts: usize) -> Fate {
        let turned_away = |text: &str| Fate::Cut(0, Fault::Retry(text.to_owned()));
        self.at(|store| {
            store.requests += 1;
            let is_odd = store.requests % 2 == 1;
            match store.fault {
                Some(Injected::Throttle) if is_odd => turned_away("too many requests"),
                Some(Injected::Partial) if is_odd => {
                    Fate::Cut(parts / 2, Fault::Retry("done in part".to_owned()))
                }
                Some(Injected::LostReply) if is_odd => Fate::Lost,
                Some(Injected::Outage) => turned_away("nobody answers"),
                Some(Injected::Halt) => {
                    Fate::Cut(0, Fault::Halt("the table is missing; create it".to_owned()))
                }
                _ => Fate::Done,
            }
        })
    }

    fn apply(&self, arrival: &Arrival) {
        let decision = &arrival.decision;
        let (name, value) = item(decision);
        let flaw = self.flaw;
        self.at(|store| {
            store.attempts += 1;
            let name = if flaw == Flaw::WritesAnew { format!("{name} {}", store.attempts) } else { name };
            let is_older = store.items.get(&name).is_some_and(|(version, _)| *version >= decision.sequence);
            if !is_older || flaw == Flaw::AppliesOlder {
                store.items.insert(name, (decision.sequence, value));
            }
            let is_new = store.rows.insert((decision.partition.0, decision.sequence.0));
            store.counted += u64::from(is_new || flaw == Flaw::CountsTwice);
        });
    }

    fn record(&self, partition: Partition, reached: Reached) {
        let flaw = self.flaw;
        self.at(|store| {
            let known = store.progress.entry(partition).or_default();
            *known = if flaw == Flaw::MovesBack { reached } else { reached.max(*known) };
        });
    }
}

impl Target for MemoryTarget {
    fn name(&self) -> &'static str {
        "push"
    }

    async fn reached(&mut self, partition: Partition) -> Result<Reached, Fault> {
        match self.fate(0) {
            Fate::Done => Ok(self.at(|store| store.progress.get(&partition).copied().unwrap_or_default())),
            Fate::Cut(_, fault) => Err(fault),
            Fate::Lost => Err(Fault::Retry("the answer was lost".to_owned())),
        }
    }

    async fn write(&mut self, batches: &[Batch]) -> Result<Vec<Refused>, Fault> {
        if self.flaw == Flaw::OverstatesProgress {
            batches.iter().for_each(|batch| self.record(batch.partition, batch.reached()));
        }
        let arrivals: Vec<_> = batches.iter().flat_map(|batch| &batch.arrivals).collect();
        let fate = self.fate(arrivals.len());
        let parts = if let Fate::Cut(parts, _) = &fate { *parts } else { arrivals.len() };
        let refuses = self.at(|store| store.fault) == Some(Injected::Refuse);
        let mut refused = Vec::new();
        for (number, arrival) in arrivals.into_iter().take(parts).enumerate() {
            // A place where the process can die.
            if number % 8 == 0 {
                tokio::task::yield_now().await;
            }
            let Decision { partition, sequence, .. } = arrival.decision;
            if refuses && sequence.0 % 7 == 3 {
                refused.push(Refused { partition, sequence, reason: "it is odd".to_owned() });
            } else {
                self.apply(arrival);
            }
        }
        match fate {
            _ if self.flaw == Flaw::RefusesSilently => Ok(Vec::new()),
            Fate::Cut(parts, _) if parts > 0 && self.flaw == Flaw::LosesPartial => Ok(refused),
            Fate::Done => Ok(refused),
            Fate::Cut(_, fault) => Err(fault),
            Fate::Lost => Err(Fault::Retry("the answer was lost".to_owned())),
        }
    }

    async fn advance(&mut self, progress: &[(Partition, Reached)]) -> Result<(), Fault> {
        let fate = self.fate(progress.len());
        let parts = if let Fate::Cut(parts, _) = &fate { *parts } else { progress.len() };
        for (partition, reached) in progress.iter().take(parts) {
            tokio::task::yield_now().await;
            self.record(*partition, *reached);
        }
        match fate {
            Fate::Done => Ok(()),
            Fate::Cut(_, fault) => Err(fault),
            Fate::Lost => Err(Fault::Retry("the answer was lost".to_owned())),
        }
    }
}
