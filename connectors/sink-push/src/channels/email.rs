//! E-mail by SMTP, over connections that are kept. SES is spoken to by SMTP too.
//!
//! The envelope (`MAIL`, `RCPT`, `DATA`) goes out in one write where the server offers pipelining, so that a message costs
//! two round trips. lettre does the connection, TLS, the login and the form of the message; the order of the steps is ours,
//! since only the step that failed tells whether the server may have taken the message.

mod classify;
mod message;

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::Address as Mailbox;
use lettre::message::Mailbox as Sender;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Ehlo, Mail as MailFrom, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

pub use classify::{Answer, Step, classify};

use super::{Attempt, Channel, Message, Outcome, UnknownRule};
use crate::contacts::{Address, AddressError, ChannelKind};
use crate::limits::{ATTEMPT_MS_DEFAULT, LANES_DEFAULT, SMTP_IDLE_MS_MAX, SMTP_MESSAGES_PER_CONNECTION_MAX};
use crate::templates::Rendered;

/// How the connection to the mail server is secured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the start, usually port 465.
    Tls,
    /// `STARTTLS`, required; usually port 587.
    Starttls,
    /// None: for a server on this machine.
    None,
}

/// A mail server, and who writes.
#[derive(Clone)]
pub struct EmailOptions {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TLS.
    pub security: Security,
    /// User and password, if it wants them.
    pub login: Option<(String, String)>,
    /// Who writes: `Shop <orders@shop.example>`.
    pub from: String,
    /// Most connections.
    pub connections: usize,
    /// Longest attempt.
    pub attempt_max: Duration,
}

impl EmailOptions {
    /// A server without login; every limit as in [`crate::limits`].
    pub fn new(host: impl Into<String>, port: u16, security: Security, from: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port,
            security,
            login: None,
            from: from.into(),
            connections: LANES_DEFAULT,
            attempt_max: Duration::from_millis(ATTEMPT_MS_DEFAULT),
        }
    }
}

impl fmt::Debug for EmailOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmailOptions")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// Options that cannot work.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EmailError {
    /// The sender is no mailbox.
    #[error("e-mail: the sender `{text}` is no mailbox: {detail}; write `Shop <orders@shop.example>`")]
    Sender {
        /// What stood there.
        text: String,
        /// What is wrong with it.
        detail: String,
    },
    /// TLS cannot be set up.
    #[error("e-mail: TLS to {host}: {detail}")]
    Tls {
        /// The server.
        host: String,
        /// Why.
        detail: String,
    },
    /// A password would go over the wire for all to read.
    #[error("e-mail: a login needs `security` \"tls\" or \"starttls\", or the password is sent in the clear")]
    LoginInClear,
}

/// A mail, be it a notice or a letter of another part of the shop.
#[derive(Clone, Copy)]
pub struct Mail<'a> {
    /// The same for every attempt at the same mail, and for no other.
    pub id: &'a str,
    /// The recipient's address.
    pub to: &'a str,
    /// What it says.
    pub rendered: &'a Rendered,
}

/// E-mail.
pub struct EmailChannel {
    options: EmailOptions,
    sender: Sender,
    tls: Option<TlsParameters>,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: AsyncSmtpConnection,
    pipelines: bool,
    since: Instant,
    sent: u32,
}

/// A step that did not go on, and what was heard of it.
struct Stopped(Step, Answer);

impl fmt::Debug for Mail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for EmailChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmailChannel").field("options", &self.options).finish_non_exhaustive()
    }
}

impl EmailChannel {
    /// A channel to this server. Connects only when there is something to send.
    pub fn new(options: EmailOptions) -> Result<Self, EmailError> {
        let sender = Sender::from_str(&options.from)
            .map_err(|error| EmailError::Sender { text: options.from.clone(), detail: error.to_string() })?;
        if options.login.is_some() && options.security == Security::None {
            return Err(EmailError::LoginInClear);
        }
        let tls = match options.security {
            Security::None => None,
            Security::Tls | Security::Starttls => {
                let made = TlsParameters::new(options.host.clone());
                Some(made.map_err(|error| EmailError::Tls {
                    host: options.host.clone(),
                    detail: error.to_string(),
                })?)
            }
        };
        Ok(Self { options, sender, tls, idle: Mutex::default() })
    }

