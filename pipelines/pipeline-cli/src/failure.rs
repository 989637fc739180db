//! Failures: what failed, why, and the command to try next.
//!
//! Commands return [`anyhow::Error`]. Whoever knows the exit code or the next step puts a [`Failure`] into the chain;
//! for the rest, [`classify`] looks at the causes.

use std::io::ErrorKind;

use order_codec::RegistryError;
use order_log::LogError;

use crate::ExitCode;

/// An error that knows its exit code and what to do next.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// How the process ends.
    pub code: ExitCode,
    /// What is wrong.
    pub message: String,
    /// What to try next.
    pub next: Option<String>,
}

impl Failure {
    /// The user gave something wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: ExitCode::Usage, message: message.into(), next: None }
    }

    /// What was named does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { code: ExitCode::NotFound, message: message.into(), next: None }
    }

    /// The same failure with the next step.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

/// The exit code of an error and the next step, from the first cause that knows them.
pub fn classify(error: &anyhow::Error) -> (ExitCode, Option<String>) {
    for cause in error.chain() {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return (failure.code, failure.next.clone());
        }
        if let Some(error) = cause.downcast_ref::<LogError>() {
            return of_log(error);
        }
        if let Some(RegistryError::Unreachable { .. }) = cause.downcast_ref::<RegistryError>() {
            let next = "pipeline config show (is this the registry you mean?), or pipeline dev up".to_owned();
            return (ExitCode::Unreachable, Some(next));
        }
        // Whoever reads our output has seen enough (`pipeline log read | head`).
        if cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == ErrorKind::BrokenPipe) {
            return (ExitCode::Ok, None);
        }
    }
    (ExitCode::Failed, None)
}

fn of_log(error: &LogError) -> (ExitCode, Option<String>) {
    match error {
        LogError::NoTopic { .. } => (ExitCode::NotFound, Some("pipeline topic create".to_owned())),
        LogError::NoPartition { .. } => (ExitCode::NotFound, Some("pipeline topic check".to_owned())),
        LogError::Unreachable { .. } => (
            ExitCode::Unreachable,
            Some(
                "pipeline dev up (starts a broker here), or the same command with --wait-for-log 60"
                    .to_owned(),
            ),
        ),
        LogError::Locked { .. } => (ExitCode::Locked, None),
        LogError::Damaged { .. } => (ExitCode::Damaged, None),
        LogError::Failed { .. } => (ExitCode::Failed, None),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn the_first_cause_that_knows_decides() {
        let no_topic = LogError::NoTopic { log: "memory".into(), topic: "orders".into() };
        let unreachable = LogError::Unreachable { log: "kafka".into(), detail: "refused".into() };
        let locked = LogError::Locked { folder: "log".into() };
        let damaged = LogError::Damaged { file: "f".into(), byte: 1, detail: "checksum".into() };
        let failed = LogError::Failed { context: "read".into(), detail: "no".into() };
        let pipe = std::io::Error::from(ErrorKind::BrokenPipe);
        let registry = RegistryError::Unreachable { registry: "http://x".into(), detail: "refused".into() };
        for (error, code) in [
            (anyhow::Error::from(no_topic), ExitCode::NotFound),
            (registry.into(), ExitCode::Unreachable),
            (unreachable.into(), ExitCode::Unreachable),
            (locked.into(), ExitCode::Locked),
            (damaged.into(), ExitCode::Damaged),
            (failed.into(), ExitCode::Failed),
            (Failure::usage("no").into(), ExitCode::Usage),
            (Failure::not_found("no").into(), ExitCode::NotFound),
            (pipe.into(), ExitCode::Ok),
            (anyhow!("anything"), ExitCode::Failed),
        ] {
            assert_eq!(classify(&Err::<(), _>(error).context("read it").unwrap_err()).0, code);
        }
    }
}
