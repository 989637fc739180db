//! Accounts: what one can do with them. Every operation is in a file of its own kind below.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use order_model::{CustomerId, TimeMs};
use sink_push::{Clock, TableContacts, system_clock};
use tables::{Table, Tables, TablesError};

use crate::access::{AccessError, Identity};
use crate::account::{Account, AccountTable};
use crate::attempts::{Attempts, Counter, TooMany, Who};
use crate::email::EmailAddress;
use crate::error::Trouble;
use crate::keys::TokenKeys;
use crate::letter::{Mailroom, Postman};
use crate::limits::{HASHES_AT_ONCE_DEFAULT, LOCALE_BYTES_MAX};
use crate::password::{HashCost, Hasher, Password};
use crate::random::random;
use crate::roles::Roles;
use crate::sessions::SessionTable;

mod erase;
mod log_in;
mod register;
mod subscribe;

pub use log_in::Session;
pub use register::{Registration, Verified};

/// How accounts are kept.
#[derive(Clone)]
pub struct AccountOptions {
    /// What a password hash costs.
    pub cost: HashCost,
    /// Most password hashes at the same time; each takes a core for as long as it runs.
    pub hashes_at_once: usize,
    /// Tells the time.
    pub clock: Clock,
}

impl Default for AccountOptions {
    fn default() -> Self {
        Self { cost: HashCost::default(), hashes_at_once: HASHES_AT_ONCE_DEFAULT, clock: system_clock() }
    }
}

impl fmt::Debug for AccountOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountOptions")
            .field("cost", &self.cost)
            .field("hashes_at_once", &self.hashes_at_once)
            .finish_non_exhaustive()
    }
}

/// Why accounts cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The tables are missing, not as they have to be, or do not answer.
    #[error("accounts: {0}")]
    Tables(#[from] TablesError),
    /// Passwords cannot be hashed.
    #[error("accounts: {0}")]
    Trouble(#[from] Trouble),
}

/// What somebody may know about their own account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    /// Who.
    pub customer: CustomerId,
    /// Their address.
    pub address: EmailAddress,
    /// Whether it is known to be theirs.
    pub verified: bool,
    /// What they may do.
    pub roles: Roles,
    /// The language they are written to in.
    pub locale: String,
    /// Since when.
    pub created_at: TimeMs,
}

impl From<Account> for Profile {
    fn from(account: Account) -> Self {
        Self {
            customer: account.customer,
            verified: account.verified_at.is_some(),
            address: account.address,
            roles: account.roles,
            locale: account.locale,
            created_at: account.created_at,
        }
    }
}

/// Accounts. Keeps nothing but its connections: any number may run over the same tables. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    inner: Arc<Inner>,
}

struct Inner {
    tables: Tables,
    accounts: AccountTable,
    sessions: SessionTable,
    attempts: Attempts,
    contacts: TableContacts,
    keys: TokenKeys,
    hasher: Hasher,
    mailroom: Mailroom,
    clock: Clock,
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("keys", &self.inner.keys).finish_non_exhaustive()
    }
}

/// What is known about an address.
struct Found {
    account: Option<Account>,
    /// Whose the address was, if they have no account any more.
    stale: Option<CustomerId>,
}

impl Accounts {
    /// The tables they are kept in.
    pub const TABLES: [Table; 5] =
        [Table::Accounts, Table::Sessions, Table::Carts, Table::Contacts, Table::Subscriptions];

    /// Accounts in these tables, once they are found to be sound. Needs a Tokio runtime.
    pub async fn open(
        tables: Tables,
        keys: TokenKeys,
        postman: Arc<dyn Postman>,
        options: AccountOptions,
    ) -> Result<Self, OpenError> {
        tables.check(&Self::TABLES).await?;
        Ok(Self::over(tables, keys, postman, options).await?)
    }

