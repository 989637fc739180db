//! Stopping, starting again, and what stands in the way of a start. All in one test: one process has one engine.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use clickhouse_embedded::{Engine, EngineError, EngineOptions};

/// The answer's body.
fn ask(engine: &Engine, sql: &str) -> String {
    let answer = || {
        let mut stream = TcpStream::connect(engine.url().trim_start_matches("http://"))?;
        write!(stream, "POST / HTTP/1.0\r\nContent-Length: {}\r\n\r\n{sql}", sql.len())?;
        let mut all = String::new();
        stream.read_to_string(&mut all)?;
        std::io::Result::Ok(all)
    };
    let all = answer().unwrap_or_else(|error| panic!("{sql}: {error}"));
    all.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or(all)
}

#[test]
fn an_engine_stops_and_starts_and_says_what_is_in_its_way() {
    let folder = tempfile::tempdir().unwrap();
    let options = EngineOptions { folder: folder.path().join("a"), ..EngineOptions::default() };

    let missing = EngineOptions { library: Some(folder.path().join("none.so")), ..options.clone() };
    let error = Engine::start(&missing).unwrap_err();
    assert!(matches!(error, EngineError::Load { .. }), "{error}");

    let engine = Engine::start(&options).unwrap();
    assert!(matches!(Engine::start(&options), Err(EngineError::AlreadyRunning)));
    ask(&engine, "CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a");
    assert_eq!(ask(&engine, "INSERT INTO t SELECT number FROM numbers(1000)"), "");
    engine.stop().unwrap();

    // The same folder again: what was answered is there.
    let engine = Engine::start(&options).unwrap();
    assert_eq!(ask(&engine, "SELECT count() FROM t"), "1000\n");
    drop(engine);

    // Another folder: another engine.
    let other = EngineOptions { folder: folder.path().join("b"), ..EngineOptions::default() };
    let engine = Engine::start(&other).unwrap();
    assert!(ask(&engine, "SELECT count() FROM t").contains("UNKNOWN_TABLE"));
    let port = engine.url().rsplit(':').next().unwrap().parse().unwrap();
    engine.stop().unwrap();

    let taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let error = Engine::start(&EngineOptions { port, ..other.clone() }).unwrap_err();
    assert!(matches!(error, EngineError::Listen { .. }), "{error}");
    drop(taken);

    let held = fs::File::create(other.folder.join("in-use.lock")).unwrap();
    held.lock().unwrap();
    let error = Engine::start(&other).unwrap_err();
    assert!(matches!(error, EngineError::FolderInUse { .. }), "{error}");
    drop(held);

    // A statement that does not end is cancelled, so that the engine can stop.
    let engine = Engine::start(&other).unwrap();
    let slow = "SELECT sum(s) FROM (SELECT sleepEachRow(1) AS s FROM numbers(600)) SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0";
    let mut client = TcpStream::connect(engine.url().trim_start_matches("http://")).unwrap();
    write!(client, "POST / HTTP/1.0\r\nContent-Length: {}\r\n\r\n{slow}", slow.len()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while ask(&engine, "SELECT count() FROM system.processes WHERE query LIKE '%numbers(600)%'") != "2\n" {
        assert!(Instant::now() < deadline, "the slow statement was not seen");
    }
    engine.stop().unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(!answer.contains("200 OK"), "{answer}");
    drop(Engine::start(&other).unwrap());

    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Engine::start(&EngineOptions { folder: file, ..EngineOptions::default() }).unwrap_err();
    assert!(matches!(error, EngineError::File { .. }), "{error}");
}
