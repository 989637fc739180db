//! What messages say, read as what it means.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use axum::http::StatusCode;
use order_model::{Line, TimeMs};
use prost_types::Timestamp;

use super::proto;
use crate::http::Problem;
use crate::limits::PAGE_ITEMS_MAX;
use crate::service::PlaceAsk;
use crate::views::LAST_TIME_MS;

/// What is wrong with a field.
pub(super) fn bad_field(place: &str, detail: impl Display) -> Problem {
    let mut problem = Problem::new(StatusCode::BAD_REQUEST, "bad_field", detail.to_string());
    problem.place = Some(place.into());
    problem
}

/// A text that says something else.
pub(super) fn field<T: FromStr<Err: Display>>(text: &str, place: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: T::Err| bad_field(place, error))
}

/// The same, where an empty one says nothing.
pub(super) fn optional<T: FromStr<Err: Display>>(text: &str, place: &str) -> Result<Option<T>, Problem> {
    said(text).map(|text| field(text, place)).transpose()
}

/// A text, where an empty one says nothing.
pub(super) fn said(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// An order as it is asked for.
pub(super) fn ask(order: Option<&proto::NewOrder>) -> Result<PlaceAsk, Problem> {
    let order = order.ok_or_else(|| bad_field("order", "say what is ordered"))?;
    let lines = (0..).zip(&order.lines).map(|(index, line): (usize, _)| {
        let sku = field(&line.sku, &format!("order.lines[{index}].sku"))?;
        Ok(Line { sku, quantity: line.quantity })
    });
    Ok(PlaceAsk {
        order: optional(&order.order_id, "order.order_id")?,
        customer: optional(&order.customer, "order.customer")?,
        lines: lines.collect::<Result<_, Problem>>()?,
        currency: optional(&order.currency, "order.currency")?,
        partial: order.partial,
    })
}

/// How long to wait; not at all where nothing is said.
pub(super) fn wait(wait: Option<prost_types::Duration>) -> Result<Option<Duration>, Problem> {
    let read = |wait: prost_types::Duration| {
        Duration::try_from(wait).map_err(|_| bad_field("wait", "a wait is not negative"))
    };
    wait.map(read).transpose()
}

/// A span in milliseconds, where one is said.
pub(super) fn span_ms(span: Option<prost_types::Duration>, place: &str) -> Result<Option<u64>, Problem> {
    let read = |span: prost_types::Duration| {
        let span = Duration::try_from(span).ok().and_then(|span| u64::try_from(span.as_millis()).ok());
        span.ok_or_else(|| bad_field(place, "a span of time is not negative"))
    };
    span.map(read).transpose()
}

/// A time; zero where none is said.
pub(super) fn time_ms(time: Option<Timestamp>, place: &str) -> Result<TimeMs, Problem> {
    let read = |time: Timestamp| {
        let (seconds, nanos) = (u64::try_from(time.seconds).ok()?, u64::try_from(time.nanos).ok()?);
        let ms = seconds.checked_mul(1_000)?.checked_add(nanos / 1_000_000)?;
        Some(TimeMs(ms)).filter(|time| nanos < 1_000_000_000 && time.0 <= LAST_TIME_MS)
    };
    let Some(time) = time else { return Ok(TimeMs(0)) };
    read(time).ok_or_else(|| bad_field(place, "a time is after 1970 and before 10000"))
}

/// How many items a page is to have; as many as is usual where nothing is said.
pub(super) fn page_size(page_size: u32, usual: usize) -> Result<usize, Problem> {
    match usize::try_from(page_size) {
        Ok(0) => Ok(usual),
        Ok(count) if count <= PAGE_ITEMS_MAX => Ok(count),
        _ => Err(bad_field("page_size", format_args!("a page has at most {PAGE_ITEMS_MAX} items"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;

    #[test]
    fn every_complaint_names_its_field() {
        let line = |sku: &str| proto::NewLine { sku: sku.to_owned(), quantity: 1 };
        let order = |change: fn(&mut proto::NewOrder)| {
            let mut order = proto::NewOrder { lines: vec![line("A"), line("B")], ..Default::default() };
            change(&mut order);
            ask(Some(&order)).map_err(|problem| problem.place.unwrap().into_string())
        };
        assert!(order(|_| {}).is_ok());
        assert_eq!(order(|order| order.order_id = "x".to_owned()), Err("order.order_id".to_owned()));
        assert_eq!(order(|order| order.customer = "x".to_owned()), Err("order.customer".to_owned()));
        assert_eq!(order(|order| order.currency = "eur".to_owned()), Err("order.currency".to_owned()));
        assert_eq!(order(|order| order.lines[1].sku.clear()), Err("order.lines[1].sku".to_owned()));
        assert!(ask(None).is_err());
        let negative = prost_types::Duration { seconds: -1, nanos: 0 };
        assert!(wait(Some(negative)).is_err() && wait(None).is_ok_and(|wait| wait.is_none()));
        assert!((page_size(0, 24), page_size(7, 24)) == (Ok(24), Ok(7)) && page_size(101, 24).is_err());
    }

    #[test]
    fn times_and_spans_are_read_or_refused() {
        let time = |seconds, nanos| time_ms(Some(Timestamp { seconds, nanos }), "at").ok();
        assert_eq!(time_ms(None, "at"), Ok(TimeMs(0)));
        assert_eq!(time(1, 500_000_000), Some(TimeMs(1_500)));
        for (seconds, nanos) in [(-1, 0), (0, -1), (0, 1_000_000_000), (i64::MAX, 0), (253_402_300_800, 0)] {
            assert_eq!(time(seconds, nanos), None, "{seconds} {nanos}");
        }
        let span = |seconds, nanos| span_ms(Some(prost_types::Duration { seconds, nanos }), "hold").ok();
        assert_eq!((span_ms(None, "hold"), span(2, 7_000_000)), (Ok(None), Some(Some(2_007))));
        assert_eq!((span(-1, 0), span(i64::MAX, 0)), (None, None));
    }

    proptest! {
        /// Whatever comes in, it is read or refused, and never a panic.
        #[test]
        fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(request) = proto::PlaceOrderRequest::decode(bytes.as_slice()) {
                drop(ask(request.order.as_ref()));
                drop(wait(request.wait));
            }
        }

        #[test]
        fn no_fields_bring_it_down(text in "\\PC{0,40}", quantity: i32, seconds: i64, nanos: i32) {
            let line = proto::NewLine { sku: text.clone(), quantity };
            let order = proto::NewOrder {
                order_id: text.clone(), customer: text.clone(), currency: text, lines: vec![line], partial: true,
            };
            drop(ask(Some(&order)));
            drop(wait(Some(prost_types::Duration { seconds, nanos })));
        }
    }
}
