//! Orders, events and listings as messages.

use std::collections::BTreeMap;

use order_model::{DecidedLine, OrderEventKind, RejectReason, TimeMs};
use prost_types::Timestamp;

use super::proto;
use crate::board::{Listing, OrderNews, ProofView, Remembered, WallListing, WallView};
use crate::service::{Archived, Placed};
use crate::views::{LAST_TIME_MS, StockView, state_name};

/// A time; `None` where there is none, or one that no text could say.
pub(super) fn time(time: TimeMs) -> Option<Timestamp> {
    let is_one = time.0 != 0 && time.0 <= LAST_TIME_MS;
    let seconds = i64::try_from(time.0 / 1_000).ok().filter(|_| is_one)?;
    let nanos = i32::try_from(time.0 % 1_000).ok()? * 1_000_000;
    Some(Timestamp { seconds, nanos })
}

/// The member of an enum that has the name of a state, in capitals after the enum's own.
pub(super) fn by_name(prefix: &str, name: &str) -> String {
    format!("{prefix}_{}", name.to_ascii_uppercase())
}

fn order_state(name: &str) -> i32 {
    let state = proto::OrderState::from_str_name(&by_name("ORDER_STATE", name));
    state.unwrap_or_default().into()
}

fn listing_state(name: &str) -> i32 {
    let state = proto::ListingState::from_str_name(&by_name("LISTING_STATE", name));
    state.unwrap_or_default().into()
}

fn event_kind(kind: OrderEventKind) -> i32 {
    let kind = proto::OrderEventKind::from_str_name(&by_name("ORDER_EVENT_KIND", kind.name()));
    kind.unwrap_or_default().into()
}

fn line(line: &DecidedLine) -> proto::Line {
    let state = proto::LineState::from_str_name(&by_name("LINE_STATE", line.state.name()));
    proto::Line {
        sku: line.sku.to_string(),
        quantity: line.quantity,
        state: state.unwrap_or_default().into(),
        unit_price: line.unit_price,
    }
}

fn reason(reason: Option<RejectReason>) -> (String, u32) {
    reason.map_or_else(Default::default, |reason| (reason.name().to_owned(), reason.number().into()))
}

fn decided(partition: u32, offset: Option<u64>, news: &OrderNews) -> proto::Order {
    let event = &news.event;
    let (reason, reject_number) = reason(event.reason);
    proto::Order {
        order_id: event.order.to_string(),
        state: order_state(state_name(event.kind)),
        partition,
        offset,
        decision: news.id.to_string(),
        decided_at: time(news.time),
        reason,
        reject_number,
        customer: event.customer.to_string(),
        lines: event.lines.iter().map(line).collect(),
        total: event.total,
        tax: event.tax,
        currency: event.currency.to_string(),
        deadline: time(event.deadline),
    }
}

impl From<&Placed> for proto::Order {
    fn from(placed: &Placed) -> Self {
        let Placed { partition, offset, .. } = *placed;
        match &placed.answer {
            Some(news) => decided(partition, offset, news),
            None => Self {
                order_id: placed.order.to_string(),
                state: order_state("accepted"),
                partition,
                offset,
                ..Self::default()
            },
        }
    }
}

impl From<Archived> for proto::Order {
    fn from(order: Archived) -> Self {
        decided(order.id.partition.0, None, &order.into_news())
    }
}

/// How a remembered order stands.
pub(super) fn remembered(order: &Remembered) -> Option<proto::Order> {
    let (first, latest) = order.first().zip(order.latest())?;
    Some(decided(first.id.partition.0, order.offset(), latest))
}

impl From<&OrderNews> for proto::OrderEvent {
    fn from(news: &OrderNews) -> Self {
        let event = &news.event;
        let (reason, reject_number) = reason(event.reason);
        Self {
            event_id: news.id.to_string(),
            order_id: event.order.to_string(),
            kind: event_kind(event.kind),
            decided_at: time(news.time),
            reason,
            reject_number,
            lines: event.lines.iter().map(line).collect(),
            total: event.total,
            tax: event.tax,
            currency: event.currency.to_string(),
            deadline: time(event.deadline),
        }
    }
}

