//! Where schemas and their ids come from.

use std::error::Error;
use std::fmt;

use schema_registry_converter::blocking::schema_registry::{
    SrSettings, get_schema_by_id, perform_sr_call, post_schema,
};
use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::{RawError, SchemaType, SrCall, SuppliedSchema};

use crate::limits::{REGISTER_ATTEMPTS_MAX, REGISTRY_TIMEOUT};

/// A source of schemas. Either method may wait for a network and must not be called on an async thread.
pub trait SchemaSource: Send + Sync {
    /// The id of a schema under a subject; registers the schema if it is not there yet.
    fn register_or_find(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError>;

    /// The schema with this id; `None` when the source answered that there is none.
    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError>;
}

/// Why a source of schemas gave no answer. Says nothing about any record.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RegistryError {
    /// It does not answer. Trying again may help.
    #[error("schema registry {registry} does not answer: {detail}")]
    Unreachable {
        /// Where it should be.
        registry: String,
        /// What the client says.
        detail: String,
    },
    /// It answers, and will not do what was asked.
    #[error("schema registry {registry} refused {asked}: {detail}")]
    Refused {
        /// Where it is.
        registry: String,
        /// What was asked.
        asked: String,
        /// Its answer.
        detail: String,
    },
}

/// Who we are to a registry.
#[derive(Clone)]
pub struct Login {
    /// The name, or the API key.
    pub user: String,
    /// The password, or the API secret.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).field("password", &"(hidden)").finish()
    }
}

/// A registry that speaks Confluent's API: Confluent's own, Karapace, Apicurio under `/apis/ccompat/v7`.
///
/// Its methods block, at most [`REGISTRY_TIMEOUT`] for each request, and may panic when called on an async thread.
#[derive(Clone, Debug)]
pub struct HttpRegistry {
    url: String,
    settings: SrSettings,
}

impl HttpRegistry {
    /// Makes a client for the registry at `url`. Asks nothing yet.
    pub fn new(url: &str, login: Option<&Login>) -> Result<Self, RegistryError> {
        let url = url.trim_end_matches('/').to_owned();
        let mut builder = SrSettings::new_builder(url.clone());
        builder.set_timeout(REGISTRY_TIMEOUT);
        if let Some(login) = login {
            builder.set_basic_authorization(&login.user, Some(&login.password));
        }
        let settings = builder.build().map_err(|error| RegistryError::Refused {
            registry: url.clone(),
            asked: "to make a client".to_owned(),
            detail: say(&error),
        })?;
        Ok(Self { url, settings })
    }

    /// The id of a schema that is registered already, if it is.
    fn find(&self, subject: &str, schema_json: &str) -> Result<Option<u32>, RegistryError> {
        let body = serde_json::json!({ "schema": schema_json, "schemaType": "AVRO" }).to_string();
        match perform_sr_call(&self.settings, SrCall::PostForVersion(subject, &body)) {
            Ok(found) => Ok(found.id),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(self.failed(&error, format!("to look for a schema of {subject}"))),
        }
    }

    fn failed(&self, error: &SRCError, asked: String) -> RegistryError {
        let registry = self.url.clone();
        let detail = say(error);
        if error.retriable || answer(error).is_none() {
            RegistryError::Unreachable { registry, detail }
        } else {
            RegistryError::Refused { registry, asked, detail }
        }
    }
}

impl SchemaSource for HttpRegistry {
    /// Looks first and registers only what is not there, so that a worker may run with read access alone. Workers
    /// that start together may hinder each other; so whoever fails to register looks again.
    fn register_or_find(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError> {
        let mut attempt = 1;
        loop {
            if let Some(id) = self.find(subject, schema_json)? {
                return Ok(id);
            }
            let schema = SuppliedSchema::new(None, SchemaType::Avro, schema_json.to_owned());
            match post_schema(&self.settings, subject.to_owned(), schema) {
                Ok(registered) => return Ok(registered.id),
                Err(_) if attempt < REGISTER_ATTEMPTS_MAX => attempt += 1,
                Err(error) => {
                    return Err(self.failed(&error, format!("to register the schema of {subject}")));
                }
            }
        }
    }

    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        match get_schema_by_id(id, &self.settings) {
            Ok(found) => Ok(Some(found.schema)),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(self.failed(&error, format!("schema {id}"))),
        }
    }
}

/// The registry's own answer; a proxy's page, which is none, has code 0.
fn answer(error: &SRCError) -> Option<&RawError> {
    error.source()?.downcast_ref::<RawError>().filter(|raw| raw.error_code != 0)
}

/// Whether the registry itself says that there is no such subject, version or schema. A bare "404 Not Found" of
/// something in between does not count.
fn is_not_found(error: &SRCError) -> bool {
    answer(error).is_some_and(|raw| matches!(raw.error_code, 404 | 40_401..=40_403))
}

fn say(error: &SRCError) -> String {
    match &error.cause {
        Some(cause) => format!("{} ({cause})", error.error),
        None => error.error.clone(),
    }
}
