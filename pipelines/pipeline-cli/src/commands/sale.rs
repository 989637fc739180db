//! `pipeline sale`: applies a sale file, shows sales, closes one.

mod room;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Subcommand;
use order_codec::Codec;
use order_log::Log;
use order_model::{Commitment, ListingChange, ListingCommand, Sku};
use serde::Serialize;

use super::wait::{Commands, WaitArgs, command_id, submit_and_wait};
use crate::ExitCode;
use crate::context::Context;
use crate::decisions;
use crate::draws;
use crate::failure::Failure;
use crate::listings::{Listing, Listings};
use crate::money::show_amount;
use crate::nearest::suggestion;
use crate::notes::{note, warning};
use crate::output::{Row, rows};
use crate::sale::{Action, PlannedListing, Sale, parse_sale, plan};
use crate::times;
use crate::view::StockView;

/// Largest sale file, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1_048_576;

/// Arguments of `pipeline sale`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Open the listings of a sale file, or change them to what it says
    Apply {
        /// The sale, as TOML
        file: PathBuf,
        /// Print what would be done, and do nothing
        #[arg(long)]
        plan_only: bool,
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Show the listings of a sale, or of all sales
    Show {
        /// The name of the sale
        sale: Option<String>,
    },
    /// Close the listings of a sale for good
    Close {
        /// The name of the sale
        sale: String,
        #[command(flatten)]
        wait: WaitArgs,
    },
}

#[derive(Serialize)]
struct PlanRow {
    sku: String,
    action: &'static str,
    stock: u32,
    price: String,
    note: Option<String>,
}

impl Row for PlanRow {
    const COLUMNS: &'static [&'static str] = &["sku", "action", "stock", "price", "note"];

    fn cells(&self) -> Vec<String> {
        let note = self.note.clone().unwrap_or_default();
        vec![self.sku.clone(), self.action.to_owned(), self.stock.to_string(), self.price.clone(), note]
    }
}

#[derive(Serialize)]
struct ListingRow {
    sale: String,
    sku: String,
    state: &'static str,
    #[serde(flatten)]
    stock: StockView,
    currency: String,
    /// The first step of the price list, in minor units.
    price_from: i64,
    #[serde(skip)]
    price: String,
}

impl Row for ListingRow {
    const COLUMNS: &'static [&'static str] =
        &["sale", "sku", "state", "free", "held", "sold", "waiting", "price from"];

    fn cells(&self) -> Vec<String> {
        let StockView { free, held, sold, waiting } = self.stock;
        let texts = [self.sale.clone(), self.sku.clone(), self.state.to_owned()];
        let numbers = [free, held, sold, waiting].map(|number| number.to_string());
        texts.into_iter().chain(numbers).chain([self.price.clone()]).collect()
    }
}

impl ListingRow {
    fn new(sku: &Sku, listing: &Listing) -> Self {
        let settings = &listing.settings;
        let price_from = settings.prices.first().map_or(0, |step| step.unit_price);
        Self {
            sale: settings.sale.clone(),
            sku: sku.to_string(),
            state: listing.state(),
            stock: listing.stock.into(),
            currency: settings.currency.to_string(),
            price_from,
            price: format!("{} {}", show_amount(price_from, settings.currency), settings.currency),
        }
    }
}

/// Runs `pipeline sale`.
pub fn run(context: &Context, args: Args) -> Result<ExitCode> {
    match args.verb {
        Verb::Apply { file, plan_only, wait } => apply(context, &file, plan_only, &wait),
        Verb::Show { sale } => show(context, sale.as_deref()),
        Verb::Close { sale, wait } => close(context, &sale, &wait),
    }
}

/// The listings as the decisions on `log` leave them.
pub fn listings(log: &dyn Log, context: &Context, codec: &Codec) -> Result<Listings> {
    let mut listings = Listings::default();
    decisions::for_each(log, &context.topics().decisions, codec, |decision| listings.apply(decision))?;
    Ok(listings)
}

fn read_listings(context: &Context) -> Result<Listings> {
    listings(&*context.open_log_to_read()?, context, &context.codec()?)
}

