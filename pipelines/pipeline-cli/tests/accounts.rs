//! People with accounts through the binary: a gateway that is told nothing but where DynamoDB is, letters in a folder, an
//! order that is decided, roles, a new key of tokens, and a gateway whose tables have gone. DynamoDB is dynoxide.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;
mod running;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use common::{Place, SALE};
use pipeline_cli::ExitCode;
use running::{Running, until};
use serde_json::{Value, json};
use tables::Local;

const ANNA: &str = "anna@example.org";
const PASSWORD: &str = "correct horse";

/// A gateway that runs in a place.
struct Gateway {
    process: Running,
    address: String,
}

struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Gateway {
    fn start(place: &Place, name: &str) -> Self {
        let process = Running::start(place.path(), name, &["gateway", "run", "--listen", "127.0.0.1:0"]);
        until("the gateway listens", || process.said().contains("taking orders at http://"));
        let said = process.said();
        let address =
            said.split("taking orders at http://").nth(1).unwrap().split(';').next().unwrap().to_owned();
        let gateway = Self { process, address };
        until("it is ready", || gateway.ask("GET", "/readyz", &[], &Value::Null).status == 200);
        gateway
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\ncontent-length: {}\r\n",
            body.len()
        );
        if !body.is_empty() {
            text.push_str("content-type: application/json\r\n");
        }
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(format!("{text}\r\n{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: serde_json::from_str(body).unwrap_or(Value::Null) }
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, &[], body)
    }

    #[track_caller]
    fn log_in(&self) -> String {
        let answer = self.post("/v1/sessions", &json!({"email": ANNA, "password": PASSWORD}));
        assert_eq!(answer.status, 200, "{} {}", answer.head, answer.body);
        // People reach it by https, whoever ends that.
        assert!(answer.head.contains("; Secure") && answer.head.contains("strict-transport-security"));
        answer.body["access_token"].as_str().unwrap().to_owned()
    }
}

