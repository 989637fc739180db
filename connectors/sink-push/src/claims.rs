//! Claims: who may tell what, once. A claim is recorded before anything is attempted, and says what became of it.
//!
//! ```text
//! claimed ──begin──▶ attempting ──settle──▶ sent | failed | unknown | expired
//!    ▲                    │
//!    └──── settle: again ─┘
//! ```
//! Promised by every store: at most one caller wins a step, since each step names the number of the attempt it goes on
//! from; what is answered is kept. So a zombie that comes late finds its step taken, and tells nobody twice.
//!
//! A claim that is neither settled nor begun is found again by [`Claims::open`] when its time has come, and so is one whose
//! attempt was broken off: its time is set to the end of the attempt.

use std::future::Future;

use order_model::{CustomerId, Partition, Sequence, TimeMs};
use serde::{Deserialize, Serialize};
use sink::Reached;

use crate::contacts::ChannelKind;
use crate::notice::{Facts, Planned};

mod dynamodb;
mod memory;

pub use dynamodb::TableClaims;
pub use memory::MemoryClaims;

/// What a claim is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Slot {
    /// Nothing is sent: notes that an order waits.
    Mark,
    /// A notice to everybody who asked, one claim each.
    FanOut,
    /// A notice by this channel.
    Channel(ChannelKind),
}

impl Slot {
    /// The stable name, as it stands in keys and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mark => "mark",
            Self::FanOut => "fan-out",
            Self::Channel(channel) => channel.name(),
        }
    }

    /// The slot with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let channels = ChannelKind::ALL.into_iter().map(Self::Channel);
        [Self::Mark, Self::FanOut].into_iter().chain(channels).find(|slot| slot.name() == name)
    }
}

/// What there is one claim of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClaimKey {
    /// An order's id, a listing, or a listing and a subscriber.
    pub subject: String,
    /// The event, as [`Planned::event`] names it.
    pub event: String,
    /// The channel.
    pub slot: Slot,
}

impl ClaimKey {
    /// The id of the message it is told by: the same for every attempt, and for no other claim. An e-mail has it in its
    /// `Message-ID`, the outbox in the name of a file.
    pub fn message_id(&self) -> String {
        crate::office::message_id(self)
    }
}

impl std::fmt::Display for ClaimKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.subject, self.event, self.slot.name())
    }
}

/// How far a claim has got.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClaimState {
    /// To be attempted when its time has come.
    Claimed,
    /// Somebody is at it, or was when they died.
    Attempting,
    /// The provider has taken it.
    Sent,
    /// Refused for good.
    Failed,
    /// The provider may have taken it, and it is not tried again.
    Unknown,
    /// It became pointless first, or somebody no longer wants it.
    Expired,
}

impl ClaimState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Claimed, Self::Attempting, Self::Sent, Self::Failed, Self::Unknown, Self::Expired];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Attempting => "attempting",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
        }
    }

    /// Whether something may still be done.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Claimed | Self::Attempting)
    }
}

/// A claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// What there is one of.
    pub key: ClaimKey,
    /// The ledger whose decision it came from.
    pub partition: Partition,
    /// The decision's number there.
    pub sequence: Sequence,
    /// Whom to tell; `None` for a fan-out.
    pub customer: Option<CustomerId>,
    /// What to say.
    pub facts: Facts,
    /// How far it has got.
    pub state: ClaimState,
    /// How many attempts were begun: each step names it.
    pub attempts: u32,
    /// When something is to be done next; of an attempt, when it counts as broken off.
    pub due: TimeMs,
    /// Pointless from this time on.
    pub expires: TimeMs,
    /// What the provider said last, for people.
    pub detail: String,
}

impl Claim {
    /// A new claim for what was planned.
    pub fn new(planned: &Planned, partition: Partition, sequence: Sequence, slot: Slot) -> Self {
        Self {
            key: ClaimKey { subject: planned.subject.clone(), event: planned.event.clone(), slot },
            partition,
            sequence,
            customer: planned.customer,
            facts: planned.facts.clone(),
            state: ClaimState::Claimed,
            attempts: 0,
            due: planned.due,
            expires: planned.expires,
            detail: String::new(),
        }
    }

