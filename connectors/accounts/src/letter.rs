//! Letters to whoever has an account, and the mailroom that sends them: nobody's request waits for a mail server, and how
//! long an answer takes does not tell whether there was a letter to write.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use crate::email::EmailAddress;
use crate::hidden::LinkToken;
use crate::limits::{LETTER_PAUSE_MS, LETTER_TRIES_MAX, LETTERS_AT_ONCE_MAX, LETTERS_QUEUED_MAX};

/// What a letter is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LetterKind {
    /// Whoever opens the link reads the mail of the address.
    Verify {
        /// The link's token.
        token: LinkToken,
    },
    /// Somebody registered the address, which has an account already.
    Taken,
    /// Whoever opens the link may choose a new password.
    Reset {
        /// The link's token.
        token: LinkToken,
    },
}

impl LetterKind {
    /// The stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Verify { .. } => "verify",
            Self::Taken => "taken",
            Self::Reset { .. } => "reset",
        }
    }
}

/// A letter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Letter {
    /// The same for every attempt at the same letter, and for no other; 32 hexadecimal digits.
    pub id: String,
    /// Whom to.
    pub to: EmailAddress,
    /// In which language; the nearest there is.
    pub locale: String,
    /// What about.
    pub kind: LetterKind,
}

/// What became of an attempt at a letter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// Taken by whoever delivers it.
    Sent,
    /// Not taken, or nobody knows; a second letter does no harm, so it is tried again.
    Again(String),
    /// It will never be taken.
    Refused(String),
}

/// An attempt under way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Delivery> + Send + 'a>>;

/// Takes letters to where they are read.
pub trait Postman: Send + Sync + 'static {
    /// Tries once. Bounds the time it takes.
    fn send<'a>(&'a self, letter: &'a Letter) -> Sending<'a>;
}

/// Where letters wait and are tried again.
#[derive(Clone)]
pub(crate) struct Mailroom {
    postman: Arc<dyn Postman>,
    room: Arc<Semaphore>,
    lanes: Arc<Semaphore>,
}

/// Room for one letter.
pub(crate) struct Slip {
    mailroom: Mailroom,
    room: OwnedSemaphorePermit,
}

impl fmt::Debug for Mailroom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailroom").field("free", &self.room.available_permits()).finish_non_exhaustive()
    }
}

impl Mailroom {
    pub(crate) fn new(postman: Arc<dyn Postman>) -> Self {
        Self {
            postman,
            room: Arc::new(Semaphore::new(LETTERS_QUEUED_MAX)),
            lanes: Arc::new(Semaphore::new(LETTERS_AT_ONCE_MAX)),
        }
    }

    /// Room for one letter, taken before anybody knows whether there will be one; `None`: the mailroom is full.
    pub(crate) fn reserve(&self) -> Option<Slip> {
        let room = Arc::clone(&self.room).try_acquire_owned().ok()?;
        Some(Slip { mailroom: self.clone(), room })
    }

    /// Waits until every letter has left or was given up.
    pub(crate) async fn drained(&self) {
        let all = u32::try_from(LETTERS_QUEUED_MAX).unwrap_or(u32::MAX);
        // Never closed, so that there is nothing else to wait for.
        drop(self.room.acquire_many(all).await);
    }

    async fn deliver(&self, letter: &Letter) {
        let kind = letter.kind.name();
        let mut pause = Duration::from_millis(LETTER_PAUSE_MS);
        for tried in 1..=LETTER_TRIES_MAX {
            let lane = self.lanes.acquire().await;
            let delivery = self.postman.send(letter).await;
            drop(lane);
            match delivery {
                Delivery::Sent => return,
                Delivery::Refused(detail) => {
                    tracing::warn!("a letter ({kind}) was refused: {}", nameless(&detail));
                    return;
                }
                Delivery::Again(detail) if tried < LETTER_TRIES_MAX => {
                    tracing::info!("a letter ({kind}) is tried again: {}", nameless(&detail));
                    sleep(pause).await;
                    pause = pause.saturating_mul(2);
                }
                Delivery::Again(detail) => {
                    tracing::warn!(
                        "a letter ({kind}) was given up: {}; its reader can ask for another",
                        nameless(&detail)
                    );
                }
            }
        }
    }
}

impl Slip {
    /// Sends a letter, by and by.
    pub(crate) fn post(self, letter: Letter) {
        let Self { mailroom, room } = self;
        tokio::spawn(async move {
            mailroom.deliver(&letter).await;
            drop(room);
        });
    }
}

/// What a mail server said without the addresses it repeats.
fn nameless(detail: &str) -> String {
    let words = detail.split_whitespace().map(|word| if word.contains('@') { "(address)" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Says these in turn, and then that it was sent.
    struct Moody {
        moods: Mutex<Vec<Delivery>>,
        tried: AtomicU32,
    }

    impl Postman for Moody {
        fn send<'a>(&'a self, _letter: &'a Letter) -> Sending<'a> {
            self.tried.fetch_add(1, Ordering::Relaxed);
            let mood = self.moods.lock().unwrap().pop().unwrap_or(Delivery::Sent);
            Box::pin(async move { mood })
        }
    }

    fn letter() -> Letter {
        let to = EmailAddress::parse("anna@example.org").unwrap();
        Letter { id: "0".repeat(32), to, locale: "en".to_owned(), kind: LetterKind::Taken }
    }

    #[tokio::test(start_paused = true)]
    async fn letters_are_tried_again_but_not_for_ever() {
        let again = || Delivery::Again("451 busy".to_owned());
        for (moods, tried) in [
            (vec![], 1),
            (vec![again(), again()], 3),
            (vec![Delivery::Refused("550 <anna@example.org> unknown".to_owned())], 1),
            (vec![again(); 50], LETTER_TRIES_MAX),
        ] {
            let postman = Arc::new(Moody { moods: Mutex::new(moods), tried: AtomicU32::new(0) });
            let mailroom = Mailroom::new(postman.clone());
            mailroom.reserve().unwrap().post(letter());
            mailroom.drained().await;
            assert_eq!(postman.tried.load(Ordering::Relaxed), tried);
        }
    }

    #[tokio::test]
    async fn the_mailroom_has_so_much_room() {
        let postman = Arc::new(Moody { moods: Mutex::default(), tried: AtomicU32::new(0) });
        let mailroom = Mailroom::new(postman);
        let slips: Vec<_> = (0..LETTERS_QUEUED_MAX).map(|_| mailroom.reserve().unwrap()).collect();
        assert!(mailroom.reserve().is_none());
        drop(slips);
        assert!(mailroom.reserve().is_some());
    }

    #[test]
    fn addresses_stay_out_of_the_log() {
        assert_eq!(nameless("550 <anna@example.org> unknown"), "550 (address) unknown");
        assert!(!format!("{:?}", letter()).contains("anna"));
    }
}
