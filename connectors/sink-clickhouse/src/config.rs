//! Where the engine is, and who we are there.

use std::fmt;

/// Where ClickHouse is. The password does not show in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    /// Its HTTP address, as `http://127.0.0.1:8123` or `https://…:8443`.
    pub url: String,
    /// The database that holds our tables; [`crate::apply`] makes it.
    pub database: String,
    /// The user, if one is needed.
    pub user: Option<String>,
    /// Their password.
    pub password: Option<String>,
    /// Whether inserts and answers are compressed (LZ4): worth it over a network, not on loopback.
    pub compressed: bool,
}

impl Config {
    /// A server without password, uncompressed.
    pub fn new(url: impl Into<String>, database: impl Into<String>) -> Self {
        Self { url: url.into(), database: database.into(), user: None, password: None, compressed: false }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("url", &self.url)
            .field("database", &self.database)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "set"))
            .field("compressed", &self.compressed)
            .finish()
    }
}
