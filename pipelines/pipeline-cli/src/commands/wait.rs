//! Waiting for decisions: the flags, and the part that listing and customer commands share.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use order_model::{Command, CommandId, Decision, Event, Partition, partition_of};

use crate::ExitCode;
use crate::context::Context;
use crate::decisions::Follow;
use crate::notes::{note, warning};
use crate::output::rows;
use crate::random::random;
use crate::submit::Submitter;
use crate::times::{parse_duration_ms, show_duration_ms};
use crate::view::DecisionView;

/// How long to wait for a decision.
#[derive(Debug, Args)]
pub(super) struct WaitArgs {
    /// Do not wait for the decision
    #[arg(long)]
    no_wait: bool,
    /// How long to wait for the decision
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration_ms)]
    wait: u64,
}

impl WaitArgs {
    /// How long to wait; `None`: not at all. A folder is ours alone while we write, so nobody could decide.
    pub(super) fn patience(&self, context: &Context) -> Option<Duration> {
        if self.no_wait {
            return None;
        }
        if !context.may_be_decided_elsewhere() {
            note(format!("written; a worker decides it: pipeline worker run --log {}", context.settings.log));
            return None;
        }
        Some(Duration::from_millis(self.wait))
    }

    /// Says that the wait was in vain.
    pub(super) fn in_vain(&self) -> ExitCode {
        let wait = show_duration_ms(self.wait);
        warning(format!(
            "written, but not decided within {wait}; is a worker running (pipeline worker run)?"
        ));
        ExitCode::Undecided
    }
}

/// A new command id.
pub(super) fn command_id() -> Result<CommandId> {
    Ok(CommandId(random()?))
}

/// Writes privileged commands that carry command ids, waits for a decision about each, and prints them.
pub(super) fn submit_and_wait(context: &Context, wait: &WaitArgs, commands: &Commands) -> Result<ExitCode> {
    let log = context.open_log()?;
    let (codec, keys) = (context.codec()?, context.keys()?);
    let submitter = Submitter::new(&*log, &codec, Some(&keys), &context.topics().orders)?;
    let commands = commands.placed(submitter.partitions());
    let patience = wait.patience(context);
    let follow = patience.map(|_| Follow::new(&*log, &context.topics().decisions, &codec)).transpose()?;
    submitter.submit_to(&commands)?;
    match (patience, follow) {
        (Some(patience), Some(follow)) => await_all(context, wait, follow, patience, &commands),
        _ => Ok(ExitCode::Ok),
    }
}

/// Privileged commands with ids of their own.
pub(super) enum Commands {
    /// Each to the partition of its listing.
    Listings(Vec<order_model::ListingCommand>),
    /// One about a customer, to every partition.
    Customer(order_model::CustomerCommand),
}

impl Commands {
    fn placed(&self, partitions: u32) -> Vec<(Partition, Command)> {
        match self {
            Self::Listings(commands) => commands
                .iter()
                .map(|command| (partition_of(&command.sku, partitions), Command::Listing(command.clone())))
                .collect(),
            Self::Customer(command) => {
                (0..partitions).map(|partition| (Partition(partition), Command::Customer(*command))).collect()
            }
        }
    }
}

fn await_all(
    context: &Context,
    wait: &WaitArgs,
    mut follow: Follow<'_>,
    patience: Duration,
    commands: &[(Partition, Command)],
) -> Result<ExitCode> {
    let mut open: BTreeSet<_> =
        commands.iter().filter_map(|(partition, command)| Some((*partition, id_of(command)?))).collect();
    let mut out = rows(context.format);
    let mut refused = false;
    let done = follow.until(patience, |decision| {
        let Some((id, refusal)) = answer_of(decision) else { return ControlFlow::Continue(()) };
        if open.remove(&(decision.partition, id)) {
            refused |= refusal;
            if let Err(error) = out.push(&DecisionView::from(decision)) {
                return ControlFlow::Break(Err(error));
            }
        }
        if open.is_empty() { ControlFlow::Break(Ok(())) } else { ControlFlow::Continue(()) }
    })?;
    let decided = done.transpose()?.is_some();
    out.finish()?;
    Ok(match (decided, refused) {
        (false, _) => wait.in_vain(),
        (true, true) => ExitCode::Refused,
        (true, false) => ExitCode::Ok,
    })
}

fn id_of(command: &Command) -> Option<CommandId> {
    match command {
        Command::Listing(listing) => Some(listing.id),
        Command::Customer(customer) => Some(customer.id),
        _ => None,
    }
}

/// The id of the command a decision answers, and whether it refuses it.
fn answer_of(decision: &Decision) -> Option<(CommandId, bool)> {
    match &decision.event {
        Event::Listing(event) => Some((event.id, event.kind == order_model::ListingEventKind::Refused)),
        Event::Customer(event) => Some((event.id, event.reason.is_some())),
        Event::Order(_) => None,
    }
}