    /// Whether a newer decision may take the place of an older one's claim that nobody has begun: what comes at the end of
    /// an interval, or when a sale opens, says the newest.
    pub fn yields_to_newer(&self) -> bool {
        self.key.slot == Slot::FanOut || self.key.event.starts_with("moved@")
    }
}

/// What became of recording a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recorded {
    /// It stands, in the place of nothing or of an older decision's.
    New,
    /// There was one already, from the decision with this number.
    Standing(Sequence),
}

/// How a step ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settled {
    /// What it is now; `Claimed` to try again.
    pub state: ClaimState,
    /// When to try again; else without meaning.
    pub due: TimeMs,
    /// What the provider said, for people.
    pub detail: String,
}

/// Why a store did not do what it was asked. What was asked may have been done all the same.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClaimsError {
    /// Asking again may help.
    #[error("claims: {0}")]
    Retry(String),
    /// Nothing helps before a person has acted.
    #[error("claims: {0}")]
    Halt(String),
}

impl From<ClaimsError> for sink::Fault {
    fn from(error: ClaimsError) -> Self {
        match error {
            ClaimsError::Retry(_) => Self::Retry(error.to_string()),
            ClaimsError::Halt(_) => Self::Halt(error.to_string()),
        }
    }
}

/// Names one step of one caller: made once, however often the store has to be asked for the step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct StepToken(u128);

impl StepToken {
    /// One that nobody else has.
    pub fn new() -> Self {
        Self(fastrand::u128(..))
    }
}

impl Default for StepToken {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Display for StepToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Keeps claims, and how far each partition's decisions are claimed. All reads see all earlier writes, but for
/// [`Claims::open`], which may not see the newest yet.
pub trait Claims: Send + Sync + 'static {
    /// Records claims, each unless there is one under its key; says for each which, in the same order. A key stands in the
    /// list once.
    fn record(&self, claims: &[Claim]) -> impl Future<Output = Result<Vec<Recorded>, ClaimsError>> + Send;

    /// The claims under these keys, in the same order.
    fn find(&self, keys: &[ClaimKey])
    -> impl Future<Output = Result<Vec<Option<Claim>>, ClaimsError>> + Send;

    /// The claims about a subject, by event and slot.
    fn of(&self, subject: &str) -> impl Future<Output = Result<Vec<Claim>, ClaimsError>> + Send;

    /// Takes an open claim with so many attempts for one more, that counts as broken off at `until`. Answers the claim as
    /// it stands now; `None` when somebody else has taken a step meanwhile. By its token, a call that is made again because
    /// the answer was lost finds its own step.
    fn begin(
        &self,
        key: &ClaimKey,
        attempts: u32,
        until: TimeMs,
        token: StepToken,
    ) -> impl Future<Output = Result<Option<Claim>, ClaimsError>> + Send;

    /// Ends a step of an open claim with so many attempts; `false` when somebody else has taken one meanwhile.
    fn settle(
        &self,
        key: &ClaimKey,
        attempts: u32,
        settled: Settled,
    ) -> impl Future<Output = Result<bool, ClaimsError>> + Send;

    /// At most `max` open claims of a slot whose time has come, the earliest first.
    fn open(
        &self,
        slot: Slot,
        now: TimeMs,
        max: usize,
    ) -> impl Future<Output = Result<Vec<Claim>, ClaimsError>> + Send;

    /// Up to which decision of a partition everything is claimed.
    fn reached(&self, partition: Partition) -> impl Future<Output = Result<Reached, ClaimsError>> + Send;

    /// Notes it; never moves it back.
    fn advance(
        &self,
        progress: &[(Partition, Reached)],
    ) -> impl Future<Output = Result<(), ClaimsError>> + Send;
}
