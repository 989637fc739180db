//! Checking a cart out.

use accounts::Carts;
use order_model::Currency;

use super::Service;
use super::place::{PlaceAsk, PlaceOptions, Placed};
use super::refusal::{Code, Refusal};
use crate::identity::Identity;
use crate::people::PeopleRefusal;

/// How to check out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CheckoutAsk {
    /// The currency to pay in; that of the listing if not said.
    pub currency: Option<Currency>,
    /// Whether lines that cannot be had may be left out.
    pub partial: bool,
}

impl Service {
    /// Orders what is in somebody's cart, as one order. Repeated, it is the same order, until that is known to be in the log.
    pub async fn check_out(
        &self,
        who: &Identity,
        carts: &Carts,
        ask: CheckoutAsk,
        options: PlaceOptions<'_>,
    ) -> Result<Placed, Refusal> {
        let checkout = carts.take(who.customer).await.map_err(PeopleRefusal::from)?;
        let CheckoutAsk { currency, partial } = ask;
        let lines = checkout.lines.iter().map(|line| (*line).into()).collect();
        let ask = PlaceAsk { order: Some(checkout.order), customer: None, lines, currency, partial };
        match self.place_as(who, ask, options, checkout.is_repeated).await {
            Ok(placed) => {
                // Should this fail, the next check-out finds the order placed; the answer is the order's all the same.
                if let Err(error) = carts.placed(who.customer, checkout.order).await {
                    tracing::warn!("note that order {} is placed: {error}", checkout.order);
                }
                Ok(placed)
            }
            Err(refusal) => {
                if refusal.is_reuse() {
                    // The log has this check-out, as somebody asked for it before on other terms.
                    carts.placed(who.customer, checkout.order).await.map_err(PeopleRefusal::from)?;
                } else if !checkout.is_repeated && is_certain(&refusal) {
                    let given = carts.give_back(who.customer, checkout.order).await;
                    given.map_err(PeopleRefusal::from)?;
                }
                Err(refusal)
            }
        }
    }
}

/// Whether what was refused certainly was not written by this attempt. Of those before it this says nothing.
fn is_certain(refusal: &Refusal) -> bool {
    !matches!(refusal.code(), Code::Unknown | Code::Unavailable | Code::Internal)
}
