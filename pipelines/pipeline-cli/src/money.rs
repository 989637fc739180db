//! Amounts as people write them: `129.90`, with as many digits after the point as the currency has.

use order_model::{Currency, MinorUnits};

pub use order_model::show_amount;

/// Why a text is no amount.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an amount of {currency} is digits with {digits} after the point, without sign or thousands marks")]
pub struct AmountError {
    currency: Currency,
    digits: usize,
}

/// Why a text is no rate.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a rate is a percentage from \"0%\" to \"100%\" with at most two digits after the point")]
pub struct RateError;

/// Reads an amount: `129.90`, `129` (whole major units), never `129.9` where two digits are due.
pub fn parse_amount(text: &str, currency: Currency) -> Result<MinorUnits, AmountError> {
    let digits = currency.digits();
    parse_decimal(text, digits, true).ok_or(AmountError { currency, digits })
}

/// Reads a tax rate, `19%` or `7.7%`, in basis points.
pub fn parse_rate(text: &str) -> Result<u16, RateError> {
    let number = text.strip_suffix('%').ok_or(RateError)?.trim_end();
    let rate = parse_decimal(number, 2, false).and_then(|rate| u16::try_from(rate).ok()).ok_or(RateError)?;
    if rate <= 10_000 { Ok(rate) } else { Err(RateError) }
}

/// Reads digits with a point as a number of `10^-digits`.
fn parse_decimal(text: &str, digits: usize, all_digits: bool) -> Option<i64> {
    let (major, minor) = text.split_once('.').map_or((text, None), |(major, minor)| (major, Some(minor)));
    let fits = match minor {
        None => true,
        Some(minor) if all_digits => minor.len() == digits && digits > 0,
        Some(minor) => (1..=digits).contains(&minor.len()),
    };
    let minor = minor.unwrap_or_default();
    let plain = !major.is_empty() && major.bytes().chain(minor.bytes()).all(|byte| byte.is_ascii_digit());
    (fits && plain).then(|| format!("{major}{minor:0<digits$}").parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_there_and_back() {
        for (text, currency, amount) in [
            ("129.90", "EUR", Some(12_990)),
            ("129", "EUR", Some(12_900)),
            ("0.05", "EUR", Some(5)),
            ("129.9", "EUR", None),
            ("129.900", "EUR", None),
            ("-1.00", "EUR", None),
            ("1,000.00", "EUR", None),
            (".50", "EUR", None),
            ("", "EUR", None),
            ("12990", "JPY", Some(12_990)),
            ("12990.", "JPY", None),
            ("1.250", "KWD", Some(1_250)),
            ("99999999999999999999", "EUR", None),
        ] {
            let currency = currency.parse().unwrap();
            assert_eq!(parse_amount(text, currency).ok(), amount, "{text} {currency}");
        }
        assert_eq!(show_amount(12_990, Currency::EUR), "129.90");
        assert_eq!(show_amount(5, Currency::EUR), "0.05");
        assert_eq!(show_amount(-5, Currency::EUR), "-0.05");
        assert_eq!(show_amount(5, "JPY".parse().unwrap()), "5");
    }

    #[test]
    fn rates() {
        for (text, rate) in [
            ("19%", Some(1_900)),
            ("7.7 %", Some(770)),
            ("0%", Some(0)),
            ("100%", Some(10_000)),
            ("100.01%", None),
            ("19", None),
            ("1.234%", None),
            ("-1%", None),
        ] {
            assert_eq!(parse_rate(text).ok(), rate, "{text}");
        }
    }
}
