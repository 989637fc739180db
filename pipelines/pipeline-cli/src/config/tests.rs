//! Tests of the layers: who wins, what is refused, what is said.

use std::path::Path;

use super::*;

fn load_all(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&'static str, &str, &str)],
) -> Result<Vec<Value>, String> {
    let environment = environment.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let flags: Vec<_> = flags
        .iter()
        .map(|(flag, name, text)| Flag { flag, name: (*name).to_owned(), text: (*text).to_owned() })
        .collect();
    let file = (!file.is_empty()).then(|| (Path::new("p.toml"), file));
    load(file, environment, &flags).map_err(|error| error.to_string())
}

fn settings_of(file: &str, environment: &[(&str, &str)]) -> Result<Settings, String> {
    Settings::new(&load_all(file, environment, &[])?).map_err(|error| error.to_string())
}

#[test]
fn the_last_layer_that_speaks_wins() {
    let in_file = "\npartitions = 5";
    let in_environment = [("PIPELINE_PARTITIONS", "6"), ("PATH", "ignored")];
    let flag = [("--set", "partitions", "7")];
    for (file, environment, flags, text, origin) in [
        ("", &[][..], &[][..], "4", "default"),
        (in_file, &[], &[], "5", "p.toml:2"),
        ("", &in_environment, &[], "6", "environment PIPELINE_PARTITIONS"),
        ("", &[], &flag, "7", "flag --set"),
        (in_file, &in_environment, &[], "6", "environment PIPELINE_PARTITIONS"),
        (in_file, &[], &flag, "7", "flag --set"),
        (in_file, &in_environment, &flag, "7", "flag --set"),
    ] {
        let values = load_all(file, environment, flags).unwrap();
        let value = values.iter().find(|value| value.option.name == "partitions").unwrap();
        assert_eq!((value.text.as_str(), value.origin.to_string().as_str()), (text, origin));
    }
}

