//! What an answer of ClickHouse means: try again, or stop and call a person. Pure.
//!
//! Nothing here drops a decision: the engine refuses inserts whole, and for reasons that lie in the tables or in the
//! engine. The one decision that can be no row is found before it is sent ([`crate::RowError`]).

use clickhouse::error::Error;
use sink::{Fault, Verdict};

use crate::limits::ANSWER_SHOWN_CHARS_MAX;

/// A row of the table: the engine's number and name of the error, what it means, what a person does about it.
type Known = (u16, &'static str, Verdict, &'static str);

const MIGRATE: &str = "run `pipeline analytics migrate`";
const MENDED: &str = "run `pipeline analytics migrate`; if a column was changed by hand, change it back";
const CREDENTIALS: &str = "check the user and the password of ClickHouse";
const RIGHTS: &str = "grant the user SELECT and INSERT on the database";
const ROOM: &str = "free some room on the engine's disk; nothing is lost meanwhile";
const WAIT: &str = "nothing is lost, it is tried again";

/// Error codes as in ClickHouse's `ErrorCodes.cpp`. What is not listed is tried again.
const TABLE: &[Known] = &[
    (6, "CANNOT_PARSE_TEXT", Verdict::Halt, MENDED),
    (10, "NOT_FOUND_COLUMN_IN_BLOCK", Verdict::Halt, MENDED),
    (16, "NO_SUCH_COLUMN_IN_TABLE", Verdict::Halt, MENDED),
    (20, "NUMBER_OF_COLUMNS_DOESNT_MATCH", Verdict::Halt, MENDED),
    (33, "CANNOT_READ_ALL_DATA", Verdict::Retry, WAIT),
    (36, "BAD_ARGUMENTS", Verdict::Halt, MENDED),
    (43, "ILLEGAL_TYPE_OF_ARGUMENT", Verdict::Halt, MENDED),
    (47, "UNKNOWN_IDENTIFIER", Verdict::Halt, MENDED),
    (50, "UNKNOWN_TYPE", Verdict::Halt, MENDED),
    (53, "TYPE_MISMATCH", Verdict::Halt, MENDED),
    (60, "UNKNOWN_TABLE", Verdict::Halt, MIGRATE),
    (62, "SYNTAX_ERROR", Verdict::Halt, "use a ClickHouse that is not older than 24.8"),
    (70, "CANNOT_CONVERT_TYPE", Verdict::Halt, MENDED),
    (75, "CANNOT_WRITE_TO_FILE_DESCRIPTOR", Verdict::Retry, ROOM),
    (81, "UNKNOWN_DATABASE", Verdict::Halt, MIGRATE),
    (115, "UNKNOWN_SETTING", Verdict::Halt, "use a ClickHouse that is not older than 24.8"),
    (117, "INCORRECT_DATA", Verdict::Halt, MENDED),
    (159, "TIMEOUT_EXCEEDED", Verdict::Retry, WAIT),
    (160, "TOO_SLOW", Verdict::Retry, WAIT),
    (164, "READONLY", Verdict::Halt, RIGHTS),
    (192, "UNKNOWN_USER", Verdict::Halt, CREDENTIALS),
    (193, "WRONG_PASSWORD", Verdict::Halt, CREDENTIALS),
    (194, "REQUIRED_PASSWORD", Verdict::Halt, CREDENTIALS),
    (201, "QUOTA_EXCEEDED", Verdict::Retry, WAIT),
    (202, "TOO_MANY_SIMULTANEOUS_QUERIES", Verdict::Retry, WAIT),
    (209, "SOCKET_TIMEOUT", Verdict::Retry, WAIT),
    (210, "NETWORK_ERROR", Verdict::Retry, WAIT),
    (218, "TABLE_IS_DROPPED", Verdict::Halt, MIGRATE),
    (236, "ABORTED", Verdict::Retry, WAIT),
    (241, "MEMORY_LIMIT_EXCEEDED", Verdict::Retry, "the next insert is smaller"),
    (242, "TABLE_IS_READ_ONLY", Verdict::Retry, WAIT),
    (243, "NOT_ENOUGH_SPACE", Verdict::Retry, ROOM),
    (252, "TOO_MANY_PARTS", Verdict::Retry, "the engine has to merge first; nothing is lost"),
    (285, "TOO_FEW_LIVE_REPLICAS", Verdict::Retry, WAIT),
    (290, "LIMIT_EXCEEDED", Verdict::Retry, WAIT),
    (319, "UNKNOWN_STATUS_OF_INSERT", Verdict::Retry, WAIT),
    (394, "QUERY_WAS_CANCELLED", Verdict::Retry, WAIT),
    (425, "SYSTEM_ERROR", Verdict::Retry, ROOM),
    (469, "VIOLATED_CONSTRAINT", Verdict::Halt, "drop the constraint that was added to our table"),
    (497, "ACCESS_DENIED", Verdict::Halt, RIGHTS),
    (516, "AUTHENTICATION_FAILED", Verdict::Halt, CREDENTIALS),
    (691, "UNKNOWN_ELEMENT_OF_ENUM", Verdict::Halt, MIGRATE),
    (999, "KEEPER_EXCEPTION", Verdict::Retry, WAIT),
    (1_001, "STD_EXCEPTION", Verdict::Retry, ROOM),
];

