//! Webhooks: a signed JSON request to somebody's server.
//!
//! The signature covers the time, the notice's id and the body, so that nothing of it can be changed or sent again later.
//! [`verify`] is what a receiver does; it is public so that receivers in Rust need not write it again.

use std::fmt;
use std::time::Duration;

use order_model::TimeMs;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use super::http::{self, Heard};
use super::{Attempt, Channel, Message, Outcome, Setback, UnknownRule, shown};
use crate::contacts::{Address, AddressError, ChannelKind};
use crate::limits::{ATTEMPT_MS_DEFAULT, LANES_DEFAULT};
use crate::mac::{SigningKeys, from_hex, hex};

/// The header with time and signature: `t=MILLISECONDS,v1=HEX`.
pub const SIGNATURE_HEADER: &str = "doorbuster-signature";
/// The header with the notice's id, the same for every attempt: a receiver drops an id it has seen.
pub const ID_HEADER: &str = "doorbuster-notice";

/// How webhooks are called.
#[derive(Clone)]
pub struct WebhookOptions {
    /// What they are signed with.
    pub keys: SigningKeys,
    /// Whether addresses without TLS are called: for tests, and servers on this machine.
    pub insecure: bool,
    /// Most calls at a time.
    pub lanes: usize,
    /// Longest call.
    pub attempt_max: Duration,
}

impl WebhookOptions {
    /// TLS only; every limit as in [`crate::limits`].
    pub fn new(keys: SigningKeys) -> Self {
        Self {
            keys,
            insecure: false,
            lanes: LANES_DEFAULT,
            attempt_max: Duration::from_millis(ATTEMPT_MS_DEFAULT),
        }
    }
}

/// Webhooks.
pub struct WebhookChannel {
    options: WebhookOptions,
    client: Client,
}

impl fmt::Debug for WebhookChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookChannel").finish_non_exhaustive()
    }
}

/// The HTTP client cannot be set up.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the HTTP client cannot be set up: {0}")]
pub struct HttpError(pub(crate) String);

impl WebhookChannel {
    /// A channel that calls whoever asked for it.
    pub fn new(options: WebhookOptions) -> Result<Self, HttpError> {
        let client = http::client(options.attempt_max, options.lanes).map_err(HttpError)?;
        Ok(Self { options, client })
    }

    async fn attempt(&self, message: &Message) -> Outcome {
        let Address::Webhook(url) = &message.address else {
            return Outcome::Refused("not the address of a webhook".to_owned());
        };
        let body = body(message);
        let signature = sign(&self.options.keys, &message.id, message.now, body.as_bytes());
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(ID_HEADER, &message.id)
            .header(SIGNATURE_HEADER, signature)
            .body(body);
        classify(&http::exchange(request).await)
    }
}

fn body(message: &Message) -> String {
    json!({
        "id": message.id,
        "event": message.facts.kind.name(),
        "customer": message.customer.to_string(),
        "facts": message.facts,
        "text": message.rendered.short,
    })
    .to_string()
}

/// The value of [`SIGNATURE_HEADER`] for a body.
pub fn sign(keys: &SigningKeys, id: &str, time: TimeMs, body: &[u8]) -> String {
    let time = time.to_string();
    let signature = keys.sign(&[time.as_bytes(), b".", id.as_bytes(), b".", body]);
    format!("t={time},v1={}", hex(&signature))
}

/// Why a request is not ours.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignatureError {
    /// The header is not of the form `t=MILLISECONDS,v1=HEX`.
    #[error("the signature is not of the form t=MILLISECONDS,v1=HEX")]
    Malformed,
    /// It was signed too long ago, or the clocks differ.
    #[error("the request was signed {away_ms} ms away from now, at most {window_ms} are taken")]
    OutsideWindow {
        /// How far away.
        away_ms: u64,
        /// How far it may be.
        window_ms: u64,
    },
    /// Neither key has signed this.
    #[error("the signature does not fit the request")]
    Differs,
}

/// Checks a request: `id` and `signature` are the values of [`ID_HEADER`] and [`SIGNATURE_HEADER`], `now` is the receiver's
/// clock. Within the window a request can be sent again by whoever saw it: drop ids seen before.
pub fn verify(
    keys: &SigningKeys,
    id: &str,
    signature: &str,
    body: &[u8],
    now: TimeMs,
    window_ms: u64,
) -> Result<(), SignatureError> {
    let (time, hex) = signature
        .strip_prefix("t=")
        .and_then(|rest| rest.split_once(",v1="))
        .ok_or(SignatureError::Malformed)?;
    let signed_at: u64 = time.parse().map_err(|_| SignatureError::Malformed)?;
    let bytes = from_hex(hex).ok_or(SignatureError::Malformed)?;
    if !keys.has_signed(&[time.as_bytes(), b".", id.as_bytes(), b".", body], &bytes) {
        return Err(SignatureError::Differs);
    }
    let away_ms = signed_at.abs_diff(now.0);
    if away_ms > window_ms {
        return Err(SignatureError::OutsideWindow { away_ms, window_ms });
    }
    Ok(())
}

