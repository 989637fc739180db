//! The client: which DynamoDB, with which credentials, under which names.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{Builder, Credentials, Region, SharedHttpClient};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};

use crate::limits::{ATTEMPT_TIMEOUT_MS, CONNECT_TIMEOUT_MS, TABLE_NAME_BYTES_MAX};
use crate::{Table, TablesError};

/// The region where none is named and none is needed.
const LOCAL_REGION: &str = "us-east-1";
/// Stand-ins take every key, but want one.
const LOCAL_KEY: &str = "doorbuster";

/// Which DynamoDB.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableOptions {
    /// Where it answers; `None`: AWS. One that begins with `http://` is a stand-in and gets a made-up access key, never
    /// a real one.
    pub endpoint: Option<String>,
    /// Its region; `None`: what the environment or the profile says.
    pub region: Option<String>,
    /// What the names of the tables begin with.
    pub prefix: String,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self { endpoint: None, region: None, prefix: "doorbuster-".to_owned() }
    }
}

impl TableOptions {
    /// A stand-in that answers at `endpoint`.
    pub fn local(endpoint: impl Into<String>) -> Self {
        Self { endpoint: Some(endpoint.into()), ..Self::default() }
    }

    fn check(&self) -> Result<(), TablesError> {
        let bad = |text: String| Err(TablesError::BadOptions(text));
        let is_fine = |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
        if let Some(wrong) = self.prefix.chars().find(|character| !is_fine(*character)) {
            return bad(format!(
                "the prefix {:?} of the tables holds {wrong:?}; names are made of letters, digits and _ . -",
                self.prefix
            ));
        }
        let longest = Table::ALL.iter().map(|table| table.name().len()).max().unwrap_or_default();
        if self.prefix.len() + longest > TABLE_NAME_BYTES_MAX {
            let left = TABLE_NAME_BYTES_MAX - longest;
            return bad(format!("the prefix of the tables is longer than {left} characters; shorten it"));
        }
        match &self.endpoint {
            Some(endpoint) if !is_address(endpoint) => bad(format!(
                "the endpoint {endpoint:?} is no address; write it as http://HOST:PORT or https://HOST"
            )),
            _ => Ok(()),
        }
    }

    fn stand_in(&self) -> Option<&str> {
        self.endpoint.as_deref().filter(|endpoint| endpoint.starts_with("http://"))
    }
}

fn is_address(endpoint: &str) -> bool {
    let rest = endpoint.strip_prefix("http://").or_else(|| endpoint.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        !rest.starts_with([':', '/'])
            && !rest.is_empty()
            && !rest.contains(|character: char| character.is_whitespace() || "?#@".contains(character))
    })
}

/// A client for the tables. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tables {
    client: Client,
    prefix: String,
}

impl Tables {
    /// A client as `options` say. Nothing is asked of DynamoDB yet.
    ///
    /// It makes each request once: who repeats, and when, is the caller's to say.
    pub async fn connect(options: &TableOptions) -> Result<Self, TablesError> {
        options.check()?;
        let config = match options.stand_in() {
            Some(endpoint) => aws_sdk_dynamodb::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(region(options).unwrap_or(Region::from_static(LOCAL_REGION)))
                .credentials_provider(Credentials::new(LOCAL_KEY, LOCAL_KEY, None, None, "stand-in"))
                .endpoint_url(endpoint)
                .http_client(http_client(TrustStore::empty())?),
            None => from_environment(options).await?,
        };
        Ok(Self { client: Client::from_conf(once(config).build()), prefix: options.prefix.clone() })
    }

    /// The SDK's client, for whatever is not offered here.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A table's name, with the prefix.
    pub fn name(&self, table: Table) -> String {
        format!("{}{}", self.prefix, table.name())
    }
}

fn region(options: &TableOptions) -> Option<Region> {
    options.region.clone().map(Region::new)
}

/// Region and credentials as every tool for AWS finds them: environment, profile, container, machine.
async fn from_environment(options: &TableOptions) -> Result<Builder, TablesError> {
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).http_client(http_client(TrustStore::default())?);
    if let Some(region) = region(options) {
        loader = loader.region(region);
    }
    if let Some(endpoint) = &options.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    let shared = loader.load().await;
    if shared.region().is_none() {
        return Err(TablesError::BadOptions(
            "no region is known; set AWS_REGION, or name the region of the tables".to_owned(),
        ));
    }
    Ok(Builder::from(&shared))
}

fn once(config: Builder) -> Builder {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(CONNECT_TIMEOUT_MS))
        .operation_attempt_timeout(Duration::from_millis(ATTEMPT_TIMEOUT_MS))
        .build();
    config.retry_config(RetryConfig::disabled()).timeout_config(timeouts)
}

fn http_client(roots: TrustStore) -> Result<SharedHttpClient, TablesError> {
    let tls = TlsContext::builder()
        .with_trust_store(roots)
        .build()
        .map_err(|error| TablesError::BadOptions(error.to_string()))?;
    Ok(aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(tls)
        .build_https())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(options: &TableOptions) -> String {
        options.check().unwrap_err().to_string()
    }

    #[test]
    fn bad_options_are_named() {
        for endpoint in
            ["", "localhost:8000", "http://", "http://:80", "https://a b", "http://a?b", "ftp://a"]
        {
            let text = refusal(&TableOptions::local(endpoint));
            assert!(text.contains(&format!("{endpoint:?} is no address")), "{text}");
        }
        let with_prefix =
            |prefix: &str| TableOptions { prefix: prefix.to_owned(), ..TableOptions::default() };
        assert!(refusal(&with_prefix("a b")).contains("' '"));
        assert!(refusal(&with_prefix(&"a".repeat(250))).contains("longer than 242"));
        for endpoint in
            ["http://127.0.0.1:8000", "https://dynamodb.eu-west-1.amazonaws.com", "http://[::1]:80/"]
        {
            TableOptions::local(endpoint).check().unwrap();
        }
        with_prefix("").check().unwrap();
    }

    #[test]
    fn only_plain_http_gets_the_made_up_key() {
        assert!(TableOptions::local("http://127.0.0.1:8000").stand_in().is_some());
        assert!(TableOptions::local("https://vpce.example.com").stand_in().is_none());
        assert!(TableOptions::default().stand_in().is_none());
    }
}
