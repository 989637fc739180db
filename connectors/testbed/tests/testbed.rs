//! The real broker and registry: they start, answer, end, and come back.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use testbed::{Broker, DevPorts, DevStack, TestbedError, shared_broker, shared_registry};

fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn a_stopped_broker_comes_back_on_the_same_port_and_ends_when_dropped() {
    let mut broker = Broker::start().unwrap();
    let bootstrap = broker.bootstrap();
    let first = broker.pid().unwrap();
    TcpStream::connect(&bootstrap).unwrap();
    assert!(broker.cpu_time().unwrap() > Duration::from_millis(100), "a JVM that started used no processor");

    broker.stop();
    assert!(!is_alive(first));
    assert_eq!(broker.pid(), None);
    TcpStream::connect(&bootstrap).unwrap_err();

    broker.restart().unwrap();
    let second = broker.pid().unwrap();
    assert_ne!(first, second);
    assert_eq!(broker.bootstrap(), bootstrap);
    TcpStream::connect(&bootstrap).unwrap();

    drop(broker);
    assert!(!is_alive(second));
}

#[test]
fn shared_servers_are_one() {
    assert_eq!(shared_broker().unwrap().pid(), shared_broker().unwrap().pid());
    let registry = shared_registry().unwrap();
    assert_eq!(registry.pid(), shared_registry().unwrap().pid());
    let address = registry.url();
    let authority = address.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    let schema = r#"{"schema":"\"string\""}"#;
    write!(
        stream,
        "POST /apis/ccompat/v7/subjects/orders-value/versions HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\
         Content-Type: application/vnd.schemaregistry.v1+json\r\nContent-Length: {}\r\n\r\n{schema}",
        schema.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#"{"id":"#), "{answer}");
}

#[test]
fn a_detached_stack_goes_up_and_down_and_ends_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    assert!(DevStack::down(folder.path()).unwrap().is_empty());
    let ports = DevPorts::free().unwrap();
    let stack = DevStack::up(folder.path(), ports).unwrap();
    assert_eq!(stack.bootstrap, format!("127.0.0.1:{}", ports.broker));
    TcpStream::connect(&stack.bootstrap).unwrap();
    let refused = DevStack::up(folder.path(), ports).unwrap_err();
    assert!(matches!(refused, TestbedError::AlreadyUp { .. }), "{refused}");

    // The processes are this test's children, and as long as nobody waits for them the system remembers them.
    let ended = DevStack::down(folder.path()).unwrap();
    assert_eq!(ended, stack.processes);
    assert!(ended.iter().all(|process| !process.is_running()));
    assert!(DevStack::read(folder.path()).unwrap().is_none());
    TcpStream::connect(&stack.bootstrap).unwrap_err();
}

#[test]
fn a_process_that_only_has_the_same_id_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut bystander = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let state = format!(
        r#"{{"bootstrap":"b","registry_url":"r","processes":[{{"name":"broker","pid":{},"started":"1","log":"l"}}]}}"#,
        bystander.id()
    );
    std::fs::write(folder.path().join("stack.json"), state).unwrap();
    assert!(DevStack::down(folder.path()).unwrap().is_empty());
    assert!(bystander.try_wait().unwrap().is_none());
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[test]
fn a_taken_port_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ports = DevPorts::free().unwrap();
    let _listener = std::net::TcpListener::bind(("127.0.0.1", ports.registry)).unwrap();
    let error = DevStack::up(folder.path(), ports).unwrap_err().to_string();
    assert!(error.contains(&ports.registry.to_string()) && error.contains("schema registry"), "{error}");
}

#[test]
fn without_java_the_error_says_what_to_install() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_starts_a_broker", "--nocapture"])
        .env("TESTBED_CHILD", "no-java")
        .env("PATH", "")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("`java` is not on the PATH"), "{text}");
    assert!(text.contains("apt-get install openjdk-17-jre-headless maven"), "{text}");
}

#[test]
fn a_broker_does_not_outlive_its_owner() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_starts_a_broker", "--nocapture"])
        .env("TESTBED_CHILD", "abort")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let pid = text.lines().find_map(|line| line.split_once("broker pid ")).expect(&text).1.trim();
    let deadline = Instant::now() + Duration::from_secs(20);
    while is_alive(pid.parse().unwrap()) {
        assert!(Instant::now() < deadline, "broker {pid} still runs");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Not a test of its own: the two above run it in a process that they can spoil or lose.
#[test]
fn child_starts_a_broker() {
    match std::env::var("TESTBED_CHILD").as_deref() {
        Ok("abort") => {
            println!("broker pid {}", shared_broker().unwrap().pid().unwrap());
            std::process::abort();
        }
        Ok(_) => println!("{}", Broker::start().unwrap_err()),
        Err(_) => {}
    }
}

#[test]
fn dynamodb_local_answers_and_ends_when_dropped() {
    let local = testbed::DynamoDbLocal::start().unwrap();
    let authority = local.url().strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(&authority).unwrap();
    let credential = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, \
                      SignedHeaders=host, Signature=0";
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nX-Amz-Target: DynamoDB_20120810.ListTables\r\n\
         Authorization: {credential}\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: 2\r\n\r\n{{}}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains(r#"{"TableNames":[]}"#), "{answer}");
    let pid = local.pid();
    drop(local);
    assert!(!is_alive(pid));
}
