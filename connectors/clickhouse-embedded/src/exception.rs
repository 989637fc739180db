//! The engine's errors as a server states them: code, text, and the HTTP status for them. Pure.

/// An error as clients know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exception {
    /// ClickHouse's number for this kind of error.
    pub(crate) code: i32,
    /// `Code: N. DB::Exception: ... (NAME)`.
    pub(crate) text: String,
}

const UNKNOWN_EXCEPTION: i32 = 1_002;

impl Exception {
    /// An error of the front, in the engine's form.
    pub(crate) fn new(code: i32, name: &str, what: &str) -> Self {
        Self { code, text: format!("Code: {code}. DB::Exception: {what}. ({name})") }
    }

    /// An error of the engine, from its text.
    pub(crate) fn of_engine(text: &str) -> Self {
        // Some texts state the version already, and `stated` will.
        let bare =
            text.trim_end().rfind(" (version ").and_then(|at| text.get(..at)).unwrap_or(text).trim_end();
        let stated = bare.find("Code: ").and_then(|at| bare.get(at..));
        let code = stated.and_then(|stated| {
            stated.trim_start_matches("Code: ").split('.').next().and_then(|code| code.parse().ok())
        });
        match (stated, code) {
            (Some(stated), Some(code)) => Self { code, text: stated.to_owned() },
            _ => Self::new(UNKNOWN_EXCEPTION, "UNKNOWN_EXCEPTION", bare),
        }
    }

    /// Too much at once; worth a retry.
    pub(crate) fn busy(what: &str) -> Self {
        Self::new(202, "TOO_MANY_SIMULTANEOUS_QUERIES", what)
    }

    /// The text with the version behind it, as servers send it.
    pub(crate) fn stated(&self, version: &str) -> String {
        format!("{} (version {version} (embedded))\n", self.text)
    }

    /// The HTTP status a server gives for this code.
    pub(crate) fn status(&self) -> u16 {
        match self.code {
            // Texts and values that cannot be read.
            6 | 7 | 25..=27 | 33 | 38 | 41 | 53 | 62 | 69 | 72 | 117 | 321 | 457 => 400,
            192..=194 | 516 => 403,
            // Tables, columns, functions, types, databases, settings, formats... that are not there.
            16 | 46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 115 | 336 | 372 => 404,
            159 => 408,
            131 | 135 | 307 => 413,
            89 | 48 => 501,
            202 | 209 | 439 => 503,
            _ => 500,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_from_the_engines_text() {
        for (text, code, kept) in [
            ("Code: 47. DB::Exception: x. (A)", 47, "Code: 47. DB::Exception: x. (A)"),
            ("Error: Code: 60. DB::Exception: y (B)\n", 60, "Code: 60. DB::Exception: y (B)"),
            ("Code: 33. DB::Exception: z. (C) (version 26.7.2.1)", 33, "Code: 33. DB::Exception: z. (C)"),
            ("out of luck", 1_002, "Code: 1002. DB::Exception: out of luck. (UNKNOWN_EXCEPTION)"),
        ] {
            let exception = Exception::of_engine(text);
            assert_eq!((exception.code, exception.text.as_str()), (code, kept));
        }
    }

    #[test]
    fn the_version_ends_the_text_as_clients_expect() {
        let stated = Exception::new(62, "SYNTAX_ERROR", "no").stated("1.2");
        assert_eq!(stated, "Code: 62. DB::Exception: no. (SYNTAX_ERROR) (version 1.2 (embedded))\n");
    }
}
