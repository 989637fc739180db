//! What a line must cost, read from the listing's own price list.

use order_model::{ListingSettings, MinorUnits, TimeMs, included_tax, limits, line_total};

/// The price of one unit at `now` when `units` are held or sold already.
pub(crate) fn unit_price(settings: &ListingSettings, now: TimeMs, units: i64) -> Option<MinorUnits> {
    let in_force =
        |step: &&order_model::PriceStep| step.from_time <= now && i64::from(step.from_units) <= units;
    settings.prices.iter().rfind(in_force).map(|step| step.unit_price)
}

/// The tax inside a line.
pub(crate) fn line_tax(settings: &ListingSettings, price: MinorUnits, quantity: u32) -> MinorUnits {
    included_tax(line_total(price, quantity), settings.tax_bp)
}

/// Whether the settings break a limit that leaves no doubt.
pub(crate) fn surely_invalid(settings: &ListingSettings) -> bool {
    settings.prices.is_empty()
        || settings.prices.len() > limits::PRICE_STEPS_MAX
        || settings.prices.iter().any(|step| !(0..=limits::UNIT_PRICE_MAX).contains(&step.unit_price))
        || settings.prices.first().is_some_and(|step| step.from_time.0 > 0 || step.from_units > 0)
        || settings.sale.len() > limits::SALE_NAME_BYTES_MAX
        || settings.hold_ms > limits::HOLD_MS_MAX
        || settings.extensions_max > limits::EXTENSIONS_MAX
        || settings.waitlist_max > limits::WAITLIST_MAX
        || (settings.draw.is_some() && settings.limit_per_customer == 0)
        || !(limits::RETENTION_MS_MIN..=limits::RETENTION_MS_MAX).contains(&settings.retention_ms)
}

/// Whether the settings break a limit or contradict themselves in a way a ledger may take offence at.
pub(crate) fn perhaps_invalid(settings: &ListingSettings) -> bool {
    let closes_first = settings.closes_at.0 > 0 && settings.closes_at <= settings.opens_at;
    surely_invalid(settings)
        || closes_first
        || settings.sale.is_empty()
        || settings.sale.chars().any(char::is_control)
        || settings.hold_ms == 0
        || settings.tax_bp > 10_000
        || settings.prices.iter().any(|step| step.unit_price == 0)
        || !settings.prices.is_sorted_by_key(|step| (step.from_time, step.from_units))
}
