//! The statements a change is made of. Pure.
//!
//! Conditions on single items in batches is what only PartiQL has: a batch of statements costs one request for 25 items,
//! and each statement succeeds or fails by itself. There is no upsert among them, so a change is an INSERT, or an UPDATE
//! that asks for an older version, whichever is likelier; when it turns out to be the other, that follows.

use tables::Verdict;
use tables::sdk::types::{AttributeValue, BatchStatementRequest};

use crate::encode::{PLACED_AT, optional_attributes};
use crate::item::{Item, Key, key_names};

/// What is tried for an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// There is none yet.
    Insert,
    /// There is an older one. `is_there`: an INSERT has found one.
    Update { is_there: bool },
}

/// What follows from an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// The table holds this item, or a newer one. Says whether this one was written.
    Done { written: bool },
    /// The other statement.
    Try(Step),
    /// What the verdict says.
    Obey(Verdict),
}

impl Step {
    /// What follows from the answer; `None`: it succeeded.
    pub(crate) fn next(self, answer: Option<Verdict>) -> Next {
        match (self, answer) {
            (_, None) => Next::Done { written: true },
            (Self::Insert, Some(Verdict::Exists | Verdict::Superseded)) => {
                Next::Try(Self::Update { is_there: true })
            }
            (Self::Update { is_there: true }, Some(Verdict::Superseded)) => Next::Done { written: false },
            (Self::Update { is_there: false }, Some(Verdict::Superseded)) => Next::Try(Self::Insert),
            (_, Some(verdict)) => Next::Obey(verdict),
        }
    }

    /// The statement, or what the SDK has against it.
    pub(crate) fn statement(
        self,
        table: &str,
        key: &Key,
        item: &Item,
    ) -> Result<BatchStatementRequest, String> {
        let (text, parameters) = match self {
            Self::Insert => insert(table, key, item),
            Self::Update { .. } => update(table, key, item),
        };
        BatchStatementRequest::builder()
            .statement(text)
            .set_parameters(Some(parameters))
            .build()
            .map_err(|error| error.to_string())
    }
}

fn insert(table: &str, key: &Key, item: &Item) -> (String, Vec<AttributeValue>) {
    let mut text = format!("INSERT INTO \"{table}\" VALUE {{");
    let mut parameters = Vec::new();
    for (name, value) in key.attributes() {
        text.push_str(&format!("'{name}': ?, "));
        parameters.push(value);
    }
    for (index, (name, value)) in item.rest(key).into_iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        text.push_str(&format!("{comma}'{name}': ?"));
        parameters.push(value);
    }
    text.push('}');
    (text, parameters)
}

fn update(table: &str, key: &Key, item: &Item) -> (String, Vec<AttributeValue>) {
    let mut text = format!("UPDATE \"{table}\"");
    let mut parameters = Vec::new();
    for (name, value) in item.rest(key) {
        // What stands there is from an earlier decision.
        if name != PLACED_AT {
            text.push_str(&format!(" SET \"{name}\"=?"));
            parameters.push(value);
        }
    }
    for name in optional_attributes(key.table) {
        if !item.attributes.contains_key(*name) {
            text.push_str(&format!(" REMOVE \"{name}\""));
        }
    }
    let [hash, range] = key_names(key.table);
    text.push_str(&format!(" WHERE \"{hash}\"=? AND \"{range}\"=? AND \"version\"<?"));
    parameters.extend(key.attributes().map(|(_, value)| value));
    parameters.push(AttributeValue::N(item.version.to_string()));
    (text, parameters)
}

#[cfg(test)]
mod tests {
    use tables::Table;

    use super::*;
    use crate::item::Attributes;

    #[test]
    fn answers_and_what_follows() {
        let (there, perhaps) = (Step::Update { is_there: true }, Step::Update { is_there: false });
        #[rustfmt::skip]
        let table = [
            (Step::Insert, None, Next::Done { written: true }),
            (Step::Insert, Some(Verdict::Exists), Next::Try(there)),
            (there, None, Next::Done { written: true }),
            (there, Some(Verdict::Superseded), Next::Done { written: false }),
            (perhaps, None, Next::Done { written: true }),
            (perhaps, Some(Verdict::Superseded), Next::Try(Step::Insert)),
            (Step::Insert, Some(Verdict::Throttled), Next::Obey(Verdict::Throttled)),
            (there, Some(Verdict::Refused), Next::Obey(Verdict::Refused)),
            (perhaps, Some(Verdict::Halt), Next::Obey(Verdict::Halt)),
        ];
        for (step, answer, next) in table {
            assert_eq!(step.next(answer), next, "{step:?} {answer:?}");
        }
    }

    #[test]
    fn an_update_asks_for_an_older_version_and_keeps_when_the_order_was_placed() {
        let key = Key { table: Table::Orders, hash: "o".to_owned(), range: "3".to_owned() };
        let mut attributes = Attributes::new();
        for name in ["placed_at", "status", "deadline"] {
            attributes.insert(name.into(), 7_u64.into());
        }
        let item = Item { ledger: 3, version: 9, attributes };
        let (text, parameters) = update("t-orders", &key, &item);
        assert_eq!(
            text,
            "UPDATE \"t-orders\" SET \"version\"=? SET \"deadline\"=? SET \"status\"=? REMOVE \"reason\" \
             REMOVE \"payment\" REMOVE \"expires_at\" WHERE \"order\"=? AND \"ledger\"=? AND \"version\"<?"
        );
        assert_eq!(parameters.len(), 6);
        let (text, parameters) = insert("t-orders", &key, &item);
        assert_eq!(
            text,
            "INSERT INTO \"t-orders\" VALUE {'order': ?, 'ledger': ?, 'version': ?, 'deadline': ?, \
             'placed_at': ?, 'status': ?}"
        );
        assert_eq!(parameters.len(), 6);
    }
}
