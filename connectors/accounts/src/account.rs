//! The table `accounts`: one item for the account, under the customer's id, and one for its e-mail address, which leads to
//! the id. That an address has one account is the condition of the write that makes both.
//!
//! An account counts its *epochs*: a new password and a deletion each begin a new one, and whatever was given in an earlier
//! one is void from that write on, before anything else is cleaned up.

use std::fmt;

use order_model::{CustomerId, TimeMs};
use tables::sdk::types::builders::ConditionCheckBuilder;
use tables::sdk::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValue, TransactWriteItem, Update,
};
use tables::{Table, Tables};

use crate::email::EmailAddress;
use crate::limits::UNVERIFIED_MS;
use crate::roles::{Role, Roles};
use crate::store::{Item, Reader, StoreError, ask, delete, expiry, get, key, number, text, write_all};

const ACCOUNT: &str = "account";
const READ: &str = "read an account";
const WRITE: &str = "write an account";

/// An account.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) customer: CustomerId,
    pub(crate) address: EmailAddress,
    /// The password's hash.
    pub(crate) password: String,
    /// Random, new with each registration: a link in a letter is for one of them.
    pub(crate) stamp: u128,
    pub(crate) epoch: u64,
    pub(crate) verified_at: Option<TimeMs>,
    pub(crate) roles: Roles,
    pub(crate) locale: String,
    pub(crate) created_at: TimeMs,
    /// Being deleted: it is as good as gone.
    pub(crate) is_erasing: bool,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("customer", &self.customer).finish_non_exhaustive()
    }
}

fn account_key(customer: CustomerId) -> Item {
    key(format!("customer#{customer}"), ACCOUNT)
}

fn address_key(address: &EmailAddress) -> Item {
    key(format!("address#{}", address.key()), ACCOUNT)
}

fn item(account: &Account) -> Item {
    let mut item = account_key(account.customer);
    let mut set = |name: &str, value| item.insert(name.to_owned(), value);
    set("customer", text(account.customer.to_string()));
    set("address", text(account.address.expose()));
    set("password", text(&account.password));
    set("stamp", text(format!("{:032x}", account.stamp)));
    set("epoch", number(account.epoch));
    set("roles", roles_value(account.roles));
    set("locale", text(&account.locale));
    set("created_at", number(account.created_at));
    match account.verified_at {
        Some(at) => set("verified_at", number(at)),
        None => set("expires_at", unverified_until(account)),
    };
    item
}

/// What an address leads to.
fn lead(account: &Account) -> Item {
    let mut lead = address_key(&account.address);
    lead.insert("customer".to_owned(), text(account.customer.to_string()));
    if account.verified_at.is_none() {
        lead.insert("expires_at".to_owned(), unverified_until(account));
    }
    lead
}

/// New items go by themselves, unless the address is verified until then.
fn unverified_until(account: &Account) -> AttributeValue {
    expiry(TimeMs(account.created_at.0.saturating_add(UNVERIFIED_MS)))
}

fn roles_value(roles: Roles) -> AttributeValue {
    let names: Vec<&str> = roles.iter().map(Role::name).collect();
    text(names.join(" "))
}

fn account(item: &Item) -> Result<Account, StoreError> {
    let reader = Reader { table: Table::Accounts, item };
    let address = EmailAddress::parse(reader.text("address")?);
    let stamp = u128::from_str_radix(reader.text("stamp")?, 16);
    Ok(Account {
        customer: reader.parsed("customer")?,
        address: address.map_err(|_| StoreError::unreadable(Table::Accounts, "address"))?,
        password: reader.text("password")?.to_owned(),
        stamp: stamp.map_err(|_| StoreError::unreadable(Table::Accounts, "stamp"))?,
        epoch: reader.number("epoch")?,
        verified_at: reader.find_number("verified_at").map(TimeMs),
        roles: Roles::from_names(reader.find_text("roles").unwrap_or_default().split(' ')),
        locale: reader.find_text("locale").unwrap_or_default().to_owned(),
        created_at: TimeMs(reader.number("created_at")?),
        is_erasing: reader.is_set("erasing"),
    })
}

