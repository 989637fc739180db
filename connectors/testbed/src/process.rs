//! Processes that do not outlive their owner, and facts about processes.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::TestbedError;
use crate::jars::tail;
use crate::limits::{START_TIMEOUT_SECONDS, WAIT_STEP_MS};

/// Becomes the server, and leaves a watcher behind that reads the owner's end of the pipe. When the owner is gone,
/// crashed or not, the read ends, and the watcher kills the server and removes its folder (the first argument); the word
/// `keep` spares the folder. The watcher kills only its own parent: a server that ended by itself left it to another.
const WATCHED: &str = r#"
folder=$1; shift; exec 3<&0
( word=; read -r word <&3; parent=$$; read -r _ _ _ parent _ 2>/dev/null </proc/self/stat
  [ "$parent" = "$$" ] && kill -9 $$
  [ "$word" = keep ] || { sleep 1; rm -rf -- "$folder"; } ) >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
"#;

/// Clock ticks of `/proc/PID/stat` per second: `USER_HZ`, 100 on every Linux that Rust runs on.
const TICKS_PER_SECOND: u64 = 100;

/// A server that ends with this handle, and with this process.
#[derive(Debug)]
pub(crate) struct Watched {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Watched {
    /// Starts `java` with `arguments`; what it prints goes to `log`. The watcher removes `folder` when the owner is gone.
    pub(crate) fn start(arguments: &[OsString], log: &Path, folder: &Path) -> Result<Self, TestbedError> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(WATCHED).arg("testbed").arg(folder).arg("java").args(arguments);
        // A group of its own, so that Ctrl-C in a terminal reaches the owner and not the server.
        command.stdin(Stdio::piped()).process_group(0);
        let mut child =
            log_to(&mut command, log)?.spawn().map_err(TestbedError::io("run", Path::new("sh")))?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe })
    }

    /// The process id of the server.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the server and waits for its end; its folder stays.
    pub(crate) fn kill(&mut self) {
        self.end(b"keep\n");
    }

    fn end(&mut self, word: &[u8]) {
        if let Some(mut pipe) = self.pipe.take()
            && let Err(error) = pipe.write_all(word)
        {
            tracing::debug!("the watcher of process {} was gone: {error}", self.child.id());
        }
        // The watcher kills; doing it here too costs nothing and helps when somebody ended the watcher.
        let ended = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = ended {
            tracing::warn!("process {} could not be ended: {error}", self.child.id());
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.end(b"");
    }
}

/// A server whose start is waited for.
pub(crate) trait Server {
    /// Why it ended, if it did.
    fn ended(&mut self) -> Option<String>;
}

impl Server for Watched {
    fn ended(&mut self) -> Option<String> {
        self.child.ended()
    }
}

impl Server for Child {
    fn ended(&mut self) -> Option<String> {
        match self.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(format!("it ended with {status}")),
            Err(error) => Some(format!("it cannot be waited for: {error}")),
        }
    }
}

/// Something started once a process, at first use; a failed start is tried again by the next user.
pub(crate) struct Shared<T> {
    starting: Mutex<()>,
    value: OnceLock<T>,
}

impl<T> Shared<T> {
    pub(crate) const fn new() -> Self {
        Self { starting: Mutex::new(()), value: OnceLock::new() }
    }

    pub(crate) fn get(
        &'static self,
        start: impl FnOnce() -> Result<T, TestbedError>,
    ) -> Result<&'static T, TestbedError> {
        let _starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let value = start()?;
        Ok(self.value.get_or_init(|| value))
    }
}

/// Starts `java` as a process that outlives this one.
pub(crate) fn start_detached(arguments: &[OsString], log: &Path) -> Result<Child, TestbedError> {
    let mut command = Command::new("java");
    command.args(arguments).stdin(Stdio::null()).process_group(0);
    log_to(&mut command, log)?.spawn().map_err(TestbedError::io("run", Path::new("java")))
}

fn log_to<'a>(command: &'a mut Command, log: &Path) -> Result<&'a mut Command, TestbedError> {
    let file = File::create(log).map_err(TestbedError::io("create", log))?;
    let second = file.try_clone().map_err(TestbedError::io("open", log))?;
    Ok(command.stdout(file).stderr(second))
}

/// Waits until `answers`; fails when the server ends, or at the time-out.
pub(crate) fn wait_until(
    what: &'static str,
    server: &mut impl Server,
    log: &Path,
    answers: impl Fn() -> bool,
) -> Result<(), TestbedError> {
    let not_started = |detail| {
        let log = tail(&fs::read_to_string(log).unwrap_or_default());
        TestbedError::NotStarted { what, detail, log }
    };
    let deadline = Instant::now() + Duration::from_secs(START_TIMEOUT_SECONDS);
    while !answers() {
        if let Some(detail) = server.ended() {
            return Err(not_started(detail));
        }
        if Instant::now() > deadline {
            return Err(not_started(format!("no answer within {START_TIMEOUT_SECONDS} s")));
        }
        thread::sleep(Duration::from_millis(WAIT_STEP_MS));
    }
    Ok(())
}

/// A new folder, removed when dropped.
pub(crate) fn temporary_folder() -> Result<TempDir, TestbedError> {
    tempfile::tempdir().map_err(TestbedError::io("create a folder in", &std::env::temp_dir()))
}

/// Ports of 127.0.0.1 that were free just now, all different.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N], TestbedError> {
    let mut ports = [0; N];
    let mut held = Vec::with_capacity(N);
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| Ok((listener.local_addr()?.port(), listener)))
            .map_err(TestbedError::io("find a free port on", Path::new("127.0.0.1")))?;
        *port = listener.0;
        held.push(listener.1);
    }
    Ok(ports)
}

/// Whether nothing listens on `port` of 127.0.0.1.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Processor time a process has used, in user and kernel, by all its threads.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration, TestbedError> {
    let path = PathBuf::from(format!("/proc/{pid}/stat"));
    let stat = fs::read_to_string(&path).map_err(TestbedError::io("read", &path))?;
    let ticks: u64 = [13, 14].into_iter().filter_map(|index| stat_field(&stat, index)).sum();
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// What tells a process from a later one with the same id: its start time. `None` when there is no such process.
pub(crate) fn start_mark(pid: u32) -> Option<String> {
    if let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) {
        let is_zombie = state(&stat) == Some("Z");
        return stat_field(&stat, 21).filter(|_| !is_zombie).map(|ticks| ticks.to_string());
    }
    // Where there is no /proc, `ps` knows it.
    let output = Command::new("ps").args(["-o", "lstart=", "-p", &pid.to_string()]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// Sends a signal, by name, to one process.
pub(crate) fn signal(pid: u32, name: &str) -> Result<(), TestbedError> {
    Command::new("sh")
        .args(["-c", "kill -s \"$1\" \"$2\" 2>/dev/null", "testbed", name, &pid.to_string()])
        .status()
        .map(|_| ())
        .map_err(TestbedError::io("run", Path::new("sh")))
}

/// A number of `/proc/PID/stat`, counted from zero. The command's name, in parentheses, may hold spaces.
fn stat_field(stat: &str, index: usize) -> Option<u64> {
    stat_fields(stat)?.nth(index.checked_sub(2)?)?.parse().ok()
}

fn state(stat: &str) -> Option<&str> {
    stat_fields(stat)?.next()
}

fn stat_fields(stat: &str) -> Option<impl Iterator<Item = &str>> {
    Some(stat.rsplit_once(')')?.1.split_ascii_whitespace())
}
