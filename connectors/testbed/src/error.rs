//! Why a server could not be started or stopped.

use std::path::{Path, PathBuf};

/// Why a server could not be started or stopped, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum TestbedError {
    /// A command is not installed.
    #[error(
        "`{command}` is not on the PATH: {reason}; install it (Debian, Ubuntu: `apt-get install {packages}`) and try again"
    )]
    NotInstalled {
        /// The command.
        command: &'static str,
        /// What it is needed for.
        reason: &'static str,
        /// The Debian packages that bring it.
        packages: &'static str,
    },
    /// Maven could not bring the jars.
    #[error(
        "Maven could not fetch {what}: {detail}; check that Maven reaches its repository (`mvn -v`), then try again"
    )]
    Fetch {
        /// What was fetched.
        what: &'static str,
        /// What Maven said last.
        detail: String,
    },
    /// There is no place for the jars.
    #[error(
        "there is no cache folder: neither XDG_CACHE_HOME nor HOME is set; set XDG_CACHE_HOME to a folder"
    )]
    NoCacheFolder,
    /// A server ended, or did not answer in time.
    #[error("{what} did not start: {detail}\n{log}")]
    NotStarted {
        /// Which server.
        what: &'static str,
        /// What was seen.
        detail: String,
        /// The last lines it logged.
        log: String,
    },
    /// A port is in use.
    #[error("port {port} for {what} is in use; stop what listens there (`ss -ltnp`), or name another port")]
    PortTaken {
        /// What was to listen there.
        what: &'static str,
        /// The port.
        port: u16,
    },
    /// The detached servers run already.
    #[error(
        "a broker and a registry of {dir} run already ({bootstrap}, {registry_url}); `pipeline dev down` ends them"
    )]
    AlreadyUp {
        /// The folder.
        dir: PathBuf,
        /// Where the broker listens.
        bootstrap: String,
        /// Where the registry listens.
        registry_url: String,
    },
    /// The state file of the detached servers cannot be understood.
    #[error("{file} does not say which processes run: {detail}; end them by hand and delete the file")]
    BadState {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The Java program failed.
    #[error("the Java producer failed: {detail}")]
    Java {
        /// What it said last.
        detail: String,
    },
    /// A file or a process could not be used.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl TestbedError {
    /// For `map_err`: names the action and the path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }
}
