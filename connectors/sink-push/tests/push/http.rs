//! An HTTP endpoint on loopback that keeps what it is sent and answers as it is told to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What an endpoint does with a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Status(u16),
    /// A status with `Retry-After`, in seconds.
    Later(u16, u64),
    /// 200 at once, and then a body that never ends.
    SlowForEver,
    /// Nothing, ever.
    Silence,
    /// The connection is closed instead.
    HangUp,
    /// A body in the shape of SNS.
    Sns,
    /// An error in the shape of SNS.
    SnsError(u16, &'static str),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Endpoint {
    pub(crate) url: String,
    state: Arc<Mutex<(Answer, Vec<Request>)>>,
    task: tokio::task::JoinHandle<()>,
}

impl Endpoint {
    pub(crate) async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new((answer, Vec::new())));
        let serving = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&serving)));
            }
        });
        Self { url, state, task }
    }

    pub(crate) fn answer(&self, answer: Answer) {
        self.state.lock().unwrap().0 = answer;
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().1.clone()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(mut stream: TcpStream, state: Arc<Mutex<(Answer, Vec<Request>)>>) {
    let mut pending = Vec::new();
    loop {
        let Some(request) = request(&mut stream, &mut pending).await else { return };
        let answer = {
            let mut state = state.lock().unwrap();
            state.1.push(request);
            state.0
        };
        let head = |status: u16, more: &str, body: &str| {
            format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{more}\r\n{body}", body.len())
        };
        let text = match answer {
            Answer::Status(status) => head(status, "", "text"),
            Answer::Later(status, seconds) => head(status, &format!("Retry-After: {seconds}\r\n"), "busy"),
            Answer::Sns => head(
                200,
                "Content-Type: text/xml\r\n",
                "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
                 <MessageId>1</MessageId></PublishResult></PublishResponse>",
            ),
            Answer::SnsError(status, code) => head(
                status,
                "Content-Type: text/xml\r\n",
                &format!(
                    "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type>\
                     <Code>{code}</Code><Message>said so</Message></Error></ErrorResponse>"
                ),
            ),
            Answer::HangUp => return,
            Answer::Silence => std::future::pending().await,
            Answer::SlowForEver => {
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
                if stream.write_all(head.as_bytes()).await.is_err() {
                    return;
                }
                while stream.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                return;
            }
        };
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn request(stream: &mut TcpStream, pending: &mut Vec<u8>) -> Option<Request> {
    let mut chunk = [0; 8_192];
    let end = loop {
        if let Some(end) = pending.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end;
        }
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        pending.extend_from_slice(&chunk[..read]);
    };
    let head = String::from_utf8_lossy(&pending[..end]).into_owned();
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    while pending.len() < end + 4 + length {
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        pending.extend_from_slice(&chunk[..read]);
    }
    let body = pending[end + 4..end + 4 + length].to_vec();
    pending.drain(..end + 4 + length);
    Some(Request { path, headers, body })
}
