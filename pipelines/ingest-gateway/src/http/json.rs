//! Strict JSON: no unknown or repeated names, no numbers in quotes, no lists in place of objects, and every complaint
//! names the place.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::problem::Problem;

/// Reads one JSON value.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    match serde_json::from_slice(bytes) {
        Ok(value) => Ok(value),
        // Read again, slower, to learn where it stopped.
        Err(_) => Err(complaint::<T>(bytes)),
    }
}

#[cold]
fn complaint<T: DeserializeOwned>(bytes: &[u8]) -> Problem {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let (place, error) = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Ok(_) => match deserializer.end() {
            Ok(()) => return Problem::bad_request("bad_json", "the body cannot be read"),
            Err(error) => (".".to_owned(), error),
        },
        Err(error) => (error.path().to_string(), error.into_inner()),
    };
    let name = if error.is_data() { "bad_field" } else { "bad_json" };
    let said = error.to_string();
    // The place is told apart from the words.
    let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(words, _)| words);
    let mut problem = Problem::bad_request(name, format!("{said}{}", nearest(said)));
    // What stands for nothing, or for what ended before it had a name, is none.
    let place = place.trim_end_matches(['.', '?']);
    let repeated = said.strip_prefix("duplicate field `").and_then(|rest| rest.split('`').next());
    problem.place = Some(match (place, repeated) {
        ("", None) => "the whole body".into(),
        ("", Some(name)) => name.into(),
        (place, None) => place.into(),
        // The path ends at the object in which the name stands twice.
        (place, Some(name)) => format!("{place}.{name}").into(),
    });
    problem.line = u32::try_from(error.line()).ok();
    problem.column = u32::try_from(error.column()).ok();
    problem
}

/// The known name nearest to an unknown one. What serde says is: unknown field `a`, expected `b` or `c`.
fn nearest(said: &str) -> String {
    if !said.starts_with("unknown field") {
        return String::new();
    }
    let mut names = said.split('`').skip(1).step_by(2);
    let Some(unknown) = names.next() else { return String::new() };
    let near = names.map(|name| (strsim::damerau_levenshtein(unknown, name), name)).min();
    match near {
        Some((distance, name)) if distance <= 1 + name.chars().count() / 3 => {
            format!("; did you mean `{name}`?")
        }
        _ => String::new(),
    }
}

/// An object, and nothing else: serde alone takes a list of an object's values for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Only<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Only<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Only(PhantomData))
    }
}

/// A text that says something else: an id, a SKU, a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Text<T>(pub(crate) T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parse<T>(PhantomData<T>);
        impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Parse<T> {
            type Value = Text<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                text.parse().map(Text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Parse(PhantomData))
    }
}

