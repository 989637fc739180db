//! Web push: an encrypted message to a browser by its push service (RFC 8030, 8188, 8291), signed by VAPID (RFC 8292).
//!
//! The push service keeps one message per topic, and the topic is the notice's id: an attempt repeated after a lost answer
//! replaces the first while the browser is away. The id is in the message too, as its `tag`, by which the browser shows a
//! second one in the place of the first.

mod vapid;

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use p256::PublicKey;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Client, Url};
use serde_json::json;
use web_push_native::{Auth, encrypt};

pub use vapid::{VapidError, VapidKey};

use super::http::{self, Heard};
use super::webhook::HttpError;
use super::{Attempt, Channel, Message, Outcome, Setback, UnknownRule, shown};
use crate::contacts::{Address, AddressError, ChannelKind, WebSubscription};
use crate::limits::{ATTEMPT_MS_DEFAULT, LANES_DEFAULT, WEB_PUSH_TTL_SECONDS_MAX};
use crate::notice::Class;

/// How browsers are reached.
#[derive(Clone)]
pub struct WebPushOptions {
    /// What we sign with; browsers subscribe to its public half.
    pub key: VapidKey,
    /// Whom a push service can write to about us: `mailto:` or `https:`.
    pub contact: String,
    /// Whether push services without TLS are called: for tests.
    pub insecure: bool,
    /// Most calls at a time.
    pub lanes: usize,
    /// Longest call.
    pub attempt_max: Duration,
}

impl WebPushOptions {
    /// TLS only; every limit as in [`crate::limits`].
    pub fn new(key: VapidKey, contact: impl Into<String>) -> Self {
        Self {
            key,
            contact: contact.into(),
            insecure: false,
            lanes: LANES_DEFAULT,
            attempt_max: Duration::from_millis(ATTEMPT_MS_DEFAULT),
        }
    }
}

/// Web push.
pub struct WebPushChannel {
    options: WebPushOptions,
    client: Client,
    signer: vapid::Signer,
}

impl fmt::Debug for WebPushChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebPushChannel").finish_non_exhaustive()
    }
}

impl WebPushChannel {
    /// A channel to every browser that subscribed to this key.
    pub fn new(options: WebPushOptions) -> Result<Self, HttpError> {
        let client = http::client(options.attempt_max, options.lanes).map_err(HttpError)?;
        let signer = vapid::Signer::new(options.key.clone(), options.contact.clone());
        Ok(Self { options, client, signer })
    }

    async fn attempt(&self, message: &Message) -> Outcome {
        let Address::WebPush(subscription) = &message.address else {
            return Outcome::Refused("not a push subscription".to_owned());
        };
        let (public, auth) = match keys(subscription) {
            Ok(keys) => keys,
            Err(detail) => return Outcome::Refused(detail),
        };
        let Ok(url) = Url::parse(&subscription.endpoint) else {
            return Outcome::Refused("the endpoint is no address".to_owned());
        };
        let authorization = self.signer.authorization(&url, message.now);
        let encrypted = match encrypt(body(message).into_bytes(), &public, &auth) {
            Ok(encrypted) => encrypted,
            Err(error) => return Outcome::Refused(format!("the message cannot be encrypted: {error}")),
        };
        let seconds = message.expires.0.saturating_sub(message.now.0) / 1_000;
        let urgency = if message.facts.kind.class() == Class::Offers { "normal" } else { "high" };
        let request = self
            .client
            .post(url)
            .header(AUTHORIZATION, authorization)
            .header(CONTENT_ENCODING, "aes128gcm")
            .header(CONTENT_TYPE, "application/octet-stream")
            .header("TTL", seconds.min(WEB_PUSH_TTL_SECONDS_MAX))
            .header("Topic", &message.id)
            .header("Urgency", urgency)
            .body(encrypted);
        classify(&http::exchange(request).await)
    }
}

fn body(message: &Message) -> String {
    json!({
        "tag": message.id,
        "event": message.facts.kind.name(),
        "order": message.facts.order,
        "title": message.rendered.subject,
        "body": message.rendered.short,
        "lang": message.rendered.locale,
    })
    .to_string()
}

/// A subscription's key and secret.
pub(crate) fn keys(subscription: &WebSubscription) -> Result<(PublicKey, Auth), String> {
    let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
    let public = decode(&subscription.p256dh).map_err(|error| format!("p256dh is not base64url: {error}"))?;
    let public = PublicKey::from_sec1_bytes(&public)
        .map_err(|_| "p256dh is not a point of the curve P-256".to_owned())?;
    let auth = decode(&subscription.auth).map_err(|error| format!("auth is not base64url: {error}"))?;
    let auth: [u8; 16] =
        auth.try_into().map_err(|auth: Vec<u8>| format!("auth has {} bytes, not 16", auth.len()))?;
    Ok((public, Auth::from(auth)))
}

/// What a push service's answer means.
///
/// | heard | means |
/// |---|---|
/// | 2xx | sent |
/// | 404, 410 | refused: the browser has unsubscribed |
/// | 401, 403, 408, 425, 429, 5xx | the push service rests, as long as it asks for |
/// | other 4xx, 3xx, 1xx | refused |
/// | no connection | the push service rests |
/// | connection lost, nothing in time | unknown |
///
/// 401 and 403 are about our key and not about one browser: a person has to act, meanwhile the notices wait.
pub fn classify(heard: &Heard) -> Outcome {
    match heard {
        Heard::Status(200..=299, ..) => Outcome::Sent,
        Heard::Status(status @ (401 | 403 | 408 | 425 | 429 | 500..), pause, text) => {
            Outcome::Retry(Setback { detail: shown(format!("{status} {text}")), rest: true, pause: *pause })
        }
        Heard::Status(status @ (404 | 410), ..) => {
            Outcome::Refused(format!("{status}: the browser has unsubscribed"))
        }
        Heard::Status(status, _, text) => Outcome::Refused(shown(format!("{status} {text}"))),
        Heard::NotConnected(detail) => Outcome::rest(detail),
        Heard::Lost(detail) => Outcome::Unknown(detail.clone()),
    }
}

impl Channel for WebPushChannel {
    fn kind(&self) -> ChannelKind {
        ChannelKind::WebPush
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

    #[test]
    fn what_each_answer_means() {
        let status = |status| Heard::Status(status, None, "text".to_owned());
        for (heard, expected) in [
            (status(201), "sent"),
            (status(202), "sent"),
            (status(400), "refused"),
            (status(404), "refused"),
            (status(410), "refused"),
            (status(413), "refused"),
            (status(403), "rest"),
            (status(429), "rest"),
            (status(502), "rest"),
            (Heard::NotConnected("refused".to_owned()), "rest"),
            (Heard::Lost("time-out".to_owned()), "unknown"),
        ] {
            let found = match classify(&heard) {
                Outcome::Sent => "sent",
                Outcome::Retry(_) => "rest",
                Outcome::Refused(_) => "refused",
                Outcome::Unknown(_) => "unknown",
            };
            assert_eq!(found, expected, "{heard:?}");
        }
    }
}
