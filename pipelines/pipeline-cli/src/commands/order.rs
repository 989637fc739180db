//! `pipeline order`: places, cancels and shows an order.

use std::ops::ControlFlow;
use std::str::FromStr;

use anyhow::Result;
use clap::Subcommand;
use order_codec::Codec;
use order_log::Log;
use order_model::{
    Cancel, Command, Currency, CustomerId, Decision, Event, Line, OrderEvent, OrderEventKind, OrderId, Place,
    Sku,
};
use serde::Serialize;

use super::sale::listings;
use super::wait::WaitArgs;
use crate::ExitCode;
use crate::context::Context;
use crate::decisions::{self, Follow};
use crate::failure::Failure;
use crate::notes::note;
use crate::output::{Row, one, rows};
use crate::random::random;
use crate::submit::{Submitter, Written};
use crate::view::DecisionView;

/// Arguments of `pipeline order`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Place an order
    Place(PlaceArgs),
    /// Withdraw an order that waits or is held
    Cancel {
        /// The order
        order: OrderId,
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Show what became of an order, decision by decision
    Show {
        /// The order
        order: OrderId,
    },
}

#[derive(Debug, clap::Args)]
struct PlaceArgs {
    /// What is asked for: a SKU, or SKU=QUANTITY
    #[arg(required = true, value_name = "SKU[=QUANTITY]")]
    lines: Vec<AskedFor>,
    /// Who asks; left out: somebody new
    #[arg(long)]
    customer: Option<CustomerId>,
    /// The order's id; left out: a new one
    #[arg(long)]
    id: Option<OrderId>,
    /// The currency to pay in; left out: that of the first listing
    #[arg(long)]
    currency: Option<Currency>,
    /// Leave out what cannot be had, instead of taking all or nothing
    #[arg(long)]
    partial: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

/// A line as it is typed.
#[derive(Clone, Copy, Debug)]
struct AskedFor(Line);

impl FromStr for AskedFor {
    type Err = order_model::SkuError;

    /// What stands after the last `=` is the quantity if it is a number; SKUs may contain anything.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let counted = text.rsplit_once('=').and_then(|(sku, quantity)| Some((sku, quantity.parse().ok()?)));
        let (sku, quantity) = counted.unwrap_or((text, 1));
        Ok(Self(Line { sku: sku.parse()?, quantity }))
    }
}

#[derive(Serialize)]
struct WrittenRow {
    order: String,
    customer: String,
    partition: u32,
    offset: u64,
}

impl Row for WrittenRow {
    const COLUMNS: &'static [&'static str] = &["order", "customer", "partition", "offset"];

    fn cells(&self) -> Vec<String> {
        vec![self.order.clone(), self.customer.clone(), self.partition.to_string(), self.offset.to_string()]
    }
}

/// Runs `pipeline order`.
pub fn run(context: &Context, args: Args) -> Result<ExitCode> {
    match args.verb {
        Verb::Place(args) => place(context, args),
        Verb::Cancel { order, wait } => cancel(context, order, &wait),
        Verb::Show { order } => show(context, order),
    }
}

fn place(context: &Context, args: PlaceArgs) -> Result<ExitCode> {
    let log = context.open_log()?;
    let codec = context.codec()?;
    let lines: order_model::Lines = args.lines.iter().map(|asked| asked.0).collect();
    let place = Place {
        order: args.id.map_or_else(|| random().map(OrderId), Ok)?,
        customer: args.customer.map_or_else(|| random().map(CustomerId), Ok)?,
        currency: args.currency.map_or_else(|| currency_of(&*log, context, &codec, &lines), Ok)?,
        partial: args.partial,
        lines,
    };
    // The same id always gets the same answer, and a repeat gets no second decision to wait for.
    let before = if args.id.is_some() { history(&*log, context, &codec, place.order)? } else { Vec::new() };
    if let Some(first) = before.iter().find(|(_, event)| is_first_answer(event.kind)) {
        note(format!(
            "order {} was placed before; nothing is written, this is the answer it got",
            place.order
        ));
        one(context.format, &DecisionView::from(&first.0))?;
        return Ok(if first.1.kind == OrderEventKind::Rejected { ExitCode::Refused } else { ExitCode::Ok });
    }
    let (order, customer) = (place.order, place.customer);
    let submission = Submission { context, log: &*log, codec: &codec, wait: &args.wait, order, customer };
    submission.run(Command::Place(place), is_first_answer)
}

/// The kinds that settle a placing for now; [`OrderEventKind::Reserving`] says only that it is under way.
fn is_first_answer(kind: OrderEventKind) -> bool {
    use OrderEventKind::{Entered, Held, Refused, Rejected, Waiting};
    matches!(kind, Entered | Held | Waiting | Rejected | Refused)
}

fn currency_of(log: &dyn Log, context: &Context, codec: &Codec, lines: &[Line]) -> Result<Currency> {
    let listings = listings(log, context, codec)?;
    let found =
        lines.iter().find_map(|line| listings.get(&line.sku)).map(|listing| listing.settings.currency);
    found.ok_or_else(|| {
        let text = "learn the currency: none of these listings is known yet";
        Failure::usage(text).next("the same command with --currency EUR").into()
    })
}

