//! Random bytes of the operating system, for ids and keys.

use anyhow::{Context, Result};

/// `N` random bytes.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("get random bytes from the operating system")?;
    Ok(bytes)
}
