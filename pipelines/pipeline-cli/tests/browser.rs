//! The shop in a real browser, as people use it: a broker, tables, a worker, a payment worker, gateways, and Chromium that is
//! driven by the scenarios in `pipelines/storefront/browser`. Pictures of the pages are kept beside what cargo builds.

mod common;
mod running;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Place, SALE};
use pipeline_cli::ExitCode;
use running::{Running, until};
use tables::Local;
use testbed::Broker;

/// What the scenarios buy: each has listings of its own, save the first.
const LISTINGS: &str = r#"
[[listing]]
sku = "console-x"
stock = 500
price = "499.00"

[[listing]]
sku = "headphones-black"
stock = 100
price = "249.00"

[[listing]]
sku = "headphones-white"
stock = 10
price = "249.00"
limit_per_customer = 1

[[listing]]
sku = "watch-silver"
stock = 1
price = "189.00"
"#;

/// Runs a program to its end, with what it prints going where ours goes.
#[expect(clippy::unwrap_used, reason = "the helper of a test fails as the test does")]
fn run(command: &mut Command) {
    let program = command.get_program().to_owned();
    let status = command.status();
    assert!(status.is_ok(), "{program:?} is not installed (Debian: apt-get install nodejs npm chromium)");
    assert!(status.unwrap().success(), "{command:?} failed");
}

#[test]
fn people_shop_in_a_browser() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let scenarios = root.join("pipelines/storefront/browser");
    let pictures = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("browser");
    run(Command::new("npm")
        .args(["ci", "--prefer-offline", "--no-audit", "--no-fund"])
        .current_dir(&scenarios));

    let broker = Broker::start().unwrap();
    let local = Local::start().unwrap();
    let place = Place::new();
    let config = format!(
        "log = \"kafka\"\nbrokers = \"{}\"\npartitions = 2\nkeys_file = \"keys.toml\"\ndynamodb = \"{}\"\n\
         push_outbox = \"outbox\"\npayment_sandbox_declines = 0\ngateway_address_per_second = 1000\n",
        broker.bootstrap(),
        local.endpoint()
    );
    fs::write(place.path().join("pipeline.toml"), config).unwrap();
    let (head, _) = SALE.split_once("[[listing]]").unwrap();
    let head = head.replace("friday-drop", "drop").replace("90s", "10m");
    fs::write(place.path().join("sale.toml"), format!("{head}{LISTINGS}")).unwrap();
    place.run(&["keys", "generate"]).expect(ExitCode::Ok);
    place.run(&["topic", "create"]).expect(ExitCode::Ok);
    place.run(&["table", "create"]).expect(ExitCode::Ok);
    let catalogue = root.join("connectors/catalogue/demo/catalogue.toml");
    place.run(&["catalogue", "apply", &catalogue.to_string_lossy()]).expect(ExitCode::Ok);
    let worker = Running::start(place.path(), "worker", &["worker", "run"]);
    place.run(&["sale", "apply", "sale.toml", "--wait", "60s"]).expect(ExitCode::Ok).says("watch-silver");
    let payment = Running::start(place.path(), "payment", &["payment", "run"]);
    until("the payment worker runs", || payment.said().contains("taking money"));

    run(Command::new("node")
        .args(["--test", "--test-concurrency=1", "--test-reporter=spec"])
        .current_dir(&scenarios)
        .env("PIPELINE", env!("CARGO_BIN_EXE_pipeline"))
        .env("SHOP_FOLDER", place.path())
        .env("PICTURES_FOLDER", &pictures));

    // All is paid, so it has nothing to finish.
    payment.kill();
    worker.terminate().expect(ExitCode::Ok);
    place.run(&["prove"]).expect(ExitCode::Ok);
    let listings = place.run(&["sale", "show", "-o", "ndjson"]).expect(ExitCode::Ok).rows();
    let sold = |sku: &str| listings.iter().find(|row| row["sku"] == sku).map(|row| row["sold"].clone());
    assert_eq!(
        (sold("headphones-white"), sold("watch-silver")),
        (Some(2.into()), Some(3.into())),
        "{listings:?}"
    );
    let kept = fs::read_dir(&pictures).unwrap().count();
    assert!(kept >= 15, "{kept} pictures in {}", pictures.display());
    println!("{kept} pictures of the pages are in {}", pictures.display());
}
