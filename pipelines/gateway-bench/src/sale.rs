//! What is sold, and how an order is asked for.

use std::io::Write as _;

use order_model::OrderId;
use serde::Deserialize;

use crate::error::BenchError;
use crate::limits::{LISTINGS, STOCK};

/// The listing under this number.
pub(crate) fn sku(number: u32) -> String {
    format!("GATE-{:04}", number % LISTINGS)
}

/// The sale, as `/v1/admin/sales` takes it: ample stock, holds that outlast the run.
pub(crate) fn sale() -> String {
    let listing = |number| {
        serde_json::json!({
            "sku": sku(number), "stock": STOCK, "hold_ms": 86_400_000, "prices": [{ "unit_price": 4_990 }],
        })
    };
    let listings: Vec<_> = (0..LISTINGS).map(listing).collect();
    serde_json::json!({ "name": "bench", "currency": "EUR", "listings": listings }).to_string()
}

/// The id of the order under this number.
pub(crate) fn order_id(number: u32) -> OrderId {
    OrderId::from(u128::from(number) + 1)
}

/// The number of an order of ours.
pub(crate) fn number_of(order: OrderId) -> Option<u32> {
    u32::try_from(u128::from_be_bytes(order.0).checked_sub(1)?).ok()
}

/// The order under this number, of a customer of its own, as JSON.
fn push_order(into: &mut Vec<u8>, number: u32, sku: &str) {
    let order = order_id(number);
    // Writing into a vector cannot fail.
    write!(
        into,
        r#"{{"order_id":"{order}","customer":"{order}","lines":[{{"sku":"{sku}","quantity":1}}],"currency":"EUR"}}"#
    )
    .ok();
}

/// A request with a body of JSON, as bytes.
pub(crate) fn request(method: &str, path: &str, key: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len() + 256);
    let length = body.len();
    let head = "host: bench\r\ncontent-type: application/json\r\nauthorization: Bearer";
    write!(bytes, "{method} {path} HTTP/1.1\r\n{head} {key}\r\ncontent-length: {length}\r\n\r\n").ok();
    bytes.extend_from_slice(body);
    bytes
}

/// The request that places `count` orders from `first` on: one alone, several as a batch.
pub(crate) fn placing(key: &str, first: u32, count: u32) -> Vec<u8> {
    let mut body = Vec::with_capacity(200);
    if count == 1 {
        push_order(&mut body, first, &sku(first));
        return request("POST", "/v1/orders", key, &body);
    }
    body.extend_from_slice(br#"{"orders":["#);
    for number in first..first.saturating_add(count) {
        if number > first {
            body.push(b',');
        }
        push_order(&mut body, number, &sku(number));
    }
    body.extend_from_slice(b"]}");
    request("POST", "/v1/orders:batch", key, &body)
}

/// What says that the log has an order.
#[derive(Deserialize)]
struct Taken<'a> {
    order_id: &'a str,
    partition: u32,
    offset: u64,
}

#[derive(Deserialize)]
struct AllTaken<'a> {
    #[serde(borrow)]
    results: Vec<Taken<'a>>,
}

/// An order that the server says the log has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Acknowledged {
    pub(crate) number: u32,
    pub(crate) partition: u32,
    pub(crate) offset: u64,
}

/// What an answer to [`placing`] acknowledges; an error is what is wrong with it.
pub(crate) fn acknowledged(
    status: u16,
    body: &[u8],
    first: u32,
    count: u32,
    into: &mut Vec<Acknowledged>,
) -> Result<(), String> {
    let told = || format!("{status} {}", String::from_utf8_lossy(body.get(..200).unwrap_or(body)));
    let is_good = if count == 1 { status == 202 } else { status == 200 };
    if !is_good {
        return Err(told());
    }
    let read = if count == 1 {
        serde_json::from_slice::<Taken<'_>>(body).map(|taken| vec![taken])
    } else {
        serde_json::from_slice::<AllTaken<'_>>(body).map(|all| all.results)
    };
    let taken = read.map_err(|error| format!("{error}: {}", told()))?;
    if u32::try_from(taken.len()) != Ok(count) {
        return Err(told());
    }
    for (number, taken) in (first..).zip(taken) {
        if taken.order_id.parse() != Ok(order_id(number)) {
            return Err(told());
        }
        into.push(Acknowledged { number, partition: taken.partition, offset: taken.offset });
    }
    Ok(())
}

/// Checks the options that every part has.
pub(crate) fn check_range(what: &str, value: u32, most: u32) -> Result<(), BenchError> {
    if (1..=most).contains(&value) {
        return Ok(());
    }
    Err(BenchError::Options(format!("{what}: {value} is not from 1 to {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_say_what_is_asked_and_answers_are_checked() {
        let text = String::from_utf8(placing("KEY", 4, 1)).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /v1/orders HTTP/1.1\r\n") && head.contains("Bearer KEY"));
        assert!(head.ends_with(&format!("content-length: {}", body.len())));
        let order: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(order["order_id"], order_id(4).to_string());
        let batch = String::from_utf8(placing("KEY", 4, 3)).unwrap();
        let body: serde_json::Value = serde_json::from_str(batch.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(body["orders"].as_array().unwrap().len(), 3);

        let answer = |id: u32| format!(r#"{{"order_id":"{}","partition":2,"offset":7,"x":1}}"#, order_id(id));
        let mut into = Vec::new();
        assert_eq!(acknowledged(202, answer(4).as_bytes(), 4, 1, &mut into), Ok(()));
        assert_eq!(into, [Acknowledged { number: 4, partition: 2, offset: 7 }]);
        let both = format!(r#"{{"results":[{},{}]}}"#, answer(4), answer(5));
        assert_eq!(acknowledged(200, both.as_bytes(), 4, 2, &mut into), Ok(()));
        for (status, body) in
            [(503, answer(4)), (202, answer(5)), (202, "{}".to_owned()), (202, String::new())]
        {
            assert!(acknowledged(status, body.as_bytes(), 4, 1, &mut into).is_err(), "{status} {body}");
        }
        assert!(acknowledged(200, both.as_bytes(), 4, 3, &mut into).is_err());
        assert_eq!(into.len(), 3);
        assert_eq!(number_of(order_id(9)), Some(9));
    }
}
