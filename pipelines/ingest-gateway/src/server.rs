//! The HTTP server: connections, their limits, TLS, proxies in front, and an end that breaks nothing off.
//!
//! Promised: a connection that sends nothing, too slowly, or does not read is ended; connections and streams are counted,
//! altogether and for each address; a changed certificate is taken up without a restart; when told to end, the server says that it is
//! not ready, sends readers of streams elsewhere, finishes what is in hand, and ends within a limit.

mod connection;
mod delivery;
mod origin;
mod tls;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderValue;
use hyper_util::server::graceful::GracefulShutdown;
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;

use crate::addresses::{Counted, PerAddress};
use crate::http::gate::Gate;
use crate::http::router;
use crate::limits::{BACKLOG_CONNECTIONS_MAX, HttpLimits, SEND_BUFFER_BYTES, SWEEP_EVERY};
use crate::people::People;
use crate::service::Service;
use crate::shop::Shop;
use crate::together::Together;
use connection::Connections;
use tls::Certificate;
pub use tls::TlsError;

/// How to serve.
#[derive(Clone, Default)]
pub struct ServerOptions {
    /// How much at once, and how long.
    pub limits: HttpLimits,
    /// The proxies whose word about addresses is taken.
    pub proxies: Vec<IpNet>,
    /// Whether those proxies begin each connection by the PROXY protocol.
    pub proxy_protocol: bool,
    /// Origins whose pages may call us.
    pub origins: Vec<HeaderValue>,
    /// Certificate and key, as PEM; without them there is no TLS.
    pub tls: Option<TlsFiles>,
    /// Whether people reach it over TLS all the same: a proxy in front ends it.
    pub tls_in_front: bool,
    /// Pages and products; without a shop there are none.
    pub shop: Option<Arc<Shop>>,
    /// Accounts and carts; without them those routes say that there are none.
    pub people: Option<Arc<People>>,
    /// What is bought together; without it nothing is.
    pub together: Option<Arc<Together>>,
    /// What the payment provider signs its callbacks with: any of these. Of none, no callback is taken.
    pub callback_secrets: Vec<String>,
}

impl std::fmt::Debug for ServerOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The secrets are nobody's to see.
        f.debug_struct("ServerOptions").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Where certificate and key are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// The chain of certificates.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
    /// How often to look whether they have changed, in milliseconds.
    pub look_every_ms: u64,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("listen on {address}: {error}; is another process there?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    connections: Arc<Connections>,
    permits: Arc<Semaphore>,
    per_address: Arc<PerAddress>,
    draining: watch::Sender<bool>,
    closing: watch::Sender<bool>,
    service: Service,
    limits: HttpLimits,
    tls: Option<(Arc<Certificate>, u64)>,
}

impl Server {
    /// Listens on an address.
    pub async fn bind(
        address: SocketAddr,
        service: Service,
        options: &ServerOptions,
    ) -> Result<Self, ServerError> {
        Self::over(listen(address)?, service, options)
    }

    /// A server for the connections of a listener.
    pub fn over(
        listener: TcpListener,
        service: Service,
        options: &ServerOptions,
    ) -> Result<Self, ServerError> {
        let tls = options.tls.clone();
        let certificate = tls.map(|files| {
            let every_ms = files.look_every_ms.max(1);
            Certificate::load(files).map(|certificate| (Arc::new(certificate), every_ms))
        });
        let tls = certificate.transpose()?;
        let limits = options.limits;
        let (draining, drains) = watch::channel(false);
        let (closing, closes) = watch::channel(false);
        let gate = Arc::new(Gate {
            service: service.clone(),
            limits,
            proxies: options.proxies.clone(),
            requests: Arc::new(Semaphore::new(limits.requests_max)),
            streams: Arc::new(Semaphore::new(limits.streams_max)),
            address_streams: Arc::default(),
            draining: drains,
            closing: closes,
            is_tls: tls.is_some() || options.tls_in_front,
            shop: options.shop.clone(),
            people: options.people.clone(),
            together: options.together.clone(),
            callback_secrets: options.callback_secrets.clone(),
        });
        let router: Router = router(Arc::clone(&gate), &options.origins);
        let certificate = tls.as_ref().map(|(certificate, _)| Arc::clone(certificate));
        let connections = Connections::new(router, gate, options.proxy_protocol, certificate);
        let permits = Arc::new(Semaphore::new(limits.connections_max));
        let per_address = Arc::new(PerAddress::default());
        Ok(Self {
            listener,
            connections: Arc::new(connections),
            permits,
            per_address,
            draining,
            closing,
            service,
            limits,
            tls,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `end`, then finishes what is in hand. Says whether all was finished in time.
    pub async fn serve(self, end: impl Future<Output = ()>) -> bool {
        let mut helpers = vec![tokio::spawn(sweep(self.service.clone()))];
        if let Some((certificate, every_ms)) = &self.tls {
            helpers.push(tokio::spawn(renew(Arc::clone(certificate), *every_ms)));
        }
        let graceful = GracefulShutdown::new();
        let mut end = std::pin::pin!(end);
        loop {
            tokio::select! {
                accepted = self.listener.accept() => self.accept(accepted, &graceful).await,
                () = &mut end => break,
            }
        }
        self.draining.send_replace(true);
        // Who balances load looks at the readiness, and goes on sending until then.
        let unready = tokio::time::sleep(Duration::from_millis(self.limits.unready_ms));
        let mut unready = std::pin::pin!(unready);
        loop {
            tokio::select! {
                accepted = self.listener.accept() => self.accept(accepted, &graceful).await,
                () = &mut unready => break,
            }
        }
        drop(self.listener);
        self.closing.send_replace(true);
        self.service.end_waits();
        let limit = Duration::from_millis(self.limits.drain_ms_max);
        let is_finished = tokio::time::timeout(limit, graceful.shutdown()).await.is_ok();
        helpers.iter().for_each(JoinHandle::abort);
        is_finished
    }

    async fn accept(&self, accepted: io::Result<(TcpStream, SocketAddr)>, graceful: &GracefulShutdown) {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                // Out of file handles, most likely: some will be given back.
                return tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else { return };
        let most = if self.connections.is_proxy(peer.ip()) {
            self.limits.connections_max
        } else {
            self.limits.address_connections_max
        };
        let Some(counted) = self.per_address.count(peer.ip(), most) else { return };
        let open = Open { _permit: permit, _counted: counted };
        let (connections, watcher) = (Arc::clone(&self.connections), graceful.watcher());
        tokio::spawn(async move {
            connections.serve(stream, peer, watcher).await;
            drop(open);
        });
    }
}

/// Listens on an address; who connects waits until a server serves. Needs a Tokio runtime.
pub fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
    listener(address).map_err(|error| ServerError::Listen { address, error })
}

/// A listener whose connections keep little for those who do not read.
fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // An address just left by another gateway is taken over at once.
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG_CONNECTIONS_MAX)
}

/// A connection, as it counts.
struct Open {
    _permit: OwnedSemaphorePermit,
    _counted: Counted,
}

async fn sweep(service: Service) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        service.pacing().sweep();
    }
}

async fn renew(certificate: Arc<Certificate>, every_ms: u64) {
    loop {
        tokio::time::sleep(Duration::from_millis(every_ms)).await;
        let certificate = Arc::clone(&certificate);
        // A panic there would be our own; the certificate we have goes on being used.
        drop(tokio::task::spawn_blocking(move || certificate.renew()).await);
    }
}