/// The engine ran out of memory.
const MEMORY_LIMIT_EXCEEDED: u16 = 241;
/// There is no such database.
const UNKNOWN_DATABASE: u16 = 81;
/// There is no such table.
const UNKNOWN_TABLE: u16 = 60;

/// The number of the engine's error, if the answer carries one: `Code: 60. DB::Exception: …`.
fn code(answer: &str) -> Option<u16> {
    let (_, rest) = answer.split_once("Code: ")?;
    let digits = rest.split(|character: char| !character.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// What an error of the client means: the verdict, and what to do.
pub fn classify(error: &Error) -> (Verdict, &'static str) {
    match error {
        Error::BadResponse(answer) => classify_answer(answer),
        Error::InvalidParams(_) | Error::Unsupported(_) => {
            (Verdict::Halt, "check the address of ClickHouse, as `http://127.0.0.1:8123`")
        }
        _ => (Verdict::Retry, "check that ClickHouse runs and can be reached; nothing is lost meanwhile"),
    }
}

fn classify_answer(answer: &str) -> (Verdict, &'static str) {
    if let Some(code) = code(answer) {
        let known = TABLE.iter().find(|(number, ..)| *number == code);
        return known.map_or((Verdict::Retry, WAIT), |(_, _, verdict, advice)| (*verdict, advice));
    }
    // Not the engine's own words: a proxy, or an answer without a body.
    match answer.get(..3) {
        Some("401" | "403") => (Verdict::Halt, CREDENTIALS),
        Some("404") => (Verdict::Halt, "check the address: nothing like ClickHouse answers there"),
        _ => (Verdict::Retry, WAIT),
    }
}

/// The fault of a failed step, in words: what failed, the answer, what to do.
pub(crate) fn fault(what: &str, error: &Error) -> Fault {
    let (verdict, advice) = classify(error);
    let mut answer = chain(error);
    if let Some((end, _)) = answer.char_indices().nth(ANSWER_SHOWN_CHARS_MAX) {
        answer.truncate(end);
    }
    Fault::of(verdict, format!("ClickHouse: {what}: {answer}; {advice}"))
}

/// An error with its causes: the client's own text of a lost connection says only that there was one.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}

fn has_code(error: &Error, code_wanted: u16) -> bool {
    matches!(error, Error::BadResponse(answer) if code(answer) == Some(code_wanted))
}

/// Whether a smaller insert might pass.
pub(crate) fn is_memory_limit(error: &Error) -> bool {
    has_code(error, MEMORY_LIMIT_EXCEEDED)
}

/// Whether the database or the table does not exist.
pub(crate) fn is_missing(error: &Error) -> bool {
    has_code(error, UNKNOWN_DATABASE) || has_code(error, UNKNOWN_TABLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(text: &str) -> (Verdict, &'static str) {
        classify(&Error::BadResponse(text.to_owned()))
    }

    #[test]
    fn codes_rise_and_are_found_in_answers() {
        assert!(TABLE.is_sorted_by(|a, b| a.0 < b.0));
        for (number, name, verdict, advice) in TABLE {
            let answer =
                format!("Code: {number}. DB::Exception: something happened. ({name}) (version 26.9.2.1)");
            assert_eq!(answered(&answer), (*verdict, *advice), "{name}");
        }
    }

    #[test]
    fn what_is_not_the_engines_answer() {
        for (answer, verdict) in [
            ("502 Bad Gateway", Verdict::Retry),
            ("<html>gone</html>", Verdict::Retry),
            ("Code: 65000. DB::Exception: new", Verdict::Retry),
            ("Code: 99999999", Verdict::Retry),
            ("", Verdict::Retry),
            ("401 Unauthorized", Verdict::Halt),
            ("404 Not Found", Verdict::Halt),
        ] {
            assert_eq!(answered(answer).0, verdict, "{answer:?}");
        }
        assert_eq!(classify(&Error::TimedOut).0, Verdict::Retry);
        assert_eq!(classify(&Error::Network("reset".into())).0, Verdict::Retry);
        assert_eq!(classify(&Error::Unsupported("https".into())).0, Verdict::Halt);
    }

    #[test]
    fn a_fault_says_what_why_and_what_next() {
        let error =
            Error::BadResponse("Code: 60. DB::Exception: Table x does not exist. (UNKNOWN_TABLE)".into());
        let text = fault("writing 3 decisions", &error).to_string();
        for part in ["writing 3 decisions", "Table x does not exist", "pipeline analytics migrate"] {
            assert!(text.contains(part), "{text}");
        }
        let long = Error::BadResponse("é".repeat(10_000));
        assert!(fault("x", &long).to_string().chars().count() < 2 * ANSWER_SHOWN_CHARS_MAX);
    }
}
