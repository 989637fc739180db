//! Routes about orders.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use order_model::OrderId;
use serde::Serialize;
use utoipa::ToSchema;

use super::bodies::{BatchBody, OrderBody};
use super::gate::Gate;
use super::json::{Object, read};
use super::problem::Problem;
use super::request::{Asker, JSON, Segment, idempotency_key, object, page_size, parameter, query};
use super::rooms::place_token;
use super::stream::StreamEvent;
use super::{json, prefer, stream};
use crate::limits::{BATCH_BODY_BYTES_MAX, BATCH_ORDERS_MAX, ORDER_BODY_BYTES_MAX};
use crate::service::{Found, PlaceAsk, PlaceOptions, Placed, Refusal};
use crate::views::OrderView;

const LINES_OF_JSON: &str = "application/x-ndjson";

/// Orders, newest first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Orders)]
pub(super) struct OrdersView {
    orders: Vec<OrderView>,
    /// Where the next page is, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What became of each order of a batch, in its order: an order, or a problem.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = BatchAnswer)]
pub(super) struct BatchView {
    results: Vec<BatchItem>,
}

/// What became of one order of a batch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum BatchItem {
    /// The log has it.
    Order(Box<OrderView>),
    /// It has not, or may not have.
    Problem(Box<Problem>),
}

/// Places an order. 202: the log has it, and its outcome is fixed; with `Prefer: wait=N` 200 and the decision, if it comes
/// within N seconds. A repeat under the same id or Idempotency-Key is the same order and gets the same answer, for as long as
/// the ledger remembers it. Other content under the same Idempotency-Key gets 422 `order_id_reused` wherever the first is
/// remembered, else it is another order, under another id if their smallest SKUs differ. 504 `outcome_unknown`: ask again with
/// the same id or key.
#[utoipa::path(post, path = "/v1/orders", tag = "orders", request_body = OrderBody,
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Names the order where it has no order_id."),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: wait up to N seconds for the decision."),
        ("Place" = Option<String>, Header, description = "The token that holds a place in the waiting room; of several, with commas between."),
    ),
    responses(
        (status = 200, description = "It is decided.", body = OrderView),
        (status = 202, description = "The log has it.", body = OrderView),
        (status = "default", description = "It is not known to be in the log.", body = Problem, content_type = "application/problem+json"),
    ), security(("bearer" = [])))]
pub(super) async fn place(State(gate): State<Arc<Gate>>, request: Request) -> Result<Response, Problem> {
    let (Parts { headers, .. }, body) = request.into_parts();
    let who = gate.identify(&headers)?;
    let order: OrderBody = object(&gate, &headers, body, ORDER_BODY_BYTES_MAX).await?;
    let options = PlaceOptions {
        idempotency_key: idempotency_key(&headers)?,
        wait: prefer::wait(&headers),
        room_token: place_token(&headers)?,
    };
    let placed = gate.service.place(&who, PlaceAsk::from(order), options).await?;
    Ok(answer(&placed, &headers))
}

/// An order that the log has, with or without its decision.
pub(super) fn answer(placed: &Placed, request: &HeaderMap) -> Response {
    let status = if placed.answer.is_some() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let view = OrderView::from(placed);
    let mut response = json(status, &view);
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(&view.links.itself) {
        headers.insert(LOCATION, location);
    }
    if let Some(wait) = prefer::wait(request)
        && let Ok(applied) = HeaderValue::from_str(&format!("wait={}", wait.as_secs()))
    {
        headers.insert("preference-applied", applied);
    }
    response
}

/// Places several orders at once; nothing is waited for but the log. As JSON, or as lines of JSON, each an order.
#[utoipa::path(post, path = "/v1/orders:batch", tag = "orders", request_body = BatchBody,
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "With its place in the batch, names each order that has no order_id."),
        ("Place" = Option<String>, Header, description = "The token that holds a place in the waiting room; of several, with commas between."),
    ),
    responses(
        (status = 200, description = "What became of each, in their order.", body = BatchView),
        (status = "default", description = "None was written.", body = Problem, content_type = "application/problem+json"),
    ), security(("bearer" = [])))]
pub(super) async fn place_all(State(gate): State<Arc<Gate>>, request: Request) -> Result<Response, Problem> {
    let (Parts { headers, .. }, body) = request.into_parts();
    let who = gate.identify(&headers)?;
    let (body, kind) = gate.body(&headers, body, BATCH_BODY_BYTES_MAX, &[JSON, LINES_OF_JSON]).await?;
    let is_lines = kind == 1;
    let asks = if is_lines { read_lines(&body) } else { read_batch(&body)? };
    if asks.len() > BATCH_ORDERS_MAX {
        let detail = format!("the batch has more than {BATCH_ORDERS_MAX} orders");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "batch_too_large", detail));
    }
    let key = idempotency_key(&headers)?;
    let placed = gate.service.place_all(&who, asks, key, place_token(&headers)?).await;
    let item = |placed: Result<Placed, Box<Problem>>| match placed {
        Ok(placed) => BatchItem::Order(Box::new(OrderView::from(&placed))),
        Err(problem) => BatchItem::Problem(problem),
    };
    let results: Vec<BatchItem> = placed.into_iter().map(item).collect();
    Ok(if is_lines { lines(&results) } else { json(StatusCode::OK, &BatchView { results }) })
}

type Asked = Result<PlaceAsk, Box<Problem>>;

