//! How a sandbox is to behave.

use std::sync::Arc;

use order_model::{OrderId, TimeMs};

/// How a sandbox misbehaves, each in so many of a thousand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SandboxFaults {
    /// Orders whose payment is declined.
    pub declined: u64,
    /// Orders whose payment is decided only when it is asked after for the third time.
    pub pending: u64,
    /// Calls that happen, and whose answer is lost.
    pub lost: u64,
    /// Calls turned away before anything happens: too many at once, or a server error.
    pub turned_away: u64,
    /// Calls that take the longest delay.
    pub slow: u64,
    /// Authorisations of which the key is forgotten at once, so that a repeat would be a second payment.
    pub forgotten: u64,
    /// Orders of which another amount is set aside than was asked for.
    pub other_amount: u64,
    /// Orders of which less is taken than was set aside.
    pub short: u64,
    /// Callbacks sent twice.
    pub repeated: u64,
    /// Callbacks never sent.
    pub unsent: u64,
    /// Callbacks sent after the one that follows.
    pub reordered: u64,
    /// How long a call takes, in milliseconds, at the least and when slow.
    pub delay_ms: (u64, u64),
}

/// What a sandbox is made from.
#[derive(Clone)]
pub struct SandboxOptions {
    /// Decides every fault.
    pub seed: u64,
    /// How many there are.
    pub faults: SandboxFaults,
    /// Whether they may befall an order. What happens always, or never, does so to all.
    pub befalls: Arc<dyn Fn(OrderId) -> bool + Send + Sync>,
    /// Signs callbacks.
    pub secret: String,
    /// Stamps payments.
    pub clock: Arc<dyn Fn() -> TimeMs + Send + Sync>,
}