    async fn attempt(&self, message: &Message) -> Outcome {
        let Address::Email(text) = &message.address else {
            return Outcome::Refused("not an e-mail address".to_owned());
        };
        self.post(&Mail { id: &message.id, to: text, rendered: &message.rendered }).await
    }

    /// Sends a mail that is no notice. Dropping the future leaves the outcome unknown.
    pub async fn post(&self, mail: &Mail<'_>) -> Outcome {
        let recipient = match Mailbox::from_str(mail.to) {
            Ok(recipient) => recipient,
            Err(error) => return Outcome::Refused(format!("`{}` is no address: {error}", mail.to)),
        };
        let content = match message::content(mail, &self.sender, &recipient) {
            Ok(content) => content,
            Err(detail) => return Outcome::Refused(detail),
        };
        let deadline = Instant::now() + self.options.attempt_max;
        // A kept connection may have died while idle; then nothing was sent, and a new one is tried at once.
        let kept = self.take();
        let is_kept = kept.is_some();
        match self.deliver(kept, &recipient, &content, deadline).await {
            Err(Stopped(Step::Envelope, Answer::Broken(_))) if is_kept => {
                self.deliver(None, &recipient, &content, deadline).await
            }
            result => result,
        }
        .map_or_else(|Stopped(step, answer)| classify(step, &answer), |()| Outcome::Sent)
    }

    async fn deliver(
        &self,
        kept: Option<Idle>,
        recipient: &Mailbox,
        content: &str,
        deadline: Instant,
    ) -> Result<(), Stopped> {
        let mut idle = match kept {
            Some(idle) => idle,
            None => self.connect(deadline).await?,
        };
        let result = match self.envelope(&mut idle, recipient, deadline).await {
            Ok(()) => in_time(Step::Content, deadline, idle.connection.command(content)).await.map(|_| ()),
            Err(stopped) => Err(stopped),
        };
        let is_usable = match &result {
            Ok(()) => true,
            // After a no to the content the server waits for the next message; 421 says goodbye.
            Err(Stopped(Step::Content, Answer::Code(code, _))) => *code != 421,
            Err(Stopped(Step::Recipient, Answer::Code(code, _))) if *code != 421 => {
                is_reset(&mut idle, deadline).await
            }
            Err(_) => false,
        };
        if is_usable {
            self.keep(idle);
        }
        result
    }

