//! The fields templates can use: a notice's facts, written as its locale writes them.
//!
//! A kind has only the fields that mean something for it, so that `deadline` in a notice about a refund is an error at load
//! and not an empty place in somebody's mail.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use humantime::format_rfc3339_seconds;
use minijinja::Value;
use order_model::Currency;
use serde::Serialize;

use crate::notice::{FactLine, Facts, NoticeKind};
use crate::templates::Format;

const MINUTE_MS: u64 = 60_000;
/// The end of the year 9999, the last that has a text.
const TIME_MS_MAX: u64 = 253_402_300_799_000;

/// Where a notice points to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Links {
    /// The shop's name.
    pub shop: String,
    /// The order's or the listing's page.
    pub page: Option<String>,
    /// Where a click ends such notices.
    pub unsubscribe: Option<String>,
}

impl Links {
    pub(crate) fn sample() -> Self {
        Self {
            shop: "Shop".to_owned(),
            page: Some("https://shop.example/orders/1".to_owned()),
            unsubscribe: Some("https://shop.example/unsubscribe?token=x".to_owned()),
        }
    }
}

/// What a template is rendered with.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Fields(BTreeMap<&'static str, Value>);

#[derive(Serialize)]
struct Line {
    sku: String,
    quantity: i32,
    unit_price: String,
    amount: String,
    state: String,
}

impl Fields {
    pub(crate) fn new(
        facts: &Facts,
        links: &Links,
        format: &Format,
        reason: impl FnOnce(&str) -> String,
    ) -> Self {
        let money = |amount: i64| money(amount, &facts.currency, format);
        let mut fields = Self(BTreeMap::new());
        fields.set("shop", links.shop.as_str());
        fields.set("page", optional(links.page.as_deref()));
        fields.set("unsubscribe_url", optional(links.unsubscribe.as_deref()));
        fields.set("time", utc(facts.time_ms));
        let lines: Vec<Line> = facts.lines.iter().map(|line| written(line, money)).collect();
        fields.set("lines", Value::from(minijinja::value::Serde(lines)));
        match facts.kind {
            NoticeKind::SaleOpens | NoticeKind::BackInStock => {
                fields.set("sku", facts.lines.first().map_or("", |line| line.sku.as_str()));
                fields.set("sale", optional(facts.sale.as_deref()));
                return fields;
            }
            _ => fields.set("order", facts.order.as_deref().unwrap_or_default()),
        }
        match facts.kind {
            NoticeKind::Held | NoticeKind::StockForYou => {
                fields.set("deadline", utc(facts.deadline_ms));
                let minutes = facts.deadline_ms.saturating_sub(facts.time_ms) / MINUTE_MS;
                fields.set("minutes", minutes);
            }
            NoticeKind::Refused | NoticeKind::Declined | NoticeKind::Refunded => {
                fields.set("reason", optional(facts.reason.as_deref().map(reason).as_deref()));
                fields.set("payment", optional(facts.payment.as_deref()));
            }
            NoticeKind::Paid => fields.set("payment", optional(facts.payment.as_deref())),
            _ => {}
        }
        if has_total(facts.kind) {
            fields.set("total", money(facts.total));
            fields.set("tax", money(facts.tax));
        }
        fields
    }

    fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.insert(name, value.into());
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn names(&self) -> String {
        self.0.keys().copied().collect::<Vec<_>>().join(", ")
    }
}

const fn has_total(kind: NoticeKind) -> bool {
    matches!(
        kind,
        NoticeKind::Held
            | NoticeKind::StockForYou
            | NoticeKind::Paid
            | NoticeKind::Declined
            | NoticeKind::Expired
            | NoticeKind::Refunded
    )
}

/// `none` in a template, for which `{% if %}` is false; the field is there all the same.
fn optional(text: Option<&str>) -> Value {
    text.map_or_else(|| Value::from(()), Value::from)
}

