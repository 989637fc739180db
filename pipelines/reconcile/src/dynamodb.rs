//! The items of the tables against those the decisions make.

use std::collections::BTreeMap;

use order_model::TimeMs;
use sink_dynamodb::{Item, Key, TABLES, Value, scan_each};
use tables::Tables;

use crate::limits::DIFFERENCES_MAX;
use crate::{Difference, ReconcileError, Reconciliation};

/// When an item may be gone, in seconds since 1970.
const EXPIRES_AT: &str = "expires_at";

pub(crate) async fn compare(
    tables: &Tables,
    mut wanted: BTreeMap<Key, Item>,
    now: TimeMs,
    result: &mut Reconciliation,
) -> Result<(), ReconcileError> {
    let is_there = |item: &&Item| !has_expired(item, now);
    result.items = Some(u64::try_from(wanted.values().filter(is_there).count()).unwrap_or(u64::MAX));
    let mut differences = Vec::new();
    for table in TABLES {
        scan_each(tables, table, |key, found| {
            // What was wanted and is as wanted is done with; what is left in the end is missing.
            let wanted = wanted.remove(&key);
            if wanted.as_ref() != Some(&found) && differences.len() <= DIFFERENCES_MAX {
                differences.push(Difference::Item { key, wanted, found: Some(found) });
            }
        })
        .await?;
    }
    let missing = wanted.into_iter().filter(|(_, item)| !has_expired(item, now));
    let left = (DIFFERENCES_MAX + 1).saturating_sub(differences.len());
    differences.extend(missing.take(left).map(|(key, item)| Difference::Item {
        key,
        wanted: Some(item),
        found: None,
    }));
    result.is_cut |= differences.len() > DIFFERENCES_MAX;
    differences.truncate(DIFFERENCES_MAX);
    result.differences.append(&mut differences);
    Ok(())
}

fn has_expired(item: &Item, now: TimeMs) -> bool {
    let Some(Value::Number(seconds)) = item.attributes.get(EXPIRES_AT) else { return false };
    *seconds * 1_000 <= i128::from(now.0)
}

/// What differs between two items, for people.
pub(crate) fn detail(wanted: Option<&Item>, found: Option<&Item>) -> String {
    match (wanted, found) {
        (None, _) => "remove it: no decision of the log makes it".to_owned(),
        (Some(_), None) => "write it".to_owned(),
        (Some(wanted), Some(found)) => {
            let mut parts = Vec::new();
            let mut differs = |name: &str, wanted: Option<String>, found: Option<String>| {
                if wanted != found {
                    let shown = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
                    parts.push(format!("{name} is {}, has to be {}", shown(found), shown(wanted)));
                }
            };
            differs("version", Some(wanted.version.to_string()), Some(found.version.to_string()));
            differs("ledger", Some(wanted.ledger.to_string()), Some(found.ledger.to_string()));
            let mut names: Vec<_> = wanted.attributes.keys().chain(found.attributes.keys()).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                let value = |item: &Item| item.attributes.get(name).map(ToString::to_string);
                differs(name, value(wanted), value(found));
            }
            parts.join("; ")
        }
    }
}
