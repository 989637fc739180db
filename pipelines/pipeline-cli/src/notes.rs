//! What is said on standard error: errors, warnings, notes. Coloured only on a terminal that wants colours.

use std::io::{IsTerminal, Write};

use crate::ExitCode;
use crate::failure::classify;

/// How loud a line on standard error is.
#[derive(Clone, Copy)]
enum Tone {
    Error,
    Warning,
    Note,
}

impl Tone {
    /// The word before the colon, and its colour as an ANSI code.
    fn word(self) -> (&'static str, &'static str) {
        match self {
            Self::Error => ("error", "1;31"),
            Self::Warning => ("warning", "1;33"),
            Self::Note => ("note", "1;36"),
        }
    }
}

/// Says what may surprise, but stops nothing.
pub fn warning(text: impl AsRef<str>) {
    say(Tone::Warning, text.as_ref());
}

/// Says what is good to know.
pub fn note(text: impl AsRef<str>) {
    say(Tone::Note, text.as_ref());
}

/// Says what failed, the causes and the next step; returns how the process has to end.
pub fn report(error: &anyhow::Error) -> ExitCode {
    let (code, next) = classify(error);
    if code == ExitCode::Ok {
        return code;
    }
    say(Tone::Error, &format!("failed to {error}"));
    for cause in error.chain().skip(1) {
        line(&format!("  because {cause}"));
    }
    if let Some(next) = next {
        line(&format!("  next: {next}"));
    }
    code
}

/// Whether standard error is a terminal that wants colours.
pub fn colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

fn say(tone: Tone, text: &str) {
    let (word, colour) = tone.word();
    if colours() {
        line(&format!("\u{1b}[{colour}m{word}\u{1b}[0m: {text}"));
    } else {
        line(&format!("{word}: {text}"));
    }
}

/// There is nobody left to tell when standard error itself is gone.
fn line(text: &str) {
    writeln!(std::io::stderr().lock(), "{text}").unwrap_or_default();
}
