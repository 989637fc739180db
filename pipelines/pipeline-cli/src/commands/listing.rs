//! `pipeline listing`: restocks, pauses, resumes and draws a listing.

use anyhow::Result;
use clap::Subcommand;
use order_model::{ListingChange, ListingCommand, Seed, Sku};

use super::sale::listings;
use super::wait::{Commands, WaitArgs, command_id, submit_and_wait};
use crate::ExitCode;
use crate::context::Context;
use crate::draws;
use crate::failure::Failure;

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
    /// Reveal the seed of a drawn listing: nobody enters any more, and who entered is decided
    Draw {
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
        Verb::Draw { sku, wait } => (sku, ListingChange::Reveal { seed: seed_of(context, &sku)? }, wait),
        Verb::Pause { sku, wait } => (sku, ListingChange::Pause, wait),
        Verb::Resume { sku, wait } => (sku, ListingChange::Resume, wait),
    };
    let command = ListingCommand { id: command_id()?, sku, change };
    submit_and_wait(context, &wait, &Commands::Listings(vec![command]))
}

/// The seed a listing is committed to, if there is anything to be drawn.
fn seed_of(context: &Context, sku: &Sku) -> Result<Seed> {
    let listings = listings(&*context.open_log_to_read()?, context, &context.codec()?)?;
    let Some(listing) = listings.get(sku) else {
        return Err(Failure::not_found(format!("draw {sku}: no decision opened it"))
            .next("pipeline sale show")
            .into());
    };
    let refused = |why: &str| Err(Failure::usage(format!("draw {sku}: {why}")).into());
    let Some(commitment) = listing.settings.draw else {
        return refused("it was opened without a draw, its orders are served as they come");
    };
    if listing.revealed {
        return refused("its seed was revealed already; `pipeline prove --draw` shows what came of it");
    }
    if listing.closed {
        return refused("it is closed, and whoever had entered was turned away");
    }
    let file = context.draws_file();
    draws::find(&file, &commitment)?.ok_or_else(|| {
        let lost = format!(
            "draw {sku}: the seed for commitment {commitment} is not in {}. It is where the sale was applied; if it is lost, \
             nobody can be drawn, and closing the sale turns everybody away",
            file.display()
        );
        Failure::usage(lost).next(format!("pipeline sale close {}", listing.settings.sale)).into()
    })
}
