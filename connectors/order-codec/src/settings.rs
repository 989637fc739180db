//! The settings of a listing, which commands and decisions both carry.

use order_model::{Commitment, ListingSettings, PriceStep};

use crate::Version;
use crate::avro::{Cursor, Encode, Read, array};
use crate::limits::{PRICE_STEPS_READABLE_MAX, SALE_NAME_READABLE_BYTES_MAX};

pub(crate) fn read_settings(cursor: &mut Cursor<'_>, version: Version) -> Read<ListingSettings> {
    let mut settings = ListingSettings {
        sale: cursor.text("settings.sale", SALE_NAME_READABLE_BYTES_MAX)?.to_owned(),
        currency: cursor.currency("settings.currency")?,
        opens_at: cursor.time("settings.opens_at")?,
        closes_at: cursor.time("settings.closes_at")?,
        limit_per_customer: cursor.u32("settings.limit_per_customer")?,
        hold_ms: cursor.u64("settings.hold_ms")?,
        extensions_max: cursor.u32("settings.extensions_max")?,
        waitlist_max: cursor.u32("settings.waitlist_max")?,
        retention_ms: cursor.u64("settings.retention_ms")?,
        tax_bp: cursor.u16("settings.tax_bp")?,
        prices: Vec::new(),
        draw: None,
    };
    cursor.array("settings.prices", PRICE_STEPS_READABLE_MAX, |cursor| {
        settings.prices.push(PriceStep {
            from_time: cursor.time("settings.prices.from_time")?,
            from_units: cursor.u32("settings.prices.from_units")?,
            unit_price: cursor.long("settings.prices.unit_price")?,
        });
        Ok(())
    })?;
    if version == Version::V2 && cursor.present("settings.draw")? {
        settings.draw = Some(Commitment(cursor.fixed("settings.draw")?));
    }
    Ok(settings)
}

pub(crate) fn write_settings(settings: &ListingSettings, version: Version, out: &mut Vec<u8>) {
    out.text(settings.sale.as_bytes());
    out.text(settings.currency.as_bytes());
    out.unsigned(settings.opens_at.0);
    out.unsigned(settings.closes_at.0);
    out.long(i64::from(settings.limit_per_customer));
    out.unsigned(settings.hold_ms);
    out.long(i64::from(settings.extensions_max));
    out.long(i64::from(settings.waitlist_max));
    out.unsigned(settings.retention_ms);
    out.long(i64::from(settings.tax_bp));
    array(out, &settings.prices, |out, step| {
        out.unsigned(step.from_time.0);
        out.long(i64::from(step.from_units));
        out.long(step.unit_price);
    });
    assert!(version == Version::V2 || settings.draw.is_none(), "bug: version 1 of the schemas has no draw");
    if version == Version::V2 {
        out.present(settings.draw.is_some());
        if let Some(Commitment(bytes)) = &settings.draw {
            out.fixed(bytes);
        }
    }
}
