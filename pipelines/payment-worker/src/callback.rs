//! Callbacks of the provider: whether one is genuine and new, and which payment it is about. In Stripe's shape.
//!
//! Promised: only a body signed with one of our secrets, lately, gets through. By [`Callbacks`], a callback is taken for a
//! hint, never for the truth: the payment itself is asked after. It counts as done, and a repeat as known, only once the log
//! has all that follows from it, or had it already, so whoever answers the provider after [`Receipt::done`] loses none to a
//! crash. Not promised: that callbacks come, or come in order.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Sender, TrySendError};
use hmac::{Hmac, KeyInit, Mac};
use order_model::TimeMs;
use sha2::Sha256;
use tokio::sync::oneshot;

use crate::limits::{
    CALLBACK_BYTES_MAX, CALLBACK_SIGNATURES_MAX, CALLBACK_TOLERANCE, CALLBACK_WAIT, CALLBACKS_REMEMBERED_MAX,
};
use crate::provider::Payment;
use crate::shape;

/// The header that carries time and signatures.
pub const SIGNATURE_HEADER: &str = "stripe-signature";

/// Why a callback was turned away.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CallbackError {
    /// There is no signature.
    #[error("the callback has no header {SIGNATURE_HEADER}")]
    Unsigned,
    /// The header cannot be read.
    #[error("the header {SIGNATURE_HEADER} is not of the form t=SECONDS,v1=HEX")]
    Malformed,
    /// It was signed too long ago, or in the future.
    #[error("the signature is {seconds_off} seconds off our clock, {} are allowed; set the clocks", CALLBACK_TOLERANCE.as_secs())]
    OutOfTime {
        /// How far.
        seconds_off: u64,
    },
    /// No signature is by one of our secrets.
    #[error("no signature of the callback is by one of our secrets; compare them with the provider's")]
    Wrong,
    /// It is too large.
    #[error("the callback has {0} bytes, the most is {CALLBACK_BYTES_MAX}")]
    TooLarge(usize),
    /// It is no event.
    #[error("the callback cannot be read: {0}")]
    Unreadable(String),
    /// There are too many in hand.
    #[error("too many callbacks are in hand; call again later")]
    Busy,
    /// The worker has ended.
    #[error("the payment worker has ended; call again when it runs")]
    Ended,
}

/// What became of a callback.
#[derive(Debug)]
pub enum Taken {
    /// The payment will be looked at; wait for it before the provider is told that it is done.
    Noted(Receipt),
    /// It was here before.
    Repeated,
    /// It is about no payment of ours.
    NotOurs,
}

/// A genuine callback.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Callback {
    /// The provider's name for it.
    pub id: String,
    /// The payment as it was then; `None` when it is about something else.
    pub payment: Option<Payment>,
}

/// Checks a callback's signature: `header` is `t=SECONDS,v1=HEX[,v1=HEX...]`, each `v1` a candidate for
/// HMAC-SHA256 of `SECONDS.BODY` under a secret. Any of `secrets` will do, so that they can be rotated.
pub fn verify(
    secrets: &[String],
    header: Option<&str>,
    body: &[u8],
    now: TimeMs,
    tolerance: Duration,
) -> Result<(), CallbackError> {
    let header = header.ok_or(CallbackError::Unsigned)?;
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let stamp = parts().find(|(name, _)| *name == "t").map(|(_, value)| value);
    let stamp = stamp.ok_or(CallbackError::Malformed)?;
    let seconds: u64 = stamp.parse().map_err(|_| CallbackError::Malformed)?;
    let candidates: Vec<[u8; 32]> = parts()
        .filter(|(name, _)| *name == "v1")
        .take(CALLBACK_SIGNATURES_MAX)
        .filter_map(|(_, value)| from_hex(value))
        .collect();
    if candidates.is_empty() {
        return Err(CallbackError::Malformed);
    }
    let genuine = secrets.iter().filter(|secret| !secret.is_empty()).any(|secret| {
        let mac = mac_of(secret, stamp, body);
        // The comparison takes as long wherever the bytes differ.
        candidates.iter().any(|candidate| mac.clone().verify_slice(candidate).is_ok())
    });
    if !genuine {
        return Err(CallbackError::Wrong);
    }
    let seconds_off = (now.0 / 1_000).abs_diff(seconds);
    if seconds_off > tolerance.as_secs() {
        return Err(CallbackError::OutOfTime { seconds_off });
    }
    Ok(())
}

