//! `pipeline account`: who somebody with an account is, and what they may do.

use std::str::FromStr;

use accounts::{Directory, EmailAddress, Profile, Role, Roles};
use anyhow::{Context as _, Result};
use clap::{Subcommand, ValueEnum};
use order_model::CustomerId;
use serde::Serialize;

use crate::ExitCode;
use crate::context::Context;
use crate::failure::Failure;
use crate::notes::note;
use crate::output::{Row, one};
use crate::stores::block_on;
use crate::times::show_time;

/// Arguments of `pipeline account`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show an account
    Show {
        /// Whose: an e-mail address, or the customer's id
        #[arg(value_name = "ADDRESS|CUSTOMER")]
        who: Who,
    },
    /// Let somebody do more than order for themselves, or no longer
    Role {
        /// Whose: an e-mail address, or the customer's id
        #[arg(value_name = "ADDRESS|CUSTOMER")]
        who: Who,
        /// Whether to add the role or to take it away
        change: Change,
        /// The role
        role: Granted,
    },
}

/// Names an account.
#[derive(Clone, Debug)]
enum Who {
    Address(EmailAddress),
    Customer(CustomerId),
}

impl FromStr for Who {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('@') {
            return EmailAddress::parse(text).map(Self::Address).map_err(|error| error.to_string());
        }
        text.parse().map(Self::Customer).map_err(|error: order_model::IdError| error.to_string())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Change {
    /// From now on
    Add,
    /// No longer
    Remove,
}

/// What somebody may be let do: a person with an account, or a program with a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Granted {
    /// Place, read and withdraw orders of any customer
    Producer,
    /// Open and change listings
    Admin,
}

impl From<Granted> for Role {
    fn from(granted: Granted) -> Self {
        match granted {
            Granted::Producer => Self::Producer,
            Granted::Admin => Self::Admin,
        }
    }
}

#[derive(Serialize)]
struct AccountRow {
    customer: String,
    email: String,
    verified: bool,
    roles: Vec<&'static str>,
    locale: String,
    created: String,
}

impl Row for AccountRow {
    const COLUMNS: &'static [&'static str] = &["customer", "email", "verified", "roles", "locale", "created"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.customer.clone(),
            self.email.clone(),
            self.verified.to_string(),
            self.roles.join(", "),
            self.locale.clone(),
            self.created.clone(),
        ]
    }
}

impl From<&Profile> for AccountRow {
    fn from(profile: &Profile) -> Self {
        Self {
            customer: profile.customer.to_string(),
            email: profile.address.expose().to_owned(),
            verified: profile.verified,
            roles: profile.roles.iter().map(Role::name).collect(),
            locale: profile.locale.clone(),
            created: show_time(profile.created_at),
        }
    }
}

/// Runs `pipeline account`.
pub fn run(context: &Context, args: Args) -> Result<ExitCode> {
    block_on(async {
        let directory = Directory::open(context.tables().await?).await.context("look at the accounts")?;
        let profile = match args.verb {
            Verb::Show { who } => find(&directory, &who).await?,
            Verb::Role { who, change, role } => {
                let mut profile = find(&directory, &who).await?;
                profile.roles = changed(profile.roles, change, role.into());
                directory.set_roles(profile.customer, profile.roles).await?;
                note("it counts from the next refresh of a log-in on, within a quarter of an hour");
                profile
            }
        };
        one(context.format, &AccountRow::from(&profile))?;
        Ok(ExitCode::Ok)
    })
}

async fn find(directory: &Directory, who: &Who) -> Result<Profile> {
    let reading = "look an account up";
    let customer = match who {
        Who::Customer(customer) => Some(*customer),
        Who::Address(address) => directory.customer_of(address).await.context(reading)?,
    };
    let profile = match customer {
        Some(customer) => directory.profile(customer).await.context(reading)?,
        None => None,
    };
    profile.ok_or_else(|| Failure::not_found("look an account up: there is none of this name").into())
}

fn changed(roles: Roles, change: Change, role: Role) -> Roles {
    match change {
        Change::Add => roles.with(role),
        Change::Remove => roles.iter().filter(|had| *had != role).collect(),
    }
}
