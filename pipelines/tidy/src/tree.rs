//! The text files of the repository.

use std::fs;
use std::io;
use std::path::Path;

/// Folders that hold no files of ours.
const SKIPPED: [&str; 5] = ["target", ".git", ".pipeline", "node_modules", ".terraform"];
/// Files that are written by tools.
const GENERATED: [&str; 1] = ["Cargo.lock"];

/// The text files of the repository, by path from its root, sorted.
#[derive(Debug, Default)]
pub struct Tree {
    files: Vec<(String, String)>,
}

impl Tree {
    /// Reads the files below `root`; files that are not UTF-8 are left out.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let path = entry.path();
                let name = entry.file_name().to_string_lossy().into_owned();
                if entry.file_type()?.is_dir() {
                    if !SKIPPED.contains(&name.as_str()) {
                        folders.push(path);
                    }
                } else if !GENERATED.contains(&name.as_str())
                    && let Ok(text) = fs::read_to_string(&path)
                {
                    let relative = path.strip_prefix(root).unwrap_or(&path);
                    files.push((relative.to_string_lossy().replace('\\', "/"), text));
                }
            }
        }
        files.sort();
        Ok(Self { files })
    }

    /// A tree of these files, for tests.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let mut files: Vec<_> =
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        files.sort();
        Self { files }
    }

    /// Every file: path and text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Every Rust file.
    pub fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().filter(|(path, _)| path.ends_with(".rs"))
    }

    /// The text of one file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.iter().find(|(candidate, _)| *candidate == path).map(|(_, text)| text)
    }
}

/// The words of a text: runs of letters, digits and underscores.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}
