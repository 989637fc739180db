//! `pipeline notices contact`: where a customer is told, and what they do not want.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use order_model::CustomerId;
use serde::{Deserialize, Serialize};
use sink_push::contacts::WebSubscription;
use sink_push::{Address, ChannelKind, Class, Contact, Contacts, Mute, TableContacts};

use crate::ExitCode;
use crate::context::Context;
use crate::failure::Failure;
use crate::nearest::suggestion;
use crate::output::{Row, one};

/// Arguments of `pipeline notices contact`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The customer
    customer: CustomerId,
    /// Mailbox, as somebody@example.org
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Telephone number, as +4930123456
    #[arg(long, value_name = "NUMBER")]
    sms: Option<String>,
    /// ARN of an SNS platform endpoint
    #[arg(long, value_name = "ARN")]
    mobile_push: Option<String>,
    /// File with a browser's PushSubscription, as JSON
    #[arg(long, value_name = "FILE")]
    web_push: Option<PathBuf>,
    /// URL that signed webhooks are posted to; https
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
    /// Language, as en or de-AT; the nearest there are templates for is used
    #[arg(long)]
    locale: Option<String>,
    /// Tell them no longer by this channel: email, sms, mobile-push, web-push or webhook
    #[arg(long, value_name = "CHANNEL", value_parser = channel)]
    remove: Vec<ChannelKind>,
    /// They do not want this, as email:offers; classes are orders, refusals, waitlist and offers
    #[arg(long, value_name = "CHANNEL:CLASS", value_parser = mute)]
    mute: Vec<Mute>,
    /// They want this after all
    #[arg(long, value_name = "CHANNEL:CLASS", value_parser = mute)]
    unmute: Vec<Mute>,
}

fn channel(text: &str) -> Result<ChannelKind, String> {
    let known = ChannelKind::ALL;
    known.into_iter().find(|channel| channel.name() == text).ok_or_else(|| {
        let names = known.map(ChannelKind::name);
        format!("there is no channel `{text}`{}", suggestion(text, names))
    })
}

fn mute(text: &str) -> Result<Mute, String> {
    let (name, class) = text.split_once(':').ok_or("it has to be CHANNEL:CLASS, as email:offers")?;
    let found = Class::ALL.into_iter().find(|known| known.name() == class);
    let class = found.ok_or_else(|| {
        format!("there is no class `{class}`{}", suggestion(class, Class::ALL.map(Class::name)))
    })?;
    Ok(Mute { channel: channel(name)?, class })
}

#[derive(Serialize)]
struct ContactRow {
    customer: String,
    locale: String,
    email: Option<String>,
    sms: Option<String>,
    mobile_push: Option<String>,
    web_push: Option<String>,
    webhook: Option<String>,
    muted: Vec<String>,
}

impl Row for ContactRow {
    const COLUMNS: &'static [&'static str] =
        &["customer", "locale", "email", "sms", "mobile push", "web push", "webhook", "muted"];

    fn cells(&self) -> Vec<String> {
        let address = |address: &Option<String>| address.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.customer.clone(),
            self.locale.clone(),
            address(&self.email),
            address(&self.sms),
            address(&self.mobile_push),
            address(&self.web_push),
            address(&self.webhook),
            self.muted.join(", "),
        ]
    }
}

impl ContactRow {
    fn new(customer: CustomerId, contact: &Contact) -> Self {
        let address = |channel| contact.address(channel).map(|address| address.text().to_owned());
        let muted = contact.muted.iter().map(|mute| format!("{}:{}", mute.channel.name(), mute.class.name()));
        Self {
            customer: customer.to_string(),
            locale: contact.locale.clone(),
            email: address(ChannelKind::Email),
            sms: address(ChannelKind::Sms),
            mobile_push: address(ChannelKind::MobilePush),
            web_push: address(ChannelKind::WebPush),
            webhook: address(ChannelKind::Webhook),
            muted: muted.collect(),
        }
    }
}

impl Args {
    fn addresses(&self) -> Result<Vec<Address>> {
        let mut addresses = Vec::new();
        addresses.extend(self.email.clone().map(Address::Email));
        addresses.extend(self.sms.clone().map(Address::Sms));
        addresses.extend(self.mobile_push.clone().map(Address::MobilePush));
        addresses.extend(self.webhook.clone().map(Address::Webhook));
        if let Some(file) = &self.web_push {
            addresses.push(Address::WebPush(subscription(file)?));
        }
        for address in &addresses {
            address.check(false).map_err(|error| Failure::usage(format!("set the contact: {error}")))?;
        }
        Ok(addresses)
    }

    fn changes_contact(&self, addresses: &[Address]) -> bool {
        !addresses.is_empty() || self.locale.is_some() || !self.remove.is_empty()
    }
}

/// What a browser gives out as JSON.
#[derive(Deserialize)]
struct PushSubscription {
    endpoint: String,
    keys: SubscriptionKeys,
}

#[derive(Deserialize)]
struct SubscriptionKeys {
    p256dh: String,
    auth: String,
}

fn subscription(file: &Path) -> Result<WebSubscription> {
    let read = || format!("read the push subscription in {}", file.display());
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(error.to_string()))
        .with_context(read)?;
    let parsed: PushSubscription =
        serde_json::from_str(&text).map_err(|error| Failure::usage(error.to_string())).with_context(read)?;
    let PushSubscription { endpoint, keys: SubscriptionKeys { p256dh, auth } } = parsed;
    Ok(WebSubscription { endpoint, p256dh, auth })
}

/// Runs `pipeline notices contact`.
pub(super) async fn run(context: &Context, args: Args) -> Result<ExitCode> {
    let addresses = args.addresses()?;
    let contacts = context.contacts().await?;
    let customer = args.customer;
    if args.changes_contact(&addresses) {
        let known = find(&contacts, customer).await?.unwrap_or_default();
        let changed = changed(known, addresses, &args);
        contacts.put(customer, &changed).await.context("write the contact")?;
    }
    for mute in &args.mute {
        contacts.mute(customer, *mute).await.context("note what is not wanted")?;
    }
    for mute in &args.unmute {
        contacts.unmute(customer, *mute).await.context("note what is wanted")?;
    }
    let Some(contact) = find(&contacts, customer).await? else {
        let text = format!("show the contact of customer {customer}: there is none");
        return Err(Failure::not_found(text)
            .next("pipeline notices contact CUSTOMER --email ADDRESS")
            .into());
    };
    one(context.format, &ContactRow::new(customer, &contact))?;
    Ok(ExitCode::Ok)
}

async fn find(contacts: &TableContacts, customer: CustomerId) -> Result<Option<Contact>> {
    let found = contacts.of(&[customer]).await.context("read the contact")?;
    Ok(found.into_iter().next().flatten())
}

/// The contact with its changes; what is muted is not in it, since that changes by itself.
fn changed(known: Contact, addresses: Vec<Address>, args: &Args) -> Contact {
    let Contact { locale, addresses: mut kept, .. } = known;
    let replaced: Vec<_> =
        addresses.iter().map(Address::channel).chain(args.remove.iter().copied()).collect();
    kept.retain(|address| !replaced.contains(&address.channel()));
    let added = addresses.into_iter().filter(|address| !args.remove.contains(&address.channel()));
    kept.extend(added);
    let known = if locale.is_empty() { "en".to_owned() } else { locale };
    let locale = args.locale.clone().unwrap_or(known);
    Contact { locale, addresses: kept, muted: Vec::new() }
}
