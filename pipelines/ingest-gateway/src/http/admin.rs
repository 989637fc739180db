//! Routes for those who run sales: the role `admin`.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use order_model::Sku;
use serde::Serialize;
use utoipa::ToSchema;
use waiting_room::{RoomName, RoomNameError};

use super::bodies::{RestockBody, RevealBody, SaleBody};
use super::gate::Gate;
use super::json;
use super::problem::Problem;
use super::request::{Asker, Segment, idempotency_key, object};
use crate::limits::ADMIN_BODY_BYTES_MAX;
use crate::service::{ListingWord, RoomWritten, SaleAsk, SaleWritten, Written};

/// What was written about listings.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Written)]
pub(super) struct WrittenView {
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<WrittenRoom>,
    listings: Vec<WrittenItem>,
}

impl From<SaleWritten> for WrittenView {
    fn from(written: SaleWritten) -> Self {
        let listings = written.listings.into_iter().map(WrittenItem::from).collect();
        Self { room: written.room.map(WrittenRoom::from), listings }
    }
}

/// What was written about a waiting room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(super) struct WrittenRoom {
    /// `open`, `unchanged` or `close`.
    action: &'static str,
    /// The partition of `rooms` where it lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<u32>,
    /// Its place there.
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
}

impl From<RoomWritten> for WrittenRoom {
    fn from(written: RoomWritten) -> Self {
        let (partition, offset) = written.place.unzip();
        Self { action: written.action, partition, offset }
    }
}

/// What was written about a listing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(super) struct WrittenItem {
    /// What is sold.
    sku: String,
    /// `open`, `change`, `unchanged`, `restock`, `pause`, `resume`, `close` or `reveal`.
    action: &'static str,
    /// The partition of `orders` where the command lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<u32>,
    /// Its place there.
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
}

impl From<Written> for WrittenItem {
    fn from(written: Written) -> Self {
        let (partition, offset) = written.place.unzip();
        Self { sku: written.sku.to_string(), action: written.action, partition, offset }
    }
}

/// Opens the listings of a sale, or changes them to what is said. 202: the log has the commands.
#[utoipa::path(post, path = "/v1/admin/sales", tag = "admin", request_body = SaleBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the commands, so that a repeat changes nothing. Other content under it is 422 `idempotency_key_reused`, as far as this gateway remembers.")),
    responses(
        (status = 202, description = "The log has the commands.", body = WrittenView),
        (status = "default", description = "Not all are known to be written.", body = Problem, content_type = "application/problem+json"),
    ), security(("bearer" = [])))]
pub(super) async fn apply_sale(State(gate): State<Arc<Gate>>, request: Request) -> Result<Response, Problem> {
    let (Parts { headers, .. }, body) = request.into_parts();
    let who = gate.identify(&headers)?;
    let sale: SaleBody = object(&gate, &headers, body, ADMIN_BODY_BYTES_MAX).await?;
    let key = idempotency_key(&headers)?;
    let written = gate.service.apply_sale(&who, SaleAsk::from(sale), key).await?;
    Ok(json(StatusCode::ACCEPTED, &WrittenView::from(written)))
}

/// A sale and what is to be done with its waiting room, as in `friday:close`.
pub(super) struct SaleAndWord {
    sale: RoomName,
    word: String,
}

impl FromStr for SaleAndWord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (sale, word) = text.rsplit_once(':').ok_or("the path ends in a sale, a colon and a word")?;
        let sale = sale.parse().map_err(|error: RoomNameError| error.to_string())?;
        Ok(Self { sale, word: word.to_owned() })
    }
}

/// Closes the waiting room of a sale for good (`:close`): whoever comes may order. 202: the log has it.
#[utoipa::path(post, path = "/v1/admin/rooms/{sale_and_word}", tag = "admin",
    params(("sale_and_word" = String, Path, description = "As in `friday:close`.")),
    responses(
        (status = 202, description = "The log has it.", body = WrittenRoom),
        (status = "default", description = "It is not known to be written.", body = Problem, content_type = "application/problem+json"),
    ), security(("bearer" = [])))]
pub(super) async fn tell_room(
    State(gate): State<Arc<Gate>>,
    Asker(who): Asker,
    Segment(SaleAndWord { sale, word }): Segment<SaleAndWord>,
) -> Result<Response, Problem> {
    if word != "close" {
        return Err(Problem::bad_request("bad_path", format!("\"{word}\" is not close")));
    }
    let written = gate.service.close_room(&who, &sale).await?;
    Ok(json(StatusCode::ACCEPTED, &WrittenRoom::from(written)))
}

/// A SKU and what is to be done with its listing, as in `SOCKS:restock`. A SKU may have colons of its own.
pub(super) struct SkuAndWord {
    sku: Sku,
    word: String,
}

impl FromStr for SkuAndWord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (sku, word) = text.rsplit_once(':').ok_or("the path ends in a SKU, a colon and a word")?;
        let sku = sku.parse().map_err(|error: order_model::SkuError| error.to_string())?;
        Ok(Self { sku, word: word.to_owned() })
    }
}

/// Says one word about a listing: `restock` (with `{"units": N}`), `pause`, `resume`, `close`, or `reveal` (with
/// `{"seed": "..."}`). 202: the log has the command.
#[utoipa::path(post, path = "/v1/admin/listings/{sku_and_word}", tag = "admin",
    request_body(content = Option<RestockBody>),
    params(
        ("sku_and_word" = String, Path, description = "As in `SOCKS:restock`."),
        ("Idempotency-Key" = Option<String>, Header, description = "Names the command, so that a repeat changes nothing. Other content under it is 422 `idempotency_key_reused`, as far as this gateway remembers: at another one it changes nothing."),
    ),
    responses(
        (status = 202, description = "The log has the command.", body = WrittenView),
        (status = "default", description = "It is not known to be written.", body = Problem, content_type = "application/problem+json"),
    ), security(("bearer" = [])))]
pub(super) async fn tell_listing(
    State(gate): State<Arc<Gate>>,
    Asker(who): Asker,
    Segment(SkuAndWord { sku, word }): Segment<SkuAndWord>,
    request: Request,
) -> Result<Response, Problem> {
    let (Parts { headers, .. }, body) = request.into_parts();
    let word = match word.as_str() {
        "pause" => ListingWord::Pause,
        "resume" => ListingWord::Resume,
        "close" => ListingWord::Close,
        "restock" => {
            let body: RestockBody = object(&gate, &headers, body, ADMIN_BODY_BYTES_MAX).await?;
            ListingWord::Restock(body.units)
        }
        "reveal" => {
            let body: RevealBody = object(&gate, &headers, body, ADMIN_BODY_BYTES_MAX).await?;
            ListingWord::Reveal(body.seed.0)
        }
        other => {
            let detail = format!("\"{other}\" is none of restock, pause, resume, close, reveal");
            return Err(Problem::bad_request("bad_path", detail));
        }
    };
    let key = idempotency_key(&headers)?;
    let written = gate.service.tell_listing(&who, sku, word, key).await?;
    Ok(json(StatusCode::ACCEPTED, &WrittenView { room: None, listings: vec![written.into()] }))
}
