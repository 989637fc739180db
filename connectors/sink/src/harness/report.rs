//! What became of each law, and how it is caught when one panics or waits for ever.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// What became of a law.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It holds.
    Kept,
    /// The subject cannot be brought into the state it is about.
    NotChecked(String),
    /// It does not hold; says how that was seen.
    Broken(String),
}

/// A law and what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LawResult {
    /// The law.
    pub law: &'static str,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of every law for one sink. Prints as a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The sink's name.
    pub sink: String,
    /// Law by law.
    pub results: Vec<LawResult>,
}

impl Report {
    /// Panics unless every law was kept, or not checked for one of the reasons the caller knows of: the laws named in
    /// `not_checked`, and only those.
    pub fn assert_kept(&self, not_checked: &[&str]) {
        for LawResult { law, outcome } in &self.results {
            let is_known = not_checked.contains(law);
            match outcome {
                Outcome::Kept => assert!(!is_known, "{law} was checked after all; take it off the list"),
                Outcome::NotChecked(_) => assert!(is_known, "{law} was not checked\n{self}"),
                Outcome::Broken(how) => panic!("{} breaks {law}: {how}\n{self}", self.sink),
            }
        }
    }

    /// The names of the laws that are broken.
    pub fn broken(&self) -> Vec<&'static str> {
        let broken = self.results.iter().filter(|result| matches!(result.outcome, Outcome::Broken(_)));
        broken.map(|result| result.law).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let law_width = self.results.iter().map(|result| result.law.len()).max().unwrap_or(0);
        let sink_width = self.sink.len().max("sink".len());
        writeln!(f, "{:sink_width$} | {:law_width$} | result", "sink", "law")?;
        for LawResult { law, outcome } in &self.results {
            let result = match outcome {
                Outcome::Kept => "kept".to_owned(),
                Outcome::NotChecked(why) => format!("not checked: {why}"),
                Outcome::Broken(how) => format!("BROKEN: {}", how.lines().next().unwrap_or_default()),
            };
            writeln!(f, "{:sink_width$} | {law:law_width$} | {result}", self.sink)?;
        }
        Ok(())
    }
}

/// What becomes of a law: a panic breaks it, and so does waiting for too long.
pub(super) async fn judge(law: impl Future<Output = Outcome>, timeout: Duration) -> Outcome {
    let mut law = pin!(law);
    let caught =
        std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| law.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(outcome)) => Poll::Ready(outcome),
            Err(panic) => Poll::Ready(Outcome::Broken(said(panic.as_ref()))),
        });
    let late = || Outcome::Broken(format!("what it waits for did not happen within {timeout:?}"));
    tokio::time::timeout(timeout, caught).await.unwrap_or_else(|_| late())
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".to_owned())
}
