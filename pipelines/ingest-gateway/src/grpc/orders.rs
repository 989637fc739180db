//! Calls about orders.

use std::sync::Arc;

use axum::http::StatusCode;
use futures_util::stream::{BoxStream, StreamExt as _, unfold};
use order_model::OrderId;
use tonic::{Request, Response, Status, Streaming};

use super::call::{Deadline, cut, identify};
use super::convert::remembered;
use super::proto::order_service_server::OrderService;
use super::proto::place_order_result::Result as One;
use super::proto::{
    CancelOrderRequest, GetOrderRequest, ListMyOrdersRequest, ListMyOrdersResponse, Order, OrderEvent,
    PlaceOrderRequest, PlaceOrderResult, PlaceOrdersRequest, PlaceOrdersResponse, WatchOrderRequest,
};
use super::read::{ask, field, optional, page_size, said, wait};
use super::status::status;
use crate::http::Problem;
use crate::http::gate::Gate;
use crate::limits::{BATCH_ORDERS_MAX, PAGE_ITEMS_MAX};
use crate::service::{Found, PlaceOptions, Placed, Refusal};

pub(super) struct Orders(pub(super) Arc<Gate>);

#[tonic::async_trait]
impl OrderService for Orders {
    type WatchOrderStream = BoxStream<'static, Result<OrderEvent, Status>>;

    async fn place_order(&self, request: Request<PlaceOrderRequest>) -> Result<Response<Order>, Status> {
        let (who, deadline) = (identify(&self.0, &request)?, Deadline::of(&request));
        let message = request.get_ref();
        let options = PlaceOptions {
            idempotency_key: said(&message.idempotency_key),
            wait: deadline.wait(wait(message.wait).map_err(status)?),
            room_token: said(&message.room_token),
        };
        let ask = ask(message.order.as_ref()).map_err(status)?;
        let placed = self.0.service.place(&who, ask, options).await.map_err(status)?;
        Ok(Response::new(Order::from(&placed)))
    }

    async fn place_orders(
        &self,
        request: Request<Streaming<PlaceOrdersRequest>>,
    ) -> Result<Response<PlaceOrdersResponse>, Status> {
        let who = identify(&self.0, &request)?;
        let mut messages = request.into_inner();
        let (mut named, mut asks) = (None, Vec::new());
        while let Some(message) = messages.message().await? {
            if asks.len() == BATCH_ORDERS_MAX {
                let detail = format!("the batch has more than {BATCH_ORDERS_MAX} orders");
                return Err(status(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "batch_too_large", detail)));
            }
            asks.push(ask(message.order.as_ref()).map_err(Box::new));
            named.get_or_insert((message.idempotency_key, message.room_token));
        }
        let (key, token) = named.unwrap_or_default();
        let placed = self.0.service.place_all(&who, asks, said(&key), said(&token)).await;
        let one = |placed: Result<Placed, Box<Problem>>| match placed {
            Ok(placed) => One::Order(Order::from(&placed)),
            Err(problem) => One::Problem((&*problem).into()),
        };
        let results = placed.into_iter().map(|placed| PlaceOrderResult { result: Some(one(placed)) });
        Ok(Response::new(PlaceOrdersResponse { results: results.collect() }))
    }

    async fn cancel_order(&self, request: Request<CancelOrderRequest>) -> Result<Response<Order>, Status> {
        let (who, deadline) = (identify(&self.0, &request)?, Deadline::of(&request));
        let message = request.get_ref();
        let order: OrderId = field(&message.order_id, "order_id").map_err(status)?;
        let wait = deadline.wait(wait(message.wait).map_err(status)?);
        let placed = self.0.service.cancel(&who, order, wait).await.map_err(status)?;
        Ok(Response::new(Order::from(&placed)))
    }

    async fn get_order(&self, request: Request<GetOrderRequest>) -> Result<Response<Order>, Status> {
        let who = identify(&self.0, &request)?;
        let order: OrderId = field(&request.get_ref().order_id, "order_id").map_err(status)?;
        let order = match self.0.service.find_order(&who, order).await.map_err(status)? {
            Found::Remembered(known) => remembered(&known).ok_or_else(|| status(Refusal::OrderUnknown))?,
            Found::Undecided(undecided) => Order::from(&undecided.placed),
            Found::Archived(order) => Order::from(order),
        };
        Ok(Response::new(order))
    }

    async fn list_my_orders(
        &self,
        request: Request<ListMyOrdersRequest>,
    ) -> Result<Response<ListMyOrdersResponse>, Status> {
        let who = identify(&self.0, &request)?;
        let message = request.get_ref();
        let after = optional::<OrderId>(&message.after, "after").map_err(status)?;
        let count = page_size(message.page_size, PAGE_ITEMS_MAX).map_err(status)?;
        let known = self.0.service.orders_of(&who, after, count);
        let orders: Vec<Order> = known.iter().filter_map(remembered).collect();
        let last = orders.last().filter(|_| orders.len() == count);
        let next_after = last.map(|order| order.order_id.clone()).unwrap_or_default();
        Ok(Response::new(ListMyOrdersResponse { orders, next_after }))
    }

    async fn watch_order(
        &self,
        request: Request<WatchOrderRequest>,
    ) -> Result<Response<Self::WatchOrderStream>, Status> {
        let who = identify(&self.0, &request)?;
        let message = request.get_ref();
        let order: OrderId = field(&message.order_id, "order_id").map_err(status)?;
        let after = message.last_event_id.parse().ok();
        let feed = self.0.service.order_events(&who, order, after).await.map_err(status)?;
        let events = unfold(Some(feed), |feed| async move {
            let mut feed = feed?;
            Some(match feed.next().await {
                Some(news) => (Ok(OrderEvent::from(&*news)), Some(feed)),
                None => (Err(cut("the stream was cut; open it again after the last event seen")), None),
            })
        });
        Ok(Response::new(events.boxed()))
    }
}
