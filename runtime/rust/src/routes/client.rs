//! The client that sent a request.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::hub::{Client, ConnectionHandle, Hub};

impl FromRequestParts<Hub> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Self, Infallible> {
        let connection = parts.extensions.get::<ConnectionHandle>().cloned();
        let named = hub.client_address_header().and_then(|header| read_address(&parts.headers, header));
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        Ok(Self { connection, address: named.or_else(|| peer.filter(|peer| !is_local(*peer))) })
    }
}

/// Reads the address that the nearest proxy added. It is the last one, because the client can forge the others.
fn read_address(headers: &HeaderMap, header: &str) -> Option<IpAddr> {
    let value = headers.get_all(header).iter().next_back()?.to_str().ok()?;
    let address = value.rsplit(',').next()?.trim();
    let with_port = || address.parse::<SocketAddr>().ok().map(|address| address.ip());
    address.parse().ok().or_else(with_port)
}

/// Returns `true` if an address is on this machine or a private network. It is probably a proxy's, and all clients
/// would share its rate limits.
fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            // Some hosting providers run load balancers in the carriers' shared address space (RFC 6598).
            let is_shared = matches!(address.octets(), [100, 64..=127, ..]);
            address.is_loopback() || address.is_private() || address.is_link_local() || is_shared
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    async fn address(hub: &Hub, peer: &str, forwarded: &[&str]) -> Option<IpAddr> {
        let mut request = Request::builder();
        for value in forwarded {
            request = request.header("x-forwarded-for", *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        let Ok(client) = Client::from_request_parts(&mut parts, hub).await;
        client.address
    }

    #[tokio::test]
    async fn an_address_is_the_sockets_or_the_last_in_the_header_that_is_trusted() {
        static REGISTRY: crate::Registry = crate::Registry { channels: &[] };
        let builder = Hub::builder(&REGISTRY).signing_key("signkey-test-00112233445566778899aabbccddeeff");
        let direct = builder.clone().build().unwrap();
        let proxied = builder.client_address_header("X-Forwarded-For").build().unwrap();
        let parsed = |text: &str| Some(text.parse().unwrap());
        assert_eq!(address(&direct, "192.0.2.1", &["192.0.2.7"]).await, parsed("192.0.2.1"));
        for local in
            ["127.0.0.1", "10.1.2.3", "100.64.0.1", "100.127.255.254", "::1", "fd00::1", "::ffff:192.168.0.1"]
        {
            assert_eq!(address(&direct, local, &["192.0.2.7"]).await, None, "{local}");
        }
        let given = "192.0.2.7, 192.0.2.8";
        assert_eq!(address(&proxied, "127.0.0.1", &[given]).await, parsed("192.0.2.8"));
        assert_eq!(
            address(&proxied, "127.0.0.1", &["192.0.2.8", "[2001:db8::1]:443"]).await,
            parsed("2001:db8::1")
        );
        assert_eq!(address(&proxied, "127.0.0.1", &["10.0.0.9"]).await, parsed("10.0.0.9"));
        assert_eq!(address(&proxied, "127.0.0.1", &["unknown"]).await, None);
        assert_eq!(address(&proxied, "192.0.2.1", &[]).await, parsed("192.0.2.1"));
    }
}