fn written(line: &FactLine, money: impl Fn(i64) -> String) -> Line {
    Line {
        sku: line.sku.clone(),
        quantity: line.quantity,
        unit_price: money(line.unit_price),
        amount: money(line.unit_price.saturating_mul(i64::from(line.quantity))),
        state: line.state.clone(),
    }
}

/// An amount as the locale writes it, with as many digits as ISO 4217 gives the currency.
fn money(amount: i64, currency: &str, format: &Format) -> String {
    let digits = currency.parse::<Currency>().map_or(2, |currency| currency.digits());
    let number = format!("{:0width$}", amount.unsigned_abs(), width = digits + 1);
    let (major, minor) = number.split_at(number.len() - digits);
    let sign = if amount < 0 { "-" } else { "" };
    let number = match digits {
        0 => format!("{sign}{major}"),
        _ => format!("{sign}{major}{}{minor}", format.decimal_mark),
    };
    if format.currency_last { format!("{number} {currency}") } else { format!("{currency} {number}") }
}

/// A time as `2026-11-27 17:25 UTC`: the same in every locale, and never read as another day.
fn utc(time_ms: u64) -> String {
    let time = UNIX_EPOCH + Duration::from_millis(time_ms.min(TIME_MS_MAX));
    let text = format_rfc3339_seconds(time).to_string();
    let (day, clock) = text.split_once('T').unwrap_or_default();
    let (minute, _) = clock.rsplit_once(':').unwrap_or_default();
    format!("{day} {minute} UTC")
}

/// Facts with everything the kind can have.
pub(crate) fn sample(kind: NoticeKind) -> Facts {
    Facts {
        kind,
        time_ms: 1_795_800_000_000,
        order: Some("01234567-89ab-cdef-0011-223344556677".to_owned()),
        lines: vec![
            FactLine { sku: "LAMP-1".to_owned(), quantity: 2, unit_price: 1_999, state: "taken".to_owned() },
            FactLine { sku: "DESK-7".to_owned(), quantity: 1, unit_price: 0, state: "awaited".to_owned() },
        ],
        currency: "EUR".to_owned(),
        total: 3_998,
        tax: 638,
        deadline_ms: 1_795_800_600_000,
        reason: Some("stock_short".to_owned()),
        payment: Some("00000000-0000-0000-0000-000000000001".to_owned()),
        sale: Some("spring".to_owned()),
    }
}

/// Facts with as little as a decision may bring.
pub(crate) fn sample_bare(kind: NoticeKind) -> Facts {
    Facts {
        lines: Vec::new(),
        currency: "XXX".to_owned(),
        deadline_ms: 0,
        reason: None,
        payment: None,
        sale: None,
        ..sample(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_times_are_written_as_people_read_them() {
        let english = Format { decimal_mark: ".".to_owned(), currency_last: false };
        let german = Format { decimal_mark: ",".to_owned(), currency_last: true };
        for (amount, currency, en, de) in [
            (3_998, "EUR", "EUR 39.98", "39,98 EUR"),
            (5, "EUR", "EUR 0.05", "0,05 EUR"),
            (-5, "EUR", "EUR -0.05", "-0,05 EUR"),
            (500, "JPY", "JPY 500", "500 JPY"),
            (1_234, "KWD", "KWD 1.234", "1,234 KWD"),
            (i64::MIN, "USD", "USD -92233720368547758.08", "-92233720368547758,08 USD"),
        ] {
            assert_eq!(money(amount, currency, &english), en);
            assert_eq!(money(amount, currency, &german), de);
        }
        for (time_ms, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400_000, "2000-02-29 00:00 UTC"),
            (1_709_251_199_999, "2024-02-29 23:59 UTC"),
            (1_795_800_300_000, "2026-11-27 17:25 UTC"),
            (u64::MAX, "9999-12-31 23:59 UTC"),
        ] {
            assert_eq!(utc(time_ms), text);
        }
    }
}
