//! Running a payment worker: its threads, its options, its handle.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use order_codec::{Codec, KeyRing};
use order_log::{Log, LogError};
use order_model::{OrderId, TimeMs, partition_of};

use crate::callback::{Callbacks, Note};
use crate::desk::{Desk, Found, Wires};
use crate::error::PaymentError;
use crate::hands;
use crate::limits::{BEGIN_RETRY, CALLBACKS_MAX, CALLS_MAX, PaymentLimits};
use crate::look_back::LookBack;
use crate::provider::Provider;
use crate::status::PaymentStatus;

/// What a payment worker works with.
#[derive(Clone)]
pub struct PaymentParts {
    /// The log.
    pub log: Arc<dyn Log>,
    /// Reads and writes records.
    pub codec: Codec,
    /// Signs results.
    pub ring: KeyRing,
    /// The time of day.
    pub clock: Arc<dyn Fn() -> TimeMs + Send + Sync>,
    /// Is told what happens, right before or after it does. Called on the worker's own thread; must be quick.
    pub observer: Arc<dyn Fn(Moment) + Send + Sync>,
}

/// How a payment worker works.
#[derive(Clone)]
pub struct PaymentOptions {
    /// The group whose members share the partitions.
    pub group: String,
    /// The topic of commands.
    pub orders: Arc<str>,
    /// The topic of decisions.
    pub decisions: Arc<str>,
    /// The topic of dead letters.
    pub dead_letters: Arc<str>,
    /// How much at once, and how long.
    pub limits: PaymentLimits,
    /// Secrets that sign callbacks; of none, no callback gets through.
    pub callback_secrets: Vec<String>,
}

/// What happens in a payment worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// A partition is ours; its open orders are being restored.
    Assigned(u32),
    /// They are, and money is taken.
    Restored(u32),
    /// The provider is about to be asked something for an order.
    Calling(OrderId),
    /// It has answered, and nothing was done about it.
    Answered(OrderId),
    /// A result is about to be appended.
    Telling(OrderId),
    /// A result is stored.
    Told(OrderId),
    /// A partition is given back.
    Released(u32),
}

/// The status, shared with whoever asks.
#[derive(Clone, Default)]
pub(crate) struct SharedStatus(Arc<Mutex<PaymentStatus>>);

