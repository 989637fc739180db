//! Finding open claims: the shards of the index, merged by when they are due, and then the claims themselves.
//!
//! The index is eventually consistent: it may still name what is settled, and not yet what was just recorded. So it only
//! names keys, and the claims are read from the table, which is not. What it does not name yet is found at the next look.

use std::collections::VecDeque;

use order_model::TimeMs;
use tables::{Failure, Table, Tables};

use super::item::{int, shard, shards};
use crate::claims::{Claim, ClaimsError, Slot};
use crate::requests::{Attributes, all, ask, items, number, text};

const INDEX: &str = "open_by_due";

/// What is known of one shard.
struct Shard {
    name: String,
    /// Named by the index and not looked at yet, the earliest first.
    keys: VecDeque<(u64, Attributes)>,
    /// Where the next page begins; the first begins nowhere.
    next: Option<Attributes>,
    is_read: bool,
}

pub(super) async fn find(
    tables: &Tables,
    slot: Slot,
    now: TimeMs,
    max: usize,
) -> Result<Vec<Claim>, ClaimsError> {
    let digits = shards(slot);
    let page = max / digits.len() + 1;
    let mut shards: Vec<Shard> = digits
        .iter()
        .map(|digit| Shard { name: shard(slot, *digit), keys: VecDeque::new(), next: None, is_read: false })
        .collect();
    let mut claims = Vec::new();
    while claims.len() < max {
        let keys = earliest(tables, &mut shards, now, page, max - claims.len()).await?;
        if keys.is_empty() {
            break;
        }
        let found = items(tables, Table::Notices, &keys).await?;
        let found = found.iter().map(super::item::claim).collect::<Result<Vec<Claim>, _>>()?;
        claims.extend(found.into_iter().filter(|claim| claim.state.is_open() && claim.due <= now));
    }
    claims.sort_by(|one, other| (one.due, &one.key).cmp(&(other.due, &other.key)));
    // An item that changed between two pages is named twice.
    claims.dedup_by(|one, other| one.key == other.key);
    Ok(claims)
}

/// The keys of at most `max` claims, the earliest of all shards; none when there are no more.
async fn earliest(
    tables: &Tables,
    shards: &mut Vec<Shard>,
    now: TimeMs,
    page: usize,
    max: usize,
) -> Result<Vec<Attributes>, ClaimsError> {
    let mut keys = Vec::new();
    while keys.len() < max {
        let (ahead, empty) = shards.drain(..).partition(|shard| shard.is_read || !shard.keys.is_empty());
        *shards = ahead;
        let asked = empty.into_iter().map(|shard| {
            let tables = tables.clone();
            async move { turn_page(&tables, shard, now, page).await }
        });
        shards.extend(all::<Shard, Failure, _>(asked.collect()).await?);
        // A page may be empty though others follow; then it is turned first.
        if shards.iter().any(|shard| shard.keys.is_empty() && !shard.is_read) {
            continue;
        }
        let first = shards.iter_mut().filter(|shard| !shard.keys.is_empty());
        let Some(first) = first.min_by_key(|shard| shard.keys.front().map(|(due, _)| *due)) else { break };
        keys.extend(first.keys.pop_front().map(|(_, key)| key));
    }
    Ok(keys)
}

async fn turn_page(tables: &Tables, shard: Shard, now: TimeMs, page: usize) -> Result<Shard, Failure> {
    let request = tables
        .client()
        .query()
        .table_name(tables.name(Table::Notices))
        .index_name(INDEX)
        .key_condition_expression("#open = :open AND #due <= :now")
        .expression_attribute_names("#open", "open")
        .expression_attribute_names("#due", "due")
        .expression_attribute_values(":open", text(&shard.name))
        .expression_attribute_values(":now", number(now))
        .limit(i32::try_from(page).unwrap_or(i32::MAX))
        .set_exclusive_start_key(shard.next.clone());
    let answer = ask(|| request.clone().send()).await.map_err(|denied| denied.failure)?;
    let keys = answer.items.unwrap_or_default().into_iter().map(|mut item| {
        let due = int(&item, "due").unwrap_or_default();
        item.retain(|name, _| name == "order" || name == "notice");
        (due, item)
    });
    let is_read = answer.last_evaluated_key.is_none();
    Ok(Shard { keys: keys.collect(), next: answer.last_evaluated_key, is_read, ..shard })
}
