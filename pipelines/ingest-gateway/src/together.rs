//! What is bought together with what, as some store has counted it.
//!
//! Promised: an answer at once or soon, whatever the store does: what is known is kept for [`TOGETHER_KEPT`], few questions
//! are asked at a time, and without an answer there is nothing to show. Not promised: that it is of today.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use order_model::Sku;
use tokio::sync::Semaphore;

use crate::limits::{
    TOGETHER_KEPT, TOGETHER_LOOKUPS_MAX, TOGETHER_PRODUCTS_MAX, TOGETHER_RETRY, TOGETHER_SKUS_MAX,
    TOGETHER_TIMEOUT,
};

/// An answer on its way; an error is for the log.
pub type Counting<'a> = Pin<Box<dyn Future<Output = Result<Vec<Sku>, String>> + Send + 'a>>;

/// Has counted what is bought together.
pub trait Companions: Send + Sync {
    /// What is bought together with a SKU most often, at most so many.
    fn of(&self, sku: Sku, most: usize) -> Counting<'_>;
}

#[derive(Clone)]
struct Known {
    skus: Arc<[Sku]>,
    until: Instant,
}

/// What is bought together, as far as it was asked for lately.
pub struct Together {
    companions: Arc<dyn Companions>,
    known: Mutex<HashMap<Sku, Known>>,
    lookups: Semaphore,
}

impl fmt::Debug for Together {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Together").field("known", &self.known().len()).finish_non_exhaustive()
    }
}

impl Together {
    /// Asks these.
    pub fn new(companions: Arc<dyn Companions>) -> Self {
        Self { companions, known: Mutex::default(), lookups: Semaphore::new(TOGETHER_LOOKUPS_MAX) }
    }

    /// What is bought together with a SKU; nothing where nobody says.
    pub async fn of(&self, sku: Sku) -> Arc<[Sku]> {
        let before = self.known().get(&sku).cloned();
        if let Some(known) = &before
            && known.until > Instant::now()
        {
            return Arc::clone(&known.skus);
        }
        let before = before.map_or_else(|| Arc::from([]), |known| known.skus);
        let Ok(_lookup) = self.lookups.try_acquire() else { return before };
        let asked = self.companions.of(sku, TOGETHER_PRODUCTS_MAX);
        match tokio::time::timeout(TOGETHER_TIMEOUT, asked).await {
            Ok(Ok(skus)) => self.keep(sku, skus.into(), TOGETHER_KEPT),
            Ok(Err(error)) => {
                tracing::warn!("what is bought together is not known: {error}");
                self.keep(sku, before, TOGETHER_RETRY)
            }
            Err(_) => self.keep(sku, before, TOGETHER_RETRY),
        }
    }

    fn keep(&self, sku: Sku, skus: Arc<[Sku]>, lasts: Duration) -> Arc<[Sku]> {
        let now = Instant::now();
        let mut known = self.known();
        if known.len() >= TOGETHER_SKUS_MAX {
            known.retain(|_, known| known.until > now);
        }
        if known.len() < TOGETHER_SKUS_MAX {
            known.insert(sku, Known { skus: Arc::clone(&skus), until: now + lasts });
        }
        skus
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Sku, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Answers with what it was asked about, or not at all.
    #[derive(Default)]
    struct Mirror {
        asked: AtomicUsize,
        is_silent: bool,
    }

    impl Companions for Mirror {
        fn of(&self, sku: Sku, _most: usize) -> Counting<'_> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let is_silent = self.is_silent;
            Box::pin(async move {
                if is_silent {
                    std::future::pending::<()>().await;
                }
                if sku.as_str() == "BAD" { Err("no".to_owned()) } else { Ok(vec![sku]) }
            })
        }
    }

    fn sku(text: &str) -> Sku {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn what_is_known_is_not_asked_again() {
        let mirror = Arc::new(Mirror::default());
        let together = Together::new(Arc::<Mirror>::clone(&mirror));
        for _ in 0..3 {
            assert_eq!(*together.of(sku("A")).await, [sku("A")]);
            assert_eq!(*together.of(sku("BAD")).await, []);
        }
        assert_eq!(mirror.asked.load(Ordering::SeqCst), 2, "a failure is not asked again at once either");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_nothing_to_show() {
        let together = Together::new(Arc::new(Mirror { is_silent: true, ..Mirror::default() }));
        assert_eq!(*together.of(sku("A")).await, []);
        let together = Arc::new(together);
        let waiting: Vec<_> = (0..=TOGETHER_LOOKUPS_MAX)
            .map(|number| {
                let together = Arc::clone(&together);
                tokio::spawn(async move { together.of(sku(&format!("A{number}"))).await })
            })
            .collect();
        for answer in waiting {
            assert_eq!(*answer.await.unwrap(), []);
        }
    }
}
