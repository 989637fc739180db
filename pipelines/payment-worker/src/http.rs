//! A provider over HTTP, in Stripe's shape: PaymentIntents captured by hand, forms, bearer key, `Idempotency-Key`.
//!
//! Promised: every call ends within its time; an answer that cannot be read counts as one that did not come. Nothing is
//! called twice by itself: the worker decides that.

use std::time::Duration;

use order_model::{MinorUnits, OrderId};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response, Url};

use crate::limits::ANSWER_BYTES_MAX;
use crate::provider::{Answer, Charge, Fault, Payment, Provider, Verdict};
use crate::shape::{
    API_VERSION, INTENTS, REFUNDS, authorise_form, expand_form, read_error, read_payment, read_payments,
    refund_form, search_query,
};

/// How to reach the provider.
#[derive(Clone)]
pub struct HttpOptions {
    /// Scheme, host and port; the paths are Stripe's.
    pub endpoint: String,
    /// The secret key.
    pub key: String,
    /// The method that pays; `None`: the customer confirms the payment at the provider, and it is pending until then.
    pub payment_method: Option<String>,
    /// Longest wait for one answer.
    pub timeout: Duration,
}

impl std::fmt::Debug for HttpOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpOptions")
            .field("endpoint", &self.endpoint)
            .field("key", &"(hidden)")
            .field("payment_method", &self.payment_method)
            .field("timeout", &self.timeout)
            .finish()
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum HttpProviderError {
    /// The endpoint is no address.
    #[error(
        "{endpoint} is no address of a payment provider: {detail}; give scheme and host, as in https://api.stripe.com"
    )]
    Endpoint {
        /// What was given.
        endpoint: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The key cannot stand in a header.
    #[error("the payment provider's key is empty or has characters that no key has; check the secret")]
    Key,
    /// The client could not be made.
    #[error("the client of the payment provider could not be made: {0}")]
    Client(String),
}

/// The provider.
#[derive(Clone)]
pub struct HttpProvider {
    client: Client,
    endpoint: Url,
    authorization: HeaderValue,
    payment_method: Option<String>,
}

impl HttpProvider {
    /// A client; asks nothing yet.
    pub fn new(options: &HttpOptions) -> Result<Self, HttpProviderError> {
        let bad = |detail: String| HttpProviderError::Endpoint { endpoint: options.endpoint.clone(), detail };
        let endpoint = Url::parse(&options.endpoint).map_err(|error| bad(error.to_string()))?;
        if !matches!(endpoint.scheme(), "http" | "https") || endpoint.host_str().is_none() {
            return Err(bad("it has no scheme of HTTP, or no host".to_owned()));
        }
        if options.key.is_empty() {
            return Err(HttpProviderError::Key);
        }
        let bearer = format!("Bearer {}", options.key);
        let mut authorization = HeaderValue::from_str(&bearer).map_err(|_| HttpProviderError::Key)?;
        authorization.set_sensitive(true);
        let client = Client::builder()
            .timeout(options.timeout)
            // A repeat of the client's own would be one we do not count.
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| HttpProviderError::Client(error.to_string()))?;
        Ok(Self { client, endpoint, authorization, payment_method: options.payment_method.clone() })
    }

    fn request(&self, method: Method, path: &str, query: Option<&str>) -> RequestBuilder {
        let mut url = self.endpoint.clone();
        url.set_path(path);
        url.set_query(query);
        self.client
            .request(method, url)
            .header(AUTHORIZATION, self.authorization.clone())
            .header("Stripe-Version", API_VERSION)
    }

    fn post(&self, path: &str, key: &str, form: String) -> RequestBuilder {
        self.request(Method::POST, path, None)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("Idempotency-Key", key)
            .body(form)
    }
}

/// Path of one payment. Its name comes from the provider, and still is not let out of its place in the path.
fn path_of(id: &str, action: &str) -> String {
    let safe: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("{INTENTS}/{safe}{action}")
}

async fn one(request: RequestBuilder) -> Answer<Payment> {
    match send(request).await? {
        Sent::Good(body) => read_payment(&body).map_err(unreadable),
        // A payment that was refused is an answer all the same.
        Sent::Bad(fault, Some(payment)) if fault.verdict == Verdict::Decline => Ok(payment),
        Sent::Bad(fault, _) => Err(fault),
    }
}

