//! Money: whole minor units and a currency. There is no float anywhere near it.
//!
//! Rules (B13). Prices are gross: they include tax. The price of a line is the unit price in force when its
//! first unit is set aside, times the quantity; it is frozen with the hold. The tax included in an amount is
//! `gross * rate / (10_000 + rate)` with `rate` in basis points, rounded half up to a minor unit, computed once
//! per line and added up. Every amount fits in an `i64` because quantity and unit price are bounded
//! ([`crate::limits`]).

use std::fmt;
use std::str::FromStr;

use crate::limits::{LINE_QUANTITY_MAX, LINES_MAX, UNIT_PRICE_MAX};

/// An amount in the smallest unit of its currency (cents, yen).
pub type MinorUnits = i64;

/// The most one order can cost; the constant exists so that the compiler checks it fits.
#[expect(clippy::as_conversions, reason = "`From` cannot be called in a constant")]
const _ORDER_TOTAL_MAX: i64 = UNIT_PRICE_MAX * LINE_QUANTITY_MAX as i64 * LINES_MAX as i64;

/// Currencies of ISO 4217 without minor units.
const WITHOUT_MINOR: [&str; 17] = [
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
    "XOF", "XPF",
];
/// Currencies of ISO 4217 whose minor unit is a thousandth.
const THOUSANDTHS: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// Why a text is not a currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a currency is three capital letters, as in ISO 4217")]
pub struct CurrencyError;

/// An ISO 4217 code: three capital letters. Whether such a currency exists is not checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The euro, the default of examples and tests.
    pub const EUR: Self = Self(*b"EUR");
    /// No currency, ISO 4217's `XXX`: where a decision is about an order the ledger does not know.
    pub const NONE: Self = Self(*b"XXX");

    /// Reads a code from the bytes of a record.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CurrencyError> {
        match <[u8; 3]>::try_from(bytes) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(CurrencyError),
        }
    }

    /// The three letters.
    #[inline]
    pub fn as_bytes(&self) -> &[u8; 3] {
        &self.0
    }

    /// The three letters as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Digits after the point, as in ISO 4217. Currencies the lists do not name have two.
    pub fn digits(&self) -> usize {
        match self.as_str() {
            code if WITHOUT_MINOR.contains(&code) => 0,
            code if THOUSANDTHS.contains(&code) => 3,
            _ => 2,
        }
    }
}

/// An amount in digits, `129.90`, without its currency.
pub fn show_amount(amount: MinorUnits, currency: Currency) -> String {
    let digits = currency.digits();
    let sign = if amount < 0 { "-" } else { "" };
    let number = format!("{:0width$}", amount.unsigned_abs(), width = digits + 1);
    let (major, minor) = number.split_at(number.len() - digits);
    if digits == 0 { format!("{sign}{major}") } else { format!("{sign}{major}.{minor}") }
}

impl FromStr for Currency {
    type Err = CurrencyError;

    fn from_str(text: &str) -> Result<Self, CurrencyError> {
        Self::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What `quantity` units cost. Cannot overflow for values within [`crate::limits`]; saturates beyond them.
#[inline]
pub fn line_total(unit_price: MinorUnits, quantity: u32) -> MinorUnits {
    unit_price.saturating_mul(i64::from(quantity))
}

/// The tax contained in `gross` at `rate` basis points, rounded half up. `gross` must not be negative.
#[inline]
pub fn included_tax(gross: MinorUnits, rate: u16) -> MinorUnits {
    if rate == 0 {
        return 0;
    }
    let divisor = 10_000 + i64::from(rate);
    // Nearly every amount is small enough for the machine's own division, which is several times faster.
    if let Some(twice) = gross.checked_mul(2 * i64::from(rate)).and_then(|twice| twice.checked_add(divisor)) {
        return twice / (2 * divisor);
    }
    let divisor = i128::from(divisor);
    let tax = (2 * i128::from(gross) * i128::from(rate) + divisor) / (2 * divisor);
    i64::try_from(tax).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tax_rounds_half_up() {
        for (gross, rate, tax) in
            [(11_900, 1_900, 1_900), (100, 1_900, 16), (0, 1_900, 0), (3, 10_000, 2), (1, 0, 0)]
        {
            assert_eq!(included_tax(gross, rate), tax, "{gross} at {rate}");
        }
        assert!(included_tax(i64::MAX, u16::MAX) < i64::MAX);
    }

    #[test]
    fn currency_text() {
        assert_eq!("EUR".parse(), Ok(Currency::EUR));
        for text in ["", "EU", "EURO", "eur", "€"] {
            assert_eq!(text.parse::<Currency>(), Err(CurrencyError), "{text:?}");
        }
    }
}