fn cancel(context: &Context, order: OrderId, wait: &WaitArgs) -> Result<ExitCode> {
    let log = context.open_log()?;
    let codec = context.codec()?;
    let history = history(&*log, context, &codec, order)?;
    let home = history.iter().find(|(_, event)| !is_part(event.kind) && !event.lines.is_empty());
    let Some((_, event)) = home else { return Err(unknown(order)) };
    if let Some((decision, _)) = history.iter().find(|(_, event)| event.kind == OrderEventKind::Cancelled) {
        note(format!("order {order} is cancelled already; nothing is written"));
        one(context.format, &DecisionView::from(decision))?;
        return Ok(ExitCode::Ok);
    }
    let customer = event.customer;
    let sku: Option<Sku> = event.lines.iter().map(|line| line.sku).min();
    let Some(sku) = sku else { return Err(unknown(order)) };
    let submission = Submission { context, log: &*log, codec: &codec, wait, order, customer };
    submission.run(Command::Cancel(Cancel { order, customer, sku }), |kind| {
        matches!(kind, OrderEventKind::Cancelled | OrderEventKind::Refused)
    })
}

/// Kinds that speak for one ledger's part of an order, not for the order.
fn is_part(kind: OrderEventKind) -> bool {
    use OrderEventKind::{PartPaid, PartRefused, PartReleased, PartTaken};
    matches!(kind, PartTaken | PartRefused | PartPaid | PartReleased)
}

fn show(context: &Context, order: OrderId) -> Result<ExitCode> {
    let history = history(&*context.open_log_to_read()?, context, &context.codec()?, order)?;
    if history.is_empty() {
        return Err(unknown(order));
    }
    let mut out = rows(context.format);
    for (decision, _) in &history {
        out.push(&DecisionView::from(decision))?;
    }
    out.finish()?;
    Ok(ExitCode::Ok)
}

fn unknown(order: OrderId) -> anyhow::Error {
    Failure::not_found(format!("find order {order}: no decision names it"))
        .next("pipeline log read decisions")
        .into()
}

/// All decisions about an order, by time, then by ledger and number.
fn history(
    log: &dyn Log,
    context: &Context,
    codec: &Codec,
    order: OrderId,
) -> Result<Vec<(Decision, OrderEvent)>> {
    let mut found = Vec::new();
    decisions::for_each(log, &context.topics().decisions, codec, |decision| {
        if let Event::Order(event) = &decision.event
            && event.order == order
        {
            found.push((decision.clone(), event.clone()));
        }
    })?;
    found.sort_by_key(|(decision, _)| (decision.time, decision.partition, decision.sequence));
    Ok(found)
}

/// A command about one order, on its way.
struct Submission<'a> {
    context: &'a Context,
    log: &'a dyn Log,
    codec: &'a Codec,
    wait: &'a WaitArgs,
    order: OrderId,
    customer: CustomerId,
}

impl Submission<'_> {
    /// Writes the command; prints the first decision about the order that `settles` it, or where the command lies.
    fn run(&self, command: Command, settles: impl Fn(OrderEventKind) -> bool) -> Result<ExitCode> {
        let topics = self.context.topics();
        let patience = self.wait.patience(self.context);
        let follow = patience.map(|_| Follow::new(self.log, &topics.decisions, self.codec)).transpose()?;
        let submitter = Submitter::new(self.log, self.codec, None, &topics.orders)?;
        let written = submitter.submit(&[command])?;
        let (Some(patience), Some(mut follow)) = (patience, follow) else {
            self.print_place(written.first())?;
            return Ok(ExitCode::Ok);
        };
        let decided = follow.until(patience, |decision| match &decision.event {
            Event::Order(event) if event.order == self.order && settles(event.kind) => {
                ControlFlow::Break((decision.clone(), event.kind))
            }
            _ => ControlFlow::Continue(()),
        })?;
        let Some((decision, kind)) = decided else {
            self.print_place(written.first())?;
            return Ok(self.wait.in_vain());
        };
        one(self.context.format, &DecisionView::from(&decision))?;
        let refused = matches!(kind, OrderEventKind::Rejected | OrderEventKind::Refused);
        Ok(if refused { ExitCode::Refused } else { ExitCode::Ok })
    }

    fn print_place(&self, written: Option<&Written>) -> Result<()> {
        let Some(Written { partition, offset }) = written.copied() else { return Ok(()) };
        let (order, customer) = (self.order.to_string(), self.customer.to_string());
        Ok(one(self.context.format, &WrittenRow { order, customer, partition, offset })?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_they_are_typed() {
        for (text, sku, quantity) in
            [("A", "A", 1), ("A=2", "A", 2), ("A=-1", "A", -1), ("A=B", "A=B", 1), ("A=B=3", "A=B", 3)]
        {
            let AskedFor(line) = text.parse().unwrap();
            assert_eq!((line.sku.as_str(), line.quantity), (sku, quantity), "{text}");
        }
        assert!("".parse::<AskedFor>().is_err());
        assert!("=2".parse::<AskedFor>().is_err());
    }
}
