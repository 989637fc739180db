//! Accounts and carts, as a gateway has them.

use accounts::{AccessError, Accounts, Carts, Role};
use sink_push::TableContacts;

use crate::identity::{BadToken, Doorkeeper, Identity, Roles};

/// Accounts and carts.
#[derive(Debug)]
pub struct People {
    /// Who people are.
    pub accounts: Accounts,
    /// What they have chosen.
    pub carts: Carts,
    /// What they ask to be told.
    pub contacts: TableContacts,
}

/// Access tokens of accounts are good at the door; checking one asks nobody.
impl Doorkeeper for Accounts {
    fn identify(&self, token: &str) -> Result<Identity, BadToken> {
        match self.check_access(token) {
            Ok(who) => {
                let roles =
                    Roles { producer: who.roles.has(Role::Producer), admin: who.roles.has(Role::Admin) };
                Ok(Identity { customer: who.customer, verified: who.verified, roles })
            }
            Err(AccessError::Expired) => Err(BadToken::Expired),
            Err(_) => Err(BadToken::Unknown),
        }
    }
}
