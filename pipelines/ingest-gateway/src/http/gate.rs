//! What every request passes: the address it comes from, how often it may ask, how many are in hand; and what every answer
//! carries.

use std::any::Any;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::pages;
use super::problem::Problem;
use crate::addresses::PerAddress;
use crate::grpc::{HEALTH_PATH, is_grpc, spoken};
use crate::identity::Identity;
use crate::limits::{HttpLimits, RETRY_AFTER_SECONDS, TARGET_BYTES_MAX};
use crate::people::People;
use crate::service::{Refusal, Service};
use crate::shop::Shop;
use crate::together::Together;

/// What the handlers share.
pub(crate) struct Gate {
    pub(crate) service: Service,
    pub(crate) limits: HttpLimits,
    /// Whose word about addresses is taken.
    pub(crate) proxies: Vec<IpNet>,
    pub(crate) requests: Arc<Semaphore>,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) address_streams: Arc<PerAddress>,
    /// True once the server is to end: it is not ready any more.
    pub(crate) draining: watch::Receiver<bool>,
    /// True once connections are being ended: streams end, and nothing new is begun.
    pub(crate) closing: watch::Receiver<bool>,
    /// Whether people reach us over TLS, ours or that of a proxy in front.
    pub(crate) is_tls: bool,
    /// Pages and products, if there is a shop.
    pub(crate) shop: Option<Arc<Shop>>,
    /// Accounts and carts, if there are any.
    pub(crate) people: Option<Arc<People>>,
    /// What is bought together, if somebody counts that.
    pub(crate) together: Option<Arc<Together>>,
    /// What the payment provider signs its callbacks with.
    pub(crate) callback_secrets: Vec<String>,
}

/// Whoever is at the other end of a connection; behind the PROXY protocol, whom it names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// What an answer counts as until its reader has it: a request in hand, or an open stream. The connection takes it from the
/// extensions of the answer.
#[derive(Clone)]
pub(crate) struct Held {
    _places: Arc<dyn Any + Send + Sync>,
}

impl Held {
    fn new(places: impl Any + Send + Sync) -> Self {
        Self { _places: Arc::new(places) }
    }
}

/// The place of a stream among all; an answer that carries it in its extensions is one.
#[derive(Clone)]
pub(crate) struct StreamPlace(Arc<OwnedSemaphorePermit>);

impl Gate {
    /// A place for one more stream.
    pub(crate) fn stream_place(&self) -> Result<StreamPlace, Refusal> {
        let permit = Arc::clone(&self.streams).try_acquire_owned().map_err(|_| Refusal::Overloaded)?;
        Ok(StreamPlace(Arc::new(permit)))
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Waits until connections are being ended.
    pub(crate) async fn closed(&self) {
        // Whoever would say so having gone means the same.
        drop(self.closing.clone().wait_for(|is_closing| *is_closing).await);
    }

    pub(crate) fn is_proxy(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.proxies.iter().any(|network| network.contains(&address))
    }

    /// Who asks.
    pub(crate) fn identify(&self, headers: &HeaderMap) -> Result<Identity, Refusal> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = values.next().ok_or(Refusal::NotIdentified)?;
        let text = value.to_str().map_err(|_| Refusal::NotIdentified)?;
        let (scheme, token) = text.split_once(' ').ok_or(Refusal::NotIdentified)?;
        if !scheme.eq_ignore_ascii_case("bearer") || values.next().is_some() {
            return Err(Refusal::NotIdentified);
        }
        Ok(self.service.identify(token.trim())?)
    }

