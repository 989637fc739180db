//! A gateway on a real broker that is killed fifty times under load: what it acknowledged is in the log and decided, every
//! time, and once.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use order_model::OrderId;
use pipeline_cli::ExitCode;
use serde_json::Value;
use testbed::Broker;

use crate::common::Place;
use crate::running::{Running, until};

const PARTITIONS: u32 = 4;
const KILLS: u32 = 50;
const SHOPPERS: u32 = 8;
/// Acknowledged between two kills, at least.
const ACKNOWLEDGED_BETWEEN: usize = 40;
const LISTINGS: [&str; 8] =
    ["BOOTS-39", "BOOTS-40", "BOOTS-41", "CAP", "SCARF", "BELT", "SNEAKER-42", "SOCKS"];
/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(20);

/// A folder configured for a broker.
fn place(broker: &Broker) -> Place {
    let place = Place::new();
    let config = format!(
        "log = \"kafka\"\nbrokers = \"{}\"\npartitions = {PARTITIONS}\nkeys_file = \"keys.toml\"\n\
         gateway_address_per_second = 1000000\n",
        broker.bootstrap()
    );
    fs::write(place.path().join("pipeline.toml"), config).unwrap();
    let listings =
        LISTINGS.map(|sku| format!("\n[[listing]]\nsku = \"{sku}\"\nstock = 100000\nprice = \"19.90\"\n"));
    let sale = format!(
        "[sale]\nname = \"drop\"\ncurrency = \"EUR\"\nhold = \"1h\"\nwaitlist = 1000\n{}",
        listings.concat()
    );
    fs::write(place.path().join("sale.toml"), sale).unwrap();
    place
}

/// A port that was free: every gateway of the test listens there, one after the other.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// An order that was asked for.
struct Asked {
    order: OrderId,
    body: String,
}

impl Asked {
    fn new(shopper: u32, number: u32) -> Self {
        let order = OrderId::from((u128::from(shopper) << 64) | u128::from(number + 1));
        let skus = LISTINGS.iter().cycle().skip(usize::try_from(shopper + number).unwrap());
        let lines: Vec<String> = skus
            .take(if number.is_multiple_of(7) { 2 } else { 1 })
            .map(|sku| format!("{{\"sku\":\"{sku}\",\"quantity\":1}}"))
            .collect();
        let body =
            format!("{{\"order_id\":\"{order}\",\"currency\":\"EUR\",\"lines\":[{}]}}", lines.join(","));
        Self { order, body }
    }
}

/// A connection that asks for one order after the other.
struct Client {
    address: SocketAddr,
    key: String,
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    /// Status and body; `None` when no answer came.
    fn ask(&mut self, asked: &Asked) -> Option<(u16, Value)> {
        let answer = self.try_ask(asked);
        if answer.is_none() {
            self.stream = None;
        }
        answer
    }

    fn try_ask(&mut self, asked: &Asked) -> Option<(u16, Value)> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address).ok()?;
            stream.set_read_timeout(Some(ANSWER)).ok()?;
            self.stream = Some(BufReader::new(stream));
        }
        let stream = self.stream.as_mut()?;
        let Asked { body, .. } = asked;
        let request = format!(
            "POST /v1/orders HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.key,
            body.len()
        );
        stream.get_mut().write_all(request.as_bytes()).ok()?;
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|count| *count > 0)?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut length = 0;
        loop {
            line.clear();
            stream.read_line(&mut line).ok().filter(|count| *count > 0)?;
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        Some((status, serde_json::from_slice(&body).ok()?))
    }
}

/// What was acknowledged, each with where it was said to lie, and what got no answer that says so.
#[derive(Default)]
struct Book {
    acknowledged: Mutex<BTreeMap<String, (u64, u64)>>,
    unanswered: Mutex<Vec<Asked>>,
    count: AtomicUsize,
    refused: AtomicUsize,
    is_over: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Book {
    /// Notes an answer; says whether it acknowledges.
    fn note(&self, asked: &Asked, answer: Option<(u16, Value)>) -> bool {
        match answer {
            Some((202, body)) => {
                assert_eq!(body["order_id"], asked.order.to_string());
                let place = (body["partition"].as_u64().unwrap(), body["offset"].as_u64().unwrap());
                locked(&self.acknowledged).insert(asked.order.to_string(), place);
                self.count.fetch_add(1, Ordering::Relaxed);
                true
            }
            Some((503 | 504, _)) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                false
            }
            Some((status, body)) => panic!("an order is never failed: {status} {body}"),
            None => false,
        }
    }

