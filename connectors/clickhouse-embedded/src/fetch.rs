//! The library: fetched by npm once, kept in the user's cache folder.
//!
//! A library there is complete or absent: npm works in a folder of its own, and what it brings is moved to its place when
//! all is there. The version is pinned, and npm refuses bytes whose checksum is not the one in [`PACKAGES`]. A lock file lets
//! one process fetch while the others wait. Not promised: that a library already in the cache is looked at again.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::json;

use crate::EngineError;
use crate::limits::{NPM_LINES_IN_ERROR_MAX, PROGRESS_STEP};

/// The version of every package.
pub const LIBRARY_VERSION: &str = "26.7.3-stable.1";

struct Package {
    os: &'static str,
    arch: &'static str,
    name: &'static str,
    library: &'static str,
    /// Checksum of the archive, as npm writes it. None where we have had no archive in hand: npm then holds the archive
    /// against the checksum its registry states.
    integrity: Option<&'static str>,
    /// Size of what is unpacked, in bytes; for the progress.
    unpacked_bytes: u64,
}

/// One package a platform.
const PACKAGES: [Package; 4] = [
    Package {
        os: "linux",
        arch: "x86_64",
        name: "@chdb/lib-linux-x64-gnu",
        library: "libchdb.so",
        integrity: Some(
            "sha512-XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw==",
        ),
        unpacked_bytes: 569_042_837,
    },
    Package {
        os: "linux",
        arch: "aarch64",
        name: "@chdb/lib-linux-arm64-gnu",
        library: "libchdb.so",
        integrity: None,
        unpacked_bytes: 569_042_837,
    },
    Package {
        os: "macos",
        arch: "x86_64",
        name: "@chdb/lib-darwin-x64",
        library: "libchdb.so",
        integrity: None,
        unpacked_bytes: 569_042_837,
    },
    Package {
        os: "macos",
        arch: "aarch64",
        name: "@chdb/lib-darwin-arm64",
        library: "libchdb.so",
        integrity: None,
        unpacked_bytes: 569_042_837,
    },
];

/// How far fetching is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes on disk so far.
    pub bytes: u64,
    /// Bytes there will be, as far as is known beforehand.
    pub total_bytes: u64,
}

/// The library, fetched now if it is not in `cache` yet; without `cache`, in the user's cache folder.
///
/// `progress` is called while bytes arrive, and not at all if none have to.
///
/// # Errors
/// When there is no library for this platform, no npm, no network, no space; the error says what to do.
pub fn fetch(cache: Option<&Path>, progress: &mut dyn FnMut(Progress)) -> Result<PathBuf, EngineError> {
    fetch_by("npm", cache, progress)
}

fn fetch_by(
    npm: &str,
    cache: Option<&Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf, EngineError> {
    let package = package_here()?;
    let cache = cache.map_or_else(cache_folder, |folder| Ok(folder.to_owned()))?;
    let folder = cache.join(format!("chdb-{LIBRARY_VERSION}-{}-{}", package.os, package.arch));
    let library = folder.join(package.library);
    if library.is_file() {
        return Ok(library);
    }
    fs::create_dir_all(&cache).map_err(EngineError::file("create", &cache))?;
    let lock_path = cache.join("chdb.lock");
    let lock = File::create(&lock_path).map_err(EngineError::file("open", &lock_path))?;
    lock.lock().map_err(EngineError::file("lock", &lock_path))?;
    if !library.is_file() {
        package.bring(npm, &cache, &folder, progress)?;
    }
    Ok(library)
}

fn package_here() -> Result<&'static Package, EngineError> {
    let (os, arch) = (env::consts::OS, env::consts::ARCH);
    let glibc = os != "linux" || cfg!(target_env = "gnu");
    PACKAGES
        .iter()
        .find(|package| package.os == os && package.arch == arch && glibc)
        .ok_or(EngineError::NoLibraryForPlatform { os, arch })
}

