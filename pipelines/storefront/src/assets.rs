//! Styles, scripts and the mark, as they are in the program.

use std::sync::LazyLock;

/// A file the pages load.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asset {
    /// Its content.
    pub bytes: &'static [u8],
    /// Its media type.
    pub content_type: &'static str,
    /// A hash of its content, in quotes: for `ETag`. A name keeps while its content changes with the program, so a cache
    /// has to ask.
    pub etag: String,
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! files {
    ($($name:literal: $kind:expr),* $(,)?) => {
        [$(($name, $kind, include_bytes!(concat!("../assets/", $name)).as_slice())),*]
    };
}

static ASSETS: LazyLock<Vec<(&'static str, Asset)>> = LazyLock::new(|| {
    let files = files! {
        "account.js": SCRIPT, "api.js": SCRIPT, "buying.js": SCRIPT, "cart.js": SCRIPT, "dom.js": SCRIPT,
        "form.js": SCRIPT, "home.js": SCRIPT, "item.js": SCRIPT, "mark.svg": SVG, "names.js": SCRIPT,
        "order.js": SCRIPT, "orders.js": SCRIPT, "reset.js": SCRIPT, "room-pass.js": SCRIPT, "room.js": SCRIPT,
        "session.js": SCRIPT, "shop.css": CSS, "shop.js": SCRIPT, "stranger.js": SCRIPT, "stream.js": SCRIPT,
        "verify.js": SCRIPT, "wall.js": SCRIPT, "words.js": SCRIPT,
    };
    let asset = |(name, content_type, bytes): (&'static str, &'static str, &'static [u8])| {
        let etag = format!("\"{}\"", blake3::hash(bytes).to_hex().split_at(16).0);
        (name, Asset { bytes, content_type, etag })
    };
    files.into_iter().map(asset).collect()
});

/// The file served under `/assets/NAME`; `None` when there is none.
pub fn asset(name: &str) -> Option<&'static Asset> {
    let index = ASSETS.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    ASSETS.get(index).map(|(_, asset)| asset)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_file_of_the_folder_is_served_under_its_name() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets");
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let served: Vec<_> = ASSETS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(served, names);
        assert!(names.iter().all(|name| asset(name).is_some()));
        assert_eq!(asset("../Cargo.toml"), None);
    }

    #[test]
    fn scripts_import_only_files_that_are_served() {
        for (name, script) in ASSETS.iter().filter(|(_, asset)| asset.content_type == SCRIPT) {
            let text = std::str::from_utf8(script.bytes).unwrap();
            for part in text.split("\"./").skip(1) {
                let imported = part.split('"').next().unwrap();
                assert!(asset(imported).is_some(), "{name} imports {imported}");
            }
        }
    }
}