/// A time, RFC 3339, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Time(pub(crate) order_model::TimeMs);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(text) = Text::<String>::deserialize(deserializer)?;
        let time = humantime::parse_rfc3339(&text)
            .map_err(|_| D::Error::custom("a time is RFC 3339 in UTC, as in 2026-11-27T09:00:00Z"))?;
        let since = time
            .duration_since(std::time::UNIX_EPOCH)
            .map_err(|_| D::Error::custom("a time is after 1970"))?;
        Ok(Self(order_model::TimeMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::bodies::{BatchBody, OrderBody, RestockBody, SaleBody};

    fn problem(body: &str) -> Problem {
        read::<Object<OrderBody>>(body.as_bytes()).unwrap_err()
    }

    /// What is wrong, the place it names, and a word it says.
    #[test]
    fn every_complaint_names_the_place() {
        let id = "0123456789abcdef0123456789abcdef";
        for (body, name, place, words) in [
            ("", "bad_json", "the whole body", "EOF"),
            ("{", "bad_json", "the whole body", "EOF"),
            ("[]", "bad_field", "the whole body", "expected an object"),
            ("null", "bad_field", "the whole body", "expected an object"),
            ("{}", "bad_field", "the whole body", "missing field `lines`"),
            ("{} {}", "bad_field", "the whole body", "missing field `lines`"),
            (r#"{"lines":[]} x"#, "bad_json", "the whole body", "trailing characters"),
            (
                r#"{"lines":[{"sku":"A","quantity":1}],"lines":[]}"#,
                "bad_field",
                "lines",
                "duplicate field `lines`",
            ),
            (
                r#"{"lines":[{"sku":"A","sku":"B","quantity":1}]}"#,
                "bad_field",
                "lines[0].sku",
                "duplicate field `sku`",
            ),
            (r#"{"lines":[{"sku":"A","quantity":"1"}]}"#, "bad_field", "lines[0].quantity", "expected i32"),
            (r#"{"lines":[{"sku":"A","quantity":1.0}]}"#, "bad_field", "lines[0].quantity", "expected i32"),
            (
                r#"{"lines":[{"sku":"A","quantity":3000000000}]}"#,
                "bad_field",
                "lines[0].quantity",
                "expected i32",
            ),
            (
                r#"{"lines":[{"sku":"A","quantity":1},{"sku":7,"quantity":1}]}"#,
                "bad_field",
                "lines[1].sku",
                "expected a string",
            ),
            (r#"{"lines":[{"sku":"","quantity":1}]}"#, "bad_field", "lines[0].sku", "cannot be empty"),
            (r#"{"lines":[["A",1]]}"#, "bad_field", "lines[0]", "expected an object"),
            (
                r#"{"lines":[{"sku":"A","quantiy":1}]}"#,
                "bad_field",
                "lines[0].quantiy",
                "did you mean `quantity`?",
            ),
            (r#"{"line":[]}"#, "bad_field", "line", "did you mean `lines`?"),
            (r#"{"zzzzzz":[]}"#, "bad_field", "zzzzzz", "unknown field"),
            (r#"{"order_id":"x","lines":[]}"#, "bad_field", "order_id", "32 hexadecimal digits"),
            (r#"{"currency":"eur","lines":[]}"#, "bad_field", "currency", "three capital letters"),
            (r#"{"partial":"yes","lines":[]}"#, "bad_field", "partial", "expected a boolean"),
        ] {
            let problem = problem(body);
            assert_eq!(*problem.kind, *format!("/problems/{name}"), "{body}: {problem:?}");
            assert_eq!(problem.place.as_deref(), Some(place), "{body}: {problem:?}");
            assert!(problem.detail.contains(words), "{body}: {problem:?}");
            assert!(problem.line.is_some() && problem.column.is_some(), "{body}");
        }
        let good = format!(
            r#"{{"order_id":"{id}","lines":[{{"sku":"A","quantity":1}}],"partial":true,"currency":"EUR"}}"#
        );
        assert!(read::<Object<OrderBody>>(good.as_bytes()).is_ok());
    }

    #[test]
    fn bad_utf8_and_great_depth_are_refused() {
        let bad = b"{\"lines\":[{\"sku\":\"\xff\",\"quantity\":1}]}";
        let problem = read::<Object<OrderBody>>(bad).unwrap_err();
        assert!(problem.detail.contains("unicode"), "{problem:?}");
        assert_eq!(problem.place.as_deref(), Some("lines[0].sku"));
        for open in ["[", "{\"lines\":", "{\"lines\":["] {
            let deep = open.repeat(100_000);
            assert!(read::<Object<OrderBody>>(deep.as_bytes()).is_err());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Whatever comes in, it is read or refused, and never a panic.
        #[test]
        fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(read::<Object<OrderBody>>(&bytes));
            drop(read::<Object<BatchBody>>(&bytes));
            drop(read::<Object<SaleBody>>(&bytes));
            drop(read::<Object<RestockBody>>(&bytes));
        }

        /// Nor what looks nearly like an order.
        #[test]
        fn no_text_like_an_order_brings_it_down(
            parts in prop::collection::vec(prop::sample::select(vec![
                "{", "}", "[", "]", ":", ",", "\"lines\"", "\"sku\"", "\"quantity\"", "\"A\"", "1", "-1", "1e999",
                "\"order_id\"", "null", "true", "\"\\ud800\"", "\"\u{0}\"", "\"currency\"", "\"EUR\"", " ",
            ]), 0..40)
        ) {
            let text = parts.concat();
            if let Err(problem) = read::<Object<OrderBody>>(text.as_bytes()) {
                prop_assert!(problem.place.is_some());
            }
        }
    }
}