    /// Accounts in these tables, whether or not they answer just now: until they do, only tokens are checked. Needs a Tokio
    /// runtime.
    pub async fn over(
        tables: Tables,
        keys: TokenKeys,
        postman: Arc<dyn Postman>,
        options: AccountOptions,
    ) -> Result<Self, Trouble> {
        let AccountOptions { cost, hashes_at_once, clock } = options;
        let hasher = tokio::task::spawn_blocking(move || Hasher::new(cost, hashes_at_once)).await;
        let hasher = hasher.map_err(|error| Trouble::Machine(error.to_string()))?.map_err(Trouble::from)?;
        let inner = Inner {
            accounts: AccountTable::over(tables.clone()),
            sessions: SessionTable::over(tables.clone()),
            attempts: Attempts::over(tables.clone(), keys.clone()),
            contacts: TableContacts::over(tables.clone()),
            tables,
            keys,
            hasher,
            mailroom: Mailroom::new(postman),
            clock,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Who an access token says somebody is. Asks nobody, so that ordering goes on while the tables are away; what changed
    /// since it was given, a log-out, a deletion, a new role, shows within [`crate::limits::ACCESS_MS`].
    pub fn check_access(&self, token: &str) -> Result<Identity, AccessError> {
        self.inner.keys.check_access(token, self.now())
    }

    /// What somebody may know about their own account; `None`: it is gone.
    pub async fn profile(&self, customer: CustomerId) -> Result<Option<Profile>, Trouble> {
        let account = self.inner.accounts.find(customer).await?.filter(|account| !account.is_erasing);
        Ok(account.map(Profile::from))
    }

    /// Waits until every letter has left or was given up: before a gateway ends.
    pub async fn letters_sent(&self) {
        self.inner.mailroom.drained().await;
    }

    fn now(&self) -> TimeMs {
        (self.inner.clock)()
    }

    /// The account of an address. Makes as many requests whether there is one or not. One that is being deleted is deleted
    /// to the end.
    async fn look_up(&self, address: &EmailAddress) -> Result<Found, Trouble> {
        let lead = self.inner.accounts.customer_of(address).await?;
        let customer = match lead {
            Some(customer) => customer,
            None => CustomerId(random()?),
        };
        match self.inner.accounts.find(customer).await? {
            Some(account) if account.is_erasing => {
                self.finish_erasing(&account).await?;
                Ok(Found { account: None, stale: None })
            }
            account => {
                let stale = lead.filter(|_| account.is_none());
                Ok(Found { account, stale })
            }
        }
    }

    /// Counts a letter, for the network and for the address; the inner error is about the address. One after the other: what
    /// the network may not try does not use up what the address may.
    async fn count_letter(
        &self,
        kind: Counter,
        address: &EmailAddress,
        from: IpAddr,
    ) -> Result<Result<(), TooMany>, Trouble> {
        let now = self.now();
        let attempts = &self.inner.attempts;
        attempts.count(Counter::LettersFromNetwork, Who::Network(from), now).await??;
        Ok(attempts.count(kind, Who::Address(address), now).await?)
    }

    /// Whether it is the account's password. Only a wrong one counts in the end: who finds too much going on, or the tables
    /// away, has not guessed.
    async fn check_password(
        &self,
        counters: &[(Counter, Who<'_>)],
        password: &Password,
        account: Option<&Account>,
    ) -> Result<bool, Trouble> {
        let now = self.now();
        let attempts = &self.inner.attempts;
        for (counter, who) in counters {
            attempts.count(*counter, *who, now).await??;
        }
        let expected = account.map(|account| account.password.as_str());
        let checked = self.inner.hasher.matches(password, expected).await;
        if checked != Ok(false) {
            for (counter, who) in counters {
                attempts.give_back(*counter, *who, now).await?;
            }
        }
        Ok(checked?)
    }
}

/// A language tag as it is kept: letters, digits and dashes; what is none is English.
fn clean_locale(text: &str) -> String {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_one = !text.is_empty() && text.len() <= LOCALE_BYTES_MAX && text.bytes().all(is_fine);
    if is_one { text.to_owned() } else { "en".to_owned() }
}