    async fn connect(&self, deadline: Instant) -> Result<Idle, Stopped> {
        let name = ClientId::Domain(self.sender.email.domain().to_owned());
        let server = (self.options.host.as_str(), self.options.port);
        let wrapped = self.tls.clone().filter(|_| self.options.security == Security::Tls);
        let mut connection = if wrapped.is_some() {
            let connecting = AsyncSmtpConnection::connect_tokio1(server, None, &name, wrapped, None);
            in_time(Step::Connect, deadline, connecting).await?
        } else {
            let connected = timeout_at(deadline, TcpStream::connect(server)).await;
            let connected = connected.map_err(|_| Stopped(Step::Connect, Answer::TimedOut))?;
            // lettre would let small packets wait for one another.
            let stream = connected.and_then(|stream| stream.set_nodelay(true).map(|()| stream));
            let stream = stream.map_err(|error| Stopped(Step::Connect, Answer::Broken(error.to_string())))?;
            let greeting = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &name);
            in_time(Step::Connect, deadline, greeting).await?
        };
        if let (Security::Starttls, Some(tls)) = (self.options.security, self.tls.clone()) {
            in_time(Step::Connect, deadline, connection.starttls(tls, &name)).await?;
        }
        // Asked again, since lettre keeps only the extensions it knows, and pipelining is not among them.
        let hello = in_time(Step::Connect, deadline, connection.command(Ehlo::new(name))).await?;
        let pipelines = hello.message().any(|line| line.eq_ignore_ascii_case("PIPELINING"));
        if let Some((user, password)) = &self.options.login {
            let credentials = Credentials::new(user.clone(), password.clone());
            in_time(Step::Login, deadline, connection.auth(DEFAULT_MECHANISMS, &credentials)).await?;
        }
        Ok(Idle { connection, pipelines, since: Instant::now(), sent: 0 })
    }

    /// Names sender and recipient, and asks to send.
    async fn envelope(&self, idle: &mut Idle, recipient: &Mailbox, deadline: Instant) -> Result<(), Stopped> {
        let connection = &mut idle.connection;
        let is_ascii = |mailbox: &Mailbox| AsRef::<str>::as_ref(mailbox).is_ascii();
        let mut parameters = Vec::new();
        if !is_ascii(recipient) || !is_ascii(&self.sender.email) {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                let text = "the mail server takes no addresses beyond ASCII (SMTPUTF8)".to_owned();
                return Err(Stopped(Step::Recipient, Answer::Code(553, text)));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let mail = MailFrom::new(Some(self.sender.email.clone()), parameters);
        let rcpt = Rcpt::new(recipient.clone(), Vec::new());
        if idle.pipelines {
            let group = format!("{mail}{rcpt}{Data}");
            in_time(Step::Envelope, deadline, connection.command(group)).await?;
            in_time(Step::Recipient, deadline, connection.read_response()).await?;
            in_time(Step::Data, deadline, connection.read_response()).await?;
        } else {
            in_time(Step::Envelope, deadline, connection.command(mail)).await?;
            in_time(Step::Recipient, deadline, connection.command(rcpt)).await?;
            in_time(Step::Data, deadline, connection.command(Data)).await?;
        }
        Ok(())
    }

    fn take(&self) -> Option<Idle> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = Instant::now().checked_sub(Duration::from_millis(SMTP_IDLE_MS_MAX));
        if let Some(oldest) = oldest {
            idle.retain(|idle| idle.since > oldest);
        }
        idle.pop()
    }

    fn keep(&self, mut used: Idle) {
        used.since = Instant::now();
        used.sent += 1;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if used.sent < SMTP_MESSAGES_PER_CONNECTION_MAX && idle.len() < self.options.connections {
            idle.push(used);
        }
    }
}

/// Makes a connection usable whose recipient was refused; `false` when it is not.
async fn is_reset(idle: &mut Idle, deadline: Instant) -> bool {
    if idle.pipelines {
        let data = in_time(Step::Data, deadline, idle.connection.read_response()).await;
        // A server that wants a message for nobody is rare enough to be left.
        if !matches!(data, Err(Stopped(_, Answer::Code(..)))) {
            return false;
        }
    }
    in_time(Step::Envelope, deadline, idle.connection.command(Rset)).await.is_ok()
}

async fn in_time<T>(
    step: Step,
    deadline: Instant,
    work: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
) -> Result<T, Stopped> {
    match timeout_at(deadline, work).await {
        Err(_) => Err(Stopped(step, Answer::TimedOut)),
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Stopped(step, Answer::of(&error))),
    }
}

impl Channel for EmailChannel {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Email
    }

    fn rule(&self) -> UnknownRule {
        UnknownRule::Never
    }

    fn lanes(&self) -> usize {
        self.options.connections
    }

    fn attempt_max(&self) -> Duration {
        self.options.attempt_max
    }

    fn check(&self, address: &Address) -> Result<(), AddressError> {
        address.check(false)
    }

    fn destination(&self, _address: &Address) -> Option<String> {
        None
    }

    fn send<'a>(&'a self, message: &'a Message) -> Attempt<'a> {
        Box::pin(self.attempt(message))
    }
}
