//! What can go wrong before the engine answers; after that errors are the engine's own, see `exception`.

use std::io;
use std::path::{Path, PathBuf};

/// Why the engine cannot be fetched, started or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A file or folder cannot be used.
    #[error("cannot {action} {path}: {source}; check that the folder exists, is yours and has space")]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is no home to keep the library in.
    #[error("no folder for the ClickHouse library: set HOME or XDG_CACHE_HOME")]
    NoCacheFolder,
    /// There is no library for this machine.
    #[error(
        "there is no ClickHouse library for {os} on {arch}: use a ClickHouse server and give its URL, or do without analytics (`demo --no-analytics`)"
    )]
    NoLibraryForPlatform {
        /// The operating system.
        os: &'static str,
        /// The processor.
        arch: &'static str,
    },
    /// npm is not on this machine.
    #[error(
        "npm is not installed, and it fetches the ClickHouse library ({package}): install it (on Debian and Ubuntu: apt-get install npm), or do without analytics (`demo --no-analytics`)"
    )]
    NoNpm {
        /// What is to be fetched.
        package: String,
    },
    /// npm could not fetch the library.
    #[error(
        "npm could not fetch the ClickHouse library ({package}): check the network and npm's registry and try again, or do without analytics (`demo --no-analytics`). npm says:\n{detail}"
    )]
    Fetch {
        /// What was to be fetched.
        package: String,
        /// npm's own words.
        detail: String,
    },
    /// The library does not load.
    #[error(
        "the ClickHouse library {path} does not load: {detail}; delete its folder to have it fetched again"
    )]
    Load {
        /// The library.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// This process has an engine.
    #[error("this process already runs a ClickHouse engine, and can run one only: use that one's databases")]
    AlreadyRunning,
    /// Another process has the folder.
    #[error("another process keeps a ClickHouse engine in {folder}: stop it, or name another folder")]
    FolderInUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The engine refused its folder.
    #[error(
        "the ClickHouse engine does not open {folder}: its own words are on standard error; the folder must be writable and hold nothing but its data"
    )]
    Open {
        /// The folder.
        folder: PathBuf,
    },
    /// The engine opened but does not answer.
    #[error("the ClickHouse engine does not answer: {detail}")]
    NoAnswer {
        /// Its own words.
        detail: String,
    },
    /// The port cannot be had.
    #[error("cannot listen on 127.0.0.1:{port}: {source}; name another port, or 0 for any free one")]
    Listen {
        /// The port.
        port: u16,
        /// Why not.
        source: io::Error,
    },
    /// A statement did not end when it was cancelled.
    #[error(
        "a statement does not end though it was cancelled; the ClickHouse engine ends with this process only"
    )]
    StillRunning,
}

impl EngineError {
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}