fn apply(context: &Context, file: &Path, plan_only: bool, wait: &WaitArgs) -> Result<ExitCode> {
    let sale = read_sale(file).with_context(|| format!("read the sale {}", file.display()))?;
    let current = read_listings(context)?;
    let planned = plan(&sale, &current, times::now())
        .map_err(|error| Failure::usage(error.to_string()))
        .with_context(|| format!("apply the sale {}", file.display()))?;
    let room = room::plan(context, &sale)?;
    print_plan(context, &sale, &planned, plan_only)?;
    if plan_only {
        return Ok(ExitCode::Ok);
    }
    // The room first: nothing is sold past it.
    room.map_or(Ok(()), |room| room::open(context, &room))?;
    let mut commands = Vec::new();
    for PlannedListing { sku, action, stock, is_drawn, .. } in planned {
        let change = match action {
            Action::Open(mut settings) => {
                settings.draw = is_drawn.then(|| make_seed(context, &sku)).transpose()?;
                ListingChange::Open { settings, stock: i64::from(stock) }
            }
            Action::Change(settings) => ListingChange::Change(settings),
            Action::Unchanged => continue,
        };
        commands.push(ListingCommand { id: command_id()?, sku, change });
    }
    if commands.is_empty() {
        return Ok(ExitCode::Ok);
    }
    submit_and_wait(context, wait, &Commands::Listings(commands))
}

fn make_seed(context: &Context, sku: &Sku) -> Result<Commitment> {
    let file = context.draws_file();
    let commitment = draws::make(&file, sku)?;
    note(format!("made the seed of the draw for {sku}: {}; nobody can be drawn without it", file.display()));
    Ok(commitment)
}

fn read_sale(file: &Path) -> Result<Sale> {
    let length = std::fs::metadata(file).map_err(|error| Failure::usage(error.to_string()))?.len();
    if length > FILE_BYTES_MAX {
        return Err(
            Failure::usage(format!("it has {length} bytes, a sale has at most {FILE_BYTES_MAX}")).into()
        );
    }
    let text = std::fs::read_to_string(file).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(parse_sale(file, &text).map_err(|error| Failure::usage(error.to_string()))?)
}

/// The plan is the data of `--plan-only`; before decisions it is only a note.
fn print_plan(context: &Context, sale: &Sale, planned: &[PlannedListing], plan_only: bool) -> Result<()> {
    let price = |sku: &Sku| {
        let listing = sale.listings.iter().find(|listing| listing.sku == *sku);
        let price = listing.and_then(|listing| listing.prices.first()).map_or(0, |step| step.unit_price);
        format!("{} {}", show_amount(price, sale.currency), sale.currency)
    };
    if plan_only {
        let mut out = rows(context.format);
        for PlannedListing { sku, action, stock, note, .. } in planned {
            let (action, price) = (action.name(), price(sku));
            out.push(&PlanRow { sku: sku.to_string(), action, stock: *stock, price, note: note.clone() })?;
        }
        return Ok(out.finish()?);
    }
    for PlannedListing { sku, action, stock, note: remark, .. } in planned {
        note(format!("{} {sku}: {stock} units at {}", action.name(), price(sku)));
        if let Some(remark) = remark {
            warning(format!("{sku}: {remark}"));
        }
    }
    Ok(())
}

fn show(context: &Context, sale: Option<&str>) -> Result<ExitCode> {
    let listings = read_listings(context)?;
    if let Some(sale) = sale {
        known(&listings, sale)?;
    }
    let mut out = rows(context.format);
    for (sku, listing) in listings.iter() {
        if sale.is_none_or(|sale| listing.settings.sale == sale) {
            out.push(&ListingRow::new(sku, listing))?;
        }
    }
    out.finish()?;
    Ok(ExitCode::Ok)
}

fn close(context: &Context, sale: &str, wait: &WaitArgs) -> Result<ExitCode> {
    let listings = read_listings(context)?;
    known(&listings, sale)?;
    let mut commands = Vec::new();
    for (sku, listing) in listings.iter() {
        if listing.settings.sale == sale && !listing.closed {
            commands.push(ListingCommand { id: command_id()?, sku: *sku, change: ListingChange::Close });
        }
    }
    room::close(context, sale)?;
    if commands.is_empty() {
        note(format!("every listing of \"{sale}\" is closed already"));
        return Ok(ExitCode::Ok);
    }
    submit_and_wait(context, wait, &Commands::Listings(commands))
}

fn known(listings: &Listings, sale: &str) -> Result<()> {
    let sales = listings.sales();
    if sales.contains(&sale) {
        return Ok(());
    }
    let hint = suggestion(sale, sales);
    Err(Failure::not_found(format!("find the sale \"{sale}\": no decision opened it{hint}"))
        .next("pipeline sale show")
        .into())
}
