//! Accounts and carts, as a gateway has them: what people say, read and done, whatever the transport.

mod refusal;

use std::net::IpAddr;

use accounts::{
    AccessError, Accounts, Carts, ChangePasswordError, EmailAddress, LinkToken, LogInError, Password,
    Profile, RefreshError, RefreshToken, Registration, Role, Session, VerifyError,
};
use order_model::CustomerId;
use sink_push::TableContacts;

pub use refusal::PeopleRefusal;

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

impl People {
    /// Registers somebody, and writes them a letter with a link. The answer does not tell whether the address has an account.
    pub async fn register(
        &self,
        email: &str,
        password: &str,
        locale: &str,
        from: IpAddr,
    ) -> Result<(), PeopleRefusal> {
        // What is wrong with the password is told first.
        Password::new(password)?;
        let registration = Registration::new(EmailAddress::parse(email)?, password, locale)?;
        Ok(self.accounts.register(registration, from).await?)
    }

    /// Writes the letter with the link again, if there is something to verify.
    pub async fn resend(&self, email: &str, from: IpAddr) -> Result<(), PeopleRefusal> {
        Ok(self.accounts.resend(&EmailAddress::parse(email)?, from).await?)
    }

    /// Verifies an address by the token of a link and the password of the last registration.
    pub async fn verify(&self, token: String, password: &str) -> Result<(), PeopleRefusal> {
        let password = Password::new(password).map_err(|_| VerifyError::Wrong)?;
        self.accounts.verify(&LinkToken::new(token), &password).await?;
        Ok(())
    }

    /// Writes a letter with a link that sets a new password, if the address has an account.
    pub async fn forgot_password(&self, email: &str, from: IpAddr) -> Result<(), PeopleRefusal> {
        Ok(self.accounts.forgot_password(&EmailAddress::parse(email)?, from).await?)
    }

    /// Sets a new password by the token of a link, and ends every log-in.
    pub async fn reset_password(&self, token: String, password: &str) -> Result<(), PeopleRefusal> {
        Ok(self.accounts.reset_password(&LinkToken::new(token), &Password::new(password)?).await?)
    }

    /// Logs somebody in.
    pub async fn log_in(&self, email: &str, password: &str, from: IpAddr) -> Result<Session, PeopleRefusal> {
        // An address or a password that nobody can have is as wrong as any other.
        let address = EmailAddress::parse(email).map_err(|_| LogInError::Wrong)?;
        let password = Password::new(password).map_err(|_| LogInError::Wrong)?;
        Ok(self.accounts.log_in(&address, &password, from).await?)
    }

    /// The next tokens of a log-in. One that was used before ends it.
    pub async fn refresh(&self, token: Option<RefreshToken>) -> Result<Session, PeopleRefusal> {
        Ok(self.accounts.refresh(&token.ok_or(RefreshError::NoToken)?).await?)
    }

    /// Ends a log-in; without a token there is none.
    pub async fn log_out(&self, token: Option<RefreshToken>) -> Result<(), PeopleRefusal> {
        if let Some(token) = token {
            self.accounts.log_out(&token).await?;
        }
        Ok(())
    }

    /// Somebody's own account.
    pub async fn profile(&self, who: CustomerId) -> Result<Profile, PeopleRefusal> {
        self.accounts.profile(who).await?.ok_or(PeopleRefusal::AccountGone)
    }

    /// Changes somebody's password, and ends all their log-ins.
    pub async fn change_password(
        &self,
        who: CustomerId,
        old: &str,
        new: &str,
        from: IpAddr,
    ) -> Result<(), PeopleRefusal> {
        let old = Password::new(old).map_err(|_| ChangePasswordError::Wrong)?;
        Ok(self.accounts.change_password(who, &old, &Password::new(new)?, from).await?)
    }

    /// Deletes everything that is known about somebody who says their password again.
    pub async fn erase(&self, who: CustomerId, password: &str, from: IpAddr) -> Result<(), PeopleRefusal> {
        let password = Password::new(password).map_err(|_| LogInError::Wrong)?;
        if let Some(profile) = self.accounts.profile(who).await? {
            Box::pin(self.accounts.log_in(&profile.address, &password, from)).await?;
        }
        // It goes through all tables: too much to lie in whatever asks for it.
        Ok(Box::pin(self.accounts.erase(who)).await?)
    }
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
