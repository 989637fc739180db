//! The jars: fetched by Maven once, kept in the user's cache folder.
//!
//! A folder there is complete or absent: Maven writes into a folder of its own, which gets its name when all is there. A
//! lock file lets one process fetch while the others wait.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::TestbedError;
use crate::limits::LOG_LINES_IN_ERROR_MAX;

/// What Maven is to bring.
pub(crate) struct Bundle {
    /// For people.
    pub(crate) what: &'static str,
    /// The folder's first name; the second is the hash of the pom.
    pub(crate) name: &'static str,
    /// Names the artifacts.
    pub(crate) pom: &'static str,
    /// The goal of Maven's dependency plug-in: copy jars, or unpack an archive.
    pub(crate) goal: &'static str,
}

pub(crate) const KAFKA: Bundle = Bundle {
    what: "Apache Kafka 4.1.0 (43 MB)",
    name: "kafka",
    pom: include_str!("../kafka/pom.xml"),
    goal: "dependency:copy-dependencies",
};

pub(crate) const REGISTRY: Bundle = Bundle {
    what: "Apicurio Registry 2.5.11.Final (143 MB)",
    name: "registry",
    pom: include_str!("../registry/pom.xml"),
    goal: "dependency:unpack-dependencies",
};

pub(crate) const DYNAMODB: Bundle = Bundle {
    what: "DynamoDB Local 2.6.1 (51 MB)",
    name: "dynamodb",
    pom: include_str!("../dynamodb/pom.xml"),
    goal: "dependency:copy-dependencies",
};

impl Bundle {
    /// The folder with the files, fetched now if they are not there yet.
    pub(crate) fn folder(&self) -> Result<PathBuf, TestbedError> {
        let cache = cache_folder()?;
        let folder = cache.join(format!("{}-{:08x}", self.name, crc32fast::hash(self.pom.as_bytes())));
        if folder.is_dir() {
            return Ok(folder);
        }
        require("mvn", "Maven fetches what the testbed starts", "openjdk-17-jre-headless maven")?;
        fs::create_dir_all(&cache).map_err(TestbedError::io("create", &cache))?;
        let lock_path = cache.join(format!("{}.lock", self.name));
        let lock = File::create(&lock_path).map_err(TestbedError::io("open", &lock_path))?;
        lock.lock().map_err(TestbedError::io("lock", &lock_path))?;
        if !folder.is_dir() {
            self.fetch(&cache, &folder)?;
        }
        Ok(folder)
    }

    fn fetch(&self, cache: &Path, folder: &Path) -> Result<(), TestbedError> {
        tracing::info!("fetching {} by Maven, once", self.what);
        let work = tempfile::tempdir_in(cache).map_err(TestbedError::io("create a folder in", cache))?;
        let pom = work.path().join("pom.xml");
        fs::write(&pom, self.pom).map_err(TestbedError::io("write", &pom))?;
        let files = work.path().join("files");
        let output = Command::new("mvn")
            .args(["--quiet", "--batch-mode", "--file"])
            .arg(&pom)
            .args([self.goal, "-DincludeScope=runtime"])
            .arg(format!("-DoutputDirectory={}", files.display()))
            .arg(format!("-DmarkersDirectory={}", work.path().join("markers").display()))
            .output()
            .map_err(TestbedError::io("run", Path::new("mvn")))?;
        if !output.status.success() {
            return Err(TestbedError::Fetch { what: self.what, detail: last_lines(&output) });
        }
        fs::rename(&files, folder).map_err(TestbedError::io("rename to", folder))?;
        tracing::info!("{} is in {}", self.what, folder.display());
        Ok(())
    }
}

/// An error that says what to install, when `command` is not on the PATH.
pub(crate) fn require(
    command: &'static str,
    reason: &'static str,
    packages: &'static str,
) -> Result<(), TestbedError> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).any(|folder| folder.join(command).is_file());
    if found { Ok(()) } else { Err(TestbedError::NotInstalled { command, reason, packages }) }
}

/// What a finished command said last, on either stream.
pub(crate) fn last_lines(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    tail(&String::from_utf8_lossy(&text))
}

/// The last lines of a log.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(LOG_LINES_IN_ERROR_MAX)..).unwrap_or_default().join("\n")
}

fn cache_folder() -> Result<PathBuf, TestbedError> {
    let folder_in = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder_in("XDG_CACHE_HOME")
        .or_else(|| folder_in("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("doorbuster"))
        .ok_or(TestbedError::NoCacheFolder)
}
