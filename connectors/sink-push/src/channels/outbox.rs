//! The outbox: takes the place of a channel without a provider. What would have gone out is kept, to be looked at.
//!
//! Putting the same notice in twice leaves one: an entry is named by its id.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use order_model::TimeMs;
use tokio::task::spawn_blocking;

use super::{Attempt, Channel, Message, Outcome, UnknownRule};
use crate::contacts::{Address, AddressError, ChannelKind};
use crate::limits::OUTBOX_NOTICES_MAX;

/// Longest put, in milliseconds: one small file.
const ATTEMPT_MS_MAX: u64 = 5_000;

/// A notice that was put into an outbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Which channel it was meant for.
    pub channel: ChannelKind,
    /// When it was put there.
    pub time: TimeMs,
    /// What would have gone out.
    pub message: Message,
}

/// Where notices end up that have no provider: memory, and a folder if there is one. Cheap to share.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    shelf: Arc<Mutex<Shelf>>,
    folder: Option<PathBuf>,
}

#[derive(Debug, Default)]
struct Shelf {
    entries: VecDeque<Entry>,
    /// How often each id was put, of those kept.
    puts: HashMap<String, u64>,
    distinct: u64,
    put: u64,
}

impl Outbox {
    /// An outbox in memory: the newest [`OUTBOX_NOTICES_MAX`] are kept.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// An outbox that also writes each notice into a folder, one text file each.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: Some(folder.to_path_buf()), ..Self::default() })
    }

    /// The channel of this kind that ends here.
    pub fn channel(&self, kind: ChannelKind) -> OutboxChannel {
        OutboxChannel { outbox: self.clone(), kind }
    }

    /// Those kept, the oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.shelf().entries.iter().cloned().collect()
    }

    /// How many different notices were put in; those no longer kept count as different from those kept.
    pub fn distinct(&self) -> u64 {
        self.shelf().distinct
    }

    /// How often something was put in.
    pub fn put_count(&self) -> u64 {
        self.shelf().put
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn put(&self, channel: ChannelKind, message: &Message) -> io::Result<()> {
        if let Some(folder) = &self.folder {
            // Renamed into place, so that whoever looks sees whole files only.
            let name = format!("{}-{}-{}", message.facts.kind.name(), channel.name(), message.id);
            let whole = folder.join(format!("{name}.txt"));
            let part = folder.join(format!("{name}.part"));
            let text = as_text(channel, message);
            // A disk may be slow: not on a thread that others' futures need.
            let written =
                spawn_blocking(move || fs::write(&part, text).and_then(|()| fs::rename(&part, &whole)));
            written.await.map_err(io::Error::other)??;
        }
        let mut shelf = self.shelf();
        shelf.put += 1;
        let puts = shelf.puts.entry(message.id.clone()).or_default();
        *puts += 1;
        if *puts > 1 {
            return Ok(());
        }
        shelf.distinct += 1;
        shelf.entries.push_back(Entry { channel, time: message.now, message: message.clone() });
        while shelf.entries.len() > OUTBOX_NOTICES_MAX {
            if let Some(oldest) = shelf.entries.pop_front() {
                shelf.puts.remove(&oldest.message.id);
            }
        }
        Ok(())
    }
}

fn as_text(channel: ChannelKind, message: &Message) -> String {
    let mut text = String::new();
    for (name, value) in [
        ("id", message.id.as_str()),
        ("channel", channel.name()),
        ("to", message.address.text()),
        ("claim", &message.key.to_string()),
        ("language", &message.rendered.locale),
        ("subject", &message.rendered.subject),
        ("short", &message.rendered.short),
    ] {
        // Writing into a string cannot fail.
        let _infallible = writeln!(text, "{name}: {value}").is_ok();
    }
    text.push('\n');
    text.push_str(&message.rendered.text);
    text
}

/// A channel that ends in an [`Outbox`].
#[derive(Clone, Debug)]
pub struct OutboxChannel {
    outbox: Outbox,
    kind: ChannelKind,
}

/// What came of writing into the outbox: a disk that is full may have room later.
pub fn classify(written: &io::Result<()>) -> Outcome {
    match written {
        Ok(()) => Outcome::Sent,
        Err(error) => Outcome::rest(format!("the outbox cannot be written: {error}")),
    }
}

impl Channel for OutboxChannel {
    fn kind(&self) -> ChannelKind {
        self.kind
    }

    fn rule(&self) -> UnknownRule {
        UnknownRule::Again
    }

    fn lanes(&self) -> usize {
        1
    }

    fn attempt_max(&self) -> Duration {
        Duration::from_millis(ATTEMPT_MS_MAX)
    }

    fn check(&self, address: &Address) -> Result<(), AddressError> {
        address.check(false)
    }

    fn destination(&self, _address: &Address) -> Option<String> {
        None
    }

    fn send<'a>(&'a self, message: &'a Message) -> Attempt<'a> {
        Box::pin(async move { classify(&self.outbox.put(self.kind, message).await) })
    }
}