    /// One shopper: asks for orders until all is over, and never twice for the same.
    fn shop(&self, shopper: u32, mut client: Client) {
        for number in 0.. {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let asked = Asked::new(shopper, number);
            let answer = client.ask(&asked);
            if !self.note(&asked, answer) {
                locked(&self.unanswered).push(asked);
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

fn gateway(place: &Place, address: SocketAddr, name: &str) -> Running {
    let listen = address.to_string();
    Running::start(place.path(), name, &["gateway", "run", "--listen", &listen, "-o", "ndjson"])
}

/// Every order that is placed in the log, with the places of its records.
fn in_the_log(place: &Place) -> BTreeMap<String, Vec<(u64, u64)>> {
    let mut found = BTreeMap::<String, Vec<(u64, u64)>>::new();
    let read = place.run(&["log", "read", "orders", "-o", "ndjson"]).expect(ExitCode::Ok);
    for row in read.rows().iter().filter(|row| row["command"] == "place") {
        let at = (row["partition"].as_u64().unwrap(), row["offset"].as_u64().unwrap());
        found.entry(row["order"].as_str().unwrap().to_owned()).or_default().push(at);
    }
    found
}

/// How often each order got a first answer.
fn decided(place: &Place) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::<String, u32>::new();
    let read = place.run(&["log", "read", "decisions", "-o", "ndjson"]).expect(ExitCode::Ok);
    for row in read.rows() {
        let decision = &row["decision"];
        let is_answer = ["held", "waiting", "rejected"].iter().any(|event| decision["event"] == *event);
        if let (true, Some(order)) = (is_answer, decision["order"].as_str()) {
            *found.entry(order.to_owned()).or_default() += 1;
        }
    }
    found
}

#[test]
fn what_a_gateway_acknowledged_is_in_the_log_and_decided_however_often_it_is_killed() {
    let broker = Broker::start().unwrap();
    let place = place(&broker);
    place.run(&["topic", "create"]).expect(ExitCode::Ok);
    place.run(&["keys", "generate"]).expect(ExitCode::Ok);
    let worker = Running::start(place.path(), "worker", &["worker", "run", "-o", "ndjson"]);
    place.run(&["sale", "apply", "sale.toml", "--wait", "60s"]).expect(ExitCode::Ok);
    let key = place.run(&["gateway", "key", "--role", "producer", "-o", "json"]).expect(ExitCode::Ok);
    let key: Value = serde_json::from_str(&key.stdout).unwrap();
    let (address, book) = (free_address(), Book::default());
    let client = || Client { address, key: key["key"].as_str().unwrap().to_owned(), stream: None };

    let last = std::thread::scope(|scope| {
        let mut last = gateway(&place, address, "gateway-0");
        let over = Over(&book.is_over);
        for shopper in 0..SHOPPERS {
            let (book, client) = (&book, client());
            scope.spawn(move || book.shop(shopper, client));
        }
        for kill in 1..=KILLS {
            let enough = book.count.load(Ordering::Relaxed) + ACKNOWLEDGED_BETWEEN;
            until("orders are acknowledged", || book.count.load(Ordering::Relaxed) >= enough);
            last.kill();
            last = gateway(&place, address, &format!("gateway-{kill}"));
        }
        drop(over);
        last
    });
    let under_load = locked(&book.acknowledged).clone();
    let (found, lost) = compare(&place, &under_load);
    assert_eq!(lost, Vec::<String>::new(), "acknowledged, and not where it was said to lie");
    settle(&book, client());
    let all = locked(&book.acknowledged).clone();
    let logged: BTreeSet<String> = in_the_log(&place).into_keys().collect();
    assert_eq!(
        logged,
        all.keys().cloned().collect(),
        "asked again, everything is settled, and nothing else is there"
    );
    until("every order is decided", || decided(&place).len() == all.len());
    let decided = decided(&place);
    assert!(decided.values().all(|count| *count == 1), "each once");
    let ours = under_load.keys().filter(|order| decided.contains_key(*order)).count();
    let (settled, refused) = (all.len() - under_load.len(), book.refused.load(Ordering::Relaxed));
    // Past the capture of the tests' output: the table is there to be read.
    let mut out = std::io::stdout();
    writeln!(out, "| kills | acknowledged | found in log | decided | settled afterwards | refused |")
        .unwrap();
    writeln!(out, "|---|---|---|---|---|---|").unwrap();
    writeln!(out, "| {KILLS} | {} | {found} | {ours} | {settled} | {refused} |", under_load.len()).unwrap();
    assert_eq!((under_load.len(), under_load.len()), (found, ours));
    assert_eq!(last.terminate().expect(ExitCode::Ok).rows().len(), 1);
    worker.terminate().expect(ExitCode::Ok);
}

/// Lets the shoppers go home, however the test ends.
struct Over<'b>(&'b AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How many acknowledged orders lie where they were said to lie, and which do not.
fn compare(place: &Place, acknowledged: &BTreeMap<String, (u64, u64)>) -> (usize, Vec<String>) {
    let logged = in_the_log(place);
    let is_there =
        |order: &String, at: &(u64, u64)| logged.get(order).is_some_and(|places| places.contains(at));
    let (there, lost): (Vec<_>, Vec<_>) = acknowledged.iter().partition(|(order, at)| is_there(order, at));
    (there.len(), lost.into_iter().map(|(order, _)| order.clone()).collect())
}

/// Asks again for everything that got no answer, with the same ids, until each is acknowledged.
fn settle(book: &Book, mut client: Client) {
    for asked in std::mem::take(&mut *locked(&book.unanswered)) {
        until("it is acknowledged", || {
            let answer = client.ask(&asked);
            book.note(&asked, answer)
        });
    }
}
