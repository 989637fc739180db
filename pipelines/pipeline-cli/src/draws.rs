//! The seeds of draws, kept from the opening of a listing until its draw. Readable by their owner only.
//!
//! A seed is on disk before its commitment is in the log: a listing whose seed nobody has could only turn everybody away.
//! Entries are only ever added, and found by their commitment, so that an opening that failed does no harm.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result};
use order_model::{Commitment, Seed, Sku};

use crate::failure::Failure;
use crate::random::random;
use crate::toml_file::{FileError, read_toml};

/// The name of the file, beside the keys.
pub const FILE_NAME: &str = "draws.toml";
/// Largest file of seeds that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1_048_576;

/// Makes a seed for `sku` and keeps it in `file`; what the listing is committed to.
pub fn make(file: &Path, sku: &Sku) -> Result<Commitment> {
    let seed = Seed(random()?);
    let commitment = commitment_of(&seed);
    append(file, sku, &commitment, &seed)
        .with_context(|| format!("keep the seed of the draw for {sku} in {}", file.display()))?;
    Ok(commitment)
}

/// The seed for a commitment; `None` when the file does not have it.
pub fn find(file: &Path, commitment: &Commitment) -> Result<Option<Seed>> {
    let reading = || format!("read the seeds of draws in {}", file.display());
    let text = match fs::metadata(file).and_then(|data| match data.len() {
        0..=FILE_BYTES_MAX => fs::read_to_string(file),
        _ => Err(ErrorKind::FileTooLarge.into()),
    }) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(reading),
    };
    let seeds =
        parse(file, &text).map_err(|error| Failure::usage(error.to_string())).with_context(reading)?;
    Ok(seeds.into_iter().find(|seed| commitment_of(seed) == *commitment))
}

fn commitment_of(seed: &Seed) -> Commitment {
    Commitment(blake3::hash(&seed.0).into())
}

fn parse(file: &Path, text: &str) -> Result<Vec<Seed>, FileError> {
    read_toml(file, text, |root| {
        root.only(&["draw"])?;
        let seed = |section: &crate::toml_file::Section<'_>| {
            section.only(&["sku", "commitment", "seed"])?;
            let seed = section.text("seed", str::parse::<Seed>)?;
            seed.ok_or_else(|| section.error("this draw has no `seed`"))
        };
        root.sections("draw")?.iter().map(seed).collect()
    })
}

/// One write, so that two who add at the same time do not mix.
fn append(file: &Path, sku: &Sku, commitment: &Commitment, seed: &Seed) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut open = options.open(file)?;
    let sku = toml::Value::from(sku.as_str());
    let entry = format!("[[draw]]\nsku = {sku}\ncommitment = \"{commitment}\"\nseed = \"{seed}\"\n\n");
    open.write_all(entry.as_bytes())?;
    open.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_kept_and_found_by_their_commitments() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/draws.toml");
        assert_eq!(find(&file, &Commitment([0; 32])).unwrap(), None);
        let made: Vec<_> = ["A", "a \"quoted\" one", "A"]
            .map(|name| make(&file, &name.parse().unwrap()).unwrap())
            .into_iter()
            .collect();
        for commitment in &made {
            let seed = find(&file, commitment).unwrap().unwrap();
            assert_eq!(blake3::hash(&seed.0).as_bytes(), &commitment.0);
        }
        assert_ne!(made[0], made[2], "every opening has a seed of its own");
        assert_eq!(find(&file, &Commitment([0; 32])).unwrap(), None);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_is_no_file_of_seeds_is_a_usage_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("draws.toml");
        for text in ["draw = 1", "[[draw]]\nsku = \"A\"", "[[draw]]\nseed = \"abc\"", "seeds = []"] {
            fs::write(&file, text).unwrap();
            let (code, _) = crate::failure::classify(&find(&file, &Commitment([0; 32])).unwrap_err());
            assert_eq!(code, crate::ExitCode::Usage, "{text}");
        }
    }
}
