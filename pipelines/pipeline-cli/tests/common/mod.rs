//! What the tests of the binary share.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]
#![expect(unreachable_pub, reason = "shared by several test binaries")]

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};

use pipeline_cli::ExitCode;
use serde_json::Value;
use tempfile::TempDir;

/// A sale of two listings.
pub const SALE: &str = r#"
[sale]
name = "friday-drop"
currency = "EUR"
hold = "90s"
waitlist = 100

[[listing]]
sku = "SNEAKER-42"
stock = 5
price = "129.90"

[[listing]]
sku = "SOCKS"
stock = 50
price = "4.90"
"#;

/// A folder with nothing in it but what a test puts there.
pub struct Place(TempDir);

/// How a run ended, and what it said.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, &[])
    }

    pub fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
        let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_pipeline"))
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .envs(kept_environment())
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Run { code: status.code().unwrap(), stdout: text(stdout), stderr: text(stderr) }
    }
}

/// What a run keeps of our environment: where the caches are, and npm, which fetches the ClickHouse engine.
pub fn kept_environment() -> impl Iterator<Item = (&'static str, OsString)> {
    ["HOME", "PATH", "XDG_CACHE_HOME"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)))
}

impl Run {
    #[track_caller]
    pub fn expect(self, code: ExitCode) -> Self {
        assert_eq!(self.code, i32::from(code.number()), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "wanted {text:?} in: {}", self.stderr);
        self
    }

    pub fn rows(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
