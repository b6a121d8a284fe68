//! Where the server is, and connections to it.

use std::time::Duration;

use axum::http::Uri;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{ClientError, tls};

/// A connection that is neither open nor refused after this time has failed.
pub(super) const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// The address of a server.
#[derive(Clone, Debug)]
pub(super) struct Target {
    is_tls: bool,
    host: String,
    port: u16,
    /// The host and the port as the header `Host` has them.
    pub(super) authority: String,
    /// The path before `/v1/realtime`.
    prefix: String,
}

/// A connection, encrypted or not.
pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Socket for S {}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, ClientError> {
        let invalid = |why: &str| ClientError::InvalidUrl(format!("{url:?} {why}"));
        let uri: Uri = url.parse().map_err(|error| invalid(&format!("cannot be read ({error})")))?;
        let is_tls = match uri.scheme_str() {
            Some("https" | "wss") => true,
            Some("http" | "ws") => false,
            _ => return Err(invalid("has no scheme `https` or `http`")),
        };
        let authority = uri.authority().ok_or_else(|| invalid("has no host"))?;
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(invalid("has a user or a query"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { is_tls, host, port, authority: authority.to_string(), prefix })
    }

    /// Returns the path of a route.
    pub(super) fn path(&self, route: &str) -> String {
        format!("{}/v1/realtime/{route}", self.prefix)
    }

    /// Returns the URL of the WebSocket.
    pub(super) fn socket_url(&self) -> String {
        let scheme = if self.is_tls { "wss" } else { "ws" };
        format!("{scheme}://{}{}", self.authority, self.path("connect"))
    }

    /// Opens a connection.
    pub(super) async fn connect(&self) -> Result<Box<dyn Socket>, ClientError> {
        let unreachable = |why: String| ClientError::Unreachable(format!("{}: {why}", self.authority));
        let connecting = async {
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
            let stream = stream.map_err(|error| unreachable(error.to_string()))?;
            // Frames are small and must not wait for more.
            let _ = stream.set_nodelay(true);
            if !self.is_tls {
                return Ok(Box::new(stream) as Box<dyn Socket>);
            }
            let stream = tls::connect(&self.host, stream).await.map_err(unreachable)?;
            Ok(Box::new(stream) as Box<dyn Socket>)
        };
        let connected = timeout(OPEN_TIMEOUT, connecting).await;
        connected.unwrap_or_else(|_| Err(unreachable("no connection within 10 seconds".into())))
    }
}

/// Encodes a value of a query.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_the_host_the_port_and_the_path() {
        for (url, host, port, socket) in [
            ("https://a.example", "a.example", 443, "wss://a.example/v1/realtime/connect"),
            ("http://a.example:3000/", "a.example", 3000, "ws://a.example:3000/v1/realtime/connect"),
            ("https://a.example/live/", "a.example", 443, "wss://a.example/live/v1/realtime/connect"),
            ("http://[::1]:80", "::1", 80, "ws://[::1]:80/v1/realtime/connect"),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!((target.host.as_str(), target.port), (host, port), "{url}");
            assert_eq!(target.socket_url(), socket);
        }
        for url in
            ["", "a.example", "/path", "ftp://a.example", "https://", "https://u:p@a.example", "http://a?b=c"]
        {
            assert!(matches!(Target::parse(url), Err(ClientError::InvalidUrl(_))), "{url}");
        }
    }

    #[test]
    fn every_byte_of_a_query_that_has_a_meaning_is_encoded() {
        assert_eq!(encode("pipeline:run_é+ &=%"), "pipeline%3Arun_%C3%A9%2B%20%26%3D%25");
    }
}
