//! SMS and mobile push by Amazon SNS.
//!
//! SNS has no idempotency key for either, so an attempt without an answer is not repeated. The SDK's own retries are off for
//! the same reason: it would repeat a request whose answer was lost.

use std::fmt;
use std::time::Duration;

use aws_sdk_sns::Client;
use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::config::timeout::TimeoutConfig;
use aws_sdk_sns::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::operation::publish::PublishError;
use aws_sdk_sns::types::MessageAttributeValue;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use serde_json::json;

use super::{Attempt, Channel, Message, Outcome, UnknownRule, causes};
use crate::contacts::{Address, AddressError, ChannelKind};
use crate::limits::{ATTEMPT_MS_DEFAULT, LANES_DEFAULT};

/// How SNS is reached.
#[derive(Clone, Debug)]
pub struct SnsOptions {
    /// Its address, if not AWS's own; then the credentials are those of a test.
    pub endpoint: Option<String>,
    /// The region.
    pub region: String,
    /// The name an SMS comes from, where the country allows one.
    pub sender: Option<String>,
    /// Most calls at a time, per channel.
    pub lanes: usize,
    /// Longest call.
    pub attempt_max: Duration,
}

impl SnsOptions {
    /// AWS in a region; every limit as in [`crate::limits`].
    pub fn new(region: impl Into<String>) -> Self {
        Self {
            endpoint: None,
            region: region.into(),
            sender: None,
            lanes: LANES_DEFAULT,
            attempt_max: Duration::from_millis(ATTEMPT_MS_DEFAULT),
        }
    }

    /// A client, shared by both channels. Without an endpoint it looks for credentials where every AWS program does.
    pub async fn client(&self) -> Client {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(self.attempt_max / 2)
            .operation_timeout(self.attempt_max)
            .build();
        let region = Region::new(self.region.clone());
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .region(region)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        if let Some(endpoint) = &self.endpoint {
            loader = loader.endpoint_url(endpoint).credentials_provider(Credentials::new(
                "test",
                "test",
                None,
                None,
                "test endpoint",
            ));
        }
        Client::new(&loader.load().await)
    }
}

/// SMS or mobile push.
#[derive(Clone)]
pub struct SnsChannel {
    kind: ChannelKind,
    client: Client,
    options: SnsOptions,
}

impl fmt::Debug for SnsChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnsChannel").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl SnsChannel {
    /// Text messages.
    pub fn sms(client: Client, options: SnsOptions) -> Self {
        Self { kind: ChannelKind::Sms, client, options }
    }

    /// Pushes to apps.
    pub fn mobile_push(client: Client, options: SnsOptions) -> Self {
        Self { kind: ChannelKind::MobilePush, client, options }
    }

    async fn attempt(&self, message: &Message) -> Outcome {
        let seconds = (message.expires.0.saturating_sub(message.now.0) / 1_000).to_string();
        let sender = self.options.sender.as_deref();
        let (request, attributes) = match &message.address {
            Address::Sms(number) => (
                self.client.publish().phone_number(number).message(&message.rendered.short),
                vec![("AWS.SNS.SMS.SMSType", Some("Transactional")), ("AWS.SNS.SMS.SenderID", sender)],
            ),
            Address::MobilePush(arn) => (
                self.client
                    .publish()
                    .target_arn(arn)
                    .message_structure("json")
                    .message(for_platforms(message)),
                vec![
                    ("AWS.SNS.MOBILE.APNS.TTL", Some(seconds.as_str())),
                    ("AWS.SNS.MOBILE.FCM.TTL", Some(seconds.as_str())),
                ],
            ),
            _ => return Outcome::Refused("not an address of SNS".to_owned()),
        };
        let attributes =
            attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), text(value?)?)));
        match request.set_message_attributes(Some(attributes.collect())).send().await {
            Ok(_) => Outcome::Sent,
            Err(error) => classify(&Heard::of(&error)),
        }
    }
}

/// An attribute that is a string.
fn text(value: &str) -> Option<MessageAttributeValue> {
    MessageAttributeValue::builder().data_type("String").string_value(value).build().ok()
}

