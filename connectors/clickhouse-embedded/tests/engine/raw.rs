//! A client as plain as `curl`: one request a connection.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::engine;

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.headers.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// `name=value` pairs as a query string.
pub(crate) fn path(pairs: &[(&str, &str)]) -> String {
    format!("/?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

pub(crate) fn send(method: &str, path: &str, headers: &[&str], body: &[u8]) -> Reply {
    let mut stream = open();
    stream.write_all(head(method, path, headers, body.len()).as_bytes()).unwrap();
    // A refusal may come, and the connection close, before all of the body is sent.
    drop(stream.write_all(body));
    receive(stream)
}

pub(crate) fn open() -> TcpStream {
    TcpStream::connect(engine().url().trim_start_matches("http://")).unwrap()
}

/// HTTP/1.0, so that the reply is not in chunks.
pub(crate) fn head(method: &str, path: &str, headers: &[&str], length: usize) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("{method} {path} HTTP/1.0\r\nContent-Length: {length}\r\n{headers}\r\n")
}

pub(crate) fn receive(mut stream: TcpStream) -> Reply {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    let end = all.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let headers = String::from_utf8(all[..end].to_vec()).unwrap();
    let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, headers, body: all[end + 4..].to_vec() }
}

/// Runs a statement that has to succeed, by POST.
#[track_caller]
pub(crate) fn run(sql: &str) -> String {
    let reply = send("POST", "/", &[], sql.as_bytes());
    assert_eq!(reply.status, 200, "{sql}: {}", reply.text());
    reply.text()
}
