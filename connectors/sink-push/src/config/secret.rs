//! Texts that nobody is to see: written where they are needed, or, better, in a file or an environment variable.

use std::path::PathBuf;
use std::{env, fmt, fs};

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Where a secret stands: `"TEXT"`, `{ env = "NAME" }` or `{ file = "PATH" }`. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// Here.
    Text(String),
    /// In this environment variable.
    Env(String),
    /// In this file; white space at its end does not count.
    File(PathBuf),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    Env(String),
    File(PathBuf),
}

impl Secret {
    /// The text; `Err` says why there is none.
    pub(super) fn read(&self) -> Result<String, String> {
        let text = match self {
            Self::Text(text) => text.clone(),
            Self::Env(name) => {
                env::var(name).map_err(|error| format!("the environment variable {name}: {error}"))?
            }
            Self::File(path) => fs::read_to_string(path)
                .map_err(|error| format!("the file {}: {error}", path.display()))?
                .trim_end()
                .to_owned(),
        };
        if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(text) }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Secret"),
            Self::Env(name) => write!(f, "Secret(env {name})"),
            Self::File(path) => write!(f, "Secret(file {})", path.display()),
        }
    }
}

struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, { env = \"NAME\" } or { file = \"PATH\" }")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Secret, E> {
        Ok(Secret::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Secret, A::Error> {
        Ok(match Place::deserialize(MapAccessDeserializer::new(map))? {
            Place::Env(name) => Secret::Env(name),
            Place::File(path) => Secret::File(path),
        })
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}
