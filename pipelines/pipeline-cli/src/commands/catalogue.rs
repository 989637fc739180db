//! `pipeline catalogue`: brings the catalogue to where a file wants it, lists and searches it, shows a product.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use catalogue::limits::{FILE_BYTES_MAX, PAGE_SIZE_MAX};
use catalogue::{
    Action, Catalogue, CatalogueTopic, Dimension, Facet, Item, Planned, Product, Query, ReadError, Shelf,
    ShelfLimits, WriteError, changes, parse_catalogue, plan, try_on,
};
use clap::Subcommand;
use order_log::Log;
use order_model::Sku;
use serde::Serialize;

use crate::ExitCode;
use crate::context::Context;
use crate::failure::Failure;
use crate::nearest::suggestion;
use crate::notes::{note, warning};
use crate::output::{Row, one, rows};

/// Arguments of `pipeline catalogue`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write the products of a file that are new or differ
    Apply {
        /// The products, as TOML
        file: PathBuf,
        /// Print what would be done, and do nothing
        #[arg(long)]
        plan_only: bool,
        /// Remove the products that are not in the file
        #[arg(long)]
        prune: bool,
    },
    /// List products, all or those that match
    List(Listing),
    /// Show a product
    Show {
        /// Which
        sku: Sku,
        /// Its texts in this language, as in de-AT
        #[arg(long, value_name = "TAG", default_value = "")]
        locale: String,
    },
}

#[derive(Debug, clap::Args)]
struct Listing {
    /// Words that have to match; the best matches come first
    #[arg(long, value_name = "WORDS", default_value = "")]
    query: String,
    /// Of this category or one within it, as in Audio/Headphones
    #[arg(long, value_name = "PATH")]
    category: Vec<String>,
    /// Of this brand
    #[arg(long)]
    brand: Vec<String>,
    /// With this tag
    #[arg(long)]
    tag: Vec<String>,
    /// With this attribute, as in Size=42
    #[arg(long, value_name = "NAME=VALUE")]
    attribute: Vec<String>,
    /// Titles in this language, as in de-AT
    #[arg(long, value_name = "TAG", default_value = "")]
    locale: String,
    /// Stop after this many rows
    #[arg(long, value_name = "ROWS")]
    limit: Option<usize>,
}

#[derive(Serialize)]
struct PlanRow {
    sku: String,
    action: &'static str,
    title: String,
    /// The fields that differ.
    fields: Vec<&'static str>,
}

impl Row for PlanRow {
    const COLUMNS: &'static [&'static str] = &["sku", "action", "title", "differs in"];

    fn cells(&self) -> Vec<String> {
        vec![self.sku.clone(), self.action.to_owned(), self.title.clone(), self.fields.join(", ")]
    }
}

impl From<&Planned> for PlanRow {
    fn from(planned: &Planned) -> Self {
        let fields = match &planned.action {
            Action::Change { fields, .. } => fields.clone(),
            Action::Add(_) | Action::Keep | Action::Remove => Vec::new(),
        };
        let (sku, title) = (planned.sku.to_string(), planned.title.clone());
        Self { sku, action: planned.action.name(), title, fields }
    }
}

#[derive(Serialize)]
struct ProductRow {
    version: String,
    #[serde(flatten)]
    product: Product,
}

impl ProductRow {
    /// A row whose title and description are those for `locale`.
    fn new(item: &Item, locale: &str) -> Self {
        let mut product = item.product.clone();
        let text = item.product.text(locale);
        (product.title, product.description) = (text.title.to_owned(), text.description.to_owned());
        Self { version: item.version.to_string(), product }
    }
}

