//! Log-ins in the table `sessions`: one item, a *family*, for each time somebody logged in. Its refresh tokens follow one
//! another by number, and only the newest number is good: an older one that comes back was copied, and ends the family.
//!
//! The tokens are signed and stand nowhere: whoever reads the table has none.

use order_model::{CustomerId, TimeMs};
use tables::sdk::types::{Put, TransactWriteItem};
use tables::{Table, Tables};

use crate::account::AccountTable;
use crate::hidden::RefreshToken;
use crate::keys::{Purpose, TokenKeys};
use crate::limits::{FAMILIES_MAX, FAMILY_MS_MAX, REFRESH_MS};
use crate::seal;
use crate::store::{
    Item, Reader, StoreError, ask, delete, delete_found, expiry, get, key, number, under, write_all,
};

const READ: &str = "read who is logged in";
const WRITE: &str = "write who is logged in";
const PAYLOAD_BYTES: usize = 16 + 16 + 8;

/// What a refresh token says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ticket {
    pub(crate) customer: CustomerId,
    pub(crate) family: u128,
    pub(crate) number: u64,
}

impl Ticket {
    pub(crate) fn seal(self, keys: &TokenKeys, now: TimeMs) -> Option<RefreshToken> {
        let mut payload = [0; PAYLOAD_BYTES];
        payload[..16].copy_from_slice(&self.customer.0);
        payload[16..32].copy_from_slice(&self.family.to_be_bytes());
        payload[32..].copy_from_slice(&self.number.to_be_bytes());
        seal::seal(keys, Purpose::Refresh, &payload, now).map(RefreshToken::new)
    }

    /// What a text says, if we have signed it.
    pub(crate) fn open(keys: &TokenKeys, token: &RefreshToken) -> Option<Self> {
        let payload = seal::open::<PAYLOAD_BYTES>(keys, Purpose::Refresh, token.expose()).ok()?;
        let (customer, rest) = payload.split_first_chunk::<16>()?;
        let (family, number) = rest.split_first_chunk::<16>()?;
        Some(Self {
            customer: CustomerId(*customer),
            family: u128::from_be_bytes(*family),
            number: u64::from_be_bytes(number.try_into().ok()?),
        })
    }
}

/// A log-in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Family {
    pub(crate) customer: CustomerId,
    pub(crate) id: u128,
    /// The number of the one refresh token that is good.
    pub(crate) number: u64,
    /// When that one was given.
    pub(crate) turned_at: TimeMs,
    pub(crate) started_at: TimeMs,
    /// The account's epoch it belongs to.
    pub(crate) epoch: u64,
}

impl Family {
    pub(crate) fn expires_at(&self) -> TimeMs {
        let idle = self.turned_at.0.saturating_add(REFRESH_MS);
        TimeMs(idle.min(self.started_at.0.saturating_add(FAMILY_MS_MAX)))
    }

    pub(crate) fn ticket(&self) -> Ticket {
        Ticket { customer: self.customer, family: self.id, number: self.number }
    }

    fn item(&self) -> Item {
        let mut item = family_key(self.customer, self.id);
        let mut set = |name: &str, value| item.insert(name.to_owned(), value);
        set("number", number(self.number));
        set("turned_at", number(self.turned_at));
        set("started_at", number(self.started_at));
        set("epoch", number(self.epoch));
        set("expires_at", expiry(self.expires_at()));
        item
    }
}

fn subject(customer: CustomerId) -> String {
    format!("customer#{customer}")
}

fn family_key(customer: CustomerId, id: u128) -> Item {
    key(subject(customer), format!("family#{id:032x}"))
}

fn family(customer: CustomerId, item: &Item) -> Result<Family, StoreError> {
    let reader = Reader { table: Table::Sessions, item };
    let unreadable = || StoreError::unreadable(Table::Sessions, "part");
    let id = reader.text("part")?.strip_prefix("family#").ok_or_else(unreadable)?;
    Ok(Family {
        customer,
        id: u128::from_str_radix(id, 16).map_err(|_| unreadable())?,
        number: reader.number("number")?,
        turned_at: TimeMs(reader.number("turned_at")?),
        started_at: TimeMs(reader.number("started_at")?),
        epoch: reader.number("epoch")?,
    })
}

/// Reads and writes log-ins.
#[derive(Clone, Debug)]
pub(crate) struct SessionTable {
    tables: Tables,
}

impl SessionTable {
    pub(crate) fn over(tables: Tables) -> Self {
        Self { tables }
    }

