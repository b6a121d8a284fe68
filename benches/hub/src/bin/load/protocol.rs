//! The protocols of the servers.

use bench_hub::connection::Connection;
use bench_hub::frame::{BINARY, TEXT};
use bench_hub::http::Http;
use memchr::memmem;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

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
    /// NATS with a stream, which each subscriber reads with a consumer of its own.
    JetStream,
    Centrifugo,
}

/// Where a subscriber of Fanfare starts.
#[derive(Clone, Copy)]
pub(crate) enum Since {
    Now,
    Start,
}

const CONNECT: &str = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n";

/// A text that JetStream's answer contains only if it has created a stream or a consumer.
const CREATED: &str = "\"created\"";

/// A stream with the same history as the other servers'.
const STREAM: &str =
    r#"{"name":"bench","subjects":["bench"],"storage":"memory","max_msgs":100000,"max_age":3600000000000}"#;

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
            "jetstream" => Self::JetStream,
            "centrifugo" => Self::Centrifugo,
            _ => Self::Fanfare,
        }
    }

    /// Returns `true` if publishers use a connection of their own.
    pub(crate) fn is_nats(self) -> bool {
        matches!(self, Self::Nats | Self::JetStream)
    }

    /// Requests a token, or creates the stream. A token is empty if the protocol has none.
    pub(crate) async fn prepare(self, server: &str) -> Result<String, String> {
        if self == Self::JetStream {
            let requests = nats_request("$JS.API.STREAM.CREATE.bench", "answer", STREAM);
            nats(server, &requests, CREATED, None).await?;
        }
        if !matches!(self, Self::Fanfare | Self::Inngest) {
            return Ok(String::new());
        }
        Http::connect(server).await?.request_token(TOPICS).await
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
            Self::Nats => nats(server, "SUB bench 1\r\nPING\r\n", "PONG", buffer).await,
            Self::JetStream => {
                static CONSUMERS: AtomicU64 = AtomicU64::new(0);
                let inbox = format!("inbox.{}.{}", std::process::id(), CONSUMERS.fetch_add(1, Relaxed));
                let consumer = format!(
                    r#"{{"stream_name":"bench","config":{{"deliver_subject":"{inbox}","deliver_policy":"new","ack_policy":"none","mem_storage":true}}}}"#
                );
                let answer = format!("{inbox}.answer");
                let create = nats_request("$JS.API.CONSUMER.CREATE.bench", &answer, &consumer);
                nats(server, &format!("SUB {inbox} 2\r\n{create}"), CREATED, buffer).await
            }
            Self::Centrifugo => {
                let mut connection = Connection::open(server, "/connection/websocket", "", buffer).await?;
                connection.send(TEXT, br#"{"id":1,"connect":{}}"#).await?;
                connection.expect("\"connect\"").await?;
                connection.send(TEXT, br#"{"id":2,"subscribe":{"channel":"bench_0"}}"#).await?;
                connection.expect(r#""id":2,"subscribe""#).await?;
                Ok(connection)
            }
        }
    }

    /// Connects a publisher that uses the server's own protocol.
    pub(crate) async fn publisher(server: &str) -> Result<Connection, String> {
        nats(server, "PING\r\n", "PONG", None).await
    }

    /// Returns the path to publish to over HTTP.
    pub(crate) fn publish_path(self) -> String {
        match self {
            Self::Fanfare | Self::Inngest => format!("/v1/realtime/publish?{TOPIC}"),
            Self::Bare | Self::SocketIo | Self::Nats | Self::JetStream => "/publish".to_owned(),
            Self::Centrifugo => "/api/publish".to_owned(),
        }
    }

    /// Returns the body of a request that publishes a message.
    pub(crate) fn publish_body(self, payload: String) -> String {
        if self == Self::Centrifugo { publish_command(0, &payload) } else { payload }
    }

    /// Returns the answer that the protocol requires to a heartbeat of the server.
    pub(crate) fn answer(self, payload: &[u8]) -> Option<(u8, &'static [u8])> {
        match self {
            Self::SocketIo => (payload == b"2").then_some((TEXT, b"3")),
            Self::Nats | Self::JetStream => {
                memmem::find(payload, b"PING\r\n").map(|_| (BINARY, b"PONG\r\n".as_slice()))
            }
            Self::Centrifugo => (payload == b"{}").then_some((TEXT, b"{}")),
            Self::Fanfare | Self::Inngest | Self::Bare => None,
        }
    }
}

/// Connects to NATS, sends requests, and waits for an answer that contains `wanted`.
async fn nats(
    server: &str,
    requests: &str,
    wanted: &str,
    buffer: Option<usize>,
) -> Result<Connection, String> {
    let mut connection = Connection::open(server, "/", "", buffer).await?;
    connection.expect("INFO").await?;
    connection.send(BINARY, format!("{CONNECT}{requests}").as_bytes()).await?;
    connection.expect(wanted).await?;
    Ok(connection)
}

/// Returns a request whose answer comes to another subject.
fn nats_request(subject: &str, answer: &str, body: &str) -> String {
    format!("SUB {answer} 1\r\nUNSUB 1 1\r\nPUB {subject} {answer} {}\r\n{body}\r\n", body.len())
}

/// Returns the command that publishes to a channel of Centrifugo.
fn publish_command(channel: u64, payload: &str) -> String {
    format!(r#"{{"channel":"bench_{channel}","data":{payload}}}"#)
}

/// Returns a request that publishes messages to channels of Centrifugo, one after the other.
pub(crate) fn batch(messages: impl Iterator<Item = (u64, String)>) -> String {
    let commands =
        messages.map(|(channel, payload)| format!(r#"{{"publish":{}}}"#, publish_command(channel, &payload)));
    format!(r#"{{"commands":[{}]}}"#, commands.collect::<Vec<_>>().join(","))
}