/// Reads and writes accounts.
#[derive(Clone, Debug)]
pub(crate) struct AccountTable {
    tables: Tables,
}

impl AccountTable {
    pub(crate) fn over(tables: Tables) -> Self {
        Self { tables }
    }

    /// Whose address it is; they may have no account any more.
    pub(crate) async fn customer_of(&self, address: &EmailAddress) -> Result<Option<CustomerId>, StoreError> {
        let item = get(&self.tables, Table::Accounts, address_key(address), READ).await?;
        item.map(|item| Reader { table: Table::Accounts, item: &item }.parsed("customer")).transpose()
    }

    pub(crate) async fn find(&self, customer: CustomerId) -> Result<Option<Account>, StoreError> {
        let item = get(&self.tables, Table::Accounts, account_key(customer), READ).await?;
        item.as_ref().map(account).transpose()
    }

    /// Makes an account; `false`: the address has one by now. `stale` is whose the address was, if they have no account.
    pub(crate) async fn create(
        &self,
        account: &Account,
        stale: Option<CustomerId>,
    ) -> Result<bool, StoreError> {
        let bug = |error| StoreError::bug(WRITE, error);
        let name = self.tables.name(Table::Accounts);
        let mut lead = Put::builder().table_name(&name).set_item(Some(lead(account)));
        lead = match stale {
            None => lead.condition_expression("attribute_not_exists(#subject)"),
            Some(stale) => lead
                .condition_expression("attribute_not_exists(#subject) OR #customer = :stale")
                .expression_attribute_names("#customer", "customer")
                .expression_attribute_values(":stale", text(stale.to_string())),
        };
        let lead = lead.expression_attribute_names("#subject", "subject").build().map_err(bug)?;
        let put = Put::builder()
            .table_name(&name)
            .set_item(Some(item(account)))
            .condition_expression("attribute_not_exists(#subject)")
            .expression_attribute_names("#subject", "subject")
            .build()
            .map_err(bug)?;
        let items = [lead, put].map(|put| TransactWriteItem::builder().put(put).build());
        write_all(&self.tables, items.into(), WRITE).await
    }

    /// Puts another account in the place of one that was never verified; `false`: that is no longer as `old` says. The new one
    /// is somebody else's as far as anybody knows, so it has another customer's id: whoever was logged in to the old one
    /// holds tokens that lead to nobody.
    pub(crate) async fn replace(&self, old: &Account, new: &Account) -> Result<bool, StoreError> {
        let bug = |error| StoreError::bug(WRITE, error);
        let name = self.tables.name(Table::Accounts);
        let delete = Delete::builder()
            .table_name(&name)
            .set_key(Some(account_key(old.customer)))
            .condition_expression(
                "#stamp = :stamp AND attribute_not_exists(#verified) AND attribute_not_exists(#erasing)",
            )
            .expression_attribute_names("#stamp", "stamp")
            .expression_attribute_names("#verified", "verified_at")
            .expression_attribute_names("#erasing", "erasing")
            .expression_attribute_values(":stamp", text(format!("{:032x}", old.stamp)))
            .build()
            .map_err(bug)?;
        let put = Put::builder()
            .table_name(&name)
            .set_item(Some(item(new)))
            .condition_expression("attribute_not_exists(#subject)")
            .expression_attribute_names("#subject", "subject")
            .build()
            .map_err(bug)?;
        let lead = Put::builder()
            .table_name(&name)
            .set_item(Some(lead(new)))
            .condition_expression("#customer = :customer")
            .expression_attribute_names("#customer", "customer")
            .expression_attribute_values(":customer", text(old.customer.to_string()))
            .build()
            .map_err(bug)?;
        let [put, lead] = [put, lead].map(|put| TransactWriteItem::builder().put(put).build());
        let delete = TransactWriteItem::builder().delete(delete).build();
        write_all(&self.tables, vec![delete, put, lead], WRITE).await
    }

