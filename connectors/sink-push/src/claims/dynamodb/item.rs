//! Claims as items of the table `notices`. Pure.
//!
//! `order` is the claim's subject, `notice` its event and slot. `open` and `due` are the key of the index: a settled claim
//! has no `open`, so the index holds only what is still to be done.

use order_model::{CustomerId, Offset, Partition, Sequence, TimeMs};
use sink::Reached;
use tables::sdk::types::AttributeValue;

use crate::claims::{Claim, ClaimKey, ClaimState, ClaimsError, Slot};
use crate::limits::CLAIM_RETENTION_MS;
use crate::office::message_id;
use crate::requests::{Attributes, number, text};

/// The second key of a partition's progress; no claim has it, since those of claims hold a `#`.
pub(super) const PROGRESS: &str = "progress";

/// The shards of the index, by the first digit of the notice's id: one key of an index takes about 1,000 writes a second,
/// and what it does not take is refused to the table too.
const SHARDS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];

/// The shards of a slot; events are few, so one will do.
pub(super) fn shards(slot: Slot) -> &'static [char] {
    match slot {
        Slot::Channel(_) => &SHARDS,
        Slot::Mark | Slot::FanOut => &['0'],
    }
}

pub(super) fn shard(slot: Slot, shard: char) -> String {
    format!("{}#{shard}", slot.name())
}

fn shard_of(key: &ClaimKey) -> String {
    let shards = shards(key.slot);
    let first = message_id(key).chars().next().filter(|digit| shards.contains(digit));
    shard(key.slot, first.unwrap_or('0'))
}

pub(super) fn key(key: &ClaimKey) -> Attributes {
    let notice = format!("{}#{}", key.event, key.slot.name());
    Attributes::from([("order".to_owned(), text(&key.subject)), ("notice".to_owned(), text(notice))])
}

pub(super) fn progress_key(partition: Partition) -> Attributes {
    let order = format!("#progress#{partition}");
    Attributes::from([("order".to_owned(), text(order)), ("notice".to_owned(), text(PROGRESS))])
}

pub(super) fn item(claim: &Claim) -> Result<Attributes, ClaimsError> {
    let facts = serde_json::to_string(&claim.facts)
        .map_err(|error| ClaimsError::Halt(format!("{} cannot be written down: {error}", claim.key)))?;
    let mut item = key(&claim.key);
    let mut put = |name: &str, value: AttributeValue| drop(item.insert(name.to_owned(), value));
    put("ledger", number(claim.partition));
    put("sequence", number(claim.sequence));
    put("facts", text(facts));
    put("state", text(claim.state.name()));
    put("attempts", number(claim.attempts));
    put("due", number(claim.due));
    put("useful_until", number(claim.expires));
    put("detail", text(&claim.detail));
    put("expires_at", number(claim.expires.after(CLAIM_RETENTION_MS).0 / 1_000));
    if let Some(customer) = claim.customer {
        put("customer", text(customer.to_string()));
    }
    if claim.state.is_open() {
        put("open", text(shard_of(&claim.key)));
    }
    Ok(item)
}

/// The claim an item is; an error names the item and what is wrong with it.
pub(super) fn claim(item: &Attributes) -> Result<Claim, ClaimsError> {
    let key = claim_key(item)?;
    let bad = |name: &str| {
        ClaimsError::Halt(format!(
            "the notice {key} has no usable `{name}`; mend that item of the table notices, or delete it, and it may be told \
             again"
        ))
    };
    let string = |name: &str| string(item, name).ok_or_else(|| bad(name));
    let int = |name: &str| int(item, name).ok_or_else(|| bad(name));
    let state = string("state")?;
    let customer = match item.get("customer") {
        None => None,
        Some(_) => Some(string("customer")?.parse::<CustomerId>().map_err(|_| bad("customer"))?),
    };
    Ok(Claim {
        partition: Partition(u32::try_from(int("ledger")?).map_err(|_| bad("ledger"))?),
        sequence: Sequence(int("sequence")?),
        customer,
        facts: serde_json::from_str(string("facts")?).map_err(|_| bad("facts"))?,
        state: ClaimState::ALL.into_iter().find(|known| known.name() == state).ok_or_else(|| bad("state"))?,
        attempts: u32::try_from(int("attempts")?).map_err(|_| bad("attempts"))?,
        due: TimeMs(int("due")?),
        expires: TimeMs(int("useful_until")?),
        detail: string("detail")?.to_owned(),
        key,
    })
}

pub(super) fn claim_key(item: &Attributes) -> Result<ClaimKey, ClaimsError> {
    let subject = string(item, "order");
    let notice = string(item, "notice").and_then(|notice| notice.rsplit_once('#'));
    let parts = subject.zip(notice).and_then(|(subject, (event, slot))| {
        Some(ClaimKey { subject: subject.to_owned(), event: event.to_owned(), slot: Slot::from_name(slot)? })
    });
    parts.ok_or_else(|| {
        ClaimsError::Halt(format!(
            "the table notices holds an item that is no notice: {:?} {:?}; delete it",
            item.get("order"),
            item.get("notice")
        ))
    })
}

pub(super) fn reached(partition: Partition, item: &Attributes) -> Result<Reached, ClaimsError> {
    match (int(item, "sequence"), int(item, "next_offset")) {
        (Some(sequence), Some(offset)) => {
            Ok(Reached { sequence: Sequence(sequence), next_offset: Offset(offset) })
        }
        _ => Err(ClaimsError::Halt(format!(
            "the progress of partition {partition} in the table notices has no numbers in `sequence` and `next_offset`; delete \
             that item, and its decisions are read again"
        ))),
    }
}

pub(super) fn string<'i>(item: &'i Attributes, name: &str) -> Option<&'i str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

pub(super) fn int(item: &Attributes, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}
