//! Withdrawing an order.

use std::sync::Arc;
use std::time::Duration;

use order_model::{Cancel, Command, CustomerId, OrderEvent, OrderEventKind, OrderId, RejectReason, Sku};

use super::Service;
use super::archive::{Found, Undecided};
use super::place::{Placed, heard};
use super::refusal::{Refusal, written};
use crate::board::{EventId, OrderNews};
use crate::identity::Identity;

/// What a withdrawal says of its order.
struct Subject {
    customer: CustomerId,
    /// Its smallest SKU: where it is decided.
    home: Sku,
    /// The latest decision that is known.
    after: Option<EventId>,
}

impl Subject {
    fn of(event: &OrderEvent, after: Option<EventId>) -> Result<Self, Refusal> {
        let home = event.lines.iter().map(|line| line.sku).min().ok_or(Refusal::OrderUnknown)?;
        Ok(Self { customer: event.customer, home, after })
    }
}

impl Service {
    /// Withdraws an order.
    pub async fn cancel(
        &self,
        who: &Identity,
        order: OrderId,
        wait: Option<Duration>,
    ) -> Result<Placed, Refusal> {
        let subject = match self.find_order(who, order).await? {
            Found::Remembered(known) => {
                let Some((first, latest)) = known.first().zip(known.latest()) else {
                    return Err(Refusal::OrderUnknown);
                };
                if latest.event.kind == OrderEventKind::Cancelled {
                    return Ok(cancelled(latest, Some(latest.offset.0)));
                }
                Subject::of(&first.event, known.news().last().map(|news| news.id))?
            }
            Found::Undecided(Undecided { customer, home, .. }) => Subject { customer, home, after: None },
            Found::Archived(archived) if archived.event.kind == OrderEventKind::Cancelled => {
                return Ok(cancelled(&Arc::new(archived.into_news()), None));
            }
            Found::Archived(archived) => Subject::of(&archived.event, Some(archived.id))?,
        };
        let Subject { customer, home: sku, after } = subject;
        if !who.roles.producer {
            self.pacing.customer(customer)?;
        }
        let feed = wait.and_then(|_| self.board().follow(order, after));
        let command = Command::Cancel(Cancel { order, customer, sku });
        let (partition, offset) = written(self.door().submit(command).await)?;
        let mut placed = Placed { order, partition, offset: Some(offset), answer: None };
        if let (Some(wait), Some(feed)) = (wait, feed) {
            let settles = |news: &OrderNews| {
                news.event.kind == OrderEventKind::Cancelled
                    || (news.event.kind == OrderEventKind::Refused && news.offset.0 == offset)
            };
            let answer = heard(feed, wait, self.ending(), settles).await;
            if let Some(news) = &answer
                && news.event.kind == OrderEventKind::Refused
            {
                let reason = news.event.reason.unwrap_or(RejectReason::OrderEnded);
                return Err(Refusal::Rejected { reason, read_at: None });
            }
            placed.answer = answer;
        }
        Ok(placed)
    }
}

/// The answer to one that was withdrawn before.
fn cancelled(news: &Arc<OrderNews>, offset: Option<u64>) -> Placed {
    let (order, partition) = (news.event.order, news.id.partition.0);
    Placed { order, partition, offset, answer: Some(Arc::clone(news)) }
}
