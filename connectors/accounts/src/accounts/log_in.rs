//! Logging in and staying so: access tokens for a quarter of an hour, and refresh tokens that follow one another.

use std::net::IpAddr;

use order_model::{CustomerId, TimeMs};

use super::Accounts;
use crate::access::Identity;
use crate::account::Account;
use crate::attempts::{Counter, Who};
use crate::email::EmailAddress;
use crate::error::{ChangePasswordError, LogInError, RefreshError, Trouble};
use crate::hidden::{AccessToken, RefreshToken};
use crate::limits::REFRESH_GRACE_MS;
use crate::password::Password;
use crate::random::random;
use crate::sessions::{Family, Ticket};

/// Somebody is logged in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// Who.
    pub identity: Identity,
    /// Says so to every gateway.
    pub access: AccessToken,
    /// Until when.
    pub access_expires: TimeMs,
    /// Gets the next of both.
    pub refresh: RefreshToken,
    /// Until when.
    pub refresh_expires: TimeMs,
}

const LOG_INS: [Counter; 2] = [Counter::LogInsFromNetwork, Counter::LogInsOfAddress];

impl Accounts {
    /// Logs somebody in. Only failures count against the limits.
    pub async fn log_in(
        &self,
        address: &EmailAddress,
        password: &Password,
        from: IpAddr,
    ) -> Result<Session, LogInError> {
        let now = self.now();
        self.count(LOG_INS, address, from).await?;
        let account = self.look_up(address).await?.account;
        let expected = account.as_ref().map(|account| account.password.as_str());
        let is_right = self.inner.hasher.matches(password, expected).await?;
        let account = account.filter(|_| is_right).ok_or(LogInError::Wrong)?;
        self.give_back(address, from, now).await?;
        if self.inner.hasher.is_outdated(&account.password) {
            let hash = self.inner.hasher.hash(password).await?;
            self.inner.accounts.rehash(&account, &hash).await?;
        }
        let family = Family {
            customer: account.customer,
            id: u128::from_be_bytes(random()?),
            number: 0,
            turned_at: now,
            started_at: now,
            epoch: account.epoch,
        };
        // The password was changed, or the account deleted, while this one was checked.
        if !self.inner.sessions.begin(&self.inner.accounts, &family).await? {
            return Err(LogInError::Wrong);
        }
        self.inner.sessions.thin_out(&family, now).await?;
        Ok(self.session(&account, &family, now)?)
    }

    /// The next access token and the next refresh token. A refresh token that was used before ends the log-in, unless it is
    /// the one before the newest and that is only seconds old: a second tab, or an answer that got lost.
    pub async fn refresh(&self, token: &RefreshToken) -> Result<Session, RefreshError> {
        let now = self.now();
        let ticket = Ticket::open(&self.inner.keys, token).ok_or(RefreshError::NoToken)?;
        let (sessions, accounts) = (&self.inner.sessions, &self.inner.accounts);
        let (family, account) = tokio::try_join!(sessions.find(ticket, now), accounts.find(ticket.customer))?;
        let mut family = family.ok_or(RefreshError::Ended)?;
        let account = account.filter(|account| account.epoch == family.epoch && !account.is_erasing);
        let Some(account) = account else {
            sessions.end(ticket).await?;
            return Err(RefreshError::Ended);
        };
        if ticket.number == family.number {
            family = match sessions.turn(&family, now).await? {
                Some(turned) => turned,
                None => sessions.find(ticket, now).await?.ok_or(RefreshError::Ended)?,
            };
        }
        let is_newest_but_one = ticket.number.checked_add(1) == Some(family.number);
        if is_newest_but_one && now.0.saturating_sub(family.turned_at.0) <= REFRESH_GRACE_MS {
            return Ok(self.session(&account, &family, now)?);
        }
        sessions.end(ticket).await?;
        tracing::warn!("a refresh token of customer {} came back: the log-in is ended", ticket.customer);
        Err(RefreshError::Reused)
    }

    /// Ends the log-in that a refresh token belongs to, whichever of its tokens it is. Repeats, and tokens that are none,
    /// change nothing.
    pub async fn log_out(&self, token: &RefreshToken) -> Result<(), Trouble> {
        if let Some(ticket) = Ticket::open(&self.inner.keys, token) {
            self.inner.sessions.end(ticket).await?;
        }
        Ok(())
    }

    /// Ends every log-in of somebody.
    pub async fn log_out_everywhere(&self, customer: CustomerId) -> Result<(), Trouble> {
        self.inner.accounts.next_epoch(customer).await?;
        self.inner.sessions.end_all(customer).await?;
        Ok(())
    }

    /// Gives somebody another password, and ends all their log-ins: whoever changes it logs in with the new one.
    pub async fn change_password(
        &self,
        customer: CustomerId,
        old: &Password,
        new: &Password,
        from: IpAddr,
    ) -> Result<(), ChangePasswordError> {
        let now = self.now();
        let account = self.inner.accounts.find(customer).await?.filter(|account| !account.is_erasing);
        let account = account.ok_or(ChangePasswordError::Wrong)?;
        if new.is(&account.address) {
            return Err(ChangePasswordError::PasswordIsAddress);
        }
        self.count(LOG_INS, &account.address, from).await?;
        if !self.inner.hasher.matches(old, Some(&account.password)).await? {
            return Err(ChangePasswordError::Wrong);
        }
        self.give_back(&account.address, from, now).await?;
        let hash = self.inner.hasher.hash(new).await?;
        if !self.inner.accounts.set_password(&account, &hash).await? {
            return Err(Trouble::Contended.into());
        }
        self.inner.sessions.end_all(customer).await?;
        Ok(())
    }

    async fn give_back(&self, address: &EmailAddress, from: IpAddr, now: TimeMs) -> Result<(), Trouble> {
        let [of_network, of_address] = LOG_INS;
        let attempts = &self.inner.attempts;
        tokio::try_join!(
            attempts.give_back(of_network, Who::Network(from), now),
            attempts.give_back(of_address, Who::Address(address), now),
        )?;
        Ok(())
    }

    fn session(&self, account: &Account, family: &Family, now: TimeMs) -> Result<Session, Trouble> {
        let identity = Identity {
            customer: account.customer,
            verified: account.verified_at.is_some(),
            roles: account.roles,
        };
        let keys = &self.inner.keys;
        let (access, access_expires) = keys.issue(&identity, now).ok_or_else(Trouble::no_key)?;
        let refresh = family.ticket().seal(keys, now).ok_or_else(Trouble::no_key)?;
        Ok(Session { identity, access, access_expires, refresh, refresh_expires: family.expires_at() })
    }
}
