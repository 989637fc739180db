//! What people ask to be told.

use order_model::CustomerId;
use sink_push::contacts::{Interest, Subscriber};

use super::Service;
use super::refusal::Refusal;
use crate::identity::Identity;
use crate::people::{People, PeopleRefusal};
use crate::shop::Shop;

/// Somebody who can be told something, and does not ask too often.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reachable(CustomerId);

impl Service {
    /// Whether somebody can be told something; stands before what they ask for is read.
    pub fn reachable(&self, who: &Identity) -> Result<Reachable, Refusal> {
        if !who.verified {
            return Err(Refusal::NotVerified);
        }
        self.pacing.customer(who.customer)?;
        Ok(Reachable(who.customer))
    }

    /// Notes that somebody wants to be told of something that is in the catalogue or listed. Whoever asks again is told again.
    pub async fn subscribe(
        &self,
        Reachable(customer): Reachable,
        people: &People,
        shop: Option<&Shop>,
        interest: &Interest,
    ) -> Result<(), Refusal> {
        let (Interest::Opening(sku) | Interest::Stock(sku)) = interest;
        let is_product = shop.is_some_and(|shop| shop.products().get(sku).is_some());
        if !is_product {
            self.listing(sku)?;
        }
        let subscriber = Subscriber { customer, since: self.now() };
        let is_noted = people.accounts.subscribe(interest, subscriber).await.map_err(PeopleRefusal::from)?;
        if is_noted { Ok(()) } else { Err(PeopleRefusal::AccountGone.into()) }
    }

    /// Notes that somebody no longer wants to be told.
    pub async fn unsubscribe(
        &self,
        Reachable(customer): Reachable,
        people: &People,
        interest: &Interest,
    ) -> Result<(), Refusal> {
        let noted = people.contacts.unsubscribe(interest, customer).await;
        Ok(noted.map_err(PeopleRefusal::from)?)
    }
}
