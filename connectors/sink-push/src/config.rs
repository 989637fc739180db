//! The sink as a configuration describes it: which channels there are, what the shop is called, how notices read.
//!
//! Promised: a field nobody knows, a key that is too short, a page that names no order: each is an error that says which
//! field and what to write there, before anything is sent. Not promised: that a provider answers.

mod secret;

use std::path::PathBuf;

use reqwest::Url;
use serde::Deserialize;

pub use secret::Secret;

use crate::channels::Channel;
use crate::channels::email::{EmailChannel, EmailOptions, Security};
use crate::channels::outbox::Outbox;
use crate::channels::sns::{SnsChannel, SnsOptions};
use crate::channels::webhook::{WebhookChannel, WebhookOptions};
use crate::channels::webpush::{VapidKey, WebPushChannel, WebPushOptions};
use crate::contacts::ChannelKind;
use crate::mac::SigningKeys;
use crate::office::Shop;
use crate::templates::{TemplateError, Templates};

/// The sink's configuration.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushConfig {
    /// The shop.
    pub shop: ShopConfig,
    /// A folder of templates that replace or add to the built-in ones.
    pub templates: Option<PathBuf>,
    /// A folder that takes the place of every channel without a provider. Without it, those channels tell nobody.
    pub outbox: Option<PathBuf>,
    /// E-mail.
    pub mail: Option<MailConfig>,
    /// Text messages.
    pub sms: Option<SnsConfig>,
    /// Pushes to apps.
    pub mobile: Option<SnsConfig>,
    /// Pushes to browsers.
    pub web_push: Option<WebPushConfig>,
    /// Webhooks.
    pub webhook: Option<WebhookConfig>,
}

/// The shop as its notices name it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopConfig {
    /// Its name.
    pub name: String,
    /// The page of an order, with `{order}` for its id.
    pub order_page: Option<String>,
    /// The page of a SKU, with `{sku}` for it.
    pub sku_page: Option<String>,
    /// Links that end notices.
    pub unsubscribe: Option<UnsubscribeConfig>,
}

/// Links that end notices.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnsubscribeConfig {
    /// Where they lead; the token is put after it: `https://shop.example/unsubscribe?token=`.
    pub url: String,
    /// What they are signed with.
    pub key: Secret,
    /// What they were signed with before, and still are good for.
    pub previous_key: Option<Secret>,
}

/// A mail server.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// Its name or address.
    pub host: String,
    /// Its port; else the usual one for the security.
    pub port: Option<u16>,
    /// TLS.
    pub security: Security,
    /// Who logs in, if it wants that.
    pub user: Option<String>,
    /// With which password.
    pub password: Option<Secret>,
    /// Who writes: `Shop <orders@shop.example>`.
    pub from: String,
}

/// Amazon SNS. Its credentials are found where every AWS program finds them.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnsConfig {
    /// The region.
    pub region: String,
    /// Its address, if not AWS's own: then it is a stand-in, with the credentials of a test.
    pub endpoint: Option<String>,
    /// The name an SMS comes from, where the country allows one.
    pub sender: Option<String>,
}

/// Pushes to browsers.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebPushConfig {
    /// The private VAPID key, base64url.
    pub key: Secret,
    /// Whom a push service can write to: `mailto:push@shop.example` or `https:`.
    pub contact: String,
}

/// Webhooks.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// What they are signed with.
    pub secret: Secret,
    /// What they were signed with before: for whoever checks, since only the newer one signs.
    pub previous_secret: Option<Secret>,
}

/// A field that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A field.
    #[error("push: `{field}`: {detail}")]
    Field {
        /// Which, as it is written.
        field: &'static str,
        /// What is wrong, and what to write.
        detail: String,
    },
    /// The templates.
    #[error("push: `templates`: {0}")]
    Templates(#[from] TemplateError),
    /// Nobody would be told anything.
    #[error(
        "push: no channel is configured; name at least one of `mail`, `sms`, `mobile`, `web_push`, `webhook`, or an `outbox` \
         folder"
    )]
    NoChannel,
}

/// What a configuration makes.
pub struct Equipment {
    /// The ways to people.
    pub channels: Vec<Box<dyn Channel>>,
    /// The shop.
    pub shop: Shop,
    /// How notices read.
    pub templates: Templates,
    /// The outbox, where some channel ends in one.
    pub outbox: Option<Outbox>,
}

impl std::fmt::Debug for Equipment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds: Vec<ChannelKind> = self.channels.iter().map(|channel| channel.kind()).collect();
        f.debug_struct("Equipment").field("channels", &kinds).finish_non_exhaustive()
    }
}

fn bad(field: &'static str, detail: impl ToString) -> ConfigError {
    ConfigError::Field { field, detail: detail.to_string() }
}

impl PushConfig {
    /// Makes the channels and all they need. Connects to nobody; reads secrets, templates, and where AWS's credentials are.
    pub async fn equip(&self) -> Result<Equipment, ConfigError> {
        let templates = match &self.templates {
            Some(folder) => Templates::load(folder)?,
            None => Templates::built_in()?,
        };
        let shop = self.shop.equip()?;
        let mut channels = self.providers().await?;
        let missing: Vec<ChannelKind> = ChannelKind::ALL
            .into_iter()
            .filter(|kind| channels.iter().all(|channel| channel.kind() != *kind))
            .collect();
        let mut outbox = None;
        if let (Some(folder), false) = (&self.outbox, missing.is_empty()) {
            let made = Outbox::in_folder(folder);
            let made = made.map_err(|error| bad("outbox", format!("{}: {error}", folder.display())))?;
            for kind in missing {
                channels.push(Box::new(made.channel(kind)));
            }
            outbox = Some(made);
        }
        if channels.is_empty() {
            return Err(ConfigError::NoChannel);
        }
        Ok(Equipment { channels, shop, templates, outbox })
    }

