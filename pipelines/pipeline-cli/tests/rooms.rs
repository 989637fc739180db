//! A waiting room through the binary: opened by a sale file, entered through a gateway, and proved from the log.

mod common;
mod running;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use common::{Place, SALE};
use pipeline_cli::ExitCode;
use running::{Running, until};
use serde_json::Value;

/// Asks the gateway, and gives the status and the body.
#[expect(clippy::unwrap_used, reason = "the helper of a test fails as the test does")]
fn ask(address: &str, method: &str, path: &str, key: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {key}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

#[expect(clippy::unwrap_used, reason = "the helper of a test fails as the test does")]
fn key(place: &Place) -> (String, String) {
    let made = place.run(&["gateway", "key", "-o", "json"]).expect(ExitCode::Ok);
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("customer"), text("key"))
}

/// Starts a gateway, waits until it is ready, and says where it is.
#[expect(clippy::unwrap_used, reason = "the helper of a test fails as the test does")]
fn gateway(place: &Place, name: &str) -> (Running, String) {
    let gateway = Running::start(place.path(), name, &["gateway", "run", "--listen", "127.0.0.1:0"]);
    until("the gateway listens", || gateway.said().contains("taking orders at"));
    let said = gateway.said();
    let address = said.split("http://").nth(1).unwrap().split(';').next().unwrap().to_owned();
    until("it is ready", || ask(&address, "GET", "/readyz", "").0 == 200);
    (gateway, address)
}

#[test]
fn a_room_from_its_opening_to_its_proof() {
    let place = Place::new();
    place.run(&["topic", "create"]).expect(ExitCode::Ok);
    let room = "waitlist = 100\nroom = true\nroom_window = \"10m\"\nopens = \"+30s\"";
    fs::write(place.path().join("sale.toml"), SALE.replace("waitlist = 100", room)).unwrap();
    let plan = ["sale", "apply", "sale.toml", "--plan-only"];
    place.run(&plan).expect(ExitCode::Ok).says("open the waiting room");
    assert!(place.run(&["log", "read", "rooms", "-o", "ndjson"]).expect(ExitCode::Ok).rows().is_empty());
    place
        .run(&["sale", "apply", "sale.toml", "--no-wait"])
        .expect(ExitCode::Ok)
        .says("open the waiting room");
    place.run(&plan).expect(ExitCode::Ok).says("unchanged: the waiting room");
    let other = SALE.replace("waitlist = 100", &room.replace("10m", "9m"));
    fs::write(place.path().join("other.toml"), other).unwrap();
    place
        .run(&["sale", "apply", "other.toml", "--no-wait"])
        .expect(ExitCode::Usage)
        .says("pipeline sale close \"friday-drop\"");
    let prove = ["prove", "--room", "friday-drop"];
    place.run(&["prove", "--room", "monday"]).expect(ExitCode::NotFound).says("pipeline log read rooms");

    let (gateway, address) = gateway(&place, "first");
    let keys: Vec<_> = (0..3).map(|_| key(&place)).collect();
    let path = "/v1/rooms/friday-drop";
    for (_, key) in &keys {
        let (status, body) = ask(&address, "POST", path, key);
        assert_eq!((status, &body["state"]), (200, &Value::from("before")), "{body}");
    }
    // Killed, it leaves nothing behind that matters: the next one has the same room.
    gateway.kill();
    let (gateway, address) = self::gateway(&place, "second");
    for (_, key) in &keys {
        until("their turn", || ask(&address, "GET", path, key).1["state"] == "admitted");
    }
    let late = key(&place);
    assert_eq!(ask(&address, "POST", path, &late.1).1["place"], 4);
    gateway.terminate().expect(ExitCode::Ok);

    let proof = place.run(&[&prove[..], &["-o", "json"]].concat()).expect(ExitCode::Ok);
    let proof: Value = serde_json::from_str(&proof.stdout).unwrap();
    assert_eq!((&proof["proved"], &proof["revealed"]), (&Value::from(true), &Value::from(true)));
    let mut drawn: Vec<&str> =
        proof["drawn"].as_array().unwrap().iter().map(|customer| customer.as_str().unwrap()).collect();
    let words = place.run(&prove).expect(ExitCode::Ok).stdout;
    assert!(words.contains(&format!("       1  {}\n", drawn[0])), "{words}");
    assert!(words.contains("3 people were drawn, 1 places") && words.ends_with("\nPROVED\n"), "{words}");
    drawn.sort_unstable();
    let mut entered: Vec<&str> = keys.iter().map(|(customer, _)| customer.as_str()).collect();
    entered.sort_unstable();
    assert_eq!(drawn, entered);
    let rows = place.run(&["log", "read", "rooms", "-o", "ndjson"]).expect(ExitCode::Ok).rows();
    let of = |event: &str| rows.iter().filter(|row| row["type"] == "room" && row["event"] == event).count();
    assert_eq!((of("enter"), of("reveal"), rows.len() > 6), (4, 1, true), "{rows:#?}");
    // The opening is said again to move the log's time past it: a copy changes nothing.
    let openings = rows.iter().filter(|row| row["event"] == "open").map(|row| row["commitment"].to_string());
    assert_eq!(openings.collect::<BTreeSet<_>>().len(), 1, "{rows:#?}");

    // Anybody who has the log finds the same without keys.
    fs::rename(keys_file(&place), place.path().join("keys.away")).unwrap();
    place.run(&prove).expect(ExitCode::Ok).says("without keys");
    fs::rename(place.path().join("keys.away"), keys_file(&place)).unwrap();

    place.run(&["worker", "run", "--once"]).expect(ExitCode::Ok);
    let close = ["sale", "close", "friday-drop", "--no-wait"];
    place.run(&close).expect(ExitCode::Ok).says("close the waiting room of friday-drop");
    let rows = place.run(&["log", "read", "rooms", "-o", "ndjson"]).expect(ExitCode::Ok).rows();
    assert!(rows.iter().any(|row| row["event"] == "close"));
}

fn keys_file(place: &Place) -> std::path::PathBuf {
    place.path().join(".pipeline/log/keys.toml")
}
