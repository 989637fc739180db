//! `pipeline listing`: restocks, pauses and resumes a listing.

use anyhow::Result;
use clap::Subcommand;
use order_model::{ListingChange, ListingCommand, Sku};

use super::wait::{Commands, WaitArgs, command_id, submit_and_wait};
use crate::ExitCode;
use crate::context::Context;

/// Arguments of `pipeline listing`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add units, or take free ones away
    Restock {
        /// The listing
        sku: Sku,
        /// Units to add; negative: free ones to take away
        #[arg(allow_negative_numbers = true)]
        units: i64,
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Refuse orders until resumed
    Pause {
        /// The listing
        sku: Sku,
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// End a pause
    Resume {
        /// The listing
        sku: Sku,
        #[command(flatten)]
        wait: WaitArgs,
    },
}

/// Runs `pipeline listing`.
pub fn run(context: &Context, args: Args) -> Result<ExitCode> {
    let (sku, change, wait) = match args.verb {
        Verb::Restock { sku, units, wait } => (sku, ListingChange::Restock { delta: units }, wait),
        Verb::Pause { sku, wait } => (sku, ListingChange::Pause, wait),
        Verb::Resume { sku, wait } => (sku, ListingChange::Resume, wait),
    };
    let command = ListingCommand { id: command_id()?, sku, change };
    submit_and_wait(context, &wait, &Commands::Listings(vec![command]))
}