#[test]
fn unknown_keys_are_refused_with_the_nearest() {
    for (file, variable, flag, message) in [
        ("partition = 5", "", "", "p.toml:1: there is no key `partition` here; did you mean `partitions`?"),
        ("log = \"x\"\nzzz = 1", "", "", "p.toml:2: there is no key `zzz` here"),
        ("[log]\nurl = 1", "", "", "p.toml:1: `log` has to be a text, a number or true/false"),
        ("log =", "", "", "p.toml:1: "),
        (
            "",
            "PIPELINE_PARTITION",
            "",
            "PIPELINE_PARTITION in the environment names no option; did you mean `PIPELINE_PARTITIONS`?",
        ),
        ("", "PIPELINE_zzz", "", "PIPELINE_zzz in the environment names no option"),
        (
            "",
            "",
            "bach_records_max",
            "--set bach_records_max: there is no such option; did you mean `batch_records_max`?",
        ),
    ] {
        let environment: Vec<_> = (!variable.is_empty()).then_some((variable, "1")).into_iter().collect();
        let flags: Vec<_> = (!flag.is_empty()).then_some(("--set", flag, "1")).into_iter().collect();
        let error = load_all(file, &environment, &flags).unwrap_err();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn the_variable_that_names_the_file_is_no_option() {
    assert!(load_all("", &[(ENV_FILE, "x.toml")], &[]).is_ok());
}

#[test]
fn bad_values_say_who_set_them() {
    for (file, message) in [
        (
            "partitions = 0",
            "option `partitions` is \"0\" (p.toml:1): it has to be a whole number from 1 to 4096",
        ),
        (
            "partitions = \"many\"",
            "option `partitions` is \"many\" (p.toml:1): it has to be a whole number from 1 to 4096",
        ),
        (
            "replication = 70000",
            "option `replication` is \"70000\" (p.toml:1): it has to be a whole number from 1 to 16",
        ),
        ("retention = \"30\"", "option `retention` is \"30\" (p.toml:1): a duration is a number and a unit"),
        ("retention = \"0s\"", "option `retention` is \"0s\" (p.toml:1): it has to be from 1s to 400d"),
        (
            "topic_prefix = \"a b\"",
            "option `topic_prefix` is \"a b\" (p.toml:1): a prefix has at most 200 letters",
        ),
        ("log = \"ftp://x\"", "option `log` is \"ftp://x\" (p.toml:1): there is no log of the kind `ftp://`"),
        ("group = \"\"", "option `group` is \"\" (p.toml:1): it cannot be empty"),
        ("batch_records_max = 65537", "option `batch_records_max` is \"65537\" (p.toml:1): it has to be"),
    ] {
        let error = settings_of(file, &[]).unwrap_err();
        assert!(error.starts_with(message), "{error}");
    }
    let error = settings_of("", &[("PIPELINE_THREADS", "-1")]).unwrap_err();
    assert!(error.contains("(environment PIPELINE_THREADS)"), "{error}");
}

#[test]
fn defaults_are_valid() {
    let settings = settings_of("", &[]).unwrap();
    assert_eq!(settings.log, LogUrl::Folder(".pipeline/log".into()));
    assert_eq!(&*settings.topics.dead_letters, "dead-letters");
    assert_eq!(settings.brokers, None);
}

#[test]
fn secrets_are_shown_nowhere() {
    let password = [("PIPELINE_REGISTRY_PASSWORD", "hunter2")];
    let error = settings_of("", &password).unwrap_err();
    assert!(error.contains("registry_user") && !error.contains("hunter2"), "{error}");
    let error = settings_of("kafka_properties = \"sasl.password hunter2\"", &[]).unwrap_err();
    assert!(error.contains("(hidden)") && !error.contains("hunter2"), "{error}");
    let values = load_all("", &password, &[]).unwrap();
    let value = values.iter().find(|value| value.option.name == "registry_password").unwrap();
    assert_eq!(value.shown(), "(hidden)");
}

#[test]
fn kafka_properties_are_pairs() {
    let file = "kafka_properties = \"security.protocol=ssl; ssl.ca.location=/ca=1.pem;\"";
    let properties = settings_of(file, &[]).unwrap().kafka_properties;
    assert_eq!(properties["ssl.ca.location"], "/ca=1.pem");
    assert_eq!(properties.len(), 2);
}

#[test]
fn a_table_of_the_file_holds_options_of_one_kind() {
    let file =
        "threads = 2\n[push]\nshop = \"A\"\nsmtp_host = \"mail\"\nsmtp_port = 2525\nfrom = \"a@b.example\"";
    let values = load_all(file, &[], &[]).unwrap();
    let shop = values.iter().find(|value| value.option.name == "push_shop").unwrap();
    assert_eq!((shop.text.as_str(), shop.origin.to_string().as_str()), ("A", "p.toml:3"));
    let settings = settings_of(file, &[("PIPELINE_PUSH_SHOP", "B")]).unwrap();
    let mail = settings.push.mail.unwrap();
    assert_eq!((settings.push.shop.name.as_str(), mail.port, settings.threads), ("B", Some(2525), 2));
    for (file, message) in [
        ("[push]\noutbix = \"x\"", "p.toml:2: there is no key `outbix` here; did you mean `outbox`?"),
        ("[pish]\noutbox = \"x\"", "p.toml:1: there is no key `pish` here; did you mean `push`?"),
        ("push = 1", "p.toml:1: `push` has to be a table"),
        (
            "push_shop = \"A\"\n[push]\nshop = \"B\"",
            "p.toml:3: this is set as `push_shop` already; take one of them out",
        ),
        (
            "[push]\nsmtp_security = \"ssl\"",
            "option `push_smtp_security` is \"ssl\" (p.toml:2): it has to be tls,",
        ),
        ("[push]\nsmtp_port = 0", "option `push_smtp_port` is \"0\" (p.toml:2): it has to be a port"),
        (
            "[push]\nsmtp_user = \"u\"",
            "option `push_smtp_user` is \"u\" (p.toml:2): it means nothing without `push_smtp_host`",
        ),
        ("[push]\nsmtp_host = \"m\"", "option `push_from` is \"\" (default): it cannot be empty"),
        (
            "[push]\nsms_sender = \"S\"",
            "option `push_sms_sender` is \"S\" (p.toml:2): it means nothing without",
        ),
        (
            "[push]\nwebhook_previous_secret = \"hush\"",
            "option `push_webhook_previous_secret` is \"(hidden)\" (p.toml:2): it means nothing without",
        ),
    ] {
        let error = settings_of(file, &[]).unwrap_err();
        assert!(error.starts_with(message), "{error}");
    }
}
