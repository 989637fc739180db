//! The follower: one thread that reads the topic from its beginning and goes on, and what readers see of it.
//!
//! Promised: readers never wait for it; what they see is the catalogue as it was after some record, whole; once it has
//! caught up it stays readable whatever happens to the log. After a failure it begins anew, and readers keep what they
//! have until it has caught up again.
//!
//! Not promised: that a change is seen at once ([`UNSEEN_TIME_MAX`]), nor that a follower that was cut off for longer than
//! the topic keeps deletions hears of all of them. Besides this thread the index has two of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Guard};

use crate::catalogue::Catalogue;
use crate::limits::{FAILURE_PAUSE, POLL_WAIT, UNSEEN_CHANGES_MAX, UNSEEN_TIME_MAX};
use crate::reading::{CatalogueTopic, ReadError, Reading, SkippedRecords};
use crate::shelf::{Shelf, ShelfLimits};

/// Keeps a catalogue up to date. Dropping it ends its thread.
pub struct CatalogueFollower {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// How a follower does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FollowerStatus {
    /// Records that were passed over since it last began at the beginning.
    pub skipped: SkippedRecords,
    /// What is wrong now; it keeps trying.
    pub fault: Option<String>,
    /// How often it failed and began anew.
    pub failures: u64,
}

struct Shared {
    topic: CatalogueTopic,
    limits: ShelfLimits,
    catalogue: ArcSwap<Catalogue>,
    has_caught_up: AtomicBool,
    must_stop: AtomicBool,
    status: Mutex<FollowerStatus>,
}

impl CatalogueFollower {
    /// Starts the thread. The catalogue is empty until it has caught up.
    pub fn start(topic: CatalogueTopic, limits: ShelfLimits) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            topic,
            limits,
            catalogue: ArcSwap::default(),
            has_caught_up: AtomicBool::new(false),
            must_stop: AtomicBool::new(false),
            status: Mutex::default(),
        });
        let followed = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("catalogue".to_owned()).spawn(move || followed.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// The catalogue as it is known now. Does not wait; hold it as long as one answer takes.
    pub fn catalogue(&self) -> Guard<Arc<Catalogue>> {
        self.shared.catalogue.load()
    }

    /// The same, to be kept.
    pub fn snapshot(&self) -> Arc<Catalogue> {
        self.shared.catalogue.load_full()
    }

    /// Whether everything was read once that was on the topic when reading began: the gateway may answer. Stays so.
    pub fn caught_up(&self) -> bool {
        self.shared.has_caught_up.load(Ordering::Acquire)
    }

    /// How it does.
    pub fn status(&self) -> FollowerStatus {
        self.shared.status().clone()
    }
}

impl Drop for CatalogueFollower {
    fn drop(&mut self) {
        self.shared.must_stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the catalogue had died of a bug");
        }
    }
}

impl Shared {
    fn status(&self) -> MutexGuard<'_, FollowerStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn must_stop(&self) -> bool {
        self.must_stop.load(Ordering::Acquire)
    }

    fn run(&self) {
        while !self.must_stop() {
            if let Err(error) = self.follow() {
                tracing::warn!(topic = &*self.topic.name, %error, "the catalogue could not be read; trying again");
                let mut status = self.status();
                status.fault = Some(error.to_string());
                status.failures += 1;
                drop(status);
                self.pause(FAILURE_PAUSE);
            }
        }
    }

    /// Follows the topic from its beginning until told to stop.
    fn follow(&self) -> Result<(), ReadError> {
        let mut shelf = Shelf::new(self.limits)?;
        let mut skipped = SkippedRecords::default();
        let mut reading = self.topic.read()?;
        while !reading.is_at_end() {
            if self.must_stop() {
                return Ok(());
            }
            reading.step(&mut shelf, &mut skipped)?;
        }
        self.publish(&mut shelf, &skipped)?;
        self.status().fault = None;
        self.has_caught_up.store(true, Ordering::Release);
        self.go_on(&mut reading, shelf, skipped)
    }

    fn go_on(
        &self,
        reading: &mut Reading<'_>,
        mut shelf: Shelf,
        mut skipped: SkippedRecords,
    ) -> Result<(), ReadError> {
        let mut unseen_since = None;
        while !self.must_stop() {
            let is_quiet = !reading.step(&mut shelf, &mut skipped)?;
            if shelf.unpublished() == 0 && skipped.count == self.status().skipped.count {
                continue;
            }
            let since = *unseen_since.get_or_insert_with(Instant::now);
            let is_due = since.elapsed() >= UNSEEN_TIME_MAX || shelf.unpublished() >= UNSEEN_CHANGES_MAX;
            if is_quiet || is_due {
                self.publish(&mut shelf, &skipped)?;
                unseen_since = None;
            }
        }
        Ok(())
    }

    fn publish(&self, shelf: &mut Shelf, skipped: &SkippedRecords) -> Result<(), ReadError> {
        self.catalogue.store(Arc::new(shelf.publish()?));
        self.status().skipped.clone_from(skipped);
        Ok(())
    }

    fn pause(&self, length: Duration) {
        let start = Instant::now();
        while start.elapsed() < length && !self.must_stop() {
            std::thread::sleep(POLL_WAIT);
        }
    }
}
