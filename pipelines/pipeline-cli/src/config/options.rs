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

/// Every option.
pub const OPTIONS: &[ConfigOption] = &[
    option("log", ".pipeline/log", "the log: a folder, `kafka` (the brokers below) or `kafka://host:port,…`"),
    option(
        "brokers",
        "",
        "Kafka brokers, host:port with commas; empty: those `dev up` started, else 127.0.0.1:9092",
    ),
    ConfigOption {
        name: "kafka_properties",
        default: "",
        secret: true,
        help: "more settings of librdkafka, name=value with semicolons, such as security.protocol=ssl",
    },
    option(
        "registry",
        "",
        "URL of a Confluent-compatible schema registry; empty: the schemas this program was built with",
    ),
    option("registry_user", "", "user of the registry, or its API key"),
    ConfigOption {
        name: "registry_password",
        default: "",
        secret: true,
        help: "password of the registry, or its API secret; best given as PIPELINE_REGISTRY_PASSWORD",
    },
    option("topic_prefix", "", "stands before the names orders, decisions, dead-letters and controls"),
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
    ConfigOption {
        name: "clickhouse_password",
        default: "",
        secret: true,
        help: "password of the ClickHouse server; best given as PIPELINE_CLICKHOUSE_PASSWORD",
    },
    option(
        "payment_provider",
        "sandbox",
        "who takes the money: `sandbox`, which moves none, or the URL of an API in Stripe's shape",
    ),
    ConfigOption {
        name: "payment_key",
        default: "",
        secret: true,
        help: "secret key at the payment provider; best given as PIPELINE_PAYMENT_KEY",
    },
    ConfigOption {
        name: "payment_callback_secret",
        default: "",
        secret: true,
        help: "what the provider signs its callbacks with; best given as PIPELINE_PAYMENT_CALLBACK_SECRET",
    },
    option(
        "payment_listen",
        "",
        "where callbacks of the provider come in, as 127.0.0.1:8090; empty: nowhere",
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
