//! Decisions folded into items: what the tables hold once all of them are written. Newest wins.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use order_model::Decision;

use crate::config::Retention;
use crate::encode::{Change, PLACED_AT, changes};
use crate::item::{Item, Key};

/// What the tables hold once `decisions` are written: those of each ledger in their order, from its first on.
pub fn items_of<'d>(
    decisions: impl IntoIterator<Item = &'d Decision>,
    retention: &Retention,
) -> BTreeMap<Key, Item> {
    let mut fold = Fold::new(*retention);
    for decision in decisions {
        fold.take(decision);
    }
    fold.into_items()
}

/// Items that decisions make, so far. For decisions that do not fit into memory, where their items do.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    retention: Retention,
    items: BTreeMap<Key, Folded>,
}

#[derive(Clone, Debug)]
pub(crate) struct Folded {
    pub(crate) item: Item,
    /// Whether the oldest change among those folded was likely the item's first.
    pub(crate) is_first: bool,
}

impl Fold {
    /// No items yet.
    pub fn new(retention: Retention) -> Self {
        Self { retention, items: BTreeMap::new() }
    }

    /// Takes one more decision.
    pub fn take(&mut self, decision: &Decision) {
        let Self { retention, items } = self;
        changes(decision, retention, |change| merge(items, change));
    }

    /// The items.
    pub fn into_items(self) -> BTreeMap<Key, Item> {
        self.items.into_iter().map(|(key, folded)| (key, folded.item)).collect()
    }

    pub(crate) fn into_folded(self) -> BTreeMap<Key, Folded> {
        self.items
    }
}

fn merge(items: &mut BTreeMap<Key, Folded>, change: Change) {
    let Change { key, mut item, is_first } = change;
    match items.entry(key) {
        Entry::Vacant(vacant) => {
            vacant.insert(Folded { item, is_first });
        }
        Entry::Occupied(mut standing) => {
            let standing = standing.get_mut();
            if item.version <= standing.item.version {
                return;
            }
            if let Some(first) = standing.item.attributes.remove(PLACED_AT) {
                item.attributes.insert(Cow::Borrowed(PLACED_AT), first);
            }
            standing.item = item;
        }
    }
}