impl From<StockView> for proto::Stock {
    fn from(stock: StockView) -> Self {
        let StockView { free, held, sold, waiting } = stock;
        Self { free, held, sold, waiting }
    }
}

impl From<&WallView> for proto::SaleFigures {
    fn from(wall: &WallView) -> Self {
        let counts = |counts: &BTreeMap<&'static str, u64>| {
            counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
        };
        let item = |item: &WallListing| proto::ListingStock {
            sku: item.sku.clone(),
            stock: Some(item.stock.into()),
        };
        let proof = |proof: &ProofView| proto::SaleProof {
            holds: proof.holds,
            text: proof.text.clone(),
            certificate: proof.certificate.clone(),
        };
        Self {
            sale: wall.sale.clone(),
            listings: count(wall.listings),
            stock: Some(wall.stock.into()),
            decided: wall.decided,
            decided_per_second: wall.decided_per_second,
            events: counts(&wall.events),
            rejects: counts(&wall.rejects),
            items: wall.items.iter().map(item).collect(),
            proof: wall.proof.as_ref().map(proof),
        }
    }
}

/// How many there are.
pub(super) fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// A listing as it stands at a time.
pub(super) fn listing(listing: &Listing, now: TimeMs) -> proto::Listing {
    let settings = &listing.settings;
    let price = |step: &order_model::PriceStep| proto::Price {
        unit_price: step.unit_price,
        from_time: time(step.from_time),
        from_units: step.from_units,
    };
    let hold = std::time::Duration::from_millis(settings.hold_ms);
    proto::Listing {
        sku: listing.sku.to_string(),
        sale: settings.sale.clone(),
        state: listing_state(listing.state(now)),
        stock: Some(StockView::from(listing.stock).into()),
        currency: settings.currency.to_string(),
        unit_price: listing.price(now),
        prices: settings.prices.iter().map(price).collect(),
        opens_at: time(settings.opens_at),
        closes_at: time(settings.closes_at),
        limit_per_customer: settings.limit_per_customer,
        hold: hold.try_into().ok(),
        waitlist_max: settings.waitlist_max,
        is_drawn: settings.draw.is_some(),
        read_at: listing.read_at.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use order_model::LineState;

    use super::*;

    #[test]
    fn every_kind_and_state_has_a_member_of_its_name_and_number() {
        for kind in OrderEventKind::ALL {
            let is_part = kind.name().starts_with("part_");
            assert_eq!(event_kind(*kind), if is_part { 0 } else { kind.number().into() }, "{kind:?}");
            let is_aside = matches!(kind, OrderEventKind::Refund | OrderEventKind::Refused);
            assert_eq!(order_state(state_name(*kind)) == 0, is_part || is_aside, "{kind:?}");
        }
        assert_eq!(order_state("accepted"), 1);
        for state in LineState::ALL {
            let member = proto::LineState::try_from(i32::from(state.number())).unwrap();
            assert_eq!(member.as_str_name(), by_name("LINE_STATE", state.name()));
        }
        for state in ["not_open", "open", "paused", "closed"] {
            assert_ne!(listing_state(state), 0, "{state}");
        }
    }

    #[test]
    fn times_are_said_or_left_out() {
        assert_eq!(time(TimeMs(1_500)), Some(Timestamp { seconds: 1, nanos: 500_000_000 }));
        assert_eq!(time(TimeMs(LAST_TIME_MS)).map(|time| time.seconds), Some(253_402_300_799));
        for none in [0, LAST_TIME_MS + 1, u64::MAX] {
            assert_eq!(time(TimeMs(none)), None);
        }
    }
}
