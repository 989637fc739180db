//! `pipeline notices`: what people were told about an order, and where they are told.

mod contact;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use order_model::{CustomerId, OrderId, Sku, TimeMs};
use serde::Serialize;
use sink_push::contacts::{Interest, Subscriber};
use sink_push::{Claim, Claims, Contacts, Slot, read_unsubscribe_token};

use crate::ExitCode;
use crate::config::in_options;
use crate::context::Context;
use crate::failure::Failure;
use crate::notes::note;
use crate::output::{Row, rows};
use crate::stores::block_on;
use crate::times;

/// Arguments of `pipeline notices`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show what the order's customer was told, by which channel, and what is still to be told
    Show {
        /// The order
        order: OrderId,
    },
    /// Set where a customer is told, and what they do not want; with no option: show it
    Contact(contact::Args),
    /// Tell a customer when a SKU's sale opens, or when it is to be had again
    Follow(FollowArgs),
    /// Do what an unsubscribe link asks for: mute one channel for one class of notices
    Unsubscribe {
        /// The token at the end of the link
        token: String,
    },
}

#[derive(Debug, clap::Args)]
struct FollowArgs {
    /// The customer
    customer: CustomerId,
    /// The SKU
    sku: Sku,
    /// When its sale opens
    #[arg(long)]
    opening: bool,
    /// When it is to be had again
    #[arg(long)]
    stock: bool,
    /// No longer
    #[arg(long)]
    end: bool,
}

#[derive(Serialize)]
struct ClaimRow {
    /// What there is at most one of, with order and channel.
    event: String,
    /// How it reads.
    notice: &'static str,
    channel: &'static str,
    state: &'static str,
    attempts: u32,
    /// When the ledger decided what it tells.
    decided: String,
    /// When something is to be done next; `None`: never again.
    due: Option<String>,
    useful_until: String,
    partition: u32,
    sequence: u64,
    customer: Option<String>,
    /// What the provider said last, or why nobody was told.
    why: String,
}

impl Row for ClaimRow {
    const COLUMNS: &'static [&'static str] =
        &["event", "notice", "channel", "state", "attempts", "decided", "due", "useful until", "why"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.event.clone(),
            self.notice.to_owned(),
            self.channel.to_owned(),
            self.state.to_owned(),
            self.attempts.to_string(),
            self.decided.clone(),
            self.due.clone().unwrap_or_else(|| "-".to_owned()),
            self.useful_until.clone(),
            self.why.clone(),
        ]
    }
}

impl From<&Claim> for ClaimRow {
    fn from(claim: &Claim) -> Self {
        Self {
            event: claim.key.event.clone(),
            notice: claim.facts.kind.name(),
            channel: claim.key.slot.name(),
            state: claim.state.name(),
            attempts: claim.attempts,
            decided: times::show_time(TimeMs(claim.facts.time_ms)),
            due: claim.state.is_open().then(|| times::show_time(claim.due)),
            useful_until: times::show_time(claim.expires),
            partition: claim.partition.0,
            sequence: claim.sequence.0,
            customer: claim.customer.map(|customer| customer.to_string()),
            why: claim.detail.clone(),
        }
    }
}

/// Runs `pipeline notices`.
pub fn run(context: &Context, args: Args) -> Result<ExitCode> {
    block_on(async {
        match args.verb {
            Verb::Show { order } => show(context, order).await,
            Verb::Contact(args) => contact::run(context, args).await,
            Verb::Follow(args) => follow(context, &args).await,
            Verb::Unsubscribe { token } => unsubscribe(context, &token).await,
        }
    })
}

async fn show(context: &Context, order: OrderId) -> Result<ExitCode> {
    let claims = context.claims().await?;
    let mut claims = claims.of(&order.to_string()).await.context("read the claims of notices")?;
    // A mark is no notice: it notes since when an order waits.
    claims.retain(|claim| matches!(claim.key.slot, Slot::Channel(_)));
    if claims.is_empty() {
        let text = format!("show the notices of order {order}: nobody was told anything about it");
        return Err(Failure::not_found(text)
            .next("pipeline sink status (has push come that far?), or pipeline order show ORDER")
            .into());
    }
    claims.sort_by_key(|claim| (claim.facts.time_ms, claim.key.clone()));
    let mut out = rows(context.format);
    for claim in &claims {
        out.push(&ClaimRow::from(claim))?;
    }
    out.finish()?;
    Ok(ExitCode::Ok)
}

async fn follow(context: &Context, args: &FollowArgs) -> Result<ExitCode> {
    let FollowArgs { customer, sku, opening, stock, end } = *args;
    let mut interests = Vec::new();
    if opening {
        interests.push((Interest::Opening(sku), "the sale opens"));
    }
    if stock {
        interests.push((Interest::Stock(sku), "it is to be had again"));
    }
    if interests.is_empty() {
        return Err(Failure::usage("follow a SKU: say until what, by --opening, --stock or both").into());
    }
    let contacts = context.contacts().await?;
    for (interest, when) in interests {
        let write = || format!("note who follows {sku}");
        if end {
            contacts.unsubscribe(&interest, customer).await.with_context(write)?;
            note(format!("{customer} is no longer told about {sku} when {when}"));
        } else {
            let subscriber = Subscriber { customer, since: times::now() };
            contacts.subscribe(&interest, subscriber).await.with_context(write)?;
            note(format!("{customer} is told about {sku} when {when}"));
        }
    }
    Ok(ExitCode::Ok)
}

async fn unsubscribe(context: &Context, token: &str) -> Result<ExitCode> {
    let shop = context.settings.push.shop.equip();
    let shop = shop.map_err(|error| Failure::usage(in_options(&error)))?;
    let Some((_, keys)) = shop.unsubscribe else {
        let text = "read the unsubscribe link: option `push_unsubscribe_url` is empty, so no link is ours";
        return Err(Failure::usage(text).next("pipeline config show --options").into());
    };
    let (customer, mute) = read_unsubscribe_token(&keys, token)
        .map_err(|error| Failure::usage(format!("read the unsubscribe link: {error}")))?;
    context.contacts().await?.mute(customer, mute).await.context("note what is not wanted")?;
    note(format!("{customer} gets no more {} by {}", mute.class.name(), mute.channel.name()));
    Ok(ExitCode::Ok)
}
