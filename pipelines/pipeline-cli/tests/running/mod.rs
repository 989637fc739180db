//! A run of the binary that goes on while the test does other things, and waiting.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]
#![expect(unreachable_pub, reason = "shared by several test binaries")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::common::{Run, kept_environment};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process of the binary. Killed when dropped.
pub struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    /// Starts the binary in `folder`; `name` names the files with its output there.
    pub fn start(folder: &Path, name: &str, arguments: &[&str]) -> Self {
        let [stdout, stderr] = ["out", "err"].map(|end| folder.join(format!("{name}.{end}")));
        let child = Command::new(env!("CARGO_BIN_EXE_pipeline"))
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .envs(kept_environment())
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        Self { child, stdout, stderr }
    }

    /// What it has said on standard error so far.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Ends it as a crash would.
    pub fn kill(mut self) {
        assert!(self.is_running(), "it ended by itself: {}", self.said());
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end as an operator would, and waits for that.
    pub fn terminate(mut self) -> Run {
        assert!(self.is_running(), "it ended by itself: {}", self.said());
        let kill = format!("kill -s TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        self.wait()
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self) -> Run {
        until("the process ends", || !self.is_running());
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        Run { code, stdout: fs::read_to_string(&self.stdout).unwrap(), stderr: self.said() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended long ago.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits for a condition.
#[track_caller]
pub fn until(what: &str, mut is_met: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_met() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
