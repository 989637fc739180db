//! Requests to DynamoDB as everything here makes them: repeated within bounds, since somebody waits for the answer.
//!
//! What was asked may have been done by a try whose answer was lost: every write here can be repeated, or is recognised.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use order_model::TimeMs;
use tables::sdk::config::http::HttpResponse;
use tables::sdk::error::{ProvideErrorMetadata, SdkError};
use tables::sdk::operation::query::builders::QueryFluentBuilder;
use tables::sdk::operation::transact_write_items::TransactWriteItemsError;
use tables::sdk::types::{AttributeValue, CancellationReason, TransactWriteItem};
use tables::{Failure, Table, Tables, Verdict, classify, verdict};
use tokio::time::{Instant, sleep};

use crate::limits::{
    ERASED_ITEMS_MAX, TABLE_MS_MAX, TABLE_PAUSE_MS_MAX, TABLE_PAUSE_MS_MIN, TABLE_TRIES_MAX,
};

/// Why the tables could not be used. Never holds what stands in them.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoreError {
    /// They do not answer, or not fast enough.
    #[error("{action}: {detail}; try again in a moment")]
    Away {
        /// What was being done.
        action: &'static str,
        /// What came back.
        detail: String,
    },
    /// A person has to mend something first.
    #[error("{action}: {detail}")]
    Broken {
        /// What was being done.
        action: &'static str,
        /// What is wrong.
        detail: String,
    },
}

impl StoreError {
    fn of(action: &'static str, failure: Failure) -> Self {
        let detail = failure.detail;
        match failure.verdict {
            Verdict::Throttled | Verdict::Retry => Self::Away { action, detail },
            _ => Self::Broken { action, detail },
        }
    }

    pub(crate) fn unreadable(table: Table, attribute: &'static str) -> Self {
        let detail =
            format!("an item of table {} has no readable {attribute}; mend or delete it", table.name());
        Self::Broken { action: "read an item", detail }
    }

    /// An SDK builder misses a part, or the like: a fault of this build.
    pub(crate) fn bug(action: &'static str, detail: impl ToString) -> Self {
        Self::Broken { action, detail: detail.to_string() }
    }
}

/// An item, as the SDK has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// When an item may go, as DynamoDB wants it: seconds, never too early.
pub(crate) fn expiry(time: TimeMs) -> AttributeValue {
    number(time.0.div_ceil(1_000))
}

/// Reads the attributes of an item, and names what it cannot read.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) table: Table,
    pub(crate) item: &'a Item,
}

impl<'a> Reader<'a> {
    pub(crate) fn find_text(self, name: &str) -> Option<&'a str> {
        self.item.get(name)?.as_s().ok().map(String::as_str)
    }

    pub(crate) fn text(self, name: &'static str) -> Result<&'a str, StoreError> {
        self.find_text(name).ok_or_else(|| StoreError::unreadable(self.table, name))
    }

    pub(crate) fn find_number(self, name: &str) -> Option<u64> {
        self.item.get(name)?.as_n().ok()?.parse().ok()
    }

    pub(crate) fn number(self, name: &'static str) -> Result<u64, StoreError> {
        self.find_number(name).ok_or_else(|| StoreError::unreadable(self.table, name))
    }

    pub(crate) fn parsed<T: std::str::FromStr>(self, name: &'static str) -> Result<T, StoreError> {
        self.text(name)?.parse().map_err(|_| StoreError::unreadable(self.table, name))
    }

    pub(crate) fn is_set(self, name: &str) -> bool {
        self.item.contains_key(name)
    }

    /// Whether DynamoDB could have deleted it by now.
    pub(crate) fn is_over(self, now: TimeMs) -> bool {
        self.find_number("expires_at").is_some_and(|at| at.saturating_mul(1_000) <= now.0)
    }
}

/// Repeats a request while that may help.
pub(crate) struct Tries {
    made: u32,
    since: Instant,
}

impl Tries {
    pub(crate) fn new() -> Self {
        Self { made: 0, since: Instant::now() }
    }

    /// Waits a little, differently for each who waits; `false` when it was tried often enough.
    pub(crate) async fn again(&mut self, tries_max: u32) -> bool {
        self.made += 1;
        if self.made >= tries_max || self.since.elapsed() >= Duration::from_millis(TABLE_MS_MAX) {
            return false;
        }
        let doubled = TABLE_PAUSE_MS_MIN.saturating_mul(1 << self.made.min(16));
        let most = doubled.min(TABLE_PAUSE_MS_MAX);
        sleep(Duration::from_millis(fastrand::u64(most / 4..=most))).await;
        true
    }
}

/// Asks, and asks again while that may help. `None`: the condition did not hold.
pub(crate) async fn ask<T, E, F>(
    action: &'static str,
    mut send: impl FnMut() -> F,
) -> Result<Option<T>, StoreError>
where
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let mut tries = Tries::new();
    loop {
        let failure = match send().await {
            Ok(answer) => return Ok(Some(answer)),
            Err(error) => classify(&error),
        };
        match failure.verdict {
            Verdict::Superseded => return Ok(None),
            Verdict::Throttled | Verdict::Retry if tries.again(TABLE_TRIES_MAX).await => {}
            _ => return Err(StoreError::of(action, failure)),
        }
    }
}

/// The same where there is no condition.
pub(crate) async fn ask_plainly<T, E, F>(
    action: &'static str,
    send: impl FnMut() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let answer = ask(action, send).await?;
    answer.ok_or_else(|| StoreError::bug(action, "a condition failed where there is none"))
}