impl Package {
    fn bring(
        &self,
        npm: &str,
        cache: &Path,
        folder: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), EngineError> {
        tracing::info!("fetching the ClickHouse library {}@{LIBRARY_VERSION} by npm, once", self.name);
        if self.integrity.is_none() {
            tracing::warn!(
                "no checksum of {} is known to this program; npm checks its registry's",
                self.name
            );
        }
        let work = tempfile::tempdir_in(cache).map_err(EngineError::file("create a folder in", cache))?;
        let modules = work.path().join("node_modules");
        self.write_manifests(work.path())?;
        let mut npm = self.start(npm, work.path())?;
        let ended = loop {
            if let Some(ended) = npm.try_wait().map_err(EngineError::file("wait for", Path::new("npm")))? {
                break ended;
            }
            progress(Progress { bytes: size_of_files(&modules), total_bytes: self.unpacked_bytes });
            thread::sleep(PROGRESS_STEP);
        };
        let from = modules.join(self.name);
        if !ended.success() || !from.join(self.library).is_file() {
            let said = fs::read_to_string(work.path().join("npm.log")).unwrap_or_default();
            return Err(EngineError::Fetch { package: self.full_name(), detail: last_lines(&said) });
        }
        progress(Progress { bytes: size_of_files(&modules), total_bytes: self.unpacked_bytes });
        fs::rename(&from, folder).map_err(EngineError::file("rename to", folder))?;
        tracing::info!("the ClickHouse library is in {}", folder.display());
        Ok(())
    }

    /// Writes what `npm ci` takes literally: one package, its version and its checksum.
    fn write_manifests(&self, work: &Path) -> Result<(), EngineError> {
        let wanted = json!({ self.name: LIBRARY_VERSION });
        let manifest =
            json!({ "name": "fetch", "version": "1.0.0", "private": true, "dependencies": wanted });
        let mut package = json!({ "version": LIBRARY_VERSION });
        if let Some(integrity) = self.integrity {
            package["integrity"] = json!(integrity);
        }
        let key = format!("node_modules/{}", self.name);
        let root = json!({ "name": "fetch", "version": "1.0.0", "dependencies": wanted });
        let packages = json!({ "": root, key: package });
        let lock = json!({ "name": "fetch", "version": "1.0.0", "lockfileVersion": 3, "packages": packages });
        for (name, value) in [("package.json", manifest), ("package-lock.json", lock)] {
            let path = work.join(name);
            fs::write(&path, value.to_string()).map_err(EngineError::file("write", &path))?;
        }
        Ok(())
    }

    fn start(&self, npm: &str, work: &Path) -> Result<Child, EngineError> {
        let log_path = work.join("npm.log");
        let log = File::create(&log_path).map_err(EngineError::file("create", &log_path))?;
        // A cache of its own: the user's would keep the archive, which nobody needs again.
        Command::new(npm)
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"])
            .args(["--cache", "npm-cache"])
            .current_dir(work)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|_| EngineError::NoNpm { package: self.full_name() })
    }

    fn full_name(&self) -> String {
        format!("{}@{LIBRARY_VERSION}", self.name)
    }
}

fn cache_folder() -> Result<PathBuf, EngineError> {
    let folder_in = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder_in("XDG_CACHE_HOME")
        .or_else(|| folder_in("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("doorbuster"))
        .ok_or(EngineError::NoCacheFolder)
}

/// The sizes of all files below a folder that may change meanwhile.
fn size_of_files(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size_of_files(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(NPM_LINES_IN_ERROR_MAX)..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(npm: &str) -> (EngineError, usize) {
        let cache = tempfile::tempdir().unwrap();
        let error = fetch_by(npm, Some(cache.path()), &mut |_| {}).unwrap_err();
        let left = fs::read_dir(cache.path())
            .unwrap()
            .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name() != "chdb.lock"));
        (error, left.count())
    }

    #[test]
    fn without_npm_the_error_says_what_to_do() {
        let (error, left) = fails("no-such-npm");
        assert!(matches!(error, EngineError::NoNpm { .. }), "{error}");
        assert!(error.to_string().contains("demo --no-analytics"), "{error}");
        assert_eq!(left, 0);
    }

    #[test]
    fn a_fetch_that_fails_leaves_nothing_and_says_what_to_do() {
        // One says that it failed; the other says that it did its work, and did not.
        for npm in ["false", "true"] {
            let (error, left) = fails(npm);
            assert!(matches!(error, EngineError::Fetch { .. }), "{error}");
            assert!(error.to_string().contains("check the network"), "{error}");
            assert_eq!(left, 0, "{npm}");
        }
    }

    #[test]
    fn a_library_in_the_cache_needs_no_npm() {
        let cache = tempfile::tempdir().unwrap();
        let package = package_here().unwrap();
        let folder = cache.path().join(format!("chdb-{LIBRARY_VERSION}-{}-{}", package.os, package.arch));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(package.library), "").unwrap();
        let library =
            fetch_by("no-such-npm", Some(cache.path()), &mut |_| panic!("nothing to fetch")).unwrap();
        assert_eq!(library, folder.join(package.library));
    }
}
