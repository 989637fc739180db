//! Registering, and what is done by links in letters. What is answered, and how long it takes, is the same whether an
//! address has an account or not: the letter alone tells.

use std::net::IpAddr;

use order_model::{CustomerId, TimeMs};
use sink_push::{Address, Contact};
use tables::Table;

use super::{Accounts, Found, clean_locale};
use crate::account::Account;
use crate::email::EmailAddress;
use crate::error::{RegisterError, ResetError, Trouble, VerifyError};
use crate::hidden::LinkToken;
use crate::letter::{Letter, LetterKind, Slip};
use crate::limits::REGISTER_TRIES_MAX;
use crate::link::{Errand, Link, LinkError};
use crate::password::{Password, PasswordError};
use crate::random::random;
use crate::roles::Roles;
use crate::store::{StoreError, Tries, delete_found, under};

/// Somebody who wants an account.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Their address.
    pub address: EmailAddress,
    /// Their password.
    pub password: Password,
    /// The language they are written to in: `en`, `de-AT`.
    pub locale: String,
}

impl Registration {
    /// A registration from the fields of a form.
    pub fn new(address: EmailAddress, password: &str, locale: &str) -> Result<Self, PasswordError> {
        Ok(Self { address, password: Password::new(password)?, locale: locale.to_owned() })
    }
}

/// What a link did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verified {
    /// The address is verified now.
    Now(CustomerId),
    /// It was already; nothing changed. Mail programs open links too.
    Before(CustomerId),
}

impl Accounts {
    /// Registers somebody, and writes them a letter with a link that verifies the address. An address that was registered
    /// and never verified is registered anew, and its older links are void; one that has an account gets a letter that says so.
    pub async fn register(&self, registration: Registration, from: IpAddr) -> Result<(), RegisterError> {
        let Registration { address, password, locale } = registration;
        if password.is(&address) {
            return Err(RegisterError::PasswordIsAddress);
        }
        let slip = self.inner.mailroom.reserve().ok_or(Trouble::BUSY)?;
        self.count_letter(&address, from).await?;
        let hash = self.inner.hasher.hash(&password).await?;
        let mut new = Account {
            customer: CustomerId(random()?),
            address,
            password: hash,
            stamp: u128::from_be_bytes(random()?),
            epoch: 0,
            verified_at: None,
            roles: Roles::SHOPPER,
            locale: clean_locale(&locale),
            created_at: self.now(),
            is_erasing: false,
        };
        let mut tries = Tries::new();
        loop {
            let Found { account, stale } = self.look_up(&new.address).await?;
            let is_done = match account {
                None => self.inner.accounts.create(&new, stale).await?,
                Some(old) if old.verified_at.is_none() => {
                    (new.customer, new.epoch) = (old.customer, old.epoch.saturating_add(1));
                    self.inner.accounts.replace(&old, &new).await?
                }
                Some(old) => {
                    self.inner.accounts.touch(&old, self.now()).await?;
                    self.post(slip, &old, LetterKind::Taken)?;
                    return Ok(());
                }
            };
            if is_done {
                self.post_verification(slip, &new)?;
                return Ok(());
            }
            // Somebody else registered the same address at the same moment, or verified it.
            if !tries.again(REGISTER_TRIES_MAX).await {
                return Err(Trouble::Contended.into());
            }
            new.customer = CustomerId(random()?);
        }
    }

    /// Writes another letter with a link that verifies the address, if it waits for that. The answer does not tell.
    pub async fn resend(&self, address: &EmailAddress, from: IpAddr) -> Result<(), Trouble> {
        let slip = self.inner.mailroom.reserve().ok_or(Trouble::BUSY)?;
        self.count_letter(address, from).await?;
        match self.look_up(address).await?.account {
            Some(account) if account.verified_at.is_none() => self.post_verification(slip, &account),
            _ => Ok(()),
        }
    }