/// One bad order spoils a batch of JSON, which is one text.
fn read_batch(body: &[u8]) -> Result<Vec<Asked>, Problem> {
    let Object(batch) = read::<Object<BatchBody>>(body)?;
    Ok(batch.orders.into_iter().map(|Object(order)| Ok(PlaceAsk::from(order))).collect())
}

/// Of lines, each stands for itself. Of too many, only so many are looked at that it shows.
fn read_lines(body: &[u8]) -> Vec<Asked> {
    let lines = (1..).zip(body.split(|byte| *byte == b'\n'));
    let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    lines
        .take(BATCH_ORDERS_MAX + 1)
        .map(|(number, line)| match read::<Object<OrderBody>>(line) {
            Ok(Object(order)) => Ok(PlaceAsk::from(order)),
            Err(mut problem) => {
                problem.line = Some(number);
                Err(Box::new(problem))
            }
        })
        .collect()
}

fn lines(results: &[BatchItem]) -> Response {
    let mut body = Vec::new();
    for item in results {
        body.extend(serde_json::to_vec(item).unwrap_or_default());
        body.push(b'\n');
    }
    (StatusCode::OK, [(CONTENT_TYPE, HeaderValue::from_static(LINES_OF_JSON))], body).into_response()
}

/// Withdraws an order. 202: the log has the command; with `Prefer: wait=N` 200 and the decision, if it comes in time.
#[utoipa::path(delete, path = "/v1/orders/{id}", tag = "orders",
    params(
        ("id" = String, Path, description = "The order."),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: wait up to N seconds for the decision."),
    ),
    responses(
        (status = 200, description = "It is withdrawn.", body = OrderView),
        (status = 202, description = "The log has the command.", body = OrderView),
        (status = "default", description = "Nothing is known to be written.", body = Problem, content_type = "application/problem+json"),
    ), security(("bearer" = [])))]
pub(super) async fn cancel(
    State(gate): State<Arc<Gate>>,
    Asker(who): Asker,
    Segment(order): Segment<OrderId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let placed = gate.service.cancel(&who, order, prefer::wait(&headers)).await?;
    Ok(answer(&placed, &headers))
}

/// Shows how an order stands.
#[utoipa::path(get, path = "/v1/orders/{id}", tag = "orders",
    params(("id" = String, Path, description = "The order.")),
    responses(
        (status = 200, description = "The order.", body = OrderView),
        (status = "default", description = "It cannot be shown.", body = Problem, content_type = "application/problem+json"),
    ), security(("bearer" = [])))]
pub(super) async fn show(
    State(gate): State<Arc<Gate>>,
    Asker(who): Asker,
    Segment(order): Segment<OrderId>,
) -> Result<Response, Problem> {
    let view = match gate.service.find_order(&who, order).await? {
        Found::Remembered(known) => OrderView::of_remembered(&known).ok_or(Refusal::OrderUnknown)?,
        Found::Undecided(undecided) => OrderView::from(&undecided.placed),
        Found::Archived(archived) => OrderView::of_archived(archived),
    };
    Ok(json(StatusCode::OK, &view))
}

/// Streams what becomes of an order: each event is named after what was decided. `Last-Event-ID` resumes without loss; of an
/// order that is forgotten here, it begins with how it stands.
#[utoipa::path(get, path = "/v1/orders/{id}/events", tag = "orders",
    params(
        ("id" = String, Path, description = "The order."),
        ("Last-Event-ID" = Option<String>, Header, description = "The last event seen; one that cannot be read starts anew."),
    ),
    responses(
        (status = 200, description = "The events; `data` is an OrderEventView.", body = StreamEvent, content_type = "text/event-stream"),
        (status = "default", description = "There is no stream.", body = Problem, content_type = "application/problem+json"),
    ), security(("bearer" = [])))]
pub(super) async fn events(
    State(gate): State<Arc<Gate>>,
    Asker(who): Asker,
    Segment(order): Segment<OrderId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let after = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let feed = gate.service.order_events(&who, order, after).await?;
    stream::respond(&gate, stream::of_order(feed))
}

/// Shows the bearer's orders, newest first, as far as they are remembered here.
#[utoipa::path(get, path = "/v1/me/orders", tag = "orders",
    params(
        ("after" = Option<String>, Query, description = "The last order of the page before."),
        ("count" = Option<usize>, Query, description = "How many, at most 100."),
    ),
    responses(
        (status = 200, description = "The orders.", body = OrdersView),
        (status = "default", description = "They cannot be shown.", body = Problem, content_type = "application/problem+json"),
    ), security(("bearer" = [])))]
pub(super) async fn mine(
    State(gate): State<Arc<Gate>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let who = gate.identify(&headers)?;
    let query = query(&uri, &["after", "count"])?;
    let count = page_size(&query)?;
    let known = gate.service.orders_of(&who, parameter::<OrderId>(&query, "after")?, count);
    let orders: Vec<OrderView> = known.iter().filter_map(OrderView::of_remembered).collect();
    let last = orders.last().filter(|_| orders.len() == count);
    let next = last.map(|order| format!("/v1/me/orders?after={}&count={count}", order.order_id));
    Ok(json(StatusCode::OK, &OrdersView { orders, next }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_lines_few_are_read() {
        let asks = read_lines(&b"\nx\n".repeat(100_000));
        assert_eq!(asks.len(), BATCH_ORDERS_MAX + 1);
        let places = asks.iter().take(2).map(|ask| ask.as_ref().unwrap_err().line);
        assert_eq!(places.collect::<Vec<_>>(), [Some(2), Some(4)]);
    }
}
