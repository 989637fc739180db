//! `Prefer: wait=N` (RFC 7240): the first `wait` counts, what cannot be read is passed over, as the RFC wants it.

use std::time::Duration;

use axum::http::HeaderMap;

use crate::limits::WAIT_SECONDS_MAX;

/// How long the client would wait for a decision, and no longer than we let it.
pub(super) fn wait(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| value.split(','));
    let seconds = preferences.find_map(|preference| {
        let preference = preference.split(';').next()?;
        let (name, value) = preference.split_once('=')?;
        let value = value.trim().trim_matches('"');
        let is_wait = name.trim().eq_ignore_ascii_case("wait");
        let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        // More seconds than fit a number are more than anybody waits.
        (is_wait && is_number).then(|| value.parse::<u64>().unwrap_or(u64::MAX))
    })?;
    (seconds > 0).then(|| Duration::from_secs(seconds.min(WAIT_SECONDS_MAX)))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[&[u8]]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.append("prefer", value);
            }
        }
        wait(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn waits_as_the_rfc_writes_them() {
        for (value, seconds) in [
            ("wait=2", Some(2)),
            ("Wait = 2", Some(2)),
            ("respond-async, wait=10", Some(10)),
            ("wait=\"3\"; x=y", Some(3)),
            ("wait=5, wait=6", Some(5)),
            ("wait=100", Some(30)),
            ("wait=99999999999999999999999", Some(30)),
            ("wait=0", None),
            ("wait=-1", None),
            ("wait=1.5", None),
            ("wait", None),
            ("", None),
        ] {
            assert_eq!(of(&[value.as_bytes()]), seconds, "{value}");
        }
        assert_eq!(of(&[b"return=minimal", b"wait=4"]), Some(4));
    }

    proptest! {
        #[test]
        fn no_header_brings_it_down(value in prop::collection::vec(any::<u8>(), 0..60)) {
            prop_assert!(of(&[&value]).is_none_or(|seconds| (1..=30).contains(&seconds)));
        }
    }
}
