//! What web push and webhooks have in common: one request, a status, never more of the body than a message needs.

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, Url};
use tokio::time::timeout;

use super::causes;
use crate::limits::{ANSWER_BYTES_MAX, ANSWER_MS_MAX};

/// What was heard of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// A status, the pause that was asked for, and the beginning of the body of an answer that is no success.
    Status(u16, Option<Duration>, String),
    /// No connection came about: nothing was sent.
    NotConnected(String),
    /// The request may have arrived, and no status came back.
    Lost(String),
}

/// A client that follows no redirect: an address is where somebody said it is, and nowhere else.
pub(super) fn client(attempt_max: Duration, connections: usize) -> Result<Client, String> {
    Client::builder()
        .redirect(Policy::none())
        .timeout(attempt_max)
        .connect_timeout(attempt_max / 2)
        .pool_max_idle_per_host(connections)
        .user_agent(concat!("doorbuster/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| causes(&error))
}

/// Sends, and waits for the status alone: a server that says yes and then writes for ever has said yes.
pub(super) async fn exchange(request: RequestBuilder) -> Heard {
    match request.send().await {
        Ok(response) => heard(response).await,
        // A builder's error is an address that is none: nothing was sent either.
        Err(error) if error.is_connect() || error.is_builder() => Heard::NotConnected(causes(&error)),
        Err(error) => Heard::Lost(causes(&error)),
    }
}

async fn heard(mut response: Response) -> Heard {
    let status = response.status();
    let pause = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let pause = pause.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let mut body = Vec::new();
    if !status.is_success() {
        let reading = async {
            while let Ok(Some(chunk)) = response.chunk().await {
                body.extend_from_slice(&chunk);
                if body.len() >= ANSWER_BYTES_MAX {
                    break;
                }
            }
        };
        // What has come by then explains enough; the status alone decides.
        let _in_time = timeout(Duration::from_millis(ANSWER_MS_MAX), reading).await.is_ok();
        body.truncate(ANSWER_BYTES_MAX);
    }
    Heard::Status(status.as_u16(), pause, String::from_utf8_lossy(&body).into_owned())
}

/// The server an address names: what fails together.
pub(super) fn origin(address: &str) -> String {
    Url::parse(address).map_or_else(|_| address.to_owned(), |url| url.origin().ascii_serialization())
}
