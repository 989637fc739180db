//! Routes about what people ask to be told: that a sale opens, that something is to be had again.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use order_model::Sku;
use serde::Deserialize;
use sink_push::contacts::Interest;
use utoipa::ToSchema;

use super::gate::Gate;
use super::json::Text;
use super::problem::Problem;
use super::request::{object, parameter, query};
use crate::limits::ACCOUNT_BODY_BYTES_MAX;
use crate::service::{Reachable, Refusal};

/// When somebody is to be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub(super) enum SubscriptionEvent {
    /// The sale of the SKU opens.
    Opens,
    /// The SKU is to be had again.
    BackInStock,
}

impl FromStr for SubscriptionEvent {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "opens" => Ok(Self::Opens),
            "back_in_stock" => Ok(Self::BackInStock),
            _ => Err("the event is opens or back_in_stock"),
        }
    }
}

impl SubscriptionEvent {
    fn interest(self, sku: Sku) -> Interest {
        match self {
            Self::Opens => Interest::Opening(sku),
            Self::BackInStock => Interest::Stock(sku),
        }
    }
}

/// What somebody wants to be told.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SubscriptionRequest)]
pub(super) struct SubscriptionBody {
    /// About what.
    #[schema(value_type = String)]
    sku: Text<Sku>,
    /// When.
    #[schema(value_type = SubscriptionEvent)]
    event: Text<SubscriptionEvent>,
}

/// Who asks: somebody who can be reached, and does not ask too often.
fn reachable(gate: &Gate, headers: &HeaderMap) -> Result<Reachable, Refusal> {
    gate.service.reachable(&gate.identify(headers)?)
}

/// Notes that the bearer wants to be told, by every way that reaches them and that they have not muted. Whoever asks again
/// is told again.
#[utoipa::path(post, path = "/v1/subscriptions", tag = "subscriptions", request_body = SubscriptionBody, responses(
    (status = 204, description = "They will be told."),
    (status = "default", description = "It is not noted.", body = Problem, content_type = "application/problem+json"),
), security(("bearer" = [])))]
pub(super) async fn subscribe(
    State(gate): State<Arc<Gate>>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let (Parts { headers, .. }, body) = request.into_parts();
    let who = reachable(&gate, &headers)?;
    let people = gate.people()?;
    let SubscriptionBody { sku: Text(sku), event: Text(event) } =
        object(&gate, &headers, body, ACCOUNT_BODY_BYTES_MAX).await?;
    gate.service.subscribe(who, people, gate.shop.as_deref(), &event.interest(sku)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A parameter that cannot be left out.
fn needed<T: FromStr<Err: Display>>(
    query: &BTreeMap<&'static str, String>,
    name: &'static str,
) -> Result<T, Problem> {
    let missing = || Problem {
        place: Some(name.into()),
        ..Problem::bad_request("bad_query", format!("the parameter \"{name}\" is missing"))
    };
    parameter(query, name)?.ok_or_else(missing)
}

/// Notes that the bearer no longer wants to be told.
#[utoipa::path(delete, path = "/v1/subscriptions", tag = "subscriptions",
    params(
        ("sku" = String, Query, description = "About what."),
        ("event" = SubscriptionEvent, Query, description = "When."),
    ),
    responses(
        (status = 204, description = "They will not be told."),
        (status = "default", description = "It is not noted.", body = Problem, content_type = "application/problem+json"),
    ), security(("bearer" = [])))]
pub(super) async fn unsubscribe(
    State(gate): State<Arc<Gate>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let who = reachable(&gate, &headers)?;
    let people = gate.people()?;
    let query = query(&uri, &["sku", "event"])?;
    let (sku, event) = (needed::<Sku>(&query, "sku")?, needed::<SubscriptionEvent>(&query, "event")?);
    gate.service.unsubscribe(who, people, &event.interest(sku)).await?;
    Ok(StatusCode::NO_CONTENT)
}
