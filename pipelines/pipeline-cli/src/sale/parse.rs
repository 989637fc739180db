//! Reads a sale file, and says where it is wrong.

use std::collections::BTreeSet;
use std::path::Path;

use order_model::limits::{
    EXTENSIONS_MAX, HOLD_MS_MAX, LISTING_STOCK_MAX, LISTINGS_MAX, PRICE_STEPS_MAX, RETENTION_MS_MAX,
    RETENTION_MS_MIN, SALE_NAME_BYTES_MAX, UNIT_PRICE_MAX, WAITLIST_MAX,
};
use order_model::{Currency, MinorUnits, Sku, TimeMs};

use waiting_room::limits::{ROOM_LIFE_MS_MAX, ROOM_PEOPLE_MAX, ROOM_PEOPLE_USUAL};

use super::{Sale, SaleListing, SalePrice, SaleRoom, Terms};
use crate::money::{parse_amount, parse_rate, show_amount};
use crate::times::{When, parse_duration_ms, parse_when, show_duration_ms};
use crate::toml_file::{FileError, Section, read_toml};

/// Keys of [`Terms`], allowed in `[sale]` and in each `[[listing]]`.
const TERM_KEYS: [&str; 9] =
    ["opens", "closes", "hold", "extensions", "limit_per_customer", "waitlist", "retention", "tax", "draw"];

/// Keys about the waiting room, allowed in `[sale]`.
const ROOM_KEYS: [&str; 3] = ["room", "room_window", "room_people"];

/// Reads the sale in `text`, found in `file`.
pub fn parse_sale(file: &Path, text: &str) -> Result<Sale, FileError> {
    read_toml(file, text, |root| {
        root.only(&["sale", "listing"])?;
        let head = root.section("sale")?.ok_or_else(|| root.error("there is no [sale] table"))?;
        head.only(&[&["name", "currency"][..], &ROOM_KEYS, &TERM_KEYS].concat())?;
        let name = head.text("name", sale_name)?.ok_or_else(|| head.error("the sale has no `name`"))?;
        let currency = head
            .text("currency", str::parse::<Currency>)?
            .ok_or_else(|| head.error("the sale has no `currency`"))?;
        let terms = terms(&head, Terms::default())?;
        let room = room(&head, &terms)?;
        let sections = root.sections("listing")?;
        if sections.is_empty() {
            return Err(head.error("the sale has no [[listing]]"));
        }
        if sections.len() > LISTINGS_MAX {
            return Err(head.error(format!("a sale has at most {LISTINGS_MAX} listings")));
        }
        let mut seen = BTreeSet::new();
        let mut listings = Vec::with_capacity(sections.len());
        for section in sections {
            let listing = listing(&section, currency, terms)?;
            if !seen.insert(listing.sku) {
                return Err(section.error_at("sku", format!("SKU {} is listed twice", listing.sku)));
            }
            listings.push(listing);
        }
        Ok(Sale { name, currency, room, listings })
    })
}

fn sale_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > SALE_NAME_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(format!("a name has 1 to {SALE_NAME_BYTES_MAX} bytes and no control characters"));
    }
    Ok(text.to_owned())
}

fn room(head: &Section<'_>, terms: &Terms) -> Result<Option<SaleRoom>, FileError> {
    let window_ms = duration(head, "room_window", 0, ROOM_LIFE_MS_MAX)?;
    let people_max = number(head, "room_people", 1..=ROOM_PEOPLE_MAX)?;
    if !head.flag("room")?.unwrap_or(false) {
        let idle = ["room_window", "room_people"].into_iter().find(|key| head.has(key));
        return match idle {
            Some(key) => Err(head.error_at(key, format!("`{key}` needs `room = true`"))),
            None => Ok(None),
        };
    }
    Ok(Some(SaleRoom {
        window_ms: window_ms.unwrap_or(0),
        opens: terms.opens,
        closes: terms.closes,
        people_max: people_max.unwrap_or(ROOM_PEOPLE_USUAL),
    }))
}

fn listing(section: &Section<'_>, currency: Currency, sale: Terms) -> Result<SaleListing, FileError> {
    section.only(&[&["sku", "stock", "price", "prices"][..], &TERM_KEYS].concat())?;
    let sku =
        section.text("sku", str::parse::<Sku>)?.ok_or_else(|| section.error("this listing has no `sku`"))?;
    let stock = number(section, "stock", 0..=LISTING_STOCK_MAX)?
        .ok_or_else(|| section.error(format!("listing {sku} has no `stock`")))?;
    let prices = match (section.has("price"), section.has("prices")) {
        (true, false) => vec![price(section, currency)?],
        (false, true) => price_list(section, currency)?,
        (true, true) => return Err(section.error_at("prices", "say `price` or `prices`, not both")),
        (false, false) => return Err(section.error(format!("listing {sku} has no `price`"))),
    };
    let terms = terms(section, sale)?;
    if terms.draw && terms.limit_per_customer == 0 {
        let key = if section.has("draw") { "draw" } else { "sku" };
        let message =
            "a drawn listing needs a `limit_per_customer`: who may enter without end is sure to win";
        return Err(section.error_at(key, message));
    }
    Ok(SaleListing { sku, stock, prices, terms })
}