    /// The address a request comes from: the last one that no named proxy of ours vouches for.
    pub(super) fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.is_proxy(peer) {
            return peer;
        }
        let values = headers.get_all("x-forwarded-for").iter().rev();
        let texts = values.filter_map(|value| value.to_str().ok());
        let mut latest = peer;
        for text in texts.flat_map(|text| text.rsplit(',')) {
            let Ok(address) = text.trim().parse::<IpAddr>() else { break };
            latest = address;
            if !self.is_proxy(address) {
                break;
            }
        }
        latest
    }

    /// The same for a request. Every connection names its peer; without one it comes from nowhere.
    pub(crate) fn origin(&self, extensions: &Extensions, headers: &HeaderMap) -> IpAddr {
        let peer = extensions.get::<Peer>();
        peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Peer(peer)| self.address(peer.ip(), headers))
    }

    /// Accounts and carts.
    pub(crate) fn people(&self) -> Result<&Arc<People>, Refusal> {
        self.people.as_ref().ok_or(Refusal::NotHere("are no accounts"))
    }

    /// Pages and products.
    pub(crate) fn shop(&self) -> Result<&Arc<Shop>, Refusal> {
        self.shop.as_ref().ok_or(Refusal::NotHere("is no shop"))
    }

    /// Reads a body of JSON, or of lines of JSON.
    pub(crate) async fn body(
        &self,
        headers: &HeaderMap,
        body: Body,
        bytes_max: usize,
        kinds: &[&str],
    ) -> Result<(Bytes, usize), Problem> {
        let encoding = headers.get(CONTENT_ENCODING);
        if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            let detail = "send the body as it is: no Content-Encoding is taken";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "body_encoded", detail));
        }
        let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
        let Some(kind) = kinds.iter().position(|known| kind.eq_ignore_ascii_case(known)) else {
            let detail = format!("send the body as {}", kinds.join(" or "));
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type_unknown", detail));
        };
        let too_large = || {
            let detail = format!("the body has more than {bytes_max} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
        };
        let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > bytes_max) {
            return Err(too_large());
        }
        let limit = Duration::from_millis(self.limits.body_ms_max);
        let read = tokio::time::timeout(limit, axum::body::to_bytes(body, bytes_max)).await;
        match read {
            Ok(Ok(bytes)) => Ok((bytes, kind)),
            Ok(Err(error)) if is_too_large(&error) => Err(too_large()),
            Ok(Err(_)) => Err(Problem::bad_request("body_broken_off", "the body ended before its end")),
            Err(_) => {
                let detail = format!("the body took longer than {} ms", self.limits.body_ms_max);
                Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail))
            }
        }
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// Lets a request pass, or turns it away before anything is done for it.
pub(super) async fn guard(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let is_probe = matches!(request.uri().path(), "/livez" | "/readyz" | HEALTH_PATH);
    let (speaks_grpc, wants_page) = (is_grpc(request.headers()), pages::are_wanted(&gate, &request));
    let admitted = if is_probe { Ok(None) } else { admit(&gate, &request).map(Some) };
    let answered = match admitted {
        Ok(None) => Ok((next.run(request).await, None)),
        Ok(Some(admitted)) => hold(&gate, admitted, next.run(request).await),
        Err(problem) => Err(problem),
    };
    let (mut response, held) = answered.unwrap_or_else(|problem| (problem.into_response(), None));
    if speaks_grpc {
        response = spoken(response);
    } else {
        if wants_page {
            response = pages::for_people(&gate, response);
        }
        dress(&gate, response.headers_mut());
    }
    if let Some(held) = held {
        response.extensions_mut().insert(held);
    }
    response
}

/// A request that was let pass.
struct Admitted {
    permit: OwnedSemaphorePermit,
    /// Where it comes from.
    address: IpAddr,
}

fn admit(gate: &Gate, request: &Request<Body>) -> Result<Admitted, Problem> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > TARGET_BYTES_MAX {
        let detail = format!("the target of the request has more than {TARGET_BYTES_MAX} bytes");
        return Err(Problem::new(StatusCode::URI_TOO_LONG, "target_too_long", detail));
    }
    let address = gate.origin(request.extensions(), request.headers());
    gate.service.pacing().address(address)?;
    let permit = Arc::clone(&gate.requests).try_acquire_owned().map_err(|_| Refusal::Overloaded)?;
    Ok(Admitted { permit, address })
}

/// What an answer counts as. A stream is no request in hand any more; it counts among those of its address.
fn hold(
    gate: &Gate,
    Admitted { permit, address }: Admitted,
    mut response: Response,
) -> Result<(Response, Option<Held>), Problem> {
    let Some(StreamPlace(place)) = response.extensions_mut().remove() else {
        return Ok((response, Some(Held::new(permit))));
    };
    let limits = &gate.limits;
    // A proxy that does not say for whom it asks asks for many.
    let is_one = !gate.is_proxy(address);
    let most = if is_one { limits.address_streams_max } else { limits.streams_max };
    let share = gate.address_streams.count(address, most).ok_or_else(|| {
        let detail = format!("your address has {most} event streams open, which is the most; close some");
        Problem {
            retry_after_seconds: Some(RETRY_AFTER_SECONDS),
            ..Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", detail)
        }
    })?;
    Ok((response, Some(Held::new((place, share)))))
}

/// What browsers are told about every answer, unless it says so itself.
fn dress(gate: &Gate, headers: &mut HeaderMap) {
    let mut add = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    add(X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(X_FRAME_OPTIONS, "DENY");
    add(REFERRER_POLICY, "no-referrer");
    add(CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    add(CACHE_CONTROL, "no-store");
    if gate.is_tls {
        add(STRICT_TRANSPORT_SECURITY, "max-age=63072000");
    }
}