/// Reads one item as it stands.
pub(crate) async fn get(
    tables: &Tables,
    table: Table,
    key: Item,
    action: &'static str,
) -> Result<Option<Item>, StoreError> {
    let request =
        tables.client().get_item().table_name(tables.name(table)).set_key(Some(key)).consistent_read(true);
    Ok(ask_plainly(action, || request.clone().send()).await?.item)
}

/// Writes all or nothing; `false`: a condition did not hold. A repeat under the same token is done once.
pub(crate) async fn write_all(
    tables: &Tables,
    items: Vec<TransactWriteItem>,
    action: &'static str,
) -> Result<bool, StoreError> {
    let token = format!("{:032x}", fastrand::u128(..));
    let request =
        tables.client().transact_write_items().set_transact_items(Some(items)).client_request_token(token);
    let mut tries = Tries::new();
    loop {
        let Err(error) = request.clone().send().await else { return Ok(true) };
        let failure = match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                let Some(failure) = cancellation(cancelled.cancellation_reasons()) else { return Ok(false) };
                failure
            }
            _ => classify(&error),
        };
        match failure.verdict {
            Verdict::Superseded => return Ok(false),
            Verdict::Throttled | Verdict::Retry if tries.again(TABLE_TRIES_MAX).await => {}
            _ => return Err(StoreError::of(action, failure)),
        }
    }
}

/// Pure: the gravest of the reasons; `None` when all that is wrong is a condition.
fn cancellation(reasons: &[CancellationReason]) -> Option<Failure> {
    let failures = reasons.iter().filter_map(|reason| {
        let code = reason.code().filter(|code| *code != "None")?;
        let failure = Failure::of(code, reason.message().unwrap_or_default(), None);
        (verdict(code, reason.message().unwrap_or_default(), None) != Verdict::Superseded).then_some(failure)
    });
    failures.max_by_key(|failure| match failure.verdict {
        Verdict::Halt | Verdict::Refused => 1,
        _ => 0,
    })
}

/// Deletes everything a query finds, page by page; `key` makes the key of an item.
pub(crate) async fn delete_found(
    tables: &Tables,
    table: Table,
    query: QueryFluentBuilder,
    action: &'static str,
) -> Result<usize, StoreError> {
    let names = key_names(table);
    let query = query.table_name(tables.name(table));
    let (mut deleted, mut next) = (0, None);
    loop {
        let page = query.clone().set_exclusive_start_key(next);
        let answer = ask_plainly(action, || page.clone().send()).await?;
        for item in answer.items.unwrap_or_default() {
            let key: Item = item.into_iter().filter(|(name, _)| names.contains(&name.as_str())).collect();
            delete(tables, table, key, action).await?;
            deleted += 1;
        }
        next = answer.last_evaluated_key;
        if next.is_none() {
            return Ok(deleted);
        }
        if deleted >= ERASED_ITEMS_MAX {
            let detail =
                format!("there are more than {ERASED_ITEMS_MAX} items; ask again to delete the rest");
            return Err(StoreError::Away { action, detail });
        }
    }
}

/// Deletes an item, if it is there.
pub(crate) async fn delete(
    tables: &Tables,
    table: Table,
    key: Item,
    action: &'static str,
) -> Result<(), StoreError> {
    let request = tables.client().delete_item().table_name(tables.name(table)).set_key(Some(key));
    ask_plainly(action, || request.clone().send()).await?;
    Ok(())
}

/// A query for everything under one first key, as it stands.
pub(crate) fn under(tables: &Tables, name: &str, value: impl Into<String>) -> QueryFluentBuilder {
    tables
        .client()
        .query()
        .key_condition_expression("#key = :key")
        .expression_attribute_names("#key", name)
        .expression_attribute_values(":key", text(value))
        .consistent_read(true)
}

/// A key of the tables whose key is (subject, part).
pub(crate) fn key(subject: impl Into<String>, part: impl Into<String>) -> Item {
    Item::from([("subject".to_owned(), text(subject)), ("part".to_owned(), text(part))])
}

const fn key_names(table: Table) -> [&'static str; 2] {
    match table {
        Table::Contacts | Table::Carts => ["customer", "part"],
        Table::Subscriptions => ["interest", "customer"],
        _ => ["subject", "part"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_write_of_several_was_not_done() {
        let reason = |code: &str| CancellationReason::builder().code(code).message("m").build();
        let judged = |codes: &[&str]| {
            let reasons: Vec<_> = codes.iter().map(|code| reason(code)).collect();
            cancellation(&reasons).map(|failure| failure.verdict)
        };
        assert_eq!(judged(&["None", "ConditionalCheckFailed"]), None);
        assert_eq!(judged(&["TransactionConflict", "None"]), Some(Verdict::Retry));
        assert_eq!(judged(&["ThrottlingError", "ConditionalCheckFailed"]), Some(Verdict::Throttled));
        assert_eq!(judged(&["TransactionConflict", "ValidationError"]), Some(Verdict::Halt));
    }

    #[test]
    fn what_a_table_refuses_is_told_from_what_it_does_not_answer() {
        let of = |code: &str| StoreError::of("read an account", Failure::of(code, "", Some(400)));
        assert!(matches!(of("ThrottlingException"), StoreError::Away { .. }));
        let broken = of("ResourceNotFoundException");
        assert!(matches!(broken, StoreError::Broken { .. }));
        assert!(broken.to_string().contains("pipeline table create"), "{broken}");
        assert_eq!(expiry(TimeMs(1_001)), number(2));
    }
}
