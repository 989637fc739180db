//! How fast rows like those of decisions go in: by format and by block, in rows a second and rows a CPU second.
//!
//! `cargo run --release -p clickhouse-embedded --example insert_speed`
#![expect(clippy::print_stdout, reason = "a program for people")]

use std::error::Error;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use clickhouse_embedded::{Engine, EngineOptions};

const ROWS: u64 = 2_000_000;
/// Clock ticks a second in `/proc`.
const TICKS_A_SECOND: f64 = 100.0;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let started = Instant::now();
    let options = EngineOptions { folder: folder.path().to_owned(), ..EngineOptions::default() };
    let engine = Engine::start(&options)?;
    println!("started in {:?}, {} MB resident", started.elapsed(), resident_mb()?);
    ask(
        &engine,
        "",
        b"CREATE TABLE d (partition UInt16, sequence UInt64, offset UInt64, time DateTime64(3), kind UInt8, id UUID, sku LowCardinality(String), quantity UInt32, price Int64, currency FixedString(3)) ENGINE = ReplacingMergeTree ORDER BY (partition, sequence)",
    )?;
    for format in ["RowBinary", "Native"] {
        for block in [10_000, 100_000, 1_000_000] {
            measure(&engine, format, block)?;
        }
    }
    println!("{} MB resident", resident_mb()?);
    engine.stop()?;
    Ok(())
}

fn measure(engine: &Engine, format: &str, block: u64) -> Result<(), Box<dyn Error>> {
    ask(engine, "", b"TRUNCATE TABLE d")?;
    let rows = format!(
        "SELECT toUInt16(number % 12) AS partition, number AS sequence, number AS offset, toDateTime64(1800000000 + number / 1000, 3) AS time, toUInt8(number % 9) AS kind, generateUUIDv4() AS id, toLowCardinality(concat('sku-', toString(number % 5000))) AS sku, toUInt32(1 + number % 3) AS quantity, toInt64(number % 9999) AS price, toFixedString('EUR', 3) AS currency FROM numbers({block}) FORMAT {format}"
    );
    let data = ask(engine, "", rows.as_bytes())?;
    let insert = format!("?query=INSERT+INTO+d+FORMAT+{format}");
    let (started, cpu_before) = (Instant::now(), cpu_seconds()?);
    for _ in 0..ROWS / block {
        ask(engine, &insert, &data)?;
    }
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds()? - cpu_before);
    let rows = f64::from(u32::try_from(ROWS)?);
    println!(
        "{format} in blocks of {block} rows ({} bytes a row): {:.0} rows/s, {:.0} rows a CPU second",
        data.len() / usize::try_from(block)?,
        rows / seconds,
        rows / cpu
    );
    Ok(())
}

/// Sends one request and returns the body of the answer.
fn ask(engine: &Engine, query: &str, body: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut stream = TcpStream::connect(engine.url().trim_start_matches("http://"))?;
    write!(stream, "POST /{query} HTTP/1.0\r\nContent-Length: {}\r\n\r\n", body.len())?;
    stream.write_all(body)?;
    let mut all = Vec::new();
    stream.read_to_end(&mut all)?;
    let end = all.windows(4).position(|window| window == b"\r\n\r\n").ok_or("no answer")?;
    let answer = all.split_off(end + 4);
    if all.starts_with(b"HTTP/1.0 200") { Ok(answer) } else { Err(String::from_utf8_lossy(&answer).into()) }
}

/// CPU time of this process, merges included.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in stat")?;
    let ticks: Vec<f64> =
        fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / TICKS_A_SECOND)
}

fn resident_mb() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim_end_matches("kB").trim().parse::<u64>()? / 1024)
}
