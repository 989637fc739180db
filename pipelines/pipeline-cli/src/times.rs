//! Times and durations as people write them: RFC 3339, `now`, `+10m`, `90s`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use order_model::TimeMs;

/// A time in a file: fixed, or counted from when the file is applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// A point in time; zero means "at once" or "never", as in [`order_model::ListingSettings`].
    At(TimeMs),
    /// This many milliseconds after the file is first applied.
    After(u64),
}

impl When {
    /// The time, if the file is applied `now`.
    pub fn resolve(self, now: TimeMs) -> TimeMs {
        match self {
            Self::At(time) => time,
            Self::After(milliseconds) => now.after(milliseconds),
        }
    }

    /// The time, if the file is applied again `now`: one counted from then stays what it was, where there was one.
    pub fn kept(self, now: TimeMs, then: Option<TimeMs>) -> TimeMs {
        match (self, then) {
            (Self::After(_), Some(then)) => then,
            _ => self.resolve(now),
        }
    }
}

/// Why a text is no time.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a time is \"now\", \"+10m\" (from when it is applied) or RFC 3339 as in \"2026-11-27T09:00:00Z\"")]
pub struct WhenError;

/// Reads a time; `now` becomes zero, "at once".
pub fn parse_when(text: &str) -> Result<When, WhenError> {
    if text == "now" {
        return Ok(When::At(TimeMs(0)));
    }
    if let Some(after) = text.strip_prefix('+') {
        return parse_duration_ms(after).map(When::After).map_err(|_| WhenError);
    }
    let time = humantime::parse_rfc3339(text).map_err(|_| WhenError)?;
    Ok(When::At(TimeMs(milliseconds(time.duration_since(UNIX_EPOCH).map_err(|_| WhenError)?))))
}

/// Why a text is no duration.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a duration is a number and a unit, as in \"90s\", \"10m\", \"1h 30m\", \"7d\"")]
pub struct DurationError;

/// Reads a duration in milliseconds.
pub fn parse_duration_ms(text: &str) -> Result<u64, DurationError> {
    humantime::parse_duration(text).map(milliseconds).map_err(|_| DurationError)
}

/// A duration as [`parse_duration_ms`] reads it.
pub fn show_duration_ms(duration: u64) -> String {
    humantime::format_duration(Duration::from_millis(duration)).to_string()
}

/// A time as RFC 3339 in UTC; a dash for zero, which means there is none.
pub fn show_time(time: TimeMs) -> String {
    if time.0 == 0 {
        return "-".to_owned();
    }
    // The formatter knows no year after 9999.
    const LAST_MS: u64 = 253_402_300_799_999;
    let time = UNIX_EPOCH + Duration::from_millis(time.0.min(LAST_MS));
    humantime::format_rfc3339_millis(time).to_string()
}

/// The clock of this machine. Only ever used to write settings and time-outs, never to decide.
pub fn now() -> TimeMs {
    TimeMs(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, milliseconds))
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write() {
        for (text, when) in [
            ("now", Ok(When::At(TimeMs(0)))),
            ("+10m", Ok(When::After(600_000))),
            ("1970-01-01T00:00:01Z", Ok(When::At(TimeMs(1_000)))),
            ("1970-01-01T00:00:01.250Z", Ok(When::At(TimeMs(1_250)))),
            ("tomorrow", Err(WhenError)),
            ("+soon", Err(WhenError)),
            ("10m", Err(WhenError)),
            ("1969-12-31T00:00:00Z", Err(WhenError)),
        ] {
            assert_eq!(parse_when(text), when, "{text}");
        }
        assert_eq!(parse_duration_ms("1h 30m"), Ok(5_400_000));
        assert_eq!(parse_duration_ms("90"), Err(DurationError));
        assert_eq!(show_duration_ms(90_000), "1m 30s");
        assert_eq!(show_time(TimeMs(1_250)), "1970-01-01T00:00:01.250Z");
        assert_eq!(show_time(TimeMs(0)), "-");
        assert!(show_time(TimeMs(u64::MAX)).starts_with("9999-12-31"));
    }
}
