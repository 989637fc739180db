//! What requests say: segments of the path, the query, keys, bodies of JSON.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use serde::de::DeserializeOwned;

use super::gate::Gate;
use super::json::{Object, read};
use super::problem::Problem;
use crate::identity::Identity;
use crate::limits::PAGE_ITEMS_MAX;
use crate::service::Refusal;

pub(super) const JSON: &str = "application/json";

/// The last segment of the path, read as `T`.
pub(super) struct Segment<T>(pub(super) T);

impl<S: Send + Sync, T: FromStr<Err: Display> + Send> FromRequestParts<S> for Segment<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let bad = |detail: String| Problem::bad_request("bad_path", detail);
        let Path(text) =
            Path::<String>::from_request_parts(parts, state).await.map_err(|error| bad(error.body_text()))?;
        text.parse().map(Segment).map_err(|error: T::Err| bad(error.to_string()))
    }
}

/// Who asks. Where it stands before what else is read, nobody learns anything from what is wrong with that.
pub(super) struct Asker(pub(super) Identity);

impl FromRequestParts<Arc<Gate>> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gate: &Arc<Gate>) -> Result<Self, Problem> {
        Ok(Self(gate.identify(&parts.headers)?))
    }
}

/// The query: each name once, and only known ones.
pub(super) fn query(uri: &Uri, known: &[&'static str]) -> Result<BTreeMap<&'static str, String>, Problem> {
    let mut found = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        let Some(name) = known.iter().find(|known| **known == name) else {
            let mut problem = Problem::bad_request(
                "bad_query",
                format!("there is no parameter \"{name}\"; known are: {}", known.join(", ")),
            );
            problem.place = Some(name.as_ref().into());
            return Err(problem);
        };
        if found.insert(*name, value.into_owned()).is_some() {
            let mut problem =
                Problem::bad_request("bad_query", format!("the parameter \"{name}\" is given twice"));
            problem.place = Some((*name).into());
            return Err(problem);
        }
    }
    Ok(found)
}

/// A parameter read as `T`.
pub(super) fn parameter<T: FromStr<Err: Display>>(
    query: &BTreeMap<&'static str, String>,
    name: &str,
) -> Result<Option<T>, Problem> {
    let read = |text: &String| {
        text.parse().map_err(|error: T::Err| {
            let mut problem = Problem::bad_request("bad_query", error.to_string());
            problem.place = Some(name.into());
            problem
        })
    };
    query.get(name).map(read).transpose()
}

/// How many items a page is to have.
pub(super) fn page_size(query: &BTreeMap<&'static str, String>) -> Result<usize, Problem> {
    let count = parameter::<usize>(query, "count")?.unwrap_or(PAGE_ITEMS_MAX);
    if (1..=PAGE_ITEMS_MAX).contains(&count) {
        return Ok(count);
    }
    let mut problem = Problem::bad_request("bad_query", format!("a page has 1 to {PAGE_ITEMS_MAX} items"));
    problem.place = Some("count".into());
    Err(problem)
}

/// The idempotency key, if there is one; two are none.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    match (value.to_str(), values.next()) {
        (Ok(key), None) => Ok(Some(key)),
        _ => Err(Refusal::KeyInvalid.into()),
    }
}

/// The body, an object of JSON.
pub(super) async fn object<T: DeserializeOwned>(
    gate: &Gate,
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<T, Problem> {
    let (bytes, _) = gate.body(headers, body, bytes_max, &[JSON]).await?;
    Ok(read::<Object<T>>(&bytes)?.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn queries_are_strict() {
        let of = |text: &str| query(&text.parse().unwrap(), &["sale", "count"]);
        assert_eq!(of("/x?sale=a%20b&count=3").unwrap().get("sale").map(String::as_str), Some("a b"));
        assert_eq!(of("/x").unwrap().len(), 0);
        assert_eq!(of("/x?sale=a&sale=b").unwrap_err().place.as_deref(), Some("sale"));
        assert_eq!(of("/x?sal=a").unwrap_err().place.as_deref(), Some("sal"));
        for bad in ["0", "101", "-1", "x", ""] {
            assert!(page_size(&of(&format!("/x?count={bad}")).unwrap()).is_err(), "{bad}");
        }
        assert_eq!(page_size(&of("/x?count=7").unwrap()), Ok(7));
    }

    proptest! {
        #[test]
        fn no_query_brings_it_down(text in "[ -~]{0,60}") {
            if let Ok(uri) = format!("/x?{}", text.replace(' ', "+")).parse::<Uri>() {
                drop(query(&uri, &["sale"]));
            }
        }
    }
}
