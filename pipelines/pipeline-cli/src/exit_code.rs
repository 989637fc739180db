//! Exit codes: part of the command line's interface, as stable as its flags.
//!
//! A number is never given another meaning; scripts may rely on it.

/// How a run of `pipeline` ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ExitCode {
    /// All was done as asked.
    Ok = 0,
    /// It failed, for a reason none of the others names; standard error says which.
    Failed = 1,
    /// The command line, the configuration or a file given by the user is wrong. Nothing was done.
    Usage = 2,
    /// What was named does not exist: a topic, a sale, an order.
    NotFound = 3,
    /// The ledger refused the command. The refusal is on standard output.
    Refused = 4,
    /// The log or the registry does not answer. Trying again may help.
    Unreachable = 5,
    /// A check ran to its end and found something: `topic check`, `prove`, `sim`.
    CheckFailed = 6,
    /// The command is in the log, but no worker decided it in time. It will be decided all the same.
    Undecided = 7,
    /// Another process has the log folder open.
    Locked = 8,
    /// Stored bytes are not what was written.
    Damaged = 9,
    /// An assertion of ours failed: a bug worth reporting.
    Bug = 70,
}

impl ExitCode {
    /// Every code.
    pub const ALL: &'static [Self] = &[
        Self::Ok,
        Self::Failed,
        Self::Usage,
        Self::NotFound,
        Self::Refused,
        Self::Unreachable,
        Self::CheckFailed,
        Self::Undecided,
        Self::Locked,
        Self::Damaged,
        Self::Bug,
    ];

    /// The number the process ends with.
    #[expect(clippy::as_conversions, reason = "the number is the discriminant")]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// One line for `pipeline --help`.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done as asked",
            Self::Failed => "failed, see standard error",
            Self::Usage => "wrong command line, configuration or file; nothing was done",
            Self::NotFound => "no such topic, sale or order",
            Self::Refused => "the ledger refused the command",
            Self::Unreachable => "the log or the registry does not answer",
            Self::CheckFailed => "a check found something",
            Self::Undecided => "in the log, but not decided in time",
            Self::Locked => "the log folder is open in another process",
            Self::Damaged => "the log is damaged",
            Self::Bug => "a bug of ours",
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_never_change() {
        let numbers: Vec<_> = ExitCode::ALL.iter().map(|code| code.number()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 70]);
    }
}