    /// Begins a log-in; `false`: the account is not in that epoch any more.
    pub(crate) async fn begin(&self, accounts: &AccountTable, family: &Family) -> Result<bool, StoreError> {
        let put = Put::builder()
            .table_name(self.tables.name(Table::Sessions))
            .set_item(Some(family.item()))
            .build();
        let put = put.map_err(|error| StoreError::bug(WRITE, error))?;
        let put = TransactWriteItem::builder().put(put).build();
        let check = accounts.is_in_epoch(family.customer, family.epoch)?;
        write_all(&self.tables, vec![check, put], WRITE).await
    }

    pub(crate) async fn find(&self, ticket: Ticket, now: TimeMs) -> Result<Option<Family>, StoreError> {
        let key = family_key(ticket.customer, ticket.family);
        let Some(item) = get(&self.tables, Table::Sessions, key, READ).await? else { return Ok(None) };
        let found = family(ticket.customer, &item)?;
        Ok((now < found.expires_at()).then_some(found))
    }

    /// Turns a family on to its next number; `None`: somebody else did, or it ended.
    pub(crate) async fn turn(&self, family: &Family, now: TimeMs) -> Result<Option<Family>, StoreError> {
        let turned = Family { number: family.number.saturating_add(1), turned_at: now, ..*family };
        let request = self
            .tables
            .client()
            .put_item()
            .table_name(self.tables.name(Table::Sessions))
            .set_item(Some(turned.item()))
            .condition_expression("#number = :number")
            .expression_attribute_names("#number", "number")
            .expression_attribute_values(":number", number(family.number));
        Ok(ask(WRITE, || request.clone().send()).await?.map(|_| turned))
    }

    pub(crate) async fn end(&self, ticket: Ticket) -> Result<(), StoreError> {
        delete(&self.tables, Table::Sessions, family_key(ticket.customer, ticket.family), WRITE).await
    }

    pub(crate) async fn end_all(&self, customer: CustomerId) -> Result<(), StoreError> {
        let found = under(&self.tables, "subject", subject(customer));
        delete_found(&self.tables, Table::Sessions, found, WRITE).await?;
        Ok(())
    }

    /// Ends the oldest log-ins of somebody who has more than [`FAMILIES_MAX`], those of earlier epochs and expired ones.
    pub(crate) async fn thin_out(&self, latest: &Family, now: TimeMs) -> Result<(), StoreError> {
        let query = under(&self.tables, "subject", subject(latest.customer))
            .table_name(self.tables.name(Table::Sessions));
        let found = ask(READ, || query.clone().send()).await?.and_then(|answer| answer.items);
        let mut families = Vec::new();
        for item in found.unwrap_or_default() {
            families.push(family(latest.customer, &item)?);
        }
        let is_over = |family: &Family| family.epoch < latest.epoch || family.expires_at() <= now;
        families.sort_by_key(|family| (!is_over(family), family.turned_at, family.id));
        let over = families.iter().filter(|family| is_over(family)).count();
        let ending = over.max(families.len().saturating_sub(FAMILIES_MAX));
        for family in families.iter().take(ending).filter(|family| family.id != latest.id) {
            self.end(family.ticket()).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_ticket_is_what_was_signed(customer in any::<u128>(), family in any::<u128>(), number in any::<u64>()) {
            let keys = TokenKeys::in_memory([1; 32]);
            let ticket = Ticket { customer: customer.into(), family, number };
            let token = ticket.seal(&keys, TimeMs(1)).unwrap();
            prop_assert_eq!(Ticket::open(&keys, &token), Some(ticket));
            prop_assert_eq!(Ticket::open(&TokenKeys::in_memory([2; 32]), &token), None);
        }

        #[test]
        fn no_text_is_one(text in ".{0,120}") {
            prop_assert_eq!(Ticket::open(&TokenKeys::in_memory([1; 32]), &RefreshToken::new(text)), None);
        }
    }

    #[test]
    fn a_family_ends_when_idle_and_at_the_latest_then() {
        let family = |turned: u64| Family {
            customer: CustomerId::from(1),
            id: 2,
            number: 3,
            turned_at: TimeMs(turned),
            started_at: TimeMs(5),
            epoch: 1,
        };
        assert_eq!(family(5).expires_at(), TimeMs(5 + REFRESH_MS));
        assert_eq!(family(FAMILY_MS_MAX).expires_at(), TimeMs(5 + FAMILY_MS_MAX));
    }
}