impl Row for ProductRow {
    const COLUMNS: &'static [&'static str] = &["sku", "title", "brand", "category", "tags"];

    fn cells(&self) -> Vec<String> {
        let Product { sku, title, brand, category, tags, .. } = &self.product;
        let brand = brand.clone().unwrap_or_default();
        vec![sku.to_string(), title.clone(), brand, category.join("/"), tags.join(", ")]
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct Shown(ProductRow);

impl Row for Shown {
    const COLUMNS: &'static [&'static str] =
        &["sku", "title", "description", "brand", "category", "attributes", "images", "tags", "version"];

    fn cells(&self) -> Vec<String> {
        let Product { sku, title, description, brand, category, attributes, images, tags, .. } =
            &self.0.product;
        let attributes = attributes.iter().map(|each| format!("{}: {}", each.name, each.value));
        let images = images.iter().map(|image| image.source.clone());
        vec![
            sku.to_string(),
            title.clone(),
            description.clone(),
            brand.clone().unwrap_or_default(),
            category.join("/"),
            attributes.collect::<Vec<_>>().join("\n"),
            images.collect::<Vec<_>>().join("\n"),
            tags.join(", "),
            self.0.version.clone(),
        ]
    }
}

/// Runs `pipeline catalogue`.
pub fn run(context: &Context, args: Args) -> Result<ExitCode> {
    match args.verb {
        Verb::Apply { file, plan_only, prune } => apply(context, &file, plan_only, prune),
        Verb::List(listing) => list(context, &listing),
        Verb::Show { sku, locale } => show(context, &sku, &locale),
    }
}

/// The topic of products.
pub(crate) fn topic(context: &Context, log: Arc<dyn Log>) -> Result<CatalogueTopic> {
    let name = Arc::clone(&context.topics().catalogue);
    Ok(CatalogueTopic { log, name, codec: context.product_codec()? })
}

/// What is on the topic now; says what had to be passed over.
fn load(topic: &CatalogueTopic) -> Result<(Shelf, Catalogue)> {
    let read = || format!("read {}", topic.name);
    // The log's and the registry's own errors stay in the chain, so that exit code and next step are found.
    let untangle = |error| match error {
        ReadError::Log(error) => anyhow::Error::from(error),
        ReadError::Registry { error, .. } => error.into(),
        ReadError::Shelf(error) => error.into(),
    };
    let loaded = topic.load(Shelf::new(ShelfLimits::default())?).map_err(untangle);
    let (mut shelf, skipped) = loaded.with_context(read)?;
    for skipped in &skipped.latest {
        warning(format!(
            "{}, partition {}, offset {}: {}",
            topic.name, skipped.partition, skipped.offset, skipped.reason
        ));
    }
    let untold = skipped.count - u64::try_from(skipped.latest.len())?;
    if untold > 0 {
        warning(format!("{}: {untold} more records before these were skipped", topic.name));
    }
    let catalogue = shelf.publish().with_context(read)?;
    Ok((shelf, catalogue))
}

/// Writes what of `products` is new or differs.
pub(crate) fn bring(topic: &CatalogueTopic, products: &[Product]) -> Result<()> {
    let (shelf, current) = load(topic)?;
    let changes = changes(plan(&current, products, false));
    try_on(shelf, &changes).map_err(|(_, error)| error)?;
    topic.write(&changes)?;
    Ok(())
}

fn read_catalogue(context: &Context) -> Result<Catalogue> {
    Ok(load(&topic(context, context.open_log_to_read()?)?)?.1)
}

fn apply(context: &Context, file: &Path, plan_only: bool, prune: bool) -> Result<ExitCode> {
    let wanted = read_file(file).with_context(|| format!("read the catalogue {}", file.display()))?;
    let log = if plan_only { context.open_log_to_read()? } else { context.open_log()? };
    let topic = topic(context, log)?;
    let (shelf, current) = load(&topic)?;
    let planned = plan(&current, &wanted, prune);
    print_plan(context, &planned, plan_only)?;
    let changes = changes(planned);
    try_on(shelf, &changes)
        .map_err(|(sku, error)| Failure::usage(format!("product {sku} does not fit in: {error}")))
        .with_context(|| format!("apply the catalogue {}", file.display()))?;
    if plan_only {
        return Ok(ExitCode::Ok);
    }
    if changes.is_empty() {
        note("the catalogue is as the file says");
        return Ok(ExitCode::Ok);
    }
    let written = topic.write(&changes).map_err(|error| match error {
        WriteError::Log(error) => anyhow::Error::from(error),
        error => error.into(),
    });
    written.with_context(|| format!("write to {}", topic.name))?;
    note(format!("wrote {} changes to {}", changes.len(), topic.name));
    Ok(ExitCode::Ok)
}

