//! The gateway: its options, understood.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::http::HeaderValue;
use ingest_gateway::identity::Secret;
use ipnet::IpNet;
use waiting_room::PaceTarget;

use super::load::ConfigError;
use super::settings::Values;

/// Whether there are accounts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccountsWanted {
    /// Where there are tables for them.
    Auto,
    /// Without them there is no gateway.
    On,
    /// None; programs order with keys.
    Off,
}

/// The gateway.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where people reach it, without a slash at the end; `None`: where it listens.
    pub url: Option<String>,
    /// Whether there are accounts.
    pub accounts: AccountsWanted,
    /// Certificate and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// The proxies whose word about addresses is taken.
    pub proxies: Vec<IpNet>,
    /// Whether they speak the PROXY protocol.
    pub proxy_protocol: bool,
    /// Origins whose pages may call.
    pub origins: Vec<HeaderValue>,
    /// What all gateways share, if it is given.
    pub secret: Option<Secret>,
    /// What the pages call the shop.
    pub shop_name: String,
    /// The folder of pictures.
    pub shop_images: Option<PathBuf>,
    /// Requests of one address a second.
    pub address_per_second: u32,
    /// Connections of one address at a time.
    pub address_connections: usize,
    /// Event streams of one address at a time.
    pub address_streams: usize,
    /// What one customer writes (orders, cancellations, coming to rooms and leaving them, subscriptions) or has looked up in a
    /// store a second; what producers order or cancel is not counted.
    pub customer_per_second: u32,
    /// How people are let in from waiting rooms.
    pub pace: PaceTarget,
    /// How long it says that it is not ready before it ends connections, in milliseconds.
    pub unready_ms: u64,
}

/// Longest time between not being ready and ending connections, in milliseconds.
const UNREADY_MS_MAX: u64 = 600_000;
/// Longest time that a waiting room is paced by, in milliseconds.
const ROOM_MS_MAX: u32 = 3_600_000;
/// Most of anything a second.
const PER_SECOND_MAX: u32 = 1_000_000;
/// Most of anything at a time.
const AT_A_TIME_MAX: usize = 1_000_000;

impl GatewaySettings {
    pub(super) fn new(values: &Values<'_>) -> Result<Self, ConfigError> {
        let listen = values.parse("gateway_listen", |text| {
            text.parse().map_err(|_| "it has to be an address with a port, as 127.0.0.1:8080")
        })?;
        let tls = match (values.optional("gateway_tls_certificate"), values.optional("gateway_tls_key")) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((PathBuf::from(certificate), PathBuf::from(key))),
            (Some(_), None) => {
                return Err(values.bad("gateway_tls_key", "a gateway_tls_certificate needs a key"));
            }
            (None, Some(_)) => {
                return Err(values.bad("gateway_tls_certificate", "a gateway_tls_key needs a certificate"));
            }
        };
        let proxies = values.parse("gateway_proxies", |text| list(text, network))?;
        let origins = values.parse("gateway_origins", |text| list(text, origin))?;
        let secret = match values.optional("gateway_secret") {
            None => None,
            Some(text) => Some(text.parse().map_err(|error| values.bad("gateway_secret", error))?),
        };
        let proxy_protocol = values.parse("gateway_proxy_protocol", |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("it has to be true or false"),
        })?;
        let accounts = values.parse("gateway_accounts", |text| match text {
            "auto" => Ok(AccountsWanted::Auto),
            "on" => Ok(AccountsWanted::On),
            "off" => Ok(AccountsWanted::Off),
            _ => Err("it has to be auto, on or off"),
        })?;
        let url = values.parse("gateway_url", |text| {
            let is_one = text.is_empty() || origin(text).is_ok();
            let url = is_one.then(|| (!text.is_empty()).then(|| text.to_owned()));
            url.ok_or("it has to be an address as https://shop.example, without a slash at the end")
        })?;
        Ok(Self {
            listen,
            url,
            accounts,
            tls,
            proxies,
            proxy_protocol,
            origins,
            secret,
            shop_name: values.optional("shop_name").unwrap_or_default(),
            shop_images: values.optional("shop_images").map(PathBuf::from),
            address_per_second: values.number("gateway_address_per_second", 1..=PER_SECOND_MAX)?,
            address_connections: values.number("gateway_address_connections", 1..=AT_A_TIME_MAX)?,
            address_streams: values.number("gateway_address_streams", 1..=AT_A_TIME_MAX)?,
            customer_per_second: values.number("gateway_customer_per_second", 1..=PER_SECOND_MAX)?,
            pace: PaceTarget {
                lag_ms: values.number("room_lag_ms", 1..=ROOM_MS_MAX)?,
                think_ms: values.number("room_think_ms", 1..=ROOM_MS_MAX)?,
                start_people: values.number("room_start_people", 1..=PER_SECOND_MAX)?,
                floor_per_s: values.number("room_floor_per_second", 0..=PER_SECOND_MAX)?,
                ceiling_per_s: values.number("room_ceiling_per_second", 0..=PER_SECOND_MAX)?,
            },
            unready_ms: values.number("gateway_unready_ms", 0..=UNREADY_MS_MAX)?,
        })
    }
}

fn list<T>(text: &str, item: impl Fn(&str) -> Result<T, &'static str>) -> Result<Vec<T>, &'static str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(item).collect()
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, &'static str> {
    let address = || text.parse().map(|address: std::net::IpAddr| IpNet::from(address));
    text.parse().or_else(|_| address()).map_err(|_| "it has to be addresses or networks, as 10.0.0.0/8")
}

fn origin(text: &str) -> Result<HeaderValue, &'static str> {
    let is_origin = text.starts_with("https://") || text.starts_with("http://");
    let value = HeaderValue::from_str(text).ok().filter(|_| is_origin && !text.ends_with('/'));
    value.ok_or("it has to be origins, as https://shop.example, without a path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_item_by_item() {
        assert_eq!(list("", network).map(|list| list.len()), Ok(0));
        let networks = list("10.0.0.0/8, 192.0.2.1,::1", network).unwrap();
        let texts: Vec<_> = networks.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["10.0.0.0/8", "192.0.2.1/32", "::1/128"]);
        assert!(list("10.0.0.0/99", network).is_err());
        assert_eq!(list("https://a.example,http://b.example:8080", origin).map(|list| list.len()), Ok(2));
        for bad in ["a.example", "https://a.example/", "*"] {
            assert!(list(bad, origin).is_err(), "{bad}");
        }
    }
}
