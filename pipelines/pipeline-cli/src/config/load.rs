//! The layers: defaults, the file over them, the environment over that, flags over all.

use std::fmt;
use std::path::{Path, PathBuf};

use super::options::{ConfigOption, OPTIONS, TABLES, find};
use crate::nearest::suggestion;
use crate::toml_file::{FileError, read_toml};

/// What environment variables of ours begin with.
const ENV_PREFIX: &str = "PIPELINE_";
/// Names the file and is no option itself.
pub const ENV_FILE: &str = "PIPELINE_CONFIG";

/// What is shown of a secret.
const HIDDEN: &str = "(hidden)";

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// This line of the file.
    File {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// This environment variable.
    Environment(String),
    /// This flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line } => write!(f, "{}:{line}", file.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// An option's value and where it comes from.
#[derive(Clone, Debug)]
pub struct Value {
    /// The option.
    pub option: &'static ConfigOption,
    /// Its value, not yet understood.
    pub text: String,
    /// Who says so.
    pub origin: Origin,
}

impl Value {
    /// The value for people: a secret stays one.
    pub fn shown(&self) -> String {
        let hide = self.option.secret && !self.text.is_empty();
        if hide { HIDDEN.to_owned() } else { self.text.clone() }
    }
}

/// A flag that sets an option.
#[derive(Clone, Debug)]
pub struct Flag {
    /// As it is typed: `--log`, `--set`.
    pub flag: &'static str,
    /// The option's name, as the user typed it for `--set`.
    pub name: String,
    /// The value.
    pub text: String,
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// In the file.
    #[error(transparent)]
    File(#[from] FileError),
    /// An unknown environment variable.
    #[error("{name} in the environment names no option{hint}")]
    UnknownVariable {
        /// The variable.
        name: String,
        /// The nearest known one.
        hint: String,
    },
    /// An unknown name after `--set`.
    #[error("{flag} {name}: there is no such option{hint}")]
    UnknownFlag {
        /// The flag.
        flag: &'static str,
        /// The name.
        name: String,
        /// The nearest known one.
        hint: String,
    },
    /// A value that is none.
    #[error("option `{name}` is \"{text}\" ({origin}): {detail}")]
    BadValue {
        /// The option.
        name: &'static str,
        /// The value.
        text: String,
        /// Who says so.
        origin: Origin,
        /// What it has to be.
        detail: String,
    },
}

/// Lays the layers over each other. `file` is a path and the text found there.
pub fn load(
    file: Option<(&Path, &str)>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[Flag],
) -> Result<Vec<Value>, ConfigError> {
    let mut values: Vec<_> = OPTIONS
        .iter()
        .map(|option| Value { option, text: option.default.to_owned(), origin: Origin::Default })
        .collect();
    if let Some((file, text)) = file {
        load_file(&mut values, file, text)?;
    }
    load_environment(&mut values, environment)?;
    for flag in flags {
        let hint = || suggestion(&flag.name, OPTIONS.iter().map(|option| option.name));
        let option = find(&flag.name).ok_or_else(|| ConfigError::UnknownFlag {
            flag: flag.flag,
            name: flag.name.clone(),
            hint: hint(),
        })?;
        set(&mut values, option, flag.text.clone(), Origin::Flag(flag.flag.to_owned()));
    }
    Ok(values)
}

fn load_file(values: &mut [Value], file: &Path, text: &str) -> Result<(), ConfigError> {
    let known: Vec<_> = OPTIONS.iter().map(|option| option.name).chain(TABLES).collect();
    let entries = read_toml(file, text, |root| {
        root.only(&known)?;
        let owned =
            root.scalars(&TABLES)?.into_iter().map(|(name, text, line)| (name.to_owned(), text, line));
        let mut entries: Vec<_> = owned.collect();
        for table in TABLES {
            let Some(section) = root.section(table)? else { continue };
            let keys = OPTIONS.iter().filter_map(|option| option.name.strip_prefix(table)?.strip_prefix('_'));
            section.only(&keys.collect::<Vec<_>>())?;
            for (key, text, line) in section.scalars(&[])? {
                let name = format!("{table}_{key}");
                if root.has(&name) {
                    return Err(section
                        .error_at(key, format!("this is set as `{name}` already; take one of them out")));
                }
                entries.push((name, text, line));
            }
        }
        Ok(entries)
    })?;
    for (name, text, line) in entries {
        if let Some(option) = find(&name) {
            set(values, option, text, Origin::File { file: file.to_owned(), line });
        }
    }
    Ok(())
}

fn load_environment(
    values: &mut [Value],
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(), ConfigError> {
    for (variable, text) in environment {
        let Some(name) = variable.strip_prefix(ENV_PREFIX) else { continue };
        if variable == ENV_FILE {
            continue;
        }
        let Some(option) = OPTIONS.iter().find(|option| option.name.to_uppercase() == name) else {
            let known: Vec<_> = OPTIONS.iter().map(variable_of).collect();
            let hint = suggestion(&variable, known.iter().map(String::as_str));
            return Err(ConfigError::UnknownVariable { name: variable, hint });
        };
        set(values, option, text, Origin::Environment(variable));
    }
    Ok(())
}

/// The environment variable of an option.
pub fn variable_of(option: &ConfigOption) -> String {
    format!("{ENV_PREFIX}{}", option.name.to_uppercase())
}

fn set(values: &mut [Value], option: &'static ConfigOption, text: String, origin: Origin) {
    if let Some(value) = values.iter_mut().find(|value| value.option.name == option.name) {
        value.text = text;
        value.origin = origin;
    }
}