    /// A write that changes nothing anybody sees, as large as the others: an address that is taken is to cost as much as
    /// one that is not.
    pub(crate) async fn touch(&self, account: &Account, now: TimeMs) -> Result<(), StoreError> {
        let mut items = Vec::with_capacity(2);
        for key in [account_key(account.customer), address_key(&account.address)] {
            let update = Update::builder()
                .table_name(self.tables.name(Table::Accounts))
                .set_key(Some(key))
                .update_expression("SET #told = :now")
                .condition_expression("#customer = :customer")
                .expression_attribute_names("#told", "told_at")
                .expression_attribute_names("#customer", "customer")
                .expression_attribute_values(":now", number(now))
                .expression_attribute_values(":customer", text(account.customer.to_string()))
                .build()
                .map_err(|error| StoreError::bug(WRITE, error))?;
            items.push(TransactWriteItem::builder().update(update).build());
        }
        write_all(&self.tables, items, WRITE).await?;
        Ok(())
    }

    /// Notes that the address is theirs, and keeps both items for good; with a new password, if there is one. `false`: the
    /// account is no longer as `account` says.
    pub(crate) async fn verify(
        &self,
        account: &Account,
        new_password: Option<&str>,
        now: TimeMs,
    ) -> Result<bool, StoreError> {
        let bug = |error| StoreError::bug(WRITE, error);
        let name = self.tables.name(Table::Accounts);
        let set = match new_password {
            None => "SET #verified = if_not_exists(#verified, :now) REMOVE #expires",
            Some(_) => {
                "SET #verified = if_not_exists(#verified, :now), #password = :password, #epoch = :next REMOVE #expires"
            }
        };
        let mut update = Update::builder()
            .table_name(&name)
            .set_key(Some(account_key(account.customer)))
            .update_expression(set)
            .condition_expression("#stamp = :stamp AND #epoch = :epoch AND attribute_not_exists(#erasing)")
            .expression_attribute_names("#verified", "verified_at")
            .expression_attribute_names("#expires", "expires_at")
            .expression_attribute_names("#stamp", "stamp")
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_names("#erasing", "erasing")
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":stamp", text(format!("{:032x}", account.stamp)))
            .expression_attribute_values(":epoch", number(account.epoch));
        if let Some(password) = new_password {
            update = update
                .expression_attribute_names("#password", "password")
                .expression_attribute_values(":password", text(password))
                .expression_attribute_values(":next", number(account.epoch.saturating_add(1)));
        }
        let lead = Update::builder()
            .table_name(&name)
            .set_key(Some(address_key(&account.address)))
            .update_expression("REMOVE #expires")
            .condition_expression("#customer = :customer")
            .expression_attribute_names("#expires", "expires_at")
            .expression_attribute_names("#customer", "customer")
            .expression_attribute_values(":customer", text(account.customer.to_string()))
            .build()
            .map_err(bug)?;
        let items = [update.build().map_err(bug)?, lead];
        let items = items.map(|update| TransactWriteItem::builder().update(update).build());
        write_all(&self.tables, items.into(), WRITE).await
    }

    /// Gives an account a new password and begins a new epoch; `false`: it is no longer as `account` says.
    pub(crate) async fn set_password(&self, account: &Account, password: &str) -> Result<bool, StoreError> {
        let epoch = account.epoch.saturating_add(1);
        let is_done = self.change_password(account, password, epoch).await?;
        if is_done {
            return Ok(true);
        }
        // Ours, when an earlier try was carried out and its answer lost: a hash has a salt of its own.
        Ok(self.find(account.customer).await?.is_some_and(|found| found.password == password))
    }

    /// Keeps the same password under a newer hash.
    pub(crate) async fn rehash(&self, account: &Account, password: &str) -> Result<(), StoreError> {
        self.change_password(account, password, account.epoch).await?;
        Ok(())
    }

    async fn change_password(
        &self,
        account: &Account,
        password: &str,
        epoch: u64,
    ) -> Result<bool, StoreError> {
        let request = self
            .tables
            .client()
            .update_item()
            .table_name(self.tables.name(Table::Accounts))
            .set_key(Some(account_key(account.customer)))
            .update_expression("SET #password = :password, #epoch = :next")
            .condition_expression("#epoch = :epoch AND #password = :old AND attribute_not_exists(#erasing)")
            .expression_attribute_names("#password", "password")
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_names("#erasing", "erasing")
            .expression_attribute_values(":password", text(password))
            .expression_attribute_values(":old", text(&account.password))
            .expression_attribute_values(":epoch", number(account.epoch))
            .expression_attribute_values(":next", number(epoch));
        Ok(ask(WRITE, || request.clone().send()).await?.is_some())
    }

    /// Marks an account as being deleted, from which on it is as good as gone; the account as it stood, if there is one.
    /// A repeat begins one more epoch, which does no harm.
    pub(crate) async fn mark_erasing(&self, customer: CustomerId) -> Result<Option<Account>, StoreError> {
        let request = self
            .tables
            .client()
            .update_item()
            .table_name(self.tables.name(Table::Accounts))
            .set_key(Some(account_key(customer)))
            .update_expression("SET #erasing = :one ADD #epoch :one")
            .condition_expression("attribute_exists(#subject)")
            .expression_attribute_names("#subject", "subject")
            .expression_attribute_names("#erasing", "erasing")
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew);
        let answer = ask(WRITE, || request.clone().send()).await?;
        answer.and_then(|answer| answer.attributes).as_ref().map(account).transpose()
    }

    /// Gives somebody these roles and no others; `false`: there is no such account.
    pub(crate) async fn set_roles(&self, customer: CustomerId, roles: Roles) -> Result<bool, StoreError> {
        let request = self
            .tables
            .client()
            .update_item()
            .table_name(self.tables.name(Table::Accounts))
            .set_key(Some(account_key(customer)))
            .update_expression("SET #roles = :roles")
            .condition_expression("attribute_exists(#subject) AND attribute_not_exists(#erasing)")
            .expression_attribute_names("#subject", "subject")
            .expression_attribute_names("#erasing", "erasing")
            .expression_attribute_names("#roles", "roles")
            .expression_attribute_values(":roles", roles_value(roles));
        Ok(ask(WRITE, || request.clone().send()).await?.is_some())
    }

    /// Deletes an account and that its address leads to it, unless it leads to another by now.
    pub(crate) async fn remove(&self, account: &Account) -> Result<(), StoreError> {
        let lead = Delete::builder()
            .table_name(self.tables.name(Table::Accounts))
            .set_key(Some(address_key(&account.address)))
            .condition_expression("#customer = :customer")
            .expression_attribute_names("#customer", "customer")
            .expression_attribute_values(":customer", text(account.customer.to_string()))
            .build()
            .map_err(|error| StoreError::bug(WRITE, error))?;
        let own = Delete::builder()
            .table_name(self.tables.name(Table::Accounts))
            .set_key(Some(account_key(account.customer)))
            .build()
            .map_err(|error| StoreError::bug(WRITE, error))?;
        let items = [lead, own].map(|delete| TransactWriteItem::builder().delete(delete).build());
        if !write_all(&self.tables, items.into(), WRITE).await? {
            delete(&self.tables, Table::Accounts, account_key(account.customer), WRITE).await?;
        }
        Ok(())
    }

    /// As part of a larger write: the account is there, and in this epoch.
    pub(crate) fn is_in_epoch(
        &self,
        customer: CustomerId,
        epoch: u64,
    ) -> Result<TransactWriteItem, StoreError> {
        let check = self
            .check(customer)
            .condition_expression("#epoch = :epoch AND attribute_not_exists(#erasing)")
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_values(":epoch", number(epoch));
        checked(check)
    }

    /// As part of a larger write: the account is there, and nobody deletes it.
    pub(crate) fn is_there(&self, customer: CustomerId) -> Result<TransactWriteItem, StoreError> {
        let check = self
            .check(customer)
            .condition_expression("attribute_exists(#subject) AND attribute_not_exists(#erasing)")
            .expression_attribute_names("#subject", "subject");
        checked(check)
    }

    fn check(&self, customer: CustomerId) -> ConditionCheckBuilder {
        ConditionCheck::builder()
            .table_name(self.tables.name(Table::Accounts))
            .set_key(Some(account_key(customer)))
            .expression_attribute_names("#erasing", "erasing")
    }
}

fn checked(check: ConditionCheckBuilder) -> Result<TransactWriteItem, StoreError> {
    let check = check.build().map_err(|error| StoreError::bug(WRITE, error))?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}
