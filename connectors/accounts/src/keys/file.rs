//! The file of keys: TOML, readable by its owner only, and always whole.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use order_model::TimeMs;
use tempfile::NamedTempFile;

use super::{Key, KeysError, Ring};
use crate::limits::KEY_FILE_BYTES_MAX;

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    key: Vec<KeyEntry>,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    id: u32,
    secret: String,
    signs_from: u64,
}

fn failed(action: &'static str, file: &Path) -> impl FnOnce(io::Error) -> KeysError {
    let file = file.display().to_string();
    move |error| KeysError::File { action, file, error }
}

/// The keys; `None` when there is no such file.
pub(super) fn read(file: &Path) -> Result<Option<Ring>, KeysError> {
    let open = match File::open(file) {
        Ok(open) => open,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", file)(error)),
    };
    let mut text = String::new();
    open.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed("read", file))?;
    let format = |detail: String| KeysError::Format { file: file.display().to_string(), detail };
    parse(&text).map(Some).map_err(format)
}

/// The keys of a file's text; `Err` says what is wrong with it, and never what stands in it.
fn parse(text: &str) -> Result<Ring, String> {
    let parsed: Result<KeyFile, toml::de::Error> = toml::from_str(text);
    let entries = parsed.map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        format!("line {} cannot be read", before.matches('\n').count() + 1)
    })?;
    let keys = entries.key.iter().map(|entry| {
        let secret = from_hex(&entry.secret);
        let secret = secret.ok_or_else(|| format!("the secret of key {} is none", entry.id))?;
        Ok(Key::new(entry.id, secret, TimeMs(entry.signs_from)))
    });
    Ring::new(keys.collect::<Result<Vec<Key>, String>>()?)
}

fn write(file: &Path, ring: &Ring) -> Result<NamedTempFile, KeysError> {
    let entry = |key: &Key| KeyEntry {
        id: key.id,
        secret: key.secret.iter().map(|byte| format!("{byte:02x}")).collect(),
        signs_from: key.signs_from.0,
    };
    let entries = KeyFile { key: ring.all().iter().map(entry).collect() };
    let text = toml::to_string(&entries)
        .map_err(|error| KeysError::Format { file: file.display().to_string(), detail: error.to_string() })?;
    let folder =
        file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let written = fs::create_dir_all(folder).and_then(|()| {
        // Readable by its owner only, as temporary files are.
        let mut part = NamedTempFile::new_in(folder)?;
        part.write_all(text.as_bytes())?;
        part.as_file().sync_all()?;
        Ok(part)
    });
    written.map_err(failed("write", file))
}

/// Writes the file unless somebody else did meanwhile; the keys that stand there then.
pub(super) fn make(file: &Path, ring: &Ring) -> Result<Ring, KeysError> {
    match write(file, ring)?.persist_noclobber(file) {
        Ok(_) => {}
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed("write", file)(error.error)),
    }
    read(file)?.ok_or_else(|| failed("read", file)(ErrorKind::NotFound.into()))
}

/// Puts the keys in the place of those of the file.
pub(super) fn replace(file: &Path, ring: &Ring) -> Result<(), KeysError> {
    write(file, ring)?.persist(file).map_err(|error| failed("write", file)(error.error))?;
    Ok(())
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let mut bytes = [0; 32];
    if pairs.len() != bytes.len() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = (digit(*high)? << 4) | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::TokenKeys;
    use crate::limits::KEY_LEAD_MS;

    fn text(keys: &TokenKeys) -> Vec<(u32, [u8; 32])> {
        keys.ring().all().iter().map(|key| (key.id, key.secret)).collect()
    }

    #[test]
    fn made_once_by_many_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/tokens.toml");
        let made: Vec<_> = thread::scope(|scope| {
            let makers: Vec<_> = (0..4).map(|_| scope.spawn(|| TokenKeys::open(&file).unwrap())).collect();
            makers.into_iter().map(|maker| text(&maker.join().unwrap())).collect()
        });
        assert!(made.iter().all(|keys| *keys == made[0]));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
        assert!(!format!("{:?}", TokenKeys::open(&file).unwrap()).contains("secret"));
    }

    #[test]
    fn the_new_key_signs_once_all_know_it_and_the_third_ends_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.toml");
        let keys = TokenKeys::open(&file).unwrap();
        let signing = |now: u64| keys.ring().signing(TimeMs(now)).unwrap().id;
        assert_eq!(TokenKeys::rotate(&file, TimeMs(1_000)).unwrap(), 2);
        assert_eq!(signing(u64::MAX), 1, "not read yet");
        keys.reload().unwrap();
        assert_eq!((signing(1_000), signing(999 + KEY_LEAD_MS), signing(1_000 + KEY_LEAD_MS)), (1, 1, 2));
        let early = TokenKeys::rotate(&file, TimeMs(2_000)).unwrap_err().to_string();
        assert!(early.contains("key 2 does not sign yet"), "{early}");
        assert_eq!(TokenKeys::rotate(&file, TimeMs(1_000 + KEY_LEAD_MS)).unwrap(), 3);
        keys.reload().unwrap();
        let ids: Vec<u32> = keys.ring().all().iter().map(|key| key.id).collect();
        assert_eq!(ids, [2, 3]);
        fs::remove_file(&file).unwrap();
        assert!(keys.reload().is_err());
        assert_eq!(keys.ring().all().len(), 2, "they stay");
    }

    #[test]
    fn what_is_no_file_of_keys_is_named_and_not_shown() {
        let secret = "ab".repeat(32);
        let key = |id: u32| format!("[[key]]\nid = {id}\nsecret = \"{secret}\"\nsigns_from = {id}\n");
        assert_eq!(parse(&key(7)).unwrap().all().len(), 1);
        for (text, part) in [
            (String::new(), "line 1"),
            ("key = []".to_owned(), "there is no key"),
            (key(7).replace("signs_from", "signs"), "line 4"),
            (key(7).replace(&secret, "abc"), "the secret of key 7"),
            (key(7).replace("ab\"", "+b\""), "the secret of key 7"),
            (key(7).replace('"', ""), "line 3"),
            (key(7) + &key(7), "two keys have the id 7"),
            (key(7) + &key(8) + &key(9), "there are 3 keys"),
        ] {
            let error = parse(&text).err().unwrap();
            assert!(error.contains(part) && !error.contains("abab"), "{error}");
        }
    }
}