    async fn providers(&self) -> Result<Vec<Box<dyn Channel>>, ConfigError> {
        let mut channels: Vec<Box<dyn Channel>> = Vec::new();
        if let Some(mail) = &self.mail {
            channels.push(Box::new(mail.channel()?));
        }
        if let Some(sms) = &self.sms {
            let options = sms.options("sms.region", "sms.endpoint")?;
            channels.push(Box::new(SnsChannel::sms(options.client().await, options)));
        }
        if let Some(mobile) = &self.mobile {
            if mobile.sender.is_some() {
                return Err(bad("mobile.sender", "only an SMS has a sender; leave it out"));
            }
            let options = mobile.options("mobile.region", "mobile.endpoint")?;
            channels.push(Box::new(SnsChannel::mobile_push(options.client().await, options)));
        }
        if let Some(web_push) = &self.web_push {
            channels.push(Box::new(web_push.channel()?));
        }
        if let Some(webhook) = &self.webhook {
            let keys = keys("webhook.secret", &webhook.secret, webhook.previous_secret.as_ref())?;
            let channel = WebhookChannel::new(WebhookOptions::new(keys));
            channels.push(Box::new(channel.map_err(|error| bad("webhook", error))?));
        }
        Ok(channels)
    }
}

impl ShopConfig {
    /// The shop; reads the keys of its links.
    pub fn equip(&self) -> Result<Shop, ConfigError> {
        if self.name.trim().is_empty() {
            return Err(bad("shop.name", "it is empty; write the shop's name"));
        }
        check_page("shop.order_page", self.order_page.as_deref(), "{order}")?;
        check_page("shop.sku_page", self.sku_page.as_deref(), "{sku}")?;
        let unsubscribe = match &self.unsubscribe {
            None => None,
            Some(links) => {
                check_url("shop.unsubscribe.url", &links.url, &["https", "http"])?;
                let key = "shop.unsubscribe.key";
                Some((links.url.clone(), keys(key, &links.key, links.previous_key.as_ref())?))
            }
        };
        Ok(Shop {
            name: self.name.clone(),
            order_page: self.order_page.clone(),
            sku_page: self.sku_page.clone(),
            unsubscribe,
        })
    }
}

impl MailConfig {
    /// The channel; connects to nobody yet.
    pub fn channel(&self) -> Result<EmailChannel, ConfigError> {
        if self.host.trim().is_empty() {
            return Err(bad("mail.host", "it is empty; write the mail server's name"));
        }
        let port = self.port.unwrap_or(match self.security {
            Security::Tls => 465,
            Security::Starttls => 587,
            Security::None => 25,
        });
        let mut options = EmailOptions::new(&self.host, port, self.security, &self.from);
        options.login = match (&self.user, &self.password) {
            (None, None) => None,
            (Some(user), Some(password)) => {
                Some((user.clone(), password.read().map_err(|detail| bad("mail.password", detail))?))
            }
            (Some(_), None) => return Err(bad("mail.user", "there is no `password` to it")),
            (None, Some(_)) => return Err(bad("mail.password", "there is no `user` to it")),
        };
        EmailChannel::new(options).map_err(|error| bad("mail", error))
    }
}

impl SnsConfig {
    fn options(&self, region: &'static str, endpoint: &'static str) -> Result<SnsOptions, ConfigError> {
        if self.region.trim().is_empty() {
            return Err(bad(region, "it is empty; write a region of AWS, as `eu-central-1`"));
        }
        if let Some(address) = &self.endpoint {
            check_url(endpoint, address, &["https", "http"])?;
        }
        let mut options = SnsOptions::new(&self.region);
        options.endpoint.clone_from(&self.endpoint);
        options.sender.clone_from(&self.sender);
        Ok(options)
    }
}

impl WebPushConfig {
    fn channel(&self) -> Result<WebPushChannel, ConfigError> {
        check_url("web_push.contact", &self.contact, &["mailto", "https"])?;
        let key = self.key.read().map_err(|detail| bad("web_push.key", detail))?;
        let key = VapidKey::from_base64(&key).map_err(|error| bad("web_push.key", error))?;
        WebPushChannel::new(WebPushOptions::new(key, &self.contact)).map_err(|error| bad("web_push", error))
    }
}

fn keys(
    field: &'static str,
    current: &Secret,
    previous: Option<&Secret>,
) -> Result<SigningKeys, ConfigError> {
    let read = |secret: &Secret| secret.read().map_err(|detail| bad(field, detail));
    let (current, previous) = (read(current)?, previous.map(read).transpose()?);
    let previous = previous.as_ref().map(String::as_bytes);
    SigningKeys::new(current.as_bytes(), previous).map_err(|error| bad(field, error))
}

fn check_page(field: &'static str, page: Option<&str>, place: &str) -> Result<(), ConfigError> {
    let Some(page) = page else { return Ok(()) };
    if !page.contains(place) {
        return Err(bad(field, format!("`{page}` does not hold {place}; write it where the id belongs")));
    }
    check_url(field, page, &["https", "http"])
}

fn check_url(field: &'static str, text: &str, schemes: &[&str]) -> Result<(), ConfigError> {
    let url = Url::parse(text).map_err(|error| bad(field, format!("`{text}` is no address: {error}")))?;
    if schemes.contains(&url.scheme()) {
        return Ok(());
    }
    Err(bad(field, format!("`{text}` begins with none of: {}", schemes.join(":, ") + ":")))
}
