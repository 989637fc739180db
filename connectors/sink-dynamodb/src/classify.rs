//! What DynamoDB's answers mean for the loop. Pure.

use sink::{Fault, Verdict};
use tables::Failure;

/// The verdict of the sinks' contract for a verdict about a request or a statement.
pub(crate) fn verdict(meaning: tables::Verdict) -> Verdict {
    match meaning {
        // What these ask for is done before anybody asks here: the item is there, or the other statement is tried.
        tables::Verdict::Superseded | tables::Verdict::Exists => Verdict::Retry,
        tables::Verdict::Throttled | tables::Verdict::Retry => Verdict::Retry,
        tables::Verdict::Refused => Verdict::Drop,
        tables::Verdict::Halt => Verdict::Halt,
    }
}

/// The fault that a failure is to the loop.
pub(crate) fn fault(failure: &Failure) -> Fault {
    Fault::of(verdict(failure.verdict), &failure.detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meanings_and_verdicts() {
        for (meaning, wanted) in [
            (tables::Verdict::Superseded, Verdict::Retry),
            (tables::Verdict::Exists, Verdict::Retry),
            (tables::Verdict::Throttled, Verdict::Retry),
            (tables::Verdict::Retry, Verdict::Retry),
            (tables::Verdict::Refused, Verdict::Drop),
            (tables::Verdict::Halt, Verdict::Halt),
        ] {
            assert_eq!(verdict(meaning), wanted, "{meaning:?}");
        }
        let failure = Failure { verdict: tables::Verdict::Halt, detail: "why".to_owned() };
        assert_eq!(fault(&failure), Fault::Halt("why".to_owned()));
    }
}
