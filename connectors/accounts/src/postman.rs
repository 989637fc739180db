//! Who takes letters away: the mail server of the shop, or an outbox that a page shows.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fmt, io};

use sink_push::channels::email::{EmailChannel, Mail};
use sink_push::{Outcome, Rendered};

use crate::letter::{Delivery, Letter, Postman, Sending};
use crate::limits::OUTBOX_LETTERS_MAX;
use crate::text::Stationery;

/// Sends letters by the channel that notices go by.
#[derive(Debug)]
pub struct EmailPostman {
    channel: EmailChannel,
    stationery: Stationery,
}

impl EmailPostman {
    /// One for this mail server.
    pub fn new(channel: EmailChannel, stationery: Stationery) -> Self {
        Self { channel, stationery }
    }
}

impl Postman for EmailPostman {
    fn send<'a>(&'a self, letter: &'a Letter) -> Sending<'a> {
        Box::pin(async move {
            let rendered = self.stationery.write(letter);
            let mail = Mail { id: &letter.id, to: letter.to.expose(), rendered: &rendered };
            match self.channel.post(&mail).await {
                Outcome::Sent => Delivery::Sent,
                Outcome::Retry(setback) => Delivery::Again(setback.detail),
                Outcome::Unknown(detail) => Delivery::Again(detail),
                Outcome::Refused(detail) => Delivery::Refused(detail),
            }
        })
    }
}

/// A letter that stayed here, and how it reads.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    /// The letter.
    pub letter: Letter,
    /// How it reads. Holds the link.
    pub rendered: Rendered,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("letter", &self.letter).finish_non_exhaustive()
    }
}

/// Takes the place of a mail server where there is none: the newest letters are kept in memory, to be looked at, and each
/// is a text file in a folder, if there is one. For demos and tests: it holds what others must not read. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LetterBox {
    stationery: Stationery,
    folder: Option<PathBuf>,
    kept: Arc<Mutex<VecDeque<Kept>>>,
}

impl LetterBox {
    /// An outbox in memory.
    pub fn in_memory(stationery: Stationery) -> Self {
        Self { stationery, folder: None, kept: Arc::default() }
    }

    /// An outbox that also writes each letter into a folder.
    pub fn in_folder(stationery: Stationery, folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self { folder: Some(folder.to_path_buf()), ..Self::in_memory(stationery) })
    }

    /// Those kept, the oldest first.
    pub fn letters(&self) -> Vec<Kept> {
        self.kept().iter().cloned().collect()
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, letter: &Letter) -> io::Result<()> {
        let rendered = self.stationery.write(letter);
        if let Some(folder) = &self.folder {
            let text =
                format!("to: {}\nsubject: {}\n\n{}", letter.to.expose(), rendered.subject, rendered.text);
            // Renamed into place, so that whoever looks sees whole files only.
            let name = format!("{}-{}", letter.kind.name(), letter.id);
            let part = folder.join(format!("{name}.part"));
            std::fs::write(&part, text)?;
            std::fs::rename(&part, folder.join(format!("{name}.txt")))?;
        }
        let mut kept = self.kept();
        kept.push_back(Kept { letter: letter.clone(), rendered });
        if kept.len() > OUTBOX_LETTERS_MAX {
            kept.pop_front();
        }
        Ok(())
    }
}

impl Postman for LetterBox {
    fn send<'a>(&'a self, letter: &'a Letter) -> Sending<'a> {
        Box::pin(async move {
            match self.keep(letter) {
                Ok(()) => Delivery::Sent,
                Err(error) => Delivery::Again(format!("the outbox cannot be written: {error}")),
            }
        })
    }
}
