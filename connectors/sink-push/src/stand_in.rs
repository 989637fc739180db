//! A mail server on loopback for tests and benchmarks: speaks SMTP over real sockets, in a thread of its own, and
//! misbehaves when told to. The protocol is mailin's, so that client and server are not of the same mind.

use std::cell::Cell;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use mailin::response::{NO_MAILBOX, NO_SERVICE, OK};
use mailin::{Action, Handler, Response, SessionBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::LocalSet;

/// Most bytes of one line or message that the server keeps before it gives up on a client.
const PENDING_BYTES_MAX: usize = 4 * 1_024 * 1_024;
/// Bytes read at once.
const READ_BYTES: usize = 64 * 1_024;

/// How the server behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Behaviour {
    /// As it should.
    #[default]
    Takes,
    /// Says 421 to whoever connects.
    Away,
    /// Takes connections and never says a word.
    Silent,
    /// No recipient is known.
    KnowsNobody,
    /// Every recipient is to come back later.
    Greylists,
    /// Takes the message, and closes the connection instead of saying so.
    ForgetsToAnswer,
    /// Takes the message, and never says so.
    FallsSilent,
    /// Closes the connection at the first command.
    HangsUp,
}

/// A mail that was taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mail {
    /// Whom it is to.
    pub to: Vec<String>,
    /// Headers and body.
    pub data: String,
}

/// A running mail server; ends when dropped.
#[derive(Debug)]
pub struct SmtpServer {
    address: SocketAddr,
    kept: Arc<Kept>,
    end: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Kept {
    behaviour: Mutex<Behaviour>,
    mails: Mutex<Vec<Mail>>,
    /// How often each message id was taken.
    taken: Mutex<HashMap<String, u64>>,
    connections: AtomicU64,
    keeps_mails: bool,
}

impl SmtpServer {
    /// Starts a server on a free port that keeps every mail.
    pub fn start() -> io::Result<Self> {
        Self::start_with(true)
    }

    /// Starts a server that only counts: for benchmarks.
    pub fn start_counting() -> io::Result<Self> {
        Self::start_with(false)
    }

    fn start_with(keeps_mails: bool) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let kept = Arc::new(Kept { keeps_mails, ..Kept::default() });
        let (end, ended) = watch::channel(false);
        let serving = Arc::clone(&kept);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new().name("smtp-stand-in".to_owned()).spawn(move || {
            let served = LocalSet::new().block_on(&runtime, serve(listener, serving, ended));
            if let Err(error) = served {
                tracing::warn!("the mail server stopped: {error}");
            }
        })?;
        Ok(Self { address, kept, end, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How it behaves from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        *lock(&self.kept.behaviour) = behaviour;
    }

    /// The mails taken so far.
    pub fn mails(&self) -> Vec<Mail> {
        lock(&self.kept.mails).clone()
    }

    /// How many mails were taken, and how many of them had an id that was taken before.
    pub fn counted(&self) -> (u64, u64) {
        let taken = lock(&self.kept.taken);
        let all: u64 = taken.values().sum();
        (all, taken.values().map(|times| times - 1).sum())
    }

    /// How often each message id was taken.
    pub fn taken(&self) -> HashMap<String, u64> {
        lock(&self.kept.taken).clone()
    }

    /// How often somebody connected.
    pub fn connections(&self) -> u64 {
        self.kept.connections.load(Ordering::Relaxed)
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.end.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the mail server's thread panicked");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(
    listener: std::net::TcpListener,
    kept: Arc<Kept>,
    mut ended: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = ended.changed() => return Ok(()),
        };
        let (stream, peer) = accepted?;
        kept.connections.fetch_add(1, Ordering::Relaxed);
        let kept = Arc::clone(&kept);
        tokio::task::spawn_local(async move {
            if let Err(error) = converse(stream, peer.ip(), kept).await {
                tracing::debug!("a client went away: {error}");
            }
        });
    }
}

async fn converse(mut stream: TcpStream, peer: IpAddr, kept: Arc<Kept>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let behaviour = *lock(&kept.behaviour);
    match behaviour {
        Behaviour::Away => return stream.write_all(&NO_SERVICE.buffer()?).await,
        Behaviour::Silent => return std::future::pending().await,
        _ => {}
    }
    let taken = Rc::new(Cell::new(false));
    let clerk = Clerk { kept: Arc::clone(&kept), to: Vec::new(), data: Vec::new(), taken: Rc::clone(&taken) };
    let mut session = SessionBuilder::new("stand-in").build(peer, clerk);
    stream.write_all(&session.greeting().buffer()?).await?;
    let (mut pending, mut answers) = (Vec::new(), Vec::new());
    let mut chunk = vec![0; READ_BYTES];
    loop {
        let read = stream.read(&mut chunk).await?;
        let Some(new) = chunk.get(..read).filter(|new| !new.is_empty()) else { return Ok(()) };
        pending.extend_from_slice(new);
        let mut done = 0;
        while let Some(end) = pending.get(done..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n'))
        {
            let line = pending.get(done..=done + end).unwrap_or_default();
            let behaviour = *lock(&kept.behaviour);
            if behaviour == Behaviour::HangsUp {
                return Ok(());
            }
            let is_hello = line.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"EHLO"));
            let response = session.process(line);
            done += end + 1;
            // The library says nothing of pipelining, which the loop here does.
            if is_hello && !response.is_error {
                answers.extend_from_slice(b"250-PIPELINING\r\n");
            }
            match (taken.take(), behaviour) {
                (true, Behaviour::ForgetsToAnswer) => return Ok(()),
                (true, Behaviour::FallsSilent) => return std::future::pending().await,
                _ => {}
            }
            match response.action {
                Action::NoReply => {}
                Action::Close => {
                    answers.extend_from_slice(&response.buffer()?);
                    return stream.write_all(&answers).await;
                }
                _ => answers.extend_from_slice(&response.buffer()?),
            }
        }
        pending.drain(..done);
        if pending.len() > PENDING_BYTES_MAX {
            return Err(io::Error::other("a line without an end"));
        }
        if !answers.is_empty() {
            stream.write_all(&answers).await?;
            answers.clear();
        }
    }
}

/// What the protocol asks about one connection's mails.
struct Clerk {
    kept: Arc<Kept>,
    to: Vec<String>,
    data: Vec<u8>,
    /// Says to the loop that a mail was just taken.
    taken: Rc<Cell<bool>>,
}

impl Handler for Clerk {
    fn rcpt(&mut self, to: &str) -> Response {
        match *lock(&self.kept.behaviour) {
            Behaviour::KnowsNobody => NO_MAILBOX,
            Behaviour::Greylists => Response::custom(450, "come back later".to_owned()),
            _ => {
                self.to.push(to.to_owned());
                OK
            }
        }
    }

    fn data(&mut self, line: &[u8]) -> io::Result<()> {
        self.data.extend_from_slice(line);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        let data = String::from_utf8_lossy(&self.data).into_owned();
        self.data.clear();
        let to = std::mem::take(&mut self.to);
        let id = data.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap_or_default();
        *lock(&self.kept.taken).entry(id.trim().to_owned()).or_default() += 1;
        if self.kept.keeps_mails {
            lock(&self.kept.mails).push(Mail { to, data });
        }
        self.taken.set(true);
        OK
    }
}
