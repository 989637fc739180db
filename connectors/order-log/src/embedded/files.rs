//! File calls with errors that name the file.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::LogError;

/// Makes a [`LogError::Failed`] of whatever went wrong while doing `context`.
pub(super) fn failed<E: Display>(context: String) -> impl FnOnce(E) -> LogError {
    move |error| LogError::Failed { context, detail: error.to_string() }
}

pub(super) fn damaged(file: &Path, byte: u64, detail: impl Into<String>) -> LogError {
    LogError::Damaged { file: file.display().to_string(), byte, detail: detail.into() }
}

pub(super) fn open(path: &Path) -> Result<File, LogError> {
    File::open(path).map_err(failed(format!("opening {}", path.display())))
}

pub(super) fn lock_file(path: &Path) -> Result<File, LogError> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
    file.map_err(failed(format!("opening {}", path.display())))
}

pub(super) fn open_to_write(path: &Path) -> Result<File, LogError> {
    let file = OpenOptions::new().write(true).open(path);
    file.map_err(failed(format!("opening {} for writing", path.display())))
}

/// Creates an empty file that must not exist. Its name is safe once its folder is synced.
pub(super) fn create(path: &Path) -> Result<File, LogError> {
    File::create_new(path).map_err(failed(format!("creating {}", path.display())))
}

pub(super) fn create_folder(path: &Path) -> Result<(), LogError> {
    std::fs::create_dir(path).map_err(failed(format!("creating {}", path.display())))
}

/// Makes the names in a folder survive a power cut.
pub(super) fn sync_folder(path: &Path) -> Result<(), LogError> {
    let synced = File::open(path).and_then(|folder| folder.sync_all());
    synced.map_err(failed(format!("syncing the folder {}", path.display())))
}

/// What is in a folder, in the order of the names.
pub(super) fn list(path: &Path) -> Result<Vec<PathBuf>, LogError> {
    let entries = std::fs::read_dir(path).and_then(|entries| {
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()
    });
    let mut paths = entries.map_err(failed(format!("listing {}", path.display())))?;
    paths.sort();
    Ok(paths)
}
