//! A client as lean as can be: one connection, one request at a time, its answers parsed in place.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::limits::{ANSWER_BYTES_MAX, HEADERS_MAX};

/// A connection. After an error it is of no use any more.
pub(crate) struct Client {
    stream: TcpStream,
    /// What was read and not used.
    buffer: Vec<u8>,
    /// How much of it belongs to the answer that was given last.
    used: usize,
}

/// What is wrong with an answer, in words.
pub(crate) type Fault = String;

/// Where the head of an answer ends, and what it says.
struct Head {
    status: u16,
    body_from: usize,
    /// `None`: it goes on until the connection ends, or in chunks.
    body_bytes: Option<usize>,
}

fn head(bytes: &[u8]) -> Result<Option<Head>, Fault> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(bytes).map_err(|error| format!("the answer is no HTTP: {error}"))?;
    let httparse::Status::Complete(body_from) = parsed else { return Ok(None) };
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let read = |header: &httparse::Header<'_>| {
        std::str::from_utf8(header.value).ok().and_then(|text| text.parse().ok())
    };
    Ok(Some(Head { status: response.code.unwrap_or(0), body_from, body_bytes: length.and_then(read) }))
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, Fault> {
        let connect = async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let stream = connect.await.map_err(|error: std::io::Error| format!("connect: {error}"))?;
        Ok(Self { stream, buffer: Vec::new(), used: 0 })
    }

    /// Sends a request and reads its whole answer: status and body.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<(u16, &[u8]), Fault> {
        let Head { status, body_from, body_bytes } = self.begin(request).await?;
        let length = body_bytes.ok_or("the answer does not say how long it is")?;
        let end = body_from.saturating_add(length);
        while self.buffer.len() < end {
            self.read().await?;
        }
        self.used = end;
        Ok((status, self.buffer.get(body_from..end).unwrap_or_default()))
    }

    /// Sends a request whose answer goes on; says its status. What follows is given by [`Self::more`].
    pub(crate) async fn open(&mut self, request: &[u8]) -> Result<u16, Fault> {
        let head = self.begin(request).await?;
        self.used = head.body_from;
        Ok(head.status)
    }

    /// What has come and was not used, when more of it has come. Say by [`Self::use_up`] how much was used.
    pub(crate) async fn more(&mut self) -> Result<&[u8], Fault> {
        self.drop_used();
        self.read().await?;
        Ok(&self.buffer)
    }

    pub(crate) fn use_up(&mut self, bytes: usize) {
        self.used = bytes;
    }

    async fn begin(&mut self, request: &[u8]) -> Result<Head, Fault> {
        self.drop_used();
        self.stream.write_all(request).await.map_err(|error| format!("send: {error}"))?;
        loop {
            if let Some(head) = head(&self.buffer)? {
                return Ok(head);
            }
            self.read().await?;
        }
    }

    fn drop_used(&mut self) {
        let used = std::mem::take(&mut self.used).min(self.buffer.len());
        self.buffer.drain(..used);
    }

    async fn read(&mut self) -> Result<(), Fault> {
        if self.buffer.len() > ANSWER_BYTES_MAX {
            return Err(format!("the answer has more than {ANSWER_BYTES_MAX} bytes"));
        }
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err("the server ended the connection".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(format!("receive: {error}")),
        }
    }
}