/// What a receiver's answer means.
///
/// | heard | means |
/// |---|---|
/// | 2xx | sent, whatever the body does |
/// | 409 | sent: the receiver has it already |
/// | 408, 425, 429, 5xx | the server rests, as long as it asks for |
/// | other 4xx, 3xx, 1xx | refused: the address is wrong, or gone |
/// | no connection | the server rests |
/// | connection lost, nothing in time | unknown |
pub fn classify(heard: &Heard) -> Outcome {
    match heard {
        Heard::Status(200..=299 | 409, ..) => Outcome::Sent,
        Heard::Status(status @ (408 | 425 | 429 | 500..), pause, text) => {
            Outcome::Retry(Setback { detail: shown(format!("{status} {text}")), rest: true, pause: *pause })
        }
        Heard::Status(status, _, text) => Outcome::Refused(shown(format!("{status} {text}"))),
        Heard::NotConnected(detail) => Outcome::rest(detail),
        Heard::Lost(detail) => Outcome::Unknown(detail.clone()),
    }
}

impl Channel for WebhookChannel {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Webhook
    }

    fn rule(&self) -> UnknownRule {
        UnknownRule::Again
    }

    fn lanes(&self) -> usize {
        self.options.lanes
    }

    fn attempt_max(&self) -> Duration {
        self.options.attempt_max
    }

    fn check(&self, address: &Address) -> Result<(), AddressError> {
        address.check(self.options.insecure)
    }

    fn destination(&self, address: &Address) -> Option<String> {
        Some(http::origin(address.text()))
    }

    fn send<'a>(&'a self, message: &'a Message) -> Attempt<'a> {
        Box::pin(self.attempt(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW_MS: u64 = 1_000;

    #[test]
    fn a_signature_covers_time_id_and_body_and_ages() {
        let old = SigningKeys::new(&[1; 32], None).unwrap();
        let both = SigningKeys::new(&[2; 32], Some(&[1; 32])).unwrap();
        let new = SigningKeys::new(&[2; 32], None).unwrap();
        let signature = sign(&old, "ab", TimeMs(5_000), b"{}");
        let check = |keys: &SigningKeys, id: &str, signature: &str, body: &[u8], now: u64| {
            verify(keys, id, signature, body, TimeMs(now), WINDOW_MS)
        };
        assert_eq!(check(&old, "ab", &signature, b"{}", 5_900), Ok(()));
        assert_eq!(check(&both, "ab", &signature, b"{}", 4_100), Ok(()));
        assert_eq!(check(&new, "ab", &signature, b"{}", 5_000), Err(SignatureError::Differs));
        assert_eq!(check(&old, "ac", &signature, b"{}", 5_000), Err(SignatureError::Differs));
        assert_eq!(check(&old, "ab", &signature, b"{ }", 5_000), Err(SignatureError::Differs));
        let later = signature.replace("t=5000", "t=6000");
        assert_eq!(check(&old, "ab", &later, b"{}", 6_000), Err(SignatureError::Differs));
        for now in [3_999, 6_001] {
            let away = SignatureError::OutsideWindow { away_ms: 1_001, window_ms: WINDOW_MS };
            assert_eq!(check(&old, "ab", &signature, b"{}", now), Err(away));
        }
        for text in ["", "t=,v1=", "t=1", "v1=00", "t=x,v1=00", "t=1,v1=0", "t=1,v1=zz", "t=1,v1=é0"] {
            assert_eq!(check(&old, "ab", text, b"{}", 1), Err(SignatureError::Malformed), "{text}");
        }
        assert!(SigningKeys::new(&[0; 15], None).is_err());
        assert!(SigningKeys::new(&[0; 16], Some(&[])).is_err());
    }

    #[test]
    fn what_each_answer_means() {
        let status = |status| Heard::Status(status, None, "text".to_owned());
        for (heard, expected) in [
            (status(200), "sent"),
            (status(204), "sent"),
            (status(409), "sent"),
            (status(301), "refused"),
            (status(400), "refused"),
            (status(404), "refused"),
            (status(410), "refused"),
            (status(408), "rest"),
            (status(429), "rest"),
            (status(500), "rest"),
            (status(503), "rest"),
            (Heard::NotConnected("refused".to_owned()), "rest"),
            (Heard::Lost("time-out".to_owned()), "unknown"),
        ] {
            let found = match classify(&heard) {
                Outcome::Sent => "sent",
                Outcome::Retry(setback) if setback.rest => "rest",
                Outcome::Retry(_) => "again",
                Outcome::Refused(_) => "refused",
                Outcome::Unknown(_) => "unknown",
            };
            assert_eq!(found, expected, "{heard:?}");
        }
        let busy = Heard::Status(429, Some(Duration::from_secs(7)), String::new());
        let Outcome::Retry(setback) = classify(&busy) else { panic!("429 is tried again") };
        assert_eq!(setback.pause, Some(Duration::from_secs(7)));
    }
}
