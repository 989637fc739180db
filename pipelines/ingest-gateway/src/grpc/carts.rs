//! Calls about carts. A cart sets nothing aside; its check-out is one order.

use std::sync::Arc;

use accounts::{CartLine, Carts as Kept};
use order_model::Sku;
use tonic::{Request, Response, Status};

use super::call::{Deadline, identify};
use super::proto::orders::v1::Order;
use super::proto::people::v1::cart_service_server::CartService;
use super::proto::people::v1::{
    Cart, CartLine as Line, CheckOutRequest, ClearCartRequest, GetCartRequest, PutLineRequest,
    RemoveLineRequest,
};
use super::read::{field, optional, said, wait};
use super::status::status;
use crate::http::gate::Gate;
use crate::identity::Identity;
use crate::service::{CheckoutAsk, PlaceOptions};

pub(super) struct Carts(pub(super) Arc<Gate>);

impl Carts {
    fn of<T>(&self, request: &Request<T>) -> Result<(&Kept, Identity), Status> {
        let who = identify(&self.0, request)?;
        Ok((&self.0.people().map_err(status)?.carts, who))
    }
}

fn shown(cart: &accounts::Cart) -> Response<Cart> {
    let line = |line: &CartLine| Line { sku: line.sku.to_string(), quantity: line.quantity };
    let open = cart.checkout.as_ref().filter(|checkout| !checkout.is_placed);
    Response::new(Cart {
        lines: cart.lines.iter().map(line).collect(),
        version: cart.version,
        checking_out: open.map(|checkout| checkout.order.to_string()).unwrap_or_default(),
    })
}

#[tonic::async_trait]
impl CartService for Carts {
    async fn get_cart(&self, request: Request<GetCartRequest>) -> Result<Response<Cart>, Status> {
        let (carts, who) = self.of(&request)?;
        Ok(shown(&carts.get(who.customer).await.map_err(status)?))
    }

    async fn put_line(&self, request: Request<PutLineRequest>) -> Result<Response<Cart>, Status> {
        let (carts, who) = self.of(&request)?;
        let PutLineRequest { sku, quantity } = request.get_ref();
        let line = CartLine { sku: field(sku, "sku").map_err(status)?, quantity: *quantity };
        Ok(shown(&carts.put_line(who.customer, line).await.map_err(status)?))
    }

    async fn remove_line(&self, request: Request<RemoveLineRequest>) -> Result<Response<Cart>, Status> {
        let (carts, who) = self.of(&request)?;
        let sku: Sku = field(&request.get_ref().sku, "sku").map_err(status)?;
        Ok(shown(&carts.remove_line(who.customer, &sku).await.map_err(status)?))
    }

    async fn clear_cart(&self, request: Request<ClearCartRequest>) -> Result<Response<Cart>, Status> {
        let (carts, who) = self.of(&request)?;
        Ok(shown(&carts.clear(who.customer).await.map_err(status)?))
    }

    async fn check_out(&self, request: Request<CheckOutRequest>) -> Result<Response<Order>, Status> {
        let ((carts, who), deadline) = (self.of(&request)?, Deadline::of(&request));
        let message = request.get_ref();
        let currency = optional(&message.currency, "currency").map_err(status)?;
        let options = PlaceOptions {
            idempotency_key: None,
            wait: deadline.wait(wait(message.wait).map_err(status)?),
            room_token: said(&message.room_token),
        };
        let ask = CheckoutAsk { currency, partial: message.partial };
        let placed = self.0.service.check_out(&who, carts, ask, options).await.map_err(status)?;
        Ok(Response::new(Order::from(&placed)))
    }
}
