//! A foreign producer: a Java program with plain kafka-clients.

use std::fmt::Write;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use crate::TestbedError;
use crate::jars::{KAFKA, last_lines, require};
use crate::process;

const PROGRAM: &str = include_str!("../java/OrderProducer.java");

/// Where the broker put a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JavaAppended {
    /// The partition the Java client chose.
    pub partition: u32,
    /// The record's offset.
    pub offset: u64,
}

/// Appends `records` (key and value) to `topic` by a Java producer with its default settings, and waits until all are
/// acknowledged. Needs a JDK: the program is compiled on the way.
pub fn produce_with_java(
    bootstrap: &str,
    topic: &str,
    records: &[(Vec<u8>, Vec<u8>)],
) -> Result<Vec<JavaAppended>, TestbedError> {
    produce(&[bootstrap, topic], records)
}

/// The same in one Kafka transaction, whose marker stands behind the records in each of their partitions.
pub fn produce_in_transaction(
    bootstrap: &str,
    topic: &str,
    transactional_id: &str,
    records: &[(Vec<u8>, Vec<u8>)],
) -> Result<Vec<JavaAppended>, TestbedError> {
    produce(&[bootstrap, topic, transactional_id], records)
}

fn produce(arguments: &[&str], records: &[(Vec<u8>, Vec<u8>)]) -> Result<Vec<JavaAppended>, TestbedError> {
    require("javac", "the Java producer is compiled when it runs", "openjdk-17-jdk-headless maven")?;
    let mut class_path = KAFKA.folder()?.into_os_string();
    class_path.push("/*");
    let folder = process::temporary_folder()?;
    let program = folder.path().join("OrderProducer.java");
    fs::write(&program, PROGRAM).map_err(TestbedError::io("write", &program))?;
    let input = folder.path().join("records");
    fs::write(&input, to_lines(records)).map_err(TestbedError::io("write", &input))?;
    let output = Command::new("java")
        .args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp"])
        .arg(class_path)
        .arg(program)
        .args(arguments)
        .stdin(File::open(&input).map_err(TestbedError::io("open", &input))?)
        .output()
        .map_err(TestbedError::io("run", Path::new("java")))?;
    let appended: Option<Vec<_>> = String::from_utf8_lossy(&output.stdout).lines().map(from_line).collect();
    match appended {
        Some(appended) if output.status.success() && appended.len() == records.len() => Ok(appended),
        _ => Err(TestbedError::Java { detail: last_lines(&output) }),
    }
}

fn to_lines(records: &[(Vec<u8>, Vec<u8>)]) -> String {
    let mut lines = String::new();
    for (key, value) in records {
        push_hex(&mut lines, key);
        lines.push(' ');
        push_hex(&mut lines, value);
        lines.push('\n');
    }
    lines
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string cannot fail.
        let _infallible = write!(text, "{byte:02x}");
    }
}

fn from_line(line: &str) -> Option<JavaAppended> {
    let (partition, offset) = line.split_once(' ')?;
    Some(JavaAppended { partition: partition.parse().ok()?, offset: offset.parse().ok()? })
}
