//! Accounts as whoever runs the shop looks at them: without keys, and without writing to anybody.

use std::fmt;

use order_model::CustomerId;
use tables::{Table, Tables, TablesError};

use crate::account::AccountTable;
use crate::accounts::Profile;
use crate::email::EmailAddress;
use crate::error::{RolesError, Trouble};
use crate::roles::Roles;

/// Looks accounts up and gives roles. Cheap to make.
pub struct Directory {
    accounts: AccountTable,
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").finish_non_exhaustive()
    }
}

impl Directory {
    /// The accounts in these tables, once they are found to be sound.
    pub async fn open(tables: Tables) -> Result<Self, TablesError> {
        tables.check(&[Table::Accounts]).await?;
        Ok(Self { accounts: AccountTable::over(tables) })
    }

    /// Whose account an address has.
    pub async fn customer_of(&self, address: &EmailAddress) -> Result<Option<CustomerId>, Trouble> {
        let Some(customer) = self.accounts.customer_of(address).await? else { return Ok(None) };
        Ok(self.profile(customer).await?.map(|profile| profile.customer))
    }

    /// What is known about somebody; `None`: they have no account, or it is being deleted.
    pub async fn profile(&self, customer: CustomerId) -> Result<Option<Profile>, Trouble> {
        Ok(self.accounts.find(customer).await?.filter(|account| !account.is_erasing).map(Profile::from))
    }

    /// Gives somebody these roles and no others. They count from the next refresh on.
    pub async fn set_roles(&self, customer: CustomerId, roles: Roles) -> Result<(), RolesError> {
        let is_done = self.accounts.set_roles(customer, roles).await?;
        if is_done { Ok(()) } else { Err(RolesError::NoAccount) }
    }
}
