//! The protocols of the servers.

use bench_hub::connection::Connection;
use bench_hub::frame::{BINARY, TEXT};
use bench_hub::http::Http;
use memchr::memmem;

/// The protocol of a server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Fanfare's, as used by its own client.
    Fanfare,
    /// Fanfare's or Inngest's, as used by Inngest's client: one message per frame.
    Inngest,
    /// Plain WebSocket frames.
    Bare,
    SocketIo,
    Nats,
}

/// Where a subscriber of Fanfare starts.
#[derive(Clone, Copy)]
pub(crate) enum Since {
    Now,
    Start,
}

const CONNECT: &[u8] = b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\nPING\r\n";
const SUBSCRIBE: &[u8] = b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB bench 1\r\nPING\r\n";

/// The channel and topic that all subscribers use.
const TOPIC: &str = "channel=bench:1&topic=t";
const TOPICS: &str = r#"[{"channel":"bench:1","name":"t","kind":"run"}]"#;

impl Protocol {
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "inngest" => Self::Inngest,
            "bare" => Self::Bare,
            "socket.io" => Self::SocketIo,
            "nats" => Self::Nats,
            _ => Self::Fanfare,
        }
    }

    /// Requests a token. It is empty if the protocol has none.
    pub(crate) async fn token(self, server: &str) -> Result<String, String> {
        if !matches!(self, Self::Fanfare | Self::Inngest) {
            return Ok(String::new());
        }
        let answer = Http::connect(server).await?.post("/v1/realtime/token?expires_in=3600", TOPICS).await?;
        let token = answer.split('"').nth(3);
        token.map(str::to_owned).ok_or_else(|| format!("expected a token, got {answer}"))
    }

    /// Connects a subscriber. It receives every message that is published after this returns.
    pub(crate) async fn subscribe(
        self,
        server: &str,
        token: &str,
        since: Since,
        buffer: Option<usize>,
    ) -> Result<Connection, String> {
        let since = match since {
            Since::Now => "",
            Since::Start => "&since=%7B%22bench:1%22:%22start%22%7D",
        };
        let path = format!("/v1/realtime/connect?token={token}{since}");
        match self {
            Self::Fanfare => {
                let fields = "Sec-WebSocket-Protocol: fanfare.v1\r\n";
                Connection::open(server, &path, fields, buffer).await
            }
            Self::Inngest => Connection::open(server, &path, "", buffer).await,
            Self::Bare => Connection::open(server, "/", "", buffer).await,
            Self::SocketIo => {
                let path = "/socket.io/?EIO=4&transport=websocket";
                let mut connection = Connection::open(server, path, "", buffer).await?;
                connection.expect("\"sid\"").await?;
                connection.send(TEXT, b"40").await?;
                connection.expect("40{").await?;
                Ok(connection)
            }
            Self::Nats => Self::nats(server, SUBSCRIBE, buffer).await,
        }
    }

    /// Connects a publisher that uses the server's own protocol.
    pub(crate) async fn publisher(server: &str) -> Result<Connection, String> {
        Self::nats(server, CONNECT, None).await
    }

    async fn nats(server: &str, greeting: &[u8], buffer: Option<usize>) -> Result<Connection, String> {
        let mut connection = Connection::open(server, "/", "", buffer).await?;
        connection.expect("INFO").await?;
        connection.send(BINARY, greeting).await?;
        connection.expect("PONG").await?;
        Ok(connection)
    }

    /// Returns the path to publish to over HTTP.
    pub(crate) fn publish_path(self) -> String {
        match self {
            Self::Fanfare | Self::Inngest => format!("/v1/realtime/publish?{TOPIC}"),
            Self::Bare | Self::SocketIo | Self::Nats => "/publish".to_owned(),
        }
    }

    /// Returns the answer that the protocol requires to a heartbeat of the server.
    pub(crate) fn answer(self, payload: &[u8]) -> Option<(u8, &'static [u8])> {
        match self {
            Self::SocketIo => (payload == b"2").then_some((TEXT, b"3")),
            Self::Nats => memmem::find(payload, b"PING\r\n").map(|_| (BINARY, b"PONG\r\n".as_slice())),
            Self::Fanfare | Self::Inngest | Self::Bare => None,
        }
    }
}
