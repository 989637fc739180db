//! Registering, and what is done by links in letters. What is answered, and how long it takes, is the same whether an
//! address has an account or not: the letter alone tells.

use std::net::IpAddr;

use order_model::{CustomerId, TimeMs};
use sink_push::{Address, Contact};
use tables::Table;

use super::{Accounts, Found, clean_locale};
use crate::account::Account;
use crate::attempts::{Counter, Who};
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
    /// and never verified is registered anew, as somebody else, and its older links are void; one that has an account gets a
    /// letter that says so.
    pub async fn register(&self, registration: Registration, from: IpAddr) -> Result<(), RegisterError> {
        let Registration { address, password, locale } = registration;
        if password.is(&address) {
            return Err(RegisterError::PasswordIsAddress);
        }
        let slip = self.inner.mailroom.reserve().ok_or(Trouble::BUSY)?;
        self.count_letter(Counter::RegistrationsOfAddress, &address, from).await??;
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
                Some(old) if old.verified_at.is_none() => self.inner.accounts.replace(&old, &new).await?,
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

    /// Writes another letter with a link that verifies the address, if it waits for that and was not written too often. The
    /// answer does not tell.
    pub async fn resend(&self, address: &EmailAddress, from: IpAddr) -> Result<(), Trouble> {
        let slip = self.inner.mailroom.reserve().ok_or(Trouble::BUSY)?;
        if self.count_letter(Counter::ResendsToAddress, address, from).await?.is_err() {
            return Ok(());
        }
        match self.look_up(address).await?.account {
            Some(account) if account.verified_at.is_none() => self.post_verification(slip, &account),
            _ => Ok(()),
        }
    }

    /// Writes a letter with a link that sets a new password, if the address has an account and was not written to too often.
    /// The answer does not tell: somebody else may have asked that often, and then the letters are there.
    pub async fn forgot_password(&self, address: &EmailAddress, from: IpAddr) -> Result<(), Trouble> {
        let slip = self.inner.mailroom.reserve().ok_or(Trouble::BUSY)?;
        if self.count_letter(Counter::ResetsToAddress, address, from).await?.is_err() {
            return Ok(());
        }
        let Some(account) = self.look_up(address).await?.account else { return Ok(()) };
        let link = Link { customer: account.customer, errand: Errand::Reset { epoch: account.epoch } };
        let token = link.seal(&self.inner.keys, self.now()).ok_or_else(Trouble::no_key)?;
        self.post(slip, &account, LetterKind::Reset { token })
    }

    /// Verifies an address by the link of a letter and the password it was registered with. From then on notices of orders go
    /// there too.
    ///
    /// The link says who reads the mail, the password who registered. Without it, somebody who registers the address of
    /// another would only have to wait: the other opens the letter, and the account has a password that they did not choose.
    pub async fn verify(&self, token: &LinkToken, password: &Password) -> Result<Verified, VerifyError> {
        let now = self.now();
        let link = Link::open(&self.inner.keys, token, now)?;
        let Errand::Verify { stamp } = link.errand else { return Err(LinkError::NoLink.into()) };
        let account = self.inner.accounts.find(link.customer).await?;
        let account = account.filter(|account| account.stamp == stamp && !account.is_erasing);
        let account = account.ok_or(LinkError::Spent)?;
        if account.verified_at.is_some() {
            return Ok(Verified::Before(account.customer));
        }
        let counters = [(Counter::LinksOfAddress, Who::Address(&account.address))];
        if !self.check_password(&counters, password, Some(&account)).await? {
            return Err(VerifyError::Wrong);
        }
        self.put_contact(&account).await?;
        if self.inner.accounts.verify(&account, None, now).await? {
            return Ok(Verified::Now(account.customer));
        }
        self.forget_contact_of_nobody(account.customer).await?;
        Err(LinkError::Spent.into())
    }

    /// Sets a new password by the link of a letter. Whoever was logged in is no longer; the address counts as verified. Where
    /// it was not before, nobody knows who registered it, and so the account is made anew: what it was is nobody's.
    pub async fn reset_password(&self, token: &LinkToken, password: &Password) -> Result<(), ResetError> {
        let now = self.now();
        let link = Link::open(&self.inner.keys, token, now)?;
        let Errand::Reset { epoch } = link.errand else { return Err(LinkError::NoLink.into()) };
        let account = self.inner.accounts.find(link.customer).await?;
        let account = account.filter(|account| account.epoch == epoch && !account.is_erasing);
        let account = account.ok_or(LinkError::Spent)?;
        let hash = self.inner.hasher.hash(password).await?;
        let is_done = match account.verified_at {
            Some(_) => self.inner.accounts.verify(&account, Some(&hash), now).await?,
            None => self.renew(&account, hash, now).await?,
        };
        if !is_done {
            return Err(LinkError::Spent.into());
        }
        self.inner.sessions.end_all(account.customer).await?;
        Ok(())
    }

    /// Puts a verified account in the place of one that never was.
    async fn renew(&self, old: &Account, password: String, now: TimeMs) -> Result<bool, Trouble> {
        let new = Account {
            customer: CustomerId(random()?),
            password,
            stamp: u128::from_be_bytes(random()?),
            epoch: 0,
            verified_at: Some(now),
            ..old.clone()
        };
        self.put_contact(&new).await?;
        let is_done = self.inner.accounts.replace(old, &new).await;
        if is_done != Ok(true) {
            self.forget_contact_of_nobody(new.customer).await?;
        }
        Ok(is_done?)
    }

    /// Has notices go to the address of an account that is about to be verified. They go there first: were it the other way
    /// round, a crash in between would leave somebody verified whom no notice reaches.
    async fn put_contact(&self, account: &Account) -> Result<(), StoreError> {
        let addresses = vec![Address::Email(account.address.expose().to_owned())];
        let contact = Contact { locale: account.locale.clone(), addresses, muted: Vec::new() };
        let put = self.inner.contacts.put(account.customer, &contact).await;
        put.map_err(|error| StoreError::Away { action: "write a contact", detail: error.to_string() })
    }

    /// Whoever was deleted or registered anew meanwhile must not be left with a contact.
    async fn forget_contact_of_nobody(&self, customer: CustomerId) -> Result<(), StoreError> {
        let standing = self.inner.accounts.find(customer).await?;
        if standing.is_none_or(|standing| standing.is_erasing) {
            self.delete_contacts(customer).await?;
        }
        Ok(())
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