fn read_file(file: &Path) -> Result<Vec<Product>> {
    let length = std::fs::metadata(file).map_err(|error| Failure::usage(error.to_string()))?.len();
    if length > u64::try_from(FILE_BYTES_MAX)? {
        let text = format!("it has {length} bytes, a catalogue has at most {FILE_BYTES_MAX}");
        return Err(Failure::usage(text).into());
    }
    let text = std::fs::read_to_string(file).map_err(|error| Failure::usage(error.to_string()))?;
    let failed = |error: catalogue::CatalogueFileError| {
        Failure::usage(format!("{}:{}: {}", file.display(), error.line, error.message))
    };
    Ok(parse_catalogue(&text).map_err(failed)?)
}

/// The plan is the data of `apply`, whether or not it is carried out.
fn print_plan(context: &Context, planned: &[Planned], plan_only: bool) -> Result<()> {
    let mut out = rows(context.format);
    // Whoever carries it out wants to know what is done, not what is not.
    let is_told = |planned: &&Planned| plan_only || planned.action != Action::Keep;
    for planned in planned.iter().filter(is_told) {
        out.push(&PlanRow::from(planned))?;
    }
    Ok(out.finish()?)
}

fn list(context: &Context, listing: &Listing) -> Result<ExitCode> {
    let filters = filters(listing)?;
    let catalogue = read_catalogue(context)?;
    let mut query = Query { text: listing.query.clone(), filters, page: 1, page_size: PAGE_SIZE_MAX };
    let mut left = listing.limit.unwrap_or(usize::MAX);
    let mut out = rows(context.format);
    loop {
        let page = catalogue.search(&query).context("search the catalogue")?;
        for item in page.items.iter().take(left) {
            out.push(&ProductRow::new(item, &listing.locale))?;
        }
        left = left.saturating_sub(page.items.len());
        if left == 0 || query.page >= page.pages {
            break;
        }
        query.page += 1;
    }
    out.finish()?;
    Ok(ExitCode::Ok)
}

fn filters(listing: &Listing) -> Result<Vec<Facet>> {
    let facet =
        |dimension: &Dimension, value: &str| Facet { dimension: dimension.clone(), value: value.to_owned() };
    let mut filters = Vec::new();
    for (dimension, values) in [
        (Dimension::Category, &listing.category),
        (Dimension::Brand, &listing.brand),
        (Dimension::Tag, &listing.tag),
    ] {
        filters.extend(values.iter().map(|value| facet(&dimension, value)));
    }
    for attribute in &listing.attribute {
        let (name, value) = attribute
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("\"{attribute}\" after --attribute is not NAME=VALUE")))
            .context("list the catalogue")?;
        filters.push(facet(&Dimension::Attribute(name.to_owned()), value));
    }
    Ok(filters)
}

fn show(context: &Context, sku: &Sku, locale: &str) -> Result<ExitCode> {
    let catalogue = read_catalogue(context)?;
    let Some(item) = catalogue.get(sku) else {
        let known: Vec<_> = catalogue.iter().map(|item| item.product.sku.to_string()).collect();
        let hint = suggestion(sku.as_str(), known.iter().map(String::as_str));
        let text = format!("find the product {sku}: it is not in the catalogue{hint}");
        return Err(Failure::not_found(text).next("pipeline catalogue list").into());
    };
    one(context.format, &Shown(ProductRow::new(item, locale)))?;
    Ok(ExitCode::Ok)
}