fn price_list(section: &Section<'_>, currency: Currency) -> Result<Vec<SalePrice>, FileError> {
    let steps = section.sections("prices")?;
    if steps.is_empty() || steps.len() > PRICE_STEPS_MAX {
        return Err(section.error_at("prices", format!("`prices` has 1 to {PRICE_STEPS_MAX} steps")));
    }
    let mut prices = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter().enumerate() {
        step.only(&["price", "from", "from_units"])?;
        let price = price(step, currency)?;
        if index == 0 && (price.from_units > 0 || price.from != When::At(TimeMs(0))) {
            return Err(
                step.error("the first price holds from the start: it has no `from` and no `from_units`")
            );
        }
        prices.push(price);
    }
    Ok(prices)
}

fn price(section: &Section<'_>, currency: Currency) -> Result<SalePrice, FileError> {
    let unit_price = section
        .text("price", |text| amount(text, currency))?
        .ok_or_else(|| section.error("this step has no `price`"))?;
    // A listing has no `from` of its own; only a step of `prices` may say one.
    let from = section.text("from", parse_when)?.unwrap_or(When::At(TimeMs(0)));
    let from_units = number(section, "from_units", 0..=LISTING_STOCK_MAX)?.unwrap_or(0);
    Ok(SalePrice { unit_price, from, from_units })
}

fn amount(text: &str, currency: Currency) -> Result<MinorUnits, String> {
    let amount = parse_amount(text, currency).map_err(|error| error.to_string())?;
    if amount > UNIT_PRICE_MAX {
        return Err(format!("a unit costs at most {}", show_amount(UNIT_PRICE_MAX, currency)));
    }
    Ok(amount)
}

fn terms(section: &Section<'_>, sale: Terms) -> Result<Terms, FileError> {
    let terms = Terms {
        opens: section.text("opens", parse_when)?.unwrap_or(sale.opens),
        closes: section.text("closes", parse_when)?.unwrap_or(sale.closes),
        hold_ms: duration(section, "hold", 1, HOLD_MS_MAX)?.unwrap_or(sale.hold_ms),
        extensions_max: number(section, "extensions", 0..=EXTENSIONS_MAX)?.unwrap_or(sale.extensions_max),
        limit_per_customer: number(section, "limit_per_customer", 0..=u32::MAX)?
            .unwrap_or(sale.limit_per_customer),
        waitlist_max: number(section, "waitlist", 0..=WAITLIST_MAX)?.unwrap_or(sale.waitlist_max),
        retention_ms: duration(section, "retention", RETENTION_MS_MIN, RETENTION_MS_MAX)?
            .unwrap_or(sale.retention_ms),
        tax_bp: section.text("tax", parse_rate)?.unwrap_or(sale.tax_bp),
        draw: section.flag("draw")?.unwrap_or(sale.draw),
    };
    if section.text("closes", |text| Ok::<_, String>(text == "now"))?.unwrap_or(false) {
        return Err(section.error_at("closes", "a sale cannot close at once; leave `closes` out for never"));
    }
    // Times of one kind can be compared without a clock; mixed ones are the ledger's to judge.
    let closes_first = match (terms.opens, terms.closes) {
        (When::At(opens), When::At(closes)) => closes.0 != 0 && closes <= opens,
        (When::After(opens), When::After(closes)) => closes <= opens,
        _ => false,
    };
    if closes_first {
        let key = if section.has("closes") { "closes" } else { "opens" };
        return Err(section.error_at(key, "it closes before it opens"));
    }
    Ok(terms)
}

fn duration(section: &Section<'_>, key: &str, min: u64, max: u64) -> Result<Option<u64>, FileError> {
    section.text(key, |text| {
        let duration = parse_duration_ms(text).map_err(|error| error.to_string())?;
        if (min..=max).contains(&duration) {
            Ok(duration)
        } else {
            Err(format!("it has to be from {} to {}", show_duration_ms(min), show_duration_ms(max)))
        }
    })
}

fn number(
    section: &Section<'_>,
    key: &str,
    range: std::ops::RangeInclusive<u32>,
) -> Result<Option<u32>, FileError> {
    let (start, end) = (u64::from(*range.start()), u64::from(*range.end()));
    Ok(section.number(key, start..=end)?.and_then(|number| u32::try_from(number).ok()))
}
