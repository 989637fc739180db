//! `pipeline customer`: blocks and unblocks a customer, in every ledger.

use anyhow::Result;
use clap::Subcommand;
use order_model::{CustomerCommand, CustomerId};

use super::wait::{Commands, WaitArgs, command_id, submit_and_wait};
use crate::ExitCode;
use crate::context::Context;

/// Arguments of `pipeline customer`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Refuse their new orders; what they have stays theirs
    Block {
        /// The customer
        customer: CustomerId,
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Take their orders again
    Unblock {
        /// The customer
        customer: CustomerId,
        #[command(flatten)]
        wait: WaitArgs,
    },
}

/// Runs `pipeline customer`.
pub fn run(context: &Context, args: Args) -> Result<ExitCode> {
    let (customer, blocked, wait) = match args.verb {
        Verb::Block { customer, wait } => (customer, true, wait),
        Verb::Unblock { customer, wait } => (customer, false, wait),
    };
    let command = CustomerCommand { id: command_id()?, customer, blocked };
    submit_and_wait(context, &wait, &Commands::Customer(command))
}
