//! The first bytes of a connection: whom a proxy speaks for, and which HTTP follows. They are looked at and left where they
//! are, but for the proxy's.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ppp::{HeaderResult, PartialResult as _, v1, v2};
use tokio::io::{AsyncReadExt as _, Interest};
use tokio::net::TcpStream;

use crate::limits::PROXY_HEAD_BYTES_MAX;

/// What HTTP/2 begins with, where no TLS has said so before.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Time between two looks at bytes that are too few.
const LOOK: Duration = Duration::from_millis(5);

/// What the PROXY protocol says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Head {
    /// The head has so many bytes, and names this origin, or none.
    Whole(usize, Option<SocketAddr>),
    /// It goes on.
    Partial,
    /// It is none.
    None,
}

/// Reads the head of the PROXY protocol, version 1 or 2.
pub(super) fn head(bytes: &[u8]) -> Head {
    let parsed = HeaderResult::parse(bytes);
    if parsed.is_incomplete() {
        return if bytes.len() < PROXY_HEAD_BYTES_MAX { Head::Partial } else { Head::None };
    }
    match parsed {
        HeaderResult::V1(Ok(header)) => {
            let origin = match header.addresses {
                v1::Addresses::Tcp4(ip) => {
                    Some(SocketAddr::new(IpAddr::V4(ip.source_address), ip.source_port))
                }
                v1::Addresses::Tcp6(ip) => {
                    Some(SocketAddr::new(IpAddr::V6(ip.source_address), ip.source_port))
                }
                v1::Addresses::Unknown => None,
            };
            Head::Whole(header.header.len(), origin)
        }
        HeaderResult::V2(Ok(header)) => {
            let origin = match header.addresses {
                // A proxy that asks for itself, whether we are well, names nobody.
                _ if header.command == v2::Command::Local => None,
                v2::Addresses::IPv4(ip) => {
                    Some(SocketAddr::new(IpAddr::V4(ip.source_address), ip.source_port))
                }
                v2::Addresses::IPv6(ip) => {
                    Some(SocketAddr::new(IpAddr::V6(ip.source_address), ip.source_port))
                }
                v2::Addresses::Unspecified | v2::Addresses::Unix(_) => None,
            };
            Head::Whole(header.header.len(), origin)
        }
        _ => Head::None,
    }
}

/// Takes the head off a connection. `None`: it has none, and is not to be served.
pub(super) async fn take_head(stream: &mut TcpStream) -> Option<Option<SocketAddr>> {
    let mut bytes = [0; PROXY_HEAD_BYTES_MAX];
    loop {
        let count = stream.peek(&mut bytes).await.ok().filter(|count| *count > 0)?;
        match head(bytes.get(..count)?) {
            Head::Whole(length, origin) => {
                stream.read_exact(bytes.get_mut(..length)?).await.ok()?;
                return Some(origin);
            }
            Head::Partial => tokio::time::sleep(LOOK).await,
            Head::None => return None,
        }
    }
}

/// Whether HTTP/2 follows; `None` when the connection has ended.
pub(super) async fn is_http2(stream: &TcpStream) -> Option<bool> {
    let mut bytes = [0; PREFACE.len()];
    loop {
        // Asked first: what is there once the other side has ended is all there will be.
        let is_all = stream.ready(Interest::READABLE).await.ok()?.is_read_closed();
        let count = stream.peek(&mut bytes).await.ok().filter(|count| *count > 0)?;
        match bytes.get(..count)? {
            whole if whole == PREFACE => return Some(true),
            part if PREFACE.starts_with(part) && !is_all => tokio::time::sleep(LOOK).await,
            _ => return Some(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn heads_of_both_versions() {
        let one = b"PROXY TCP4 192.0.2.1 192.0.2.2 5000 443\r\nGET / HTTP/1.1\r\n";
        assert_eq!(head(one), Head::Whole(41, Some("192.0.2.1:5000".parse().unwrap())));
        let mut two = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c".to_vec();
        two.extend([192, 0, 2, 1, 192, 0, 2, 2, 0x13, 0x88, 1, 187]);
        assert_eq!(head(&two), Head::Whole(28, Some("192.0.2.1:5000".parse().unwrap())));
        assert_eq!(head(&two[..20]), Head::Partial);
        assert_eq!(head(&one[..20]), Head::Partial);
        assert_eq!(head(b"PROXY UNKNOWN\r\n"), Head::Whole(15, None));
        assert_eq!(head(b"GET / HTTP/1.1\r\n\r\n"), Head::None);
    }

    proptest! {
        #[test]
        fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..600), version in 0..3_u8) {
            let mut text = match version {
                0 => b"PROXY TCP4 ".to_vec(),
                1 => b"\r\n\r\n\0\r\nQUIT\n\x21\x11".to_vec(),
                _ => Vec::new(),
            };
            text.extend(bytes);
            if let Head::Whole(length, _) = head(&text) {
                prop_assert!(length <= text.len());
            }
        }
    }
}
