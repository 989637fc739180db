//! Every option there is, with its default and its meaning. Nothing is configurable that does not stand here.

/// An option, as the file, the environment and `--set` know it.
#[derive(Debug)]
pub struct ConfigOption {
    /// Its key in the file; `PIPELINE_` and the key in capitals in the environment.
    pub name: &'static str,
    /// What holds when nobody says anything.
    pub default: &'static str,
    /// Whether `config show` hides the value.
    pub secret: bool,
    /// What it means.
    pub help: &'static str,
}

const fn option(name: &'static str, default: &'static str, help: &'static str) -> ConfigOption {
    ConfigOption { name, default, secret: false, help }
}

const fn secret(name: &'static str, help: &'static str) -> ConfigOption {
    ConfigOption { name, default: "", secret: true, help }
}

/// Tables of the file: `KEY` in `[TABLE]` is the option `TABLE_KEY`.
pub(super) const TABLES: [&str; 1] = ["push"];

/// Every option.
pub const OPTIONS: &[ConfigOption] = &[
    option("log", ".pipeline/log", "the log: a folder, `kafka` (the brokers below) or `kafka://host:port,…`"),
    option(
        "brokers",
        "",
        "Kafka brokers, host:port with commas; empty: those `dev up` started, else 127.0.0.1:9092",
    ),
    secret(
        "kafka_properties",
        "more settings of librdkafka, name=value with semicolons, such as security.protocol=ssl",
    ),
    option(
        "registry",
        "",
        "URL of a Confluent-compatible schema registry; empty: the schemas this program was built with",
    ),
    option("registry_user", "", "user of the registry, or its API key"),
    secret(
        "registry_password",
        "password of the registry, or its API secret; best given as PIPELINE_REGISTRY_PASSWORD",
    ),
    option("topic_prefix", "", "stands before the names of the topics, as orders and decisions"),
    option("partitions", "4", "partitions of orders and decisions, when `topic create` makes them"),
    option("replication", "1", "copies of each record, when `topic create` makes them; 3 in production"),
    option("retention", "30d", "how long the log keeps a record: longer than a sale and its audit"),
    option("group", "pipeline-workers", "the consumer group workers share"),
    option("threads", "1", "timely threads of a worker"),
    option("batch_records_max", "4096", "most records a worker reads at once"),
    option("batch_bytes_max", "1048576", "most bytes a worker reads at once"),
    option(
        "keys_file",
        "",
        "keys that sign privileged commands; empty: keys.toml in the log folder, with Kafka in dev_dir",
    ),
    option(
        "dynamodb",
        "",
        "the tables: `aws`, or the URL of a stand-in such as http://127.0.0.1:8000; empty: the one `dev up` started",
    ),
    option(
        "dynamodb_region",
        "",
        "the region of the tables; empty: what the AWS environment or profile says",
    ),
    option("table_prefix", "doorbuster-", "what the names of the tables begin with"),
    option(
        "clickhouse",
        ".pipeline/clickhouse",
        "ClickHouse: the URL of a server, or a folder for the engine in this process",
    ),
    option("clickhouse_database", "doorbuster", "the database of the analytics"),
    option("clickhouse_user", "", "user of the ClickHouse server"),
    secret(
        "clickhouse_password",
        "password of the ClickHouse server; best given as PIPELINE_CLICKHOUSE_PASSWORD",
    ),
    option(
        "push_outbox",
        ".pipeline/outbox",
        "notices: a folder for those of channels that have no provider; empty: those channels tell nobody",
    ),
    option("push_templates", "", "folder of templates that replace or add to the built-in ones"),
    option("push_shop", "Doorbuster", "the shop's name, as notices have it"),
    option("push_order_page", "", "the page of an order, with {order} where its id belongs"),
    option("push_sku_page", "", "the page of a SKU, with {sku} where it belongs"),
    option(
        "push_unsubscribe_url",
        "",
        "what links that end notices begin with, as https://shop.example/unsubscribe?token=; empty: no links",
    ),
    secret(
        "push_unsubscribe_key",
        "signs links that end notices, 16 bytes or more; best given as PIPELINE_PUSH_UNSUBSCRIBE_KEY",
    ),
    secret(
        "push_unsubscribe_previous_key",
        "what such links were signed with before, and are still good for",
    ),
    option("push_smtp_host", "", "mail server; Amazon SES is one. Empty: e-mails go to the outbox"),
    option("push_smtp_port", "", "its port; empty: 465 for tls, 587 for starttls, 25 for none"),
    option("push_smtp_security", "starttls", "tls, starttls, or none for a server on this machine"),
    option("push_smtp_user", "", "user of the mail server"),
    secret("push_smtp_password", "password of the mail server; best given as PIPELINE_PUSH_SMTP_PASSWORD"),
    option("push_from", "", "who e-mails come from, as Shop <orders@shop.example>"),
    option("push_sms_region", "", "AWS region whose SNS sends text messages; empty: they go to the outbox"),
    option("push_sms_sender", "", "the name a text message comes from, where the country allows one"),
    option(
        "push_mobile_region",
        "",
        "AWS region whose SNS pushes to apps; empty: such notices go to the outbox",
    ),
    option("push_sns_endpoint", "", "URL of a stand-in for SNS"),
    option(
        "push_vapid_key_file",
        "",
        "file with the private VAPID key, base64url, for pushes to browsers; empty: they go to the outbox",
    ),
    option("push_vapid_contact", "", "whom a push service can write to, as mailto:push@shop.example"),
    secret(
        "push_webhook_secret",
        "signs webhooks, 16 bytes or more; best given as PIPELINE_PUSH_WEBHOOK_SECRET. Empty: they go to the outbox",
    ),
    secret("push_webhook_previous_secret", "what webhooks were signed with before"),
    option(
        "payment_provider",
        "sandbox",
        "who takes the money: `sandbox`, which moves none, or the URL of an API in Stripe's shape",
    ),
    option(
        "payment_sandbox_declines",
        "50",
        "how many payments of a thousand the sandbox declines; 0: none, 1000: all",
    ),
    secret("payment_key", "secret key at the payment provider; best given as PIPELINE_PAYMENT_KEY"),
    secret(
        "payment_callback_secret",
        "what the provider signs its callbacks with; best given as PIPELINE_PAYMENT_CALLBACK_SECRET",
    ),
    option(
        "payment_listen",
        "",
        "where callbacks of the provider come in, as 127.0.0.1:8090; empty: nowhere",
    ),
    option("gateway_listen", "127.0.0.1:8080", "where the gateway takes orders over HTTP and gRPC"),
    option(
        "gateway_url",
        "",
        "where people reach the gateway, as https://shop.example, for links in letters; empty: where it listens",
    ),
    option(
        "gateway_accounts",
        "auto",
        "accounts and carts of people, in the tables: on, off, or auto, which has them where there are tables",
    ),
    option("gateway_tls_certificate", "", "PEM file with the gateway's chain of certificates; empty: no TLS"),
    option("gateway_tls_key", "", "PEM file with the key of that certificate"),
    option(
        "gateway_proxies",
        "",
        "proxies in front of the gateway, as 10.0.0.0/8 with commas: only theirs is believed who asks",
    ),
    option(
        "gateway_proxy_protocol",
        "false",
        "whether those proxies begin connections by the PROXY protocol",
    ),
    option(
        "gateway_origins",
        "",
        "origins whose pages may call the gateway, as https://shop.example with commas",
    ),
    ConfigOption {
        name: "gateway_secret",
        default: "",
        secret: true,
        help: "64 hexadecimal digits all gateways share; empty: gateway.secret beside the keys, made at first use",
    },
    option("shop_name", "Doorbuster", "what the gateway's pages call the shop"),
    option("shop_images", "", "folder with the pictures that products name; empty: the demo's drawings"),
    option(
        "gateway_address_per_second",
        "500",
        "requests of one address a second; four seconds' worth at once",
    ),
    option(
        "gateway_address_connections",
        "1000",
        "connections of one address at a time; of a proxy in front, as many as there may be",
    ),
    option("gateway_address_streams", "1000", "event streams of one address at a time"),
    option(
        "gateway_customer_per_second",
        "10",
        "what one customer writes or looks up in a store a second, producers' orders aside; four seconds' worth at once",
    ),
    option(
        "gateway_unready_ms",
        "0",
        "how long the gateway says that it is not ready before it ends connections, in milliseconds",
    ),
    option(
        "room_lag_ms",
        "1000",
        "waiting rooms: how much work is to lie before the pipeline, in milliseconds of deciding",
    ),
    option(
        "room_think_ms",
        "30000",
        "waiting rooms: how long somebody who is let in is expected to take to order, in milliseconds",
    ),
    option(
        "room_start_people",
        "100",
        "waiting rooms: how many are let in before anything is known of the pipeline",
    ),
    option(
        "room_floor_per_second",
        "10",
        "waiting rooms: how many are let in a second at least, as long as the pipeline keeps up",
    ),
    option(
        "room_ceiling_per_second",
        "20000",
        "waiting rooms: how many are let in a second at most; 0: nobody",
    ),
    option("dev_dir", ".pipeline/dev", "where `dev up` keeps the broker and the registry it starts"),
    option(
        "wait_for_log_seconds",
        "0",
        "how long to wait for a log that does not answer at start; 0: fail at once",
    ),
];

/// The option called `name`.
pub(super) fn find(name: &str) -> Option<&'static ConfigOption> {
    OPTIONS.iter().find(|option| option.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_documented_and_named_once() {
        for option in OPTIONS {
            assert!(!option.help.is_empty(), "{}", option.name);
            assert_eq!(
                OPTIONS.iter().filter(|other| other.name == option.name).count(),
                1,
                "{}",
                option.name
            );
        }
    }
}
