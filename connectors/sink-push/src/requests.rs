//! Requests to DynamoDB as both stores here make them: asked again within bounds, so many at a time.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::time::Duration;

use tables::sdk::config::http::HttpResponse;
use tables::sdk::error::{ProvideErrorMetadata, SdkError};
use tables::sdk::types::{AttributeValue, KeysAndAttributes};
use tables::{Failure, Table, Tables, Verdict, classify};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::limits::{
    TABLE_KEYS_PER_REQUEST_MAX, TABLE_LOST_MS_MAX, TABLE_LOST_TRIES_MAX, TABLE_PAUSE_MS_MAX,
    TABLE_PAUSE_MS_MIN, TABLE_REQUESTS_MAX, TABLE_THROTTLED_TRIES_MAX,
};
use crate::queue::doubled;

/// An item, as the SDK has it.
pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// A request that did not succeed, and what was answered.
#[derive(Debug)]
pub(crate) struct Denied<E> {
    pub(crate) failure: Failure,
    pub(crate) error: SdkError<E, HttpResponse>,
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Asks, and asks again while that may help: a throttled request more often than one without an answer, which costs its
/// time-out each time. What was asked may have been done by an earlier try: a condition that fails then is the caller's to
/// understand.
pub(crate) async fn ask<T, E, F>(mut send: impl FnMut() -> F) -> Result<T, Box<Denied<E>>>
where
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let (mut throttled, mut lost) = (0, 0);
    let since = Instant::now();
    loop {
        let error = match send().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let failure = classify(&error);
        let is_spent = match failure.verdict {
            Verdict::Throttled => {
                throttled += 1;
                throttled >= TABLE_THROTTLED_TRIES_MAX
            }
            Verdict::Retry => {
                lost += 1;
                lost >= TABLE_LOST_TRIES_MAX || since.elapsed() >= Duration::from_millis(TABLE_LOST_MS_MAX)
            }
            _ => true,
        };
        if is_spent {
            return Err(Box::new(Denied { failure, error }));
        }
        pause(throttled + lost).await;
    }
}

/// A pause that grows with the tries, and is a little different for each who waits.
async fn pause(tries: u32) {
    let most = doubled(TABLE_PAUSE_MS_MIN, tries.saturating_sub(1)).min(TABLE_PAUSE_MS_MAX);
    sleep(Duration::from_millis(fastrand::u64(most / 2..=most))).await;
}

/// Does all of it, at most [`TABLE_REQUESTS_MAX`] at a time; answers in the same order. The first failure ends the rest.
pub(crate) async fn all<T, E, F>(work: Vec<F>) -> Result<Vec<T>, E>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static + From<Failure>,
{
    let mut under_way = JoinSet::new();
    let mut done = BTreeMap::new();
    let mut work = work.into_iter().enumerate();
    loop {
        while under_way.len() < TABLE_REQUESTS_MAX
            && let Some((at, future)) = work.next()
        {
            under_way.spawn(async move { (at, future.await) });
        }
        let Some(joined) = under_way.join_next().await else { return Ok(done.into_values().collect()) };
        let (at, answer) = joined.map_err(|error| {
            E::from(Failure { verdict: Verdict::Retry, detail: format!("a request was cut off: {error}") })
        })?;
        done.insert(at, answer?);
    }
}

/// The items under these keys, in no order, as they stand now; what there is none of is left out. A key stands in the list
/// once.
pub(crate) async fn items(
    tables: &Tables,
    table: Table,
    keys: &[Attributes],
) -> Result<Vec<Attributes>, Failure> {
    let requests = keys.chunks(TABLE_KEYS_PER_REQUEST_MAX).map(|keys| {
        let (tables, keys) = (tables.clone(), keys.to_vec());
        async move { some_items(&tables, table, keys).await }
    });
    let requests = requests.collect();
    Ok(all(requests).await?.into_iter().flatten().collect())
}

async fn some_items(
    tables: &Tables,
    table: Table,
    keys: Vec<Attributes>,
) -> Result<Vec<Attributes>, Failure> {
    let name = tables.name(table);
    let mut left = Some(keys);
    let (mut found, mut tries) = (Vec::new(), 0);
    while let Some(keys) = left.take() {
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let wanted = wanted.map_err(|error| Failure { verdict: Verdict::Halt, detail: error.to_string() })?;
        let request = tables.client().batch_get_item().request_items(&name, wanted);
        let answer = ask(|| request.clone().send()).await.map_err(|denied| denied.failure)?;
        found.extend(answer.responses.and_then(|mut items| items.remove(&name)).unwrap_or_default());
        let unprocessed = answer.unprocessed_keys.and_then(|mut keys| keys.remove(&name));
        left = unprocessed.map(|rest| rest.keys).filter(|keys| !keys.is_empty());
        if left.is_some() {
            tries += 1;
            if tries >= TABLE_THROTTLED_TRIES_MAX {
                let detail = format!("table {name} gives back some of what is asked for, again and again");
                return Err(Failure { verdict: Verdict::Throttled, detail });
            }
            pause(tries).await;
        }
    }
    Ok(found)
}
