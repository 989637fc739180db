//! An HTTP proxy on loopback between the SDK and a stand-in. Neither stand-in throttles, loses an answer, or takes a batch
//! in part; this does, and counts.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the proxy does to requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// Every second request is turned away.
    Throttle,
    /// Every second batch is carried out in part, the rest of its statements throttled.
    Partial,
    /// Every second request is carried out, and its answer is lost.
    LostReply,
    /// The connection ends.
    Outage,
    /// Statements about orders whose id ends in 0 or 1 are refused as too large.
    Refuse,
    /// Every request is turned away with this code and message.
    Code(&'static str, &'static str),
}

#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) endpoint: String,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    upstream: SocketAddr,
    fault: Mutex<Option<Fault>>,
    turn: AtomicU64,
    batches: Mutex<Vec<Value>>,
}

impl Proxy {
    /// A proxy to a stand-in. Serves until the runtime ends.
    pub(crate) async fn start(upstream: &str) -> Self {
        let upstream = upstream.strip_prefix("http://").unwrap().parse().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            upstream,
            fault: Mutex::new(None),
            turn: AtomicU64::new(0),
            batches: Mutex::new(Vec::new()),
        });
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let state = Arc::clone(&serving);
                // A connection that breaks is what half of this is about.
                tokio::spawn(async move { serve(client, &state).await.unwrap_or_default() });
            }
        });
        Self { endpoint, state }
    }

    pub(crate) fn inject(&self, fault: Option<Fault>) {
        *self.state.fault.lock().unwrap() = fault;
    }

    /// The statements of all batches that came through whole, since the last call.
    pub(crate) fn take_statements(&self) -> Vec<Value> {
        std::mem::take(&mut *self.state.batches.lock().unwrap())
    }
}

struct Message {
    head: String,
    body: Vec<u8>,
}

/// Reads a request or an answer; `None` at the end of the connection.
async fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Message>> {
    let mut head = String::new();
    loop {
        let length = head.len();
        if stream.read_line(&mut head).await? == 0 {
            return Ok(None);
        }
        if head.get(length..) == Some("\r\n") {
            break;
        }
    }
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some(Message { head, body }))
}

async fn forward(upstream: &mut BufReader<TcpStream>, head: &str, body: &[u8]) -> std::io::Result<Message> {
    let mut text = String::new();
    for line in head.lines().filter(|line| !line.is_empty()) {
        let is_length = line.to_ascii_lowercase().starts_with("content-length:");
        text.push_str(&if is_length { format!("Content-Length: {}", body.len()) } else { line.to_owned() });
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    upstream.write_all(text.as_bytes()).await?;
    upstream.write_all(body).await?;
    read(upstream).await?.ok_or_else(|| std::io::Error::other("the stand-in hung up"))
}

async fn answer(client: &mut BufReader<TcpStream>, status: &str, body: &[u8]) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes()).await?;
    client.write_all(body).await
}

async fn turn_away(client: &mut BufReader<TcpStream>, code: &str, message: &str) -> std::io::Result<()> {
    let body = json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message });
    answer(client, "400 Bad Request", body.to_string().as_bytes()).await
}

async fn serve(client: TcpStream, state: &State) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let mut upstream = BufReader::new(TcpStream::connect(state.upstream).await?);
    while let Some(request) = read(&mut client).await? {
        let fault = *state.fault.lock().unwrap();
        let is_second = state.turn.fetch_add(1, Ordering::Relaxed) % 2 == 1;
        let is_batch = request.head.contains("BatchExecuteStatement");
        match fault {
            Some(Fault::Outage) => return Ok(()),
            Some(Fault::Code(code, message)) => turn_away(&mut client, code, message).await?,
            Some(Fault::Throttle) if is_second => {
                turn_away(&mut client, "ThrottlingException", "Rate exceeded").await?;
            }
            Some(Fault::LostReply) if is_second => {
                forward(&mut upstream, &request.head, &request.body).await?;
                return Ok(());
            }
            Some(Fault::Partial) if is_second && is_batch => {
                let take = |index: usize, _: &Value| index.is_multiple_of(2);
                let body = in_part(&mut upstream, &request, take, "ThrottlingError", "Rate exceeded").await?;
                answer(&mut client, "200 OK", &body).await?;
            }
            Some(Fault::Refuse) if is_batch => {
                let take = |_: usize, statement: &Value| !is_chosen(statement);
                let message = "Item size has exceeded the maximum allowed size";
                let body = in_part(&mut upstream, &request, take, "ValidationError", message).await?;
                answer(&mut client, "200 OK", &body).await?;
            }
            _ => {
                if is_batch {
                    let body: Value = serde_json::from_slice(&request.body).unwrap();
                    let statements = body["Statements"].as_array().unwrap().clone();
                    state.batches.lock().unwrap().extend(statements);
                }
                let back = forward(&mut upstream, &request.head, &request.body).await?;
                client.write_all(back.head.as_bytes()).await?;
                client.write_all(&back.body).await?;
            }
        }
    }
    Ok(())
}

fn is_chosen(statement: &Value) -> bool {
    let text = statement["Statement"].as_str().unwrap();
    let is_about_order = text.contains("-orders\"");
    let is_id = |text: &str| text.len() == 36 && (text.ends_with('0') || text.ends_with('1'));
    let parameters = statement["Parameters"].as_array().unwrap();
    // The order's id comes first in an INSERT, and third from the end in an UPDATE.
    let at = if text.starts_with("INSERT") { 0 } else { parameters.len() - 3 };
    is_about_order && parameters[at]["S"].as_str().is_some_and(is_id)
}

/// Forwards the statements to be taken, and answers the others with an error.
async fn in_part(
    upstream: &mut BufReader<TcpStream>,
    request: &Message,
    take: impl Fn(usize, &Value) -> bool,
    code: &str,
    message: &str,
) -> std::io::Result<Vec<u8>> {
    let mut body: Value = serde_json::from_slice(&request.body)?;
    let all = body["Statements"].as_array().unwrap().clone();
    let taken: Vec<bool> = all.iter().enumerate().map(|(index, statement)| take(index, statement)).collect();
    let kept: Vec<Value> =
        all.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(statement, _)| statement.clone()).collect();
    let mut answers = Vec::new();
    if !kept.is_empty() {
        body["Statements"] = Value::Array(kept);
        let back = forward(upstream, &request.head, body.to_string().as_bytes()).await?;
        let back: Value = serde_json::from_slice(&back.body)?;
        answers = back["Responses"].as_array().cloned().unwrap_or_default();
    }
    let mut answers = answers.into_iter();
    let error = json!({ "Error": { "Code": code, "Message": message } });
    let spliced: Vec<Value> =
        taken.iter().map(|taken| if *taken { answers.next().unwrap() } else { error.clone() }).collect();
    Ok(json!({ "Responses": spliced }).to_string().into_bytes())
}