enum Sent {
    Good(Vec<u8>),
    Bad(Fault, Option<Payment>),
}

async fn send(request: RequestBuilder) -> Answer<Sent> {
    let response = request.send().await.map_err(|error| {
        // What never left this machine did not happen.
        let verdict = if error.is_connect() { Verdict::Retry } else { Verdict::LookUp };
        Fault::new(verdict, format!("the payment provider did not answer: {}", causes(&error)))
    })?;
    let status = response.status().as_u16();
    let body = read(response).await?;
    if (200..300).contains(&status) {
        return Ok(Sent::Good(body));
    }
    let (fault, payment) = read_error(status, &body);
    Ok(Sent::Bad(fault, payment))
}

async fn read(mut response: Response) -> Answer<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| {
        Fault::new(Verdict::LookUp, format!("the payment provider broke off: {}", causes(&error)))
    })? {
        if body.len().saturating_add(chunk.len()) > ANSWER_BYTES_MAX {
            let detail = format!("the payment provider's answer has more than {ANSWER_BYTES_MAX} bytes");
            return Err(Fault::new(Verdict::LookUp, detail));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// An error with all its causes; the client's own text leaves them out.
fn causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

fn unreadable(detail: String) -> Fault {
    Fault::new(Verdict::LookUp, format!("the payment provider's answer cannot be read: {detail}"))
}

impl Provider for HttpProvider {
    fn name(&self) -> &str {
        self.endpoint.as_str()
    }

    async fn authorise(&self, charge: &Charge) -> Answer<Payment> {
        let form = authorise_form(charge, self.payment_method.as_deref());
        one(self.post(INTENTS, &charge.key(), form)).await
    }

    async fn capture(&self, order: OrderId, id: &str) -> Answer<Payment> {
        one(self.post(&path_of(id, "/capture"), &format!("{order}-capture-{id}"), expand_form())).await
    }

    async fn void(&self, order: OrderId, id: &str) -> Answer<Payment> {
        one(self.post(&path_of(id, "/cancel"), &format!("{order}-void-{id}"), expand_form())).await
    }

    async fn refund(&self, order: OrderId, id: &str, amount: MinorUnits) -> Answer<Payment> {
        let key = format!("{order}-refund-{id}-{amount}");
        match send(self.post(REFUNDS, &key, refund_form(id, amount))).await? {
            Sent::Good(_) => self.retrieve(id).await.map_err(|fault| match fault.verdict {
                // The refund happened; whether the payment shows it is another question.
                Verdict::Halt => fault,
                _ => Fault { verdict: Verdict::LookUp, ..fault },
            }),
            Sent::Bad(fault, _) => Err(fault),
        }
    }

    async fn retrieve(&self, id: &str) -> Answer<Payment> {
        one(self.request(Method::GET, &path_of(id, ""), Some(&expand_form()))).await
    }

    async fn look_up(&self, order: OrderId) -> Answer<Vec<Payment>> {
        let path = format!("{INTENTS}/search");
        match send(self.request(Method::GET, &path, Some(&search_query(order)))).await? {
            Sent::Good(body) => read_payments(&body).map_err(unreadable),
            Sent::Bad(fault, _) => Err(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_options_are_named() {
        let options = |endpoint: &str, key: &str| HttpOptions {
            endpoint: endpoint.to_owned(),
            key: key.to_owned(),
            payment_method: None,
            timeout: Duration::from_secs(1),
        };
        for endpoint in ["", "api.stripe.com", "ftp://host", "http://"] {
            let error = HttpProvider::new(&options(endpoint, "sk")).err().map(|error| error.to_string());
            assert!(error.unwrap().contains("no address of a payment provider"), "{endpoint}");
        }
        for key in ["", "a\nb"] {
            assert!(matches!(HttpProvider::new(&options("http://h", key)), Err(HttpProviderError::Key)));
        }
        assert!(!format!("{:?}", options("http://h", "sk_live")).contains("sk_live"));
    }

    #[test]
    fn a_name_stays_in_its_place() {
        assert_eq!(path_of("pi_1/../x?y", "/capture"), "/v1/payment_intents/pi_1%2F..%2Fx%3Fy/capture");
    }
}
