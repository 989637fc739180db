//! What became of notices since this process started, channel by channel.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::contacts::ChannelKind;

/// How one channel is doing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChannelStatus {
    /// Which.
    pub channel: ChannelKind,
    /// Notices in memory, to be sent or being sent.
    pub queued: usize,
    /// Taken by the provider.
    pub sent: u64,
    /// Refused for good.
    pub failed: u64,
    /// Attempts whose outcome nobody knows, and that are not repeated.
    pub unknown: u64,
    /// Became pointless first, or were no longer wanted.
    pub expired: u64,
    /// Attempts that are repeated.
    pub retried: u64,
    /// What is wrong with the provider, as long as it is.
    pub trouble: Option<String>,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) sent: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) unknown: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) retried: AtomicU64,
    trouble: Mutex<Option<String>>,
}

impl Counters {
    pub(crate) fn status(&self, channel: ChannelKind, queued: usize) -> ChannelStatus {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ChannelStatus {
            channel,
            queued,
            sent: load(&self.sent),
            failed: load(&self.failed),
            unknown: load(&self.unknown),
            expired: load(&self.expired),
            retried: load(&self.retried),
            trouble: self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Notes what is wrong, or that nothing is any more. Says it aloud when it changes.
    pub(crate) fn trouble(&self, channel: ChannelKind, trouble: Option<&str>) {
        let mut known = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match (known.as_deref(), trouble) {
            (None, None) => return,
            (None, Some(text)) => {
                tracing::warn!("{} notices wait: {text}; they are tried again", channel.name());
            }
            (Some(_), None) => tracing::info!("{} notices go out again", channel.name()),
            (Some(_), Some(_)) => {}
        }
        *known = trouble.map(str::to_owned);
    }
}