/// Reads a callback that is genuine and new enough; whether it was here before, and whether it is a hint or the truth, is
/// for the caller to decide.
pub fn read_callback(
    secrets: &[String],
    header: Option<&str>,
    body: &[u8],
    now: TimeMs,
) -> Result<Callback, CallbackError> {
    if body.len() > CALLBACK_BYTES_MAX {
        return Err(CallbackError::TooLarge(body.len()));
    }
    verify(secrets, header, body, now, CALLBACK_TOLERANCE)?;
    shape::read_callback(body).map_err(CallbackError::Unreadable)
}

/// The header of a callback as the provider writes it.
pub fn sign(secret: &str, body: &[u8], now: TimeMs) -> String {
    let stamp = (now.0 / 1_000).to_string();
    let mac = mac_of(secret, &stamp, body).finalize().into_bytes();
    let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={stamp},v1={hex}")
}

fn mac_of(secret: &str, stamp: &str, body: &[u8]) -> Hmac<Sha256> {
    let key = secret.as_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()));
    mac.update(stamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// Tells when a callback is done.
#[derive(Debug)]
pub struct Receipt(oneshot::Receiver<()>);

impl Receipt {
    /// Waits, not for ever.
    ///
    /// # Errors
    /// [`CallbackError::Busy`] when it takes longer than a provider waits, [`CallbackError::Ended`] when the worker has
    /// ended: the provider is to call again.
    pub async fn done(self) -> Result<(), CallbackError> {
        match tokio::time::timeout(CALLBACK_WAIT, self.0).await {
            Err(_) => Err(CallbackError::Busy),
            Ok(Err(_)) => Err(CallbackError::Ended),
            Ok(Ok(())) => Ok(()),
        }
    }
}

/// A callback in hand: its payment, and who wants to know when it is done. Dropped, it is not done.
pub(crate) struct Note {
    pub(crate) payment: Payment,
    id: String,
    inner: Arc<Inner>,
    receipt: oneshot::Sender<()>,
}

impl Note {
    /// All that follows from it is in the log.
    pub(crate) fn done(self) {
        self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner).remember(self.id);
        // Whoever asked may have gone.
        self.receipt.send(()).ok();
    }
}

/// Where callbacks come in. Cheap to clone; for the router.
#[derive(Clone)]
pub struct Callbacks(Arc<Inner>);

struct Inner {
    secrets: Vec<String>,
    clock: Arc<dyn Fn() -> TimeMs + Send + Sync>,
    inbox: Sender<Note>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    known: HashSet<String>,
    by_age: VecDeque<String>,
}

impl Callbacks {
    pub(crate) fn new(
        secrets: Vec<String>,
        clock: Arc<dyn Fn() -> TimeMs + Send + Sync>,
        inbox: Sender<Note>,
    ) -> Self {
        Self(Arc::new(Inner { secrets, clock, inbox, seen: Mutex::default() }))
    }

    /// Takes one callback in. Does not wait; an error says whether calling again may help.
    pub fn take(&self, header: Option<&str>, body: &[u8]) -> Result<Taken, CallbackError> {
        let callback = read_callback(&self.0.secrets, header, body, (self.0.clock)())?;
        let ours = |payment: &Payment| payment.order.is_some() && payment.sku.is_some();
        let Some(payment) = callback.payment.filter(ours) else { return Ok(Taken::NotOurs) };
        if self.0.seen.lock().unwrap_or_else(PoisonError::into_inner).known.contains(&callback.id) {
            return Ok(Taken::Repeated);
        }
        let (receipt, done) = oneshot::channel();
        let note = Note { payment, id: callback.id, inner: Arc::clone(&self.0), receipt };
        self.0.inbox.try_send(note).map_err(|error| match error {
            TrySendError::Full(_) => CallbackError::Busy,
            TrySendError::Disconnected(_) => CallbackError::Ended,
        })?;
        Ok(Taken::Noted(Receipt(done)))
    }
}

impl Seen {
    fn remember(&mut self, id: String) {
        if self.known.contains(&id) {
            return;
        }
        if self.by_age.len() >= CALLBACKS_REMEMBERED_MAX
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.by_age.push_back(id.clone());
        self.known.insert(id);
    }
}
