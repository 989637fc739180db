//! Deleting what is known about somebody. The log keeps their customer's id, a random number that leads to nobody then.
//!
//! The account is marked first, from which on nobody can log in, and goes last: a deletion that was broken off is finished by
//! whoever asks again, or registers the address anew.

use order_model::CustomerId;
use tables::Table;

use super::Accounts;
use crate::account::Account;
use crate::error::{EraseError, Trouble};
use crate::store::{StoreError, delete_found, text, under};

impl Accounts {
    /// Deletes somebody's account, log-ins, cart, contacts and what they asked to be told about. Repeats change nothing.
    ///
    /// An access token that was given before is good until it expires; what it may do within that quarter of an hour leaves
    /// at most a cart, which expires.
    pub async fn erase(&self, customer: CustomerId) -> Result<(), EraseError> {
        match self.inner.accounts.mark_erasing(customer).await? {
            Some(account) => self.finish_erasing(&account).await?,
            None => self.erase_around(customer).await?,
        }
        Ok(())
    }

    pub(super) async fn finish_erasing(&self, account: &Account) -> Result<(), Trouble> {
        self.erase_around(account.customer).await?;
        self.inner.attempts.forget(&account.address).await?;
        self.inner.accounts.remove(account).await?;
        Ok(())
    }

    /// Everything but the account.
    async fn erase_around(&self, customer: CustomerId) -> Result<(), StoreError> {
        let tables = &self.inner.tables;
        let interests = tables
            .client()
            .query()
            .index_name("by_customer")
            .key_condition_expression("#customer = :customer")
            .expression_attribute_names("#customer", "customer")
            .expression_attribute_values(":customer", text(customer.to_string()));
        delete_found(tables, Table::Subscriptions, interests, "delete what somebody asked to be told")
            .await?;
        self.delete_contacts(customer).await?;
        let cart = under(tables, "customer", customer.to_string());
        delete_found(tables, Table::Carts, cart, "delete a cart").await?;
        self.inner.sessions.end_all(customer).await
    }
}