/// One message for each kind of telephone, as SNS wants it: JSON texts within JSON.
fn for_platforms(message: &Message) -> String {
    let (title, body) = (&message.rendered.subject, &message.rendered.short);
    let apns = json!({
        "aps": { "alert": { "title": title, "body": body }, "thread-id": message.facts.order },
        "notice": message.id,
    });
    let fcm = json!({ "fcmV1Message": { "message": {
        "notification": { "title": title, "body": body },
        "data": { "notice": message.id, "event": message.facts.kind.name() },
        "android": { "notification": { "tag": message.id } },
    } } });
    json!({
        "default": body,
        "APNS": apns.to_string(),
        "APNS_SANDBOX": apns.to_string(),
        "GCM": fcm.to_string(),
    })
    .to_string()
}

/// What was heard of a call that did not succeed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// SNS answered: its code, the HTTP status, and the text.
    Code(String, u16, String),
    /// Nothing was sent.
    NotSent(String),
    /// The request may have arrived.
    Lost(String),
}

impl Heard {
    fn of(error: &SdkError<PublishError>) -> Self {
        let detail = causes(error);
        match error {
            SdkError::ServiceError(context) => {
                let code = context.err().code().unwrap_or_default().to_owned();
                let message = context.err().message().unwrap_or_default().to_owned();
                Self::Code(code, context.raw().status().as_u16(), message)
            }
            SdkError::ConstructionFailure(_) => Self::NotSent(detail),
            SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
                // A request that found nobody at the address has told nobody.
                Some(cause) if is_refused(cause) => Self::NotSent(detail),
                Some(cause) if cause.is_user() => Self::NotSent(detail),
                _ => Self::Lost(detail),
            },
            SdkError::ResponseError(context) => {
                Self::Code(String::new(), context.raw().status().as_u16(), detail)
            }
            _ => Self::Lost(detail),
        }
    }
}

fn is_refused(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(io) = cause.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::ConnectionRefused
        {
            return true;
        }
        next = cause.source();
    }
    false
}

/// What an answer of SNS means.
///
/// | heard | means |
/// |---|---|
/// | throttled, 429, 503 | SNS rests |
/// | credentials, access, region (401, 403) | SNS rests: a person has to act |
/// | endpoint disabled, opted out, no such endpoint, parameter invalid | refused |
/// | other 4xx | refused |
/// | other 5xx | unknown: SNS may have passed it on |
/// | not sent | SNS rests |
/// | lost, nothing in time | unknown |
pub fn classify(heard: &Heard) -> Outcome {
    let (code, status, text) = match heard {
        Heard::NotSent(detail) => return Outcome::rest(detail),
        Heard::Lost(detail) => return Outcome::Unknown(detail.clone()),
        Heard::Code(code, status, text) => (code.as_str(), *status, text),
    };
    let detail = format!("{status} {code} {text}");
    match (code, status) {
        ("Throttled" | "Throttling" | "ThrottlingException" | "ThrottledException" | "KMSThrottling", _)
        | (_, 429 | 503) => Outcome::rest(detail),
        (
            "EndpointDisabled" | "PlatformApplicationDisabled" | "InvalidParameter" | "NotFound" | "OptedOut",
            _,
        ) => Outcome::Refused(detail),
        (_, 401 | 403) => Outcome::rest(detail),
        (_, 400..=499) => Outcome::Refused(detail),
        _ => Outcome::Unknown(detail),
    }
}

impl Channel for SnsChannel {
    fn kind(&self) -> ChannelKind {
        self.kind
    }

    fn rule(&self) -> UnknownRule {
        UnknownRule::Never
    }

    fn lanes(&self) -> usize {
        self.options.lanes
    }

    fn attempt_max(&self) -> Duration {
        self.options.attempt_max
    }

    fn check(&self, address: &Address) -> Result<(), AddressError> {
        address.check(false)
    }

    fn destination(&self, _address: &Address) -> Option<String> {
        None
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
        let code = |code: &str, status| Heard::Code(code.to_owned(), status, "text".to_owned());
        for (heard, expected) in [
            (code("Throttled", 400), "rest"),
            (code("ThrottlingException", 400), "rest"),
            (code("", 429), "rest"),
            (code("ServiceUnavailable", 503), "rest"),
            (code("AuthorizationError", 403), "rest"),
            (code("InvalidClientTokenId", 403), "rest"),
            (code("EndpointDisabled", 400), "refused"),
            (code("InvalidParameter", 400), "refused"),
            (code("NotFound", 404), "refused"),
            (code("InternalError", 500), "unknown"),
            (code("", 200), "unknown"),
            (Heard::NotSent("refused".to_owned()), "rest"),
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
