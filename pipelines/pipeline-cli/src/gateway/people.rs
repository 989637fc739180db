//! Accounts and carts of a gateway: which tables, which keys, and how letters leave.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use accounts::{AccountOptions, Accounts, Carts, EmailPostman, LetterBox, Postman, Stationery, TokenKeys};
use anyhow::{Context as _, Result};
use ingest_gateway::people::People;
use sink_push::TableContacts;
use sink_push::config::MailConfig;
use tables::{Tables, TablesError, Verdict};

use crate::config::{AccountsWanted, in_options};
use crate::context::Context;
use crate::failure::Failure;
use crate::notes::{note, warning};

/// How often the keys of tokens are read again: well before a new one signs.
const KEYS_EVERY: Duration = Duration::from_secs(60);

/// How letters leave.
#[derive(Clone, Debug)]
pub enum Letters {
    /// By a mail server.
    Mail(MailConfig),
    /// Into a folder, one text file each.
    Folder(PathBuf),
}

/// What accounts are made from.
#[derive(Clone, Debug)]
pub struct PeopleParts {
    /// What signs tokens.
    pub keys: TokenKeys,
    /// How letters leave.
    pub letters: Letters,
    /// Whether there is no gateway without them.
    pub is_required: bool,
}

impl PeopleParts {
    /// The parts as the configuration says; `None` where there are to be no accounts.
    pub fn new(context: &Context, has_tables: bool) -> Result<Option<Self>> {
        let wanted = context.settings.gateway.accounts;
        let is_required = wanted == AccountsWanted::On;
        if wanted == AccountsWanted::Off {
            return Ok(None);
        }
        if !has_tables {
            if is_required {
                // It says what is missing.
                context.table_options()?;
            }
            note(
                "no accounts of people: no DynamoDB is configured, and `dev up` has started none here; programs order with \
                 keys (pipeline gateway key)",
            );
            return Ok(None);
        }
        let push = &context.settings.push;
        let letters = match (&push.mail, &push.outbox) {
            (Some(mail), _) => Letters::Mail(mail.clone()),
            (None, Some(folder)) => Letters::Folder(folder.clone()),
            (None, None) => {
                let text =
                    "have accounts: letters would reach nobody, as push_smtp_host and push_outbox are empty";
                return Err(Failure::usage(text)
                    .next(
                        "the same command with --set push_outbox=FOLDER, or with --set gateway_accounts=off",
                    )
                    .into());
            }
        };
        let keys = TokenKeys::open(&context.token_keys_file())?;
        Ok(Some(Self { keys, letters, is_required }))
    }

    /// Opens accounts and carts for a gateway that people reach at `url`. Tables that are missing are an error only where
    /// accounts are required; tables that do not answer may come back. Call it on the gateway's runtime.
    pub async fn open(&self, tables: &Tables, shop: &str, url: &str) -> Result<Option<Arc<People>>> {
        let opening = "open the accounts of people";
        match tables.check(&Accounts::TABLES).await {
            Ok(()) => {}
            Err(error @ TablesError::Flawed(_)) if !self.is_required => {
                warning(format!("no accounts of people: {error}"));
                return Ok(None);
            }
            Err(TablesError::Refused { failure, .. })
                if matches!(failure.verdict, Verdict::Retry | Verdict::Throttled) =>
            {
                warning(format!(
                    "accounts of people cannot be used before DynamoDB answers, tokens that were given before can: {failure}"
                ));
            }
            Err(error) => return Err(error).context(opening),
        }
        let postman = self.postman(shop, url)?;
        let options = AccountOptions::default();
        let carts = Carts::over(tables.clone(), Arc::clone(&options.clock));
        let contacts = TableContacts::over(tables.clone());
        let accounts = Accounts::over(tables.clone(), self.keys.clone(), postman, options).await;
        let accounts = accounts.context(opening)?;
        tokio::spawn(renew(self.keys.clone()));
        Ok(Some(Arc::new(People { accounts, carts, contacts })))
    }

    fn postman(&self, shop: &str, url: &str) -> Result<Arc<dyn Postman>> {
        let stationery = Stationery {
            shop: shop.to_owned(),
            verify_url: format!("{url}/verify?token="),
            reset_url: format!("{url}/reset?token="),
            log_in_url: format!("{url}/account"),
        };
        Ok(match &self.letters {
            Letters::Mail(mail) => {
                let channel = mail.channel().map_err(|error| Failure::usage(in_options(&error)))?;
                Arc::new(EmailPostman::new(channel, stationery))
            }
            Letters::Folder(folder) => {
                note(format!("letters to people are put into {}", folder.display()));
                let made = LetterBox::in_folder(stationery, folder);
                Arc::new(made.with_context(|| format!("make the folder {}", folder.display()))?)
            }
        })
    }
}

/// Reads the keys again and again, as another process may have put a new one into their file.
async fn renew(keys: TokenKeys) {
    loop {
        tokio::time::sleep(KEYS_EVERY).await;
        let keys = keys.clone();
        match tokio::task::spawn_blocking(move || keys.reload()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warning(format!("{error}; those that were read before are used on")),
            Err(error) => warning(format!("the keys of tokens were not read again: {error}")),
        }
    }
}
