//! How people are told: the options of the push sink, understood.

use std::path::PathBuf;

use sink_push::channels::email::Security;
use sink_push::config::{
    MailConfig, Secret, ShopConfig, SnsConfig, UnsubscribeConfig, WebPushConfig, WebhookConfig,
};
use sink_push::{ConfigError as PushError, PushConfig};

use super::load::ConfigError;
use super::settings::{Values, not_empty};

/// The push sink as the options describe it.
pub(super) fn config(values: &Values<'_>) -> Result<PushConfig, ConfigError> {
    Ok(PushConfig {
        shop: ShopConfig {
            name: values.parse("push_shop", not_empty)?,
            order_page: values.optional("push_order_page"),
            sku_page: values.optional("push_sku_page"),
            unsubscribe: unsubscribe(values)?,
        },
        templates: values.optional("push_templates").map(PathBuf::from),
        outbox: values.optional("push_outbox").map(PathBuf::from),
        mail: mail(values)?,
        sms: sns(values, "push_sms_region", &["push_sms_sender"])?
            .map(|sns| SnsConfig { sender: values.optional("push_sms_sender"), ..sns }),
        mobile: sns(values, "push_mobile_region", &[])?,
        web_push: web_push(values)?,
        webhook: webhook(values)?,
    })
}

fn unsubscribe(values: &Values<'_>) -> Result<Option<UnsubscribeConfig>, ConfigError> {
    let (url, key) = ("push_unsubscribe_url", "push_unsubscribe_key");
    let Some(url) = leading(values, url, &[key, "push_unsubscribe_previous_key"])? else { return Ok(None) };
    let key = required(values, key, "the links of push_unsubscribe_url are signed with it")?;
    let previous_key = values.optional("push_unsubscribe_previous_key").map(Secret::Text);
    Ok(Some(UnsubscribeConfig { url, key: Secret::Text(key), previous_key }))
}

fn mail(values: &Values<'_>) -> Result<Option<MailConfig>, ConfigError> {
    let security = values.parse("push_smtp_security", |text| match text {
        "tls" => Ok(Security::Tls),
        "starttls" => Ok(Security::Starttls),
        "none" => Ok(Security::None),
        _ => Err("it has to be tls, starttls or none"),
    })?;
    let port = values.parse("push_smtp_port", |text| match text {
        "" => Ok(None),
        text => {
            text.parse().ok().filter(|port| *port > 0).map(Some).ok_or("it has to be a port, from 1 to 65535")
        }
    })?;
    let others = ["push_smtp_port", "push_smtp_user", "push_smtp_password"];
    let Some(host) = leading(values, "push_smtp_host", &others)? else { return Ok(None) };
    Ok(Some(MailConfig {
        host,
        port,
        security,
        user: values.optional("push_smtp_user"),
        password: values.optional("push_smtp_password").map(Secret::Text),
        from: required(
            values,
            "push_from",
            "e-mails by push_smtp_host come from it, as \"Shop <orders@shop.example>\"",
        )?,
    }))
}

fn sns(
    values: &Values<'_>,
    region: &'static str,
    others: &[&'static str],
) -> Result<Option<SnsConfig>, ConfigError> {
    let Some(region) = leading(values, region, others)? else { return Ok(None) };
    Ok(Some(SnsConfig { region, endpoint: values.optional("push_sns_endpoint"), sender: None }))
}

fn web_push(values: &Values<'_>) -> Result<Option<WebPushConfig>, ConfigError> {
    let Some(file) = leading(values, "push_vapid_key_file", &["push_vapid_contact"])? else {
        return Ok(None);
    };
    let contact =
        required(values, "push_vapid_contact", "push services want it, as mailto:push@shop.example")?;
    Ok(Some(WebPushConfig { key: Secret::File(PathBuf::from(file)), contact }))
}

fn webhook(values: &Values<'_>) -> Result<Option<WebhookConfig>, ConfigError> {
    let Some(secret) = leading(values, "push_webhook_secret", &["push_webhook_previous_secret"])? else {
        return Ok(None);
    };
    let previous_secret = values.optional("push_webhook_previous_secret").map(Secret::Text);
    Ok(Some(WebhookConfig { secret: Secret::Text(secret), previous_secret }))
}

/// An option that others go with: without it they mean nothing, and are refused.
fn leading(
    values: &Values<'_>,
    name: &'static str,
    others: &[&'static str],
) -> Result<Option<String>, ConfigError> {
    let value = values.optional(name);
    if value.is_none()
        && let Some(other) = others.iter().find(|other| values.optional(other).is_some())
    {
        return Err(values.bad(other, format!("it means nothing without `{name}`")));
    }
    Ok(value)
}

fn required(values: &Values<'_>, name: &'static str, why: &str) -> Result<String, ConfigError> {
    values.optional(name).ok_or_else(|| values.bad(name, format!("it cannot be empty: {why}")))
}

/// What is wrong with the push sink's configuration, in the words of the options.
pub fn in_options(error: &PushError) -> String {
    match error {
        PushError::Field { field, detail } => format!("option `{}`: {detail}", option_of(field)),
        PushError::Templates(error) => format!("option `push_templates`: {error}"),
        PushError::NoChannel => {
            "there is no way to people: give `push_outbox` a folder, or name a provider, as by `push_smtp_host`".to_owned()
        }
    }
}

/// The option behind a field of [`PushConfig`].
fn option_of(field: &str) -> &str {
    match field {
        "outbox" => "push_outbox",
        "shop.name" => "push_shop",
        "shop.order_page" => "push_order_page",
        "shop.sku_page" => "push_sku_page",
        "shop.unsubscribe.url" => "push_unsubscribe_url",
        "shop.unsubscribe.key" => "push_unsubscribe_key",
        "mail" => "push_smtp_*",
        "mail.host" => "push_smtp_host",
        "mail.user" => "push_smtp_user",
        "mail.password" => "push_smtp_password",
        "sms.region" => "push_sms_region",
        "mobile.region" => "push_mobile_region",
        "sms.endpoint" | "mobile.endpoint" => "push_sns_endpoint",
        "web_push" | "web_push.key" => "push_vapid_key_file",
        "web_push.contact" => "push_vapid_contact",
        "webhook" | "webhook.secret" => "push_webhook_secret",
        other => other,
    }
}