impl SharedStatus {
    pub(crate) fn set(&self, status: PaymentStatus) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }

    fn get(&self) -> PaymentStatus {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Starts payment workers.
pub struct PaymentWorker;

impl PaymentWorker {
    /// Checks the ground and starts a worker; it runs on threads of its own until it is drained, stopped, or fails.
    pub fn start<P: Provider>(
        parts: &PaymentParts,
        options: &PaymentOptions,
        provider: P,
    ) -> Result<PaymentHandle, PaymentError> {
        check(parts, options)?;
        let mut options = options.clone();
        options.limits.calls_max = options.limits.calls_max.clamp(1, CALLS_MAX);
        let stop = Arc::new(AtomicU8::new(0));
        let shared = SharedStatus::default();
        let (inbox, callbacks) = bounded(CALLBACKS_MAX);
        let callbacks_in = Callbacks::new(options.callback_secrets.clone(), Arc::clone(&parts.clock), inbox);
        let (returns_in, returns) = bounded(options.limits.calls_max);
        let timeout = Duration::from_millis(options.limits.call_ms_max);
        let (errands, hands) = hands::start(Arc::new(provider), timeout, returns_in)?;
        let look_back = LookBack {
            log: Arc::clone(&parts.log),
            codec: parts.codec.clone(),
            ring: parts.ring.clone(),
            orders: Arc::clone(&options.orders),
            decisions: Arc::clone(&options.decisions),
            batch: options.limits.batch,
        };
        let ended = Arc::new(AtomicBool::new(false));
        let (questions, findings, asker) = start_asker(look_back.clone(), &options, Arc::clone(&ended))?;
        let wires = Wires { errands, returns, callbacks, questions, findings };
        let desk = Desk::new(parts, &options, look_back, wires, shared.clone())?;
        let asked = Arc::clone(&stop);
        let builder = std::thread::Builder::new().name("payment-desk".to_owned());
        let desk = builder.spawn(move || {
            let result = desk.run(&asked);
            ended.store(true, Ordering::Relaxed);
            result
        })?;
        Ok(PaymentHandle {
            stop,
            shared,
            callbacks: callbacks_in,
            desk: Some(desk),
            others: vec![("calls", hands), ("look back", asker)],
        })
    }
}

fn check(parts: &PaymentParts, options: &PaymentOptions) -> Result<(), PaymentError> {
    let orders_partitions = parts.log.partitions(&options.orders)?;
    let decisions_partitions = parts.log.partitions(&options.decisions)?;
    parts.log.partitions(&options.dead_letters)?;
    if orders_partitions != decisions_partitions {
        let (orders, decisions) = (options.orders.to_string(), options.decisions.to_string());
        return Err(PaymentError::PartitionsDiffer {
            orders,
            orders_partitions,
            decisions,
            decisions_partitions,
        });
    }
    parts.ring.sign((parts.clock)(), None, b"").map(drop).ok_or(PaymentError::NoKey)
}

/// A running payment worker. Dropping it stops the worker at once, which is as safe as a kill.
pub struct PaymentHandle {
    stop: Arc<AtomicU8>,
    shared: SharedStatus,
    callbacks: Callbacks,
    desk: Option<JoinHandle<Result<(), PaymentError>>>,
    others: Vec<(&'static str, JoinHandle<()>)>,
}

impl PaymentHandle {
    /// How it is doing.
    pub fn status(&self) -> PaymentStatus {
        self.shared.get()
    }

    /// Where its callbacks come in; see [`crate::callback_router`].
    pub fn callbacks(&self) -> Callbacks {
        self.callbacks.clone()
    }

    /// Whether it has ended; [`Self::join`] says why.
    pub fn is_finished(&self) -> bool {
        self.desk.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Asks it to end: first to finish the calls under way and give its partitions back, then to stop at once. May be
    /// called from a signal handler.
    pub fn ask_to_stop(&self) {
        let urgent = |asked: u8| Some(asked.saturating_add(1).min(2));
        self.stop.fetch_update(Ordering::Relaxed, Ordering::Relaxed, urgent).ok();
    }

    /// Asks it to end, and waits until it has.
    pub fn drain(self) -> Result<PaymentStatus, PaymentError> {
        self.ask_to_stop();
        self.join()
    }

    /// Waits until it has ended.
    pub fn join(mut self) -> Result<PaymentStatus, PaymentError> {
        if let Some(desk) = self.desk.take() {
            desk.join().unwrap_or(Err(PaymentError::ThreadDied("desk")))?;
        }
        for (name, other) in std::mem::take(&mut self.others) {
            other.join().map_err(|_| PaymentError::ThreadDied(name))?;
        }
        Ok(self.shared.get())
    }
}

impl Drop for PaymentHandle {
    fn drop(&mut self) {
        self.stop.store(2, Ordering::Relaxed);
    }
}

/// What goes to the thread that looks back, what comes from it, and the thread.
type Asker = (Sender<Note>, Receiver<Found>, JoinHandle<()>);

/// Starts the thread that asks the log which captured payments it knows.
fn start_asker(
    look_back: LookBack,
    options: &PaymentOptions,
    ended: Arc<AtomicBool>,
) -> Result<Asker, PaymentError> {
    let (questions, inbox) = bounded::<Note>(CALLBACKS_MAX);
    let (outbox, findings) = bounded(CALLBACKS_MAX);
    let skew_ms = options.limits.clock_skew_ms;
    let partitions = look_back.log.partitions(&look_back.orders)?;
    let builder = std::thread::Builder::new().name("payment-look-back".to_owned());
    let handle = builder.spawn(move || {
        loop {
            let first = match inbox.recv_timeout(BEGIN_RETRY) {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut asked: BTreeMap<u32, Vec<Note>> = BTreeMap::new();
            for note in std::iter::once(first).chain(inbox.try_iter()) {
                let partition = note.payment.sku.map_or(0, |sku| partition_of(&sku, partitions).0);
                asked.entry(partition).or_default().push(note);
            }
            for (partition, notes) in asked {
                let Some(found) = ask(&look_back, partition, notes, skew_ms, &ended) else { return };
                // The desk makes room before it asks, so this never waits for long.
                if found.into_iter().any(|found| outbox.send(found).is_err()) {
                    return;
                }
            }
        }
    })?;
    Ok((questions, findings, handle))
}

/// Asks one partition about the payments of all callbacks at once, until it answers or the worker has ended.
fn ask(
    look_back: &LookBack,
    partition: u32,
    notes: Vec<Note>,
    skew_ms: u64,
    ended: &AtomicBool,
) -> Option<Vec<Found>> {
    let earliest = notes.iter().map(|note| note.payment.created).min().unwrap_or_default();
    let since = TimeMs(earliest.0.saturating_sub(skew_ms));
    loop {
        match look_back.known(partition, since) {
            Ok(known) => {
                let found = |note: Note| match known.contains(&note.payment.payment_id()) {
                    true => Found::Known(note),
                    false => Found::Unknown(note),
                };
                return Some(notes.into_iter().map(found).collect());
            }
            Err(error) => report(partition, &error),
        }
        if ended.load(Ordering::Relaxed) {
            return None;
        }
        std::thread::sleep(BEGIN_RETRY);
    }
}

fn report(partition: u32, error: &LogError) {
    tracing::warn!(partition, %error, "the log cannot be asked about a callback; trying again");
}
