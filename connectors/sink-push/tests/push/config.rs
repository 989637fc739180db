//! A configuration, and what is wrong with it.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use order_model::CustomerId;
use sink_push::*;

const SHOP: &str = "[shop]\nname = \"The Shop\"\n";

async fn equip(text: &str) -> Result<Equipment, String> {
    let config: PushConfig = toml::from_str(text).map_err(|error| error.to_string())?;
    config.equip().await.map_err(|error| error.to_string())
}

fn kinds(equipment: &Equipment) -> Vec<ChannelKind> {
    equipment.channels.iter().map(|channel| channel.kind()).collect()
}

#[tokio::test]
async fn everything_can_be_configured() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, secret) = (folder.path().join("outbox"), folder.path().join("secret"));
    std::fs::write(&secret, "a secret of sixteen bytes and more\n").unwrap();
    let vapid = BASE64_URL_SAFE_NO_PAD.encode([7; 32]);
    let text = format!(
        r#"
        outbox = {outbox:?}
        [shop]
        name = "The Shop"
        order_page = "https://shop.example/orders/{{order}}"
        sku_page = "https://shop.example/skus/{{sku}}"
        unsubscribe = {{ url = "https://shop.example/unsubscribe?token=", key = {{ file = {secret:?} }} }}
        [mail]
        host = "mail.shop.example"
        security = "starttls"
        user = "shop"
        password = {{ file = {secret:?} }}
        from = "The Shop <orders@shop.example>"
        [sms]
        region = "eu-central-1"
        endpoint = "http://127.0.0.1:9"
        sender = "SHOP"
        [web_push]
        key = "{vapid}"
        contact = "mailto:push@shop.example"
        [webhook]
        secret = {{ file = {secret:?} }}
        "#
    );
    let equipment = equip(&text).await.unwrap();
    use ChannelKind::{Email, MobilePush, Sms, WebPush, Webhook};
    assert_eq!(kinds(&equipment), [Email, Sms, WebPush, Webhook, MobilePush]);
    assert!(outbox.is_dir() && equipment.outbox.is_some());
    let (_, keys) = equipment.shop.unsubscribe.unwrap();
    let mute = Mute { channel: Email, class: Class::Offers };
    let token = unsubscribe_token(&keys, CustomerId::default(), mute);
    let same = SigningKeys::new(b"a secret of sixteen bytes and more", None).unwrap();
    assert_eq!(read_unsubscribe_token(&same, &token).unwrap().1, mute);
}

#[tokio::test]
async fn what_has_no_provider_ends_in_the_outbox() {
    let folder = tempfile::tempdir().unwrap();
    let equipment = equip(&format!("outbox = {:?}\n{SHOP}", folder.path())).await.unwrap();
    assert_eq!(kinds(&equipment), ChannelKind::ALL);
    let mail = "[mail]\nhost = \"127.0.0.1\"\nsecurity = \"none\"\nfrom = \"a@shop.example\"";
    let equipment = equip(&format!("{SHOP}{mail}")).await.unwrap();
    assert_eq!((kinds(&equipment), equipment.outbox.is_none()), (vec![ChannelKind::Email], true));
}

#[tokio::test]
async fn what_cannot_work_is_named() {
    let mail = |rest: &str| format!("{SHOP}[mail]\nhost = \"m\"\nfrom = \"a@b.example\"\n{rest}");
    let unsubscribe = |rest: &str| format!("{SHOP}unsubscribe = {{ url = \"https://s.example/\", {rest} }}");
    for (text, part) in [
        (SHOP.to_owned(), "no channel is configured"),
        (String::new(), "missing field `shop`"),
        (format!("colour = 1\n{SHOP}"), "unknown field `colour`"),
        (format!("{SHOP}[mail]\nhsot = \"m\""), "unknown field `hsot`"),
        ("[shop]\nname = \" \"".to_owned(), "`shop.name`: it is empty"),
        (format!("{SHOP}order_page = \"https://s.example/\""), "does not hold {order}"),
        (format!("{SHOP}sku_page = \"s/{{sku}}\""), "`shop.sku_page`: `s/{sku}` is no address"),
        (unsubscribe("key = \"short\""), "`shop.unsubscribe.key`: a signing key has 5 bytes"),
        (unsubscribe("key = { env = \"NO_SUCH_VARIABLE\" }"), "the environment variable NO_SUCH_VARIABLE"),
        (unsubscribe("key = { fil = \"a\" }"), "unknown variant `fil`"),
        (mail("security = \"ssl\""), "unknown variant `ssl`"),
        (mail("security = \"tls\"\nuser = \"u\""), "`mail.user`: there is no `password` to it"),
        (mail("security = \"tls\"\npassword = \"p\""), "`mail.password`: there is no `user` to it"),
        (mail("security = \"none\"\nuser = \"u\"\npassword = \"p\""), "sent in the clear"),
        (format!("{SHOP}[sms]\nregion = \"\""), "`sms.region`: it is empty"),
        (
            format!("{SHOP}[sms]\nregion = \"r\"\nendpoint = \"ftp://x\""),
            "`sms.endpoint`: `ftp://x` begins with",
        ),
        (format!("{SHOP}[mobile]\nregion = \"r\"\nsender = \"S\""), "`mobile.sender`: only an SMS"),
        (
            format!("{SHOP}[web_push]\nkey = \"AAAA\"\ncontact = \"mailto:a@b.example\""),
            "`web_push.key`: the VAPID",
        ),
        (format!("{SHOP}[web_push]\nkey = \"AAAA\"\ncontact = \"nobody\""), "`web_push.contact`: `nobody`"),
        (format!("{SHOP}[webhook]\nsecret = {{ file = \"/no/such/file\" }}"), "`webhook.secret`: the file"),
        (format!("templates = \"/no/such/folder\"\n{SHOP}"), "`templates`: templates: cannot read"),
    ] {
        let error = equip(&text).await.unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn a_secret_is_not_shown() {
    let text = format!("{SHOP}[webhook]\nsecret = \"hush, hush, hush\"");
    let config: PushConfig = toml::from_str(&text).unwrap();
    assert!(!format!("{config:?}").contains("hush"));
}