/// The token of the link in the one letter there is.
fn link(outbox: &Path, url: &str) -> String {
    let letters = || {
        let names = fs::read_dir(outbox).unwrap().map(|entry| entry.unwrap().path());
        names.filter(|name| name.extension().is_some_and(|end| end == "txt")).collect::<Vec<_>>()
    };
    until("there is a letter", || letters().len() == 1);
    let text = fs::read_to_string(&letters()[0]).unwrap();
    assert!(text.starts_with(&format!("to: {ANNA}\nsubject: Doorbuster: ")), "{text}");
    let (_, token) = text.split_once(&format!("{url}/verify?token=")).unwrap();
    token.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn from_registering_to_an_order_that_is_decided() {
    let local = Local::start().unwrap();
    let place = Place::new();
    let config = format!(
        "dynamodb = \"{}\"\npush_outbox = \"outbox\"\ngateway_url = \"https://shop.example\"\n",
        local.endpoint()
    );
    fs::write(place.path().join("pipeline.toml"), config).unwrap();
    fs::write(place.path().join("sale.toml"), SALE).unwrap();
    place.run(&["topic", "create"]).expect(ExitCode::Ok);
    place.run(&["sale", "apply", "sale.toml", "--no-wait"]).expect(ExitCode::Ok);
    place.run(&["worker", "run", "--once"]).expect(ExitCode::Ok);
    let run = ["gateway", "run", "--listen", "127.0.0.1:0", "--set", "gateway_accounts=on"];
    place.run(&run).expect(ExitCode::Failed).says("pipeline table create");
    let gateway = Gateway::start(&place, "without");
    assert!(gateway.process.said().contains("no accounts of people: "), "{}", gateway.process.said());
    assert_eq!(gateway.post("/v1/sessions", &json!({})).status, 404);
    gateway.process.terminate().expect(ExitCode::Ok);
    place.run(&["table", "create"]).expect(ExitCode::Ok);
    place.run(&["account", "show", ANNA]).expect(ExitCode::NotFound);

    let gateway = Gateway::start(&place, "first");
    assert!(gateway.process.said().contains("letters to people are put into outbox"));
    let registered = gateway.post("/v1/accounts", &json!({"email": ANNA, "password": PASSWORD}));
    assert_eq!(registered.status, 202, "{}", registered.body);
    let token = link(&place.path().join("outbox"), "https://shop.example");
    let verify = json!({"token": token, "password": PASSWORD});
    assert_eq!(gateway.post("/v1/accounts:verify", &verify).status, 204);
    let access = format!("Bearer {}", gateway.log_in());
    let order = json!({"lines": [{"sku": "SOCKS", "quantity": 2}]});
    let placed = gateway.ask("POST", "/v1/orders", &[("authorization", &access)], &order);
    assert_eq!((placed.status, &placed.body["state"]), (202, &json!("accepted")), "{}", placed.body);
    let path = format!("/v1/orders/{}", placed.body["order_id"].as_str().unwrap());
    // What was answered holds, whatever becomes of the gateway.
    gateway.process.kill();
    place.run(&["worker", "run", "--once"]).expect(ExitCode::Ok);

    let shown = place.run(&["account", "role", ANNA, "add", "admin", "-o", "ndjson"]).expect(ExitCode::Ok);
    let shown = &shown.rows()[0];
    assert_eq!((&shown["roles"], &shown["verified"]), (&json!(["shopper", "admin"]), &json!(true)));
    let customer = shown["customer"].as_str().unwrap();
    place.run(&["keys", "rotate-tokens"]).expect(ExitCode::Ok).says("key 2 signs in 5 minutes");
    place.run(&["keys", "rotate-tokens"]).expect(ExitCode::Failed).says("key 2 does not sign yet");

    // Another gateway takes the token that the first one gave.
    let gateway = Gateway::start(&place, "second");
    let decided = gateway.ask("GET", &path, &[("authorization", &access)], &Value::Null);
    assert_eq!((decided.status, &decided.body["state"]), (200, &json!("held")), "{}", decided.body);
    assert_eq!(decided.body["customer"], customer);
    let restock = |access: &str| {
        let path = "/v1/admin/listings/SOCKS:restock";
        gateway.ask("POST", path, &[("authorization", access)], &json!({"units": 1})).status
    };
    assert_eq!(restock(&access), 403);
    let admin = format!("Bearer {}", gateway.log_in());
    assert_eq!(restock(&admin), 202);
    gateway.process.terminate().expect(ExitCode::Ok);
    place.run(&["account", "role", customer, "remove", "admin"]).expect(ExitCode::Ok).says("next refresh");

    // With DynamoDB gone a gateway starts all the same, and who has a token orders.
    drop(local);
    let gateway = Gateway::start(&place, "third");
    assert!(gateway.process.said().contains("cannot be used before DynamoDB answers"));
    let placed = gateway.ask("POST", "/v1/orders", &[("authorization", &access)], &order);
    assert_eq!(placed.status, 202, "{}", placed.body);
    let away = gateway.post("/v1/sessions", &json!({"email": ANNA, "password": PASSWORD}));
    assert_eq!((away.status, &away.body["type"]), (503, &json!("/problems/accounts_away")));
    gateway.process.terminate().expect(ExitCode::Ok);
}

#[test]
fn without_a_store_a_gateway_says_so_and_goes_on() {
    let place = Place::new();
    place.run(&["topic", "create"]).expect(ExitCode::Ok);
    let run = ["gateway", "run", "--listen", "127.0.0.1:0"];
    let required = place.run(&[&run[..], &["--set", "gateway_accounts=on"]].concat());
    required.expect(ExitCode::Unreachable).says("pipeline dev up");
    let gateway = Gateway::start(&place, "auto");
    assert!(gateway.process.said().contains("no accounts of people: no DynamoDB is configured"));
    gateway.process.terminate().expect(ExitCode::Ok);
    place.run(&["keys", "rotate-tokens"]).expect(ExitCode::NotFound).says("pipeline gateway run");
}
