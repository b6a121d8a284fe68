//! A subscriber that reads the markers of messages.

use bench_client::connection::Connection;
use bench_client::frame::{self, CLOSE, PING, PONG, TEXT};
use bench_client::http::Http;
use bench_client::message::{Marker, Markers};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio_postgres::Client;

use crate::{Error, database};

/// The size of the read buffer.
const ROOM: usize = 1024 * 1024;

pub(crate) struct Subscriber {
    source: Source,
    markers: Markers,
}

enum Source {
    WebSocket(Connection),
    /// Notifications of PostgreSQL. The connection is kept open.
    Notifications(mpsc::UnboundedReceiver<String>, Client),
}

impl Subscriber {
    /// Subscribes to the first `channels` of `fanfare:<port>` or `centrifugo:<port>`, or to `notify:<connection>`. It
    /// receives every message that is published after this returns.
    pub(crate) async fn open(name: &str, channels: usize) -> Result<Self, Error> {
        let (kind, location) = name.split_once(':').unwrap_or((name, ""));
        let server = format!("127.0.0.1:{location}");
        let source = match kind {
            "fanfare" => {
                Source::WebSocket(open_fanfare(&server, &request_token(&server, channels).await?, "").await?)
            }
            "centrifugo" => Source::WebSocket(open_centrifugo(&server, channels).await?),
            "notify" => {
                let (client, notifications) = database::listen(location).await?;
                Source::Notifications(notifications, client)
            }
            unknown => return Err(format!("unknown source `{unknown}`").into()),
        };
        Ok(Self { source, markers: Markers::default() })
    }

    /// Subscribes to the first channel of `fanfare:<port>` or `centrifugo:<port>` from the start of its history. Returns
    /// after the preparations of a page that is not measured: a token, or the position of the history's start.
    pub(crate) async fn prepare_replay(name: &str) -> Result<Replay, Error> {
        let (kind, location) = name.split_once(':').unwrap_or((name, ""));
        let server = format!("127.0.0.1:{location}");
        Ok(match kind {
            "fanfare" => Replay::Fanfare(request_token(&server, 1).await?, server),
            "centrifugo" => Replay::Centrifugo(request_epoch(&server).await?, server),
            unknown => return Err(format!("unknown source `{unknown}`").into()),
        })
    }

    /// Waits for messages, and calls `found` with the marker of each. Fails if the server closes the connection.
    pub(crate) async fn receive(&mut self, mut found: impl FnMut(Marker)) -> Result<(), Error> {
        match &mut self.source {
            Source::Notifications(notifications, _client) => {
                let mut notification =
                    notifications.recv().await.ok_or("the server closed the connection")?;
                loop {
                    self.markers.scan(notification.as_bytes(), &mut found);
                    let Ok(next) = notifications.try_recv() else { return Ok(()) };
                    notification = next;
                }
            }
            Source::WebSocket(connection) => {
                // Frames may have arrived with the answer to the subscription.
                if frame::read(&connection.received).is_none() {
                    connection.received.reserve(ROOM);
                    if connection.socket.read_buf(&mut connection.received).await? == 0 {
                        return Err("the server closed the connection".into());
                    }
                }
                let (mut at, mut answers) = (0, Vec::new());
                while let Some(head) = frame::read(&connection.received[at..]) {
                    let payload = &connection.received[at + head.start..at + head.end];
                    at += head.end;
                    match head.kind {
                        PING => answers.push((PONG, payload.to_vec())),
                        CLOSE => return Err("the server closed the connection".into()),
                        // The heartbeat of Centrifugo.
                        _ if payload == b"{}" => answers.push((TEXT, payload.to_vec())),
                        _ => drop(self.markers.scan(payload, &mut found)),
                    }
                }
                connection.received.drain(..at);
                for (kind, payload) in answers {
                    connection.send(kind, &payload).await?;
                }
                Ok(())
            }
        }
    }
}

/// A subscriber that is ready to read the history.
pub(crate) enum Replay {
    /// A token, and the server.
    Fanfare(String, String),
    /// The epoch of the channel, and the server.
    Centrifugo(String, String),
}

impl Replay {
    /// Connects and subscribes.
    pub(crate) async fn start(&self) -> Result<Subscriber, Error> {
        let connection = match self {
            Self::Fanfare(token, server) => {
                open_fanfare(server, token, "&since=%7B%22bench:0%22:%22start%22%7D").await?
            }
            Self::Centrifugo(epoch, server) => {
                let mut connection = connect_centrifugo(server).await?;
                let subscribe = format!(
                    r#"{{"id":2,"subscribe":{{"channel":"bench_0","recover":true,"offset":0,"epoch":"{epoch}"}}}}"#
                );
                connection.send(TEXT, subscribe.as_bytes()).await?;
                connection
            }
        };
        Ok(Subscriber { source: Source::WebSocket(connection), markers: Markers::default() })
    }
}

/// Requests a token for the first channels of a server of Fanfare.
async fn request_token(server: &str, channels: usize) -> Result<String, Error> {
    let topics =
        (0..channels).map(|number| format!(r#"{{"channel":"bench:{number}","name":"t","kind":"run"}}"#));
    let body = format!("[{}]", topics.collect::<Vec<_>>().join(","));
    Ok(Http::connect(server).await?.request_token(&body).await?)
}

async fn open_fanfare(server: &str, token: &str, since: &str) -> Result<Connection, Error> {
    let path = format!("/v1/realtime/connect?token={token}{since}");
    Ok(Connection::open(server, &path, "Sec-WebSocket-Protocol: fanfare.v1\r\n", None).await?)
}

async fn open_centrifugo(server: &str, channels: usize) -> Result<Connection, Error> {
    let mut connection = connect_centrifugo(server).await?;
    for number in 0..channels {
        let id = number + 2;
        let subscribe = format!(r#"{{"id":{id},"subscribe":{{"channel":"bench_{number}"}}}}"#);
        connection.send(TEXT, subscribe.as_bytes()).await?;
        connection.expect(&format!(r#""id":{id},"subscribe""#)).await?;
    }
    Ok(connection)
}

async fn connect_centrifugo(server: &str) -> Result<Connection, Error> {
    let mut connection = Connection::open(server, "/connection/websocket", "", None).await?;
    connection.send(TEXT, br#"{"id":1,"connect":{}}"#).await?;
    connection.expect("\"connect\"").await?;
    Ok(connection)
}

/// Requests the epoch of the first channel of Centrifugo.
async fn request_epoch(server: &str) -> Result<String, Error> {
    let body = r#"{"channel":"bench_0","limit":0}"#;
    let answer = Http::connect(server).await?.post("/api/history", body).await?;
    let epoch = answer.split("\"epoch\":\"").nth(1).and_then(|rest| rest.split('"').next());
    Ok(epoch.ok_or_else(|| format!("expected an epoch, got {answer}"))?.to_owned())
}
