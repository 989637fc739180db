//! The keys file: what signs privileged commands. Readable by its owner only.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result};
use ingest_gateway::identity::{Secret, SecretError};
use order_codec::KeyRing;

use crate::failure::Failure;
use crate::random::random;

/// The name of a keys file where only its folder is known.
pub const FILE_NAME: &str = "keys.toml";
/// The name of the file with what signs the tokens of waiting rooms, beside it.
pub const PLACES_FILE_NAME: &str = "places.toml";
/// The name of the file with the gateways' secret, beside it.
pub const SECRET_FILE_NAME: &str = "gateway.secret";
/// The name of the file with the keys that sign tokens of people, beside it.
pub const TOKENS_FILE_NAME: &str = "tokens.toml";

/// Reads the keys; `None` when there is no such file.
pub fn read(file: &Path) -> Result<Option<KeyRing>> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("read the keys in {}", file.display())),
    };
    let ring = KeyRing::from_toml(&text)
        .map_err(|error| Failure::usage(error.to_string()))
        .with_context(|| format!("read the keys in {}", file.display()))?;
    Ok(Some(ring))
}

/// Makes a key and writes it to `file`, which must not exist.
pub fn generate(file: &Path) -> Result<KeyRing> {
    let ring = KeyRing::generate_one(random()?);
    let text = ring.to_toml()?;
    create(file, &text).with_context(|| format!("write the keys to {}", file.display()))?;
    Ok(ring)
}

/// Reads what signs the tokens of waiting rooms, or makes it at first use.
pub fn place_keys(file: &Path) -> Result<KeyRing> {
    if let Some(ring) = read(file)? {
        return Ok(ring);
    }
    match generate(file) {
        Ok(ring) => Ok(ring),
        // Another gateway was quicker.
        Err(error) => read(file)?.ok_or(error),
    }
}

/// Reads the secret of the gateways, or makes it at first use.
pub fn gateway_secret(file: &Path) -> Result<Secret> {
    match fs::read_to_string(file) {
        Ok(text) => text
            .parse()
            .map_err(|error: SecretError| Failure::usage(error.to_string()))
            .with_context(|| format!("read the secret in {}", file.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let secret = random::<32>()?;
            let text: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
            match create(file, &text) {
                // Another gateway was quicker.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => gateway_secret(file),
                made => {
                    made.with_context(|| format!("write the secret to {}", file.display()))?;
                    Ok(Secret::from(secret))
                }
            }
        }
        Err(error) => Err(error).with_context(|| format!("read the secret in {}", file.display())),
    }
}

/// What to say where a keys file is named that is not there.
pub fn missing(file: &Path) -> Failure {
    Failure::usage(format!("sign the command: there is no keys file {}", file.display()))
        .next("pipeline keys generate, or name the file the workers use by --set keys_file=FILE")
}

/// Writes a file that only its owner may read; it must not exist.
fn create(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut open = options.open(file)?;
    open.write_all(text.as_bytes())?;
    open.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/keys.toml");
        assert!(read(&file).unwrap().is_none());
        let made = generate(&file).unwrap();
        assert_eq!(read(&file).unwrap().unwrap().to_toml(), made.to_toml());
        assert!(generate(&file).is_err(), "a key is never overwritten");
        assert_eq!(place_keys(&file).unwrap().to_toml(), made.to_toml(), "nor made twice");
        assert!(place_keys(&folder.path().join(PLACES_FILE_NAME)).unwrap().to_toml() != made.to_toml());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_is_no_keys_file_is_a_usage_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.toml");
        fs::write(&file, "key = 1").unwrap();
        let (code, _) = crate::failure::classify(&read(&file).unwrap_err());
        assert_eq!(code, crate::ExitCode::Usage);
    }
}