    /// Writes a letter with a link that sets a new password, if the address has an account. The answer does not tell.
    pub async fn forgot_password(&self, address: &EmailAddress, from: IpAddr) -> Result<(), Trouble> {
        let slip = self.inner.mailroom.reserve().ok_or(Trouble::BUSY)?;
        self.count_letter(address, from).await?;
        let Some(account) = self.look_up(address).await?.account else { return Ok(()) };
        let link = Link { customer: account.customer, errand: Errand::Reset { epoch: account.epoch } };
        let token = link.seal(&self.inner.keys, self.now()).ok_or_else(Trouble::no_key)?;
        self.post(slip, &account, LetterKind::Reset { token })
    }

    /// Verifies an address by the link of a letter. From then on notices of orders go there too.
    pub async fn verify(&self, token: &LinkToken) -> Result<Verified, VerifyError> {
        let now = self.now();
        let link = Link::open(&self.inner.keys, token, now)?;
        let Errand::Verify { stamp } = link.errand else { return Err(LinkError::NoLink.into()) };
        let account = self.inner.accounts.find(link.customer).await?;
        let account = account.filter(|account| account.stamp == stamp && !account.is_erasing);
        let account = account.ok_or(LinkError::Spent)?;
        if account.verified_at.is_some() {
            return Ok(Verified::Before(account.customer));
        }
        if self.make_known(&account, None, now).await? {
            Ok(Verified::Now(account.customer))
        } else {
            Err(LinkError::Spent.into())
        }
    }

    /// Sets a new password by the link of a letter. Whoever was logged in is no longer; the address counts as verified.
    pub async fn reset_password(&self, token: &LinkToken, password: &Password) -> Result<(), ResetError> {
        let now = self.now();
        let link = Link::open(&self.inner.keys, token, now)?;
        let Errand::Reset { epoch } = link.errand else { return Err(LinkError::NoLink.into()) };
        let account = self.inner.accounts.find(link.customer).await?;
        let account = account.filter(|account| account.epoch == epoch && !account.is_erasing);
        let account = account.ok_or(LinkError::Spent)?;
        let hash = self.inner.hasher.hash(password).await?;
        if !self.make_known(&account, Some(&hash), now).await? {
            return Err(LinkError::Spent.into());
        }
        self.inner.sessions.end_all(account.customer).await?;
        Ok(())
    }

    /// Notes that somebody reads the mail of the address. Notices go there first: were it the other way round, a crash in
    /// between would leave somebody verified whom no notice reaches.
    async fn make_known(
        &self,
        account: &Account,
        new_password: Option<&str>,
        now: TimeMs,
    ) -> Result<bool, StoreError> {
        if account.verified_at.is_none() {
            let addresses = vec![Address::Email(account.address.expose().to_owned())];
            let contact = Contact { locale: account.locale.clone(), addresses, muted: Vec::new() };
            let put = self.inner.contacts.put(account.customer, &contact).await;
            put.map_err(|error| StoreError::Away { action: "write a contact", detail: error.to_string() })?;
        }
        if self.inner.accounts.verify(account, new_password, now).await? {
            return Ok(true);
        }
        // Whoever is being deleted meanwhile must not be left with a contact.
        let standing = self.inner.accounts.find(account.customer).await?;
        if standing.is_none_or(|standing| standing.is_erasing) {
            self.delete_contacts(account.customer).await?;
        }
        Ok(false)
    }

    pub(super) async fn delete_contacts(&self, customer: CustomerId) -> Result<(), StoreError> {
        let found = under(&self.inner.tables, "customer", customer.to_string());
        delete_found(&self.inner.tables, Table::Contacts, found, "delete a contact").await?;
        Ok(())
    }

    fn post_verification(&self, slip: Slip, account: &Account) -> Result<(), Trouble> {
        let link = Link { customer: account.customer, errand: Errand::Verify { stamp: account.stamp } };
        let token = link.seal(&self.inner.keys, self.now()).ok_or_else(Trouble::no_key)?;
        self.post(slip, account, LetterKind::Verify { token })
    }

    fn post(&self, slip: Slip, account: &Account, kind: LetterKind) -> Result<(), Trouble> {
        let id = format!("{:032x}", u128::from_be_bytes(random()?));
        slip.post(Letter { id, to: account.address.clone(), locale: account.locale.clone(), kind });
        Ok(())
    }
}
