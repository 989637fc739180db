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

/// Counted one after the other: what the network may not try does not use up what the address may.
fn log_ins(address: &EmailAddress, from: IpAddr) -> [(Counter, Who<'_>); 2] {
    [(Counter::LogInsFromNetwork, Who::Network(from)), (Counter::LogInsOfAddress, Who::Address(address))]
}

impl Accounts {
    /// Logs somebody in. Only failures count against the limits.
    pub async fn log_in(
        &self,
        address: &EmailAddress,
        password: &Password,
        from: IpAddr,
    ) -> Result<Session, LogInError> {
        let now = self.now();
        let account = self.look_up(address).await?.account;
        let is_right = self.check_password(&log_ins(address, from), password, account.as_ref()).await?;
        let account = account.filter(|_| is_right).ok_or(LogInError::Wrong)?;
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

    /// Gives somebody another password, and ends all their log-ins: whoever changes it logs in with the new one.
    pub async fn change_password(
        &self,
        customer: CustomerId,
        old: &Password,
        new: &Password,
        from: IpAddr,
    ) -> Result<(), ChangePasswordError> {
        let account = self.inner.accounts.find(customer).await?.filter(|account| !account.is_erasing);
        let account = account.ok_or(ChangePasswordError::Wrong)?;
        if new.is(&account.address) {
            return Err(ChangePasswordError::PasswordIsAddress);
        }
        let counters = log_ins(&account.address, from);
        if !self.check_password(&counters, old, Some(&account)).await? {
            return Err(ChangePasswordError::Wrong);
        }
        let hash = self.inner.hasher.hash(new).await?;
        if !self.inner.accounts.set_password(&account, &hash).await? {
            return Err(Trouble::Contended.into());
        }
        self.inner.sessions.end_all(customer).await?;
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use tables::{Local, Tables};

    use super::*;
    use crate::accounts::{AccountOptions, Registration};
    use crate::hidden::LinkToken;
    use crate::keys::TokenKeys;
    use crate::letter::LetterKind;
    use crate::limits::LOG_INS_PER_ADDRESS_MAX;
    use crate::password::HashCost;
    use crate::postman::LetterBox;
    use crate::text::Stationery;

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// The rush of an opening: more people than passwords can be checked.
    #[tokio::test]
    async fn who_is_told_to_come_back_has_not_guessed() {
        let local = Local::start().unwrap();
        let tables = Tables::connect(&local.options()).await.unwrap();
        tables.create(&Accounts::TABLES).await.unwrap();
        let stationery = Stationery {
            shop: "Shop".to_owned(),
            verify_url: "https://shop.example/verify?token=".to_owned(),
            reset_url: "https://shop.example/reset?token=".to_owned(),
            log_in_url: "https://shop.example/log-in".to_owned(),
        };
        let letters = LetterBox::in_memory(stationery);
        let cost = HashCost { memory_kib: 8, passes: 1, lanes: 1 };
        let options = AccountOptions { cost, ..AccountOptions::default() };
        let keys = TokenKeys::in_memory([9; 32]);
        let accounts = Accounts::open(tables, keys, Arc::new(letters.clone()), options).await.unwrap();
        let address = EmailAddress::parse("anna@example.org").unwrap();
        let password = Password::new("pass word 1").unwrap();
        let registration = Registration::new(address.clone(), "pass word 1", "en").unwrap();
        accounts.register(registration, HOME).await.unwrap();
        accounts.letters_sent().await;
        let LetterKind::Verify { token } = letters.letters().pop().unwrap().letter.kind else {
            panic!("there is no link")
        };
        let link: LinkToken = token;
        let customer = accounts.log_in(&address, &password, HOME).await.unwrap().identity.customer;

        let busy = accounts.inner.hasher.occupy();
        for _ in 0..=LOG_INS_PER_ADDRESS_MAX {
            let tried = accounts.log_in(&address, &password, HOME).await;
            assert_eq!(tried, Err(Trouble::BUSY.into()));
            let changed = accounts.change_password(customer, &password, &password, HOME).await;
            assert_eq!(changed, Err(Trouble::BUSY.into()));
            let verified = accounts.verify(&link, &password).await;
            assert_eq!(verified, Err(Trouble::BUSY.into()));
        }
        drop(busy);
        accounts.log_in(&address, &password, HOME).await.unwrap();
        accounts.verify(&link, &password).await.unwrap();
        accounts.change_password(customer, &password, &password, HOME).await.unwrap();
    }
}
