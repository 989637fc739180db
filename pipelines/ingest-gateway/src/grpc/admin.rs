//! Calls for those who run sales: the role `admin`.

use std::sync::Arc;

use order_model::{Currency, ListingSettings, PriceStep};
use tonic::{Request, Response, Status};
use waiting_room::RoomPlan;
use waiting_room::limits::ROOM_PEOPLE_USUAL;

use super::call::identify;
use super::convert::by_name;
use super::proto;
use super::proto::admin::v1::admin_service_server::AdminService;
use super::proto::admin::v1::{
    Action, ApplySaleRequest, ApplySaleResponse, NewListing, NewRoom, NewSale, TellListingRequest,
    TellRoomRequest, WrittenListing, WrittenRoom, tell_listing_request, tell_room_request,
};
use super::read::{bad_field, field, optional, said, span_ms, time_ms};
use super::status::status;
use crate::http::Problem;
use crate::http::gate::Gate;
use crate::limits::{HOLD_MS_USUAL, RETENTION_MS_USUAL};
use crate::service::{ListingAsk, ListingWord, RoomWritten, SaleAsk, Written};

pub(super) struct Admin(pub(super) Arc<Gate>);

fn action(name: &str) -> i32 {
    Action::from_str_name(&by_name("ACTION", name)).unwrap_or_default().into()
}

impl From<RoomWritten> for WrittenRoom {
    fn from(written: RoomWritten) -> Self {
        let (partition, offset) = written.place.unzip();
        Self { action: action(written.action), partition, offset }
    }
}

impl From<Written> for WrittenListing {
    fn from(written: Written) -> Self {
        let (partition, offset) = written.place.unzip();
        Self { sku: written.sku.to_string(), action: action(written.action), partition, offset }
    }
}

/// A sale as it is asked for.
fn sale(sale: Option<&NewSale>) -> Result<SaleAsk, Problem> {
    let sale = sale.ok_or_else(|| bad_field("sale", "say what is sold"))?;
    let currency: Currency = field(&sale.currency, "sale.currency")?;
    let listings = (0..).zip(&sale.listings).map(|(index, found): (usize, _)| {
        let listing = listing(found, &sale.name, currency);
        listing.map_err(|mut problem| {
            let place = problem.place.unwrap_or_default();
            problem.place = Some(format!("sale.listings[{index}].{place}").into());
            problem
        })
    });
    let listings = listings.collect::<Result<_, Problem>>()?;
    let room = sale.room.as_ref().map(room).transpose()?;
    Ok(SaleAsk { name: sale.name.clone(), room, listings })
}

fn room(room: &NewRoom) -> Result<RoomPlan, Problem> {
    Ok(RoomPlan {
        window_ms: span_ms(room.window, "sale.room.window")?.unwrap_or(0),
        opens_at: time_ms(room.opens_at, "sale.room.opens_at")?,
        closes_at: time_ms(room.closes_at, "sale.room.closes_at")?,
        people_max: room.people_max.unwrap_or(ROOM_PEOPLE_USUAL),
    })
}

fn listing(listing: &NewListing, sale: &str, currency: Currency) -> Result<ListingAsk, Problem> {
    let tax_bp = u16::try_from(listing.tax_bp)
        .map_err(|_| bad_field("tax_bp", format_args!("the most is {}", u16::MAX)))?;
    Ok(ListingAsk {
        sku: field(&listing.sku, "sku")?,
        stock: listing.stock,
        settings: ListingSettings {
            sale: sale.to_owned(),
            currency,
            opens_at: time_ms(listing.opens_at, "opens_at")?,
            closes_at: time_ms(listing.closes_at, "closes_at")?,
            limit_per_customer: listing.limit_per_customer,
            hold_ms: span_ms(listing.hold, "hold")?.unwrap_or(HOLD_MS_USUAL),
            extensions_max: listing.extensions_max,
            waitlist_max: listing.waitlist_max,
            retention_ms: span_ms(listing.retention, "retention")?.unwrap_or(RETENTION_MS_USUAL),
            tax_bp,
            prices: (0..).zip(&listing.prices).map(price).collect::<Result<_, _>>()?,
            draw: optional(&listing.draw, "draw")?,
        },
    })
}

fn price((index, step): (usize, &proto::Price)) -> Result<PriceStep, Problem> {
    Ok(PriceStep {
        from_time: time_ms(step.from_time, &format!("prices[{index}].from_time"))?,
        from_units: step.from_units,
        unit_price: step.unit_price,
    })
}

fn listing_word(word: Option<&tell_listing_request::Word>) -> Result<ListingWord, Problem> {
    use tell_listing_request::Word;
    match word {
        Some(Word::Restock(units)) => Ok(ListingWord::Restock(*units)),
        Some(Word::Pause(())) => Ok(ListingWord::Pause),
        Some(Word::Resume(())) => Ok(ListingWord::Resume),
        Some(Word::Close(())) => Ok(ListingWord::Close),
        Some(Word::Reveal(seed)) => Ok(ListingWord::Reveal(field(seed, "reveal")?)),
        None => Err(bad_field("word", "say one of restock, pause, resume, close, reveal")),
    }
}

#[tonic::async_trait]
impl AdminService for Admin {
    async fn apply_sale(
        &self,
        request: Request<ApplySaleRequest>,
    ) -> Result<Response<ApplySaleResponse>, Status> {
        let (who, message) = (identify(&self.0, &request)?, request.get_ref());
        let ask = sale(message.sale.as_ref()).map_err(status)?;
        let written = self.0.service.apply_sale(&who, ask, said(&message.idempotency_key)).await;
        let written = written.map_err(status)?;
        Ok(Response::new(ApplySaleResponse {
            room: written.room.map(WrittenRoom::from),
            listings: written.listings.into_iter().map(WrittenListing::from).collect(),
        }))
    }

    async fn tell_listing(
        &self,
        request: Request<TellListingRequest>,
    ) -> Result<Response<WrittenListing>, Status> {
        let (who, message) = (identify(&self.0, &request)?, request.get_ref());
        let sku = field(&message.sku, "sku").map_err(status)?;
        let word = listing_word(message.word.as_ref()).map_err(status)?;
        let written = self.0.service.tell_listing(&who, sku, word, said(&message.idempotency_key)).await;
        Ok(Response::new(written.map_err(status)?.into()))
    }

    async fn tell_room(&self, request: Request<TellRoomRequest>) -> Result<Response<WrittenRoom>, Status> {
        let (who, message) = (identify(&self.0, &request)?, request.get_ref());
        let sale = field(&message.sale, "sale").map_err(status)?;
        let Some(tell_room_request::Word::Close(())) = message.word else {
            return Err(status(bad_field("word", "say close")));
        };
        let written = self.0.service.close_room(&who, &sale).await;
        Ok(Response::new(written.map_err(status)?.into()))
    }
}
