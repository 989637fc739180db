//! One connection, from its first byte to its end.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt as _;

use super::delivery::Exchange;
use super::origin::{is_http2, take_head};
use super::tls::Certificate;
use crate::http::gate::{Gate, Peer};
use crate::limits::{
    CLOSING_LOOK, CLOSING_LOOKS, HANDSHAKE_MAX, HEAD_BYTES_MAX, HEADERS_MAX, HTTP2_STREAMS_MAX,
    LOOKS_PER_WRITE,
};

/// A connection on which HTTP begins.
enum Begun {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

pub(super) struct Connections {
    router: Router,
    gate: Arc<Gate>,
    proxy_protocol: bool,
    certificate: Option<Arc<Certificate>>,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

impl Connections {
    pub(super) fn new(
        router: Router,
        gate: Arc<Gate>,
        proxy_protocol: bool,
        certificate: Option<Arc<Certificate>>,
    ) -> Self {
        let head = Duration::from_millis(gate.limits.head_ms_max);
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(head)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_BYTES_MAX);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(HTTP2_STREAMS_MAX)
            .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
            .keep_alive_interval(head)
            .keep_alive_timeout(head);
        Self { router, gate, proxy_protocol, certificate, http1, http2 }
    }

    pub(super) fn is_proxy(&self, address: IpAddr) -> bool {
        self.gate.is_proxy(address)
    }

    pub(super) async fn serve(&self, stream: TcpStream, peer: SocketAddr, watcher: Watcher) {
        // Whoever has not begun when connections are ended has nothing in hand.
        let begun = tokio::select! {
            begun = self.begin(stream, peer) => begun,
            () = self.gate.closed() => None,
        };
        match begun {
            Some((Begun::Plain(stream), is_http2, origin)) => {
                self.talk(stream, is_http2, origin, watcher).await
            }
            Some((Begun::Tls(stream), is_http2, origin)) => {
                self.talk(stream, is_http2, origin, watcher).await
            }
            None => {}
        }
    }

    /// Everything before HTTP: a proxy's head, TLS, and which version follows.
    async fn begin(&self, mut stream: TcpStream, peer: SocketAddr) -> Option<(Begun, bool, SocketAddr)> {
        // Answers are small and wanted at once.
        drop(stream.set_nodelay(true));
        let mut origin = peer;
        if self.proxy_protocol && self.is_proxy(peer.ip()) {
            let named = timeout(HANDSHAKE_MAX, take_head(&mut stream)).await.ok()??;
            origin = named.unwrap_or(peer);
        }
        if let Some(certificate) = &self.certificate {
            let acceptor = TlsAcceptor::from(certificate.current());
            let stream = timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await.ok()?.ok()?;
            let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            return Some((Begun::Tls(Box::new(stream)), is_http2, origin));
        }
        let head = Duration::from_millis(self.gate.limits.head_ms_max);
        let is_http2 = timeout(head, is_http2(&stream)).await.ok()??;
        Some((Begun::Plain(stream), is_http2, origin))
    }

    async fn talk(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        is_http2: bool,
        origin: SocketAddr,
        watcher: Watcher,
    ) {
        let mut stream = TimeoutStream::new(stream);
        // Whoever does not read what we write is let go of.
        stream.set_write_timeout(Some(Duration::from_millis(self.gate.limits.write_ms_max)));
        let (router, exchange) = (self.router.clone(), Arc::new(Exchange::default()));
        let asked = Arc::clone(&exchange);
        let service = tower::service_fn(move |mut request: Request<Incoming>| {
            let delivery = asked.begin();
            request.extensions_mut().insert(Peer(origin));
            let answer = router.clone().oneshot(request);
            async move { answer.await.map(|response| delivery.note(response)) }
        });
        let (io, service) = (TokioIo::new(Box::pin(stream)), TowerToHyperService::new(service));
        if is_http2 {
            self.watch(watcher, self.http2.serve_connection(io, service), origin, &exchange).await;
        } else {
            self.watch(watcher, self.http1.serve_connection(io, service), origin, &exchange).await;
        }
    }

    /// Lets a connection run to its end, or until there is no use in it.
    async fn watch<C: GracefulConnection<Error = hyper::Error>>(
        &self,
        watcher: Watcher,
        connection: C,
        origin: SocketAddr,
        exchange: &Exchange,
    ) {
        tokio::select! {
            biased;
            ended = watcher.watch(connection) => if let Err(error) = ended {
                tracing::debug!(%origin, %error, "a connection ended");
            },
            why = self.given_up(exchange) => tracing::debug!(%origin, why, "a connection is ended"),
        }
    }

    /// Waits until there is no use in keeping a connection, and says why.
    async fn given_up(&self, exchange: &Exchange) -> &'static str {
        tokio::select! {
            why = self.unheeded(exchange) => why,
            () = self.left_over(exchange) => "the server ends, and nothing is in hand",
        }
    }

    /// Waits until the other end has failed for too long to ask something, or to take the answer.
    async fn unheeded(&self, exchange: &Exchange) -> &'static str {
        let head = Duration::from_millis(self.gate.limits.head_ms_max);
        if timeout(head, exchange.asked()).await.is_err() {
            return "nothing was asked";
        }
        let limit = Duration::from_millis(self.gate.limits.write_ms_max);
        while !exchange.stands_still(limit) {
            sleep(limit / LOOKS_PER_WRITE).await;
        }
        "an answer is not taken"
    }

    /// Waits until connections are being ended, and on this one nothing has been in hand for a while: whoever does not
    /// say goodbye is not waited for.
    async fn left_over(&self, exchange: &Exchange) {
        self.gate.closed().await;
        let mut idle = 0;
        while idle < CLOSING_LOOKS {
            sleep(CLOSING_LOOK).await;
            idle = if exchange.is_idle() { idle + 1 } else { 0 };
        }
    }
}
