//! The targets of messages: hubs, servers over HTTP, and plain SQL.

use std::sync::Arc;

use bench_client::http::Http;
use bench_client::message;
use fanfare::{Channel, Hub};
use tokio_postgres::{Client, Statement};

use crate::channels::{self, Message};
use crate::engine::open_hub;
use crate::{CHANNELS, Error, SIZE, database};

const INSERT: &str = "INSERT INTO plain (channel, frame) VALUES ($1, $2)";
const NOTIFY: &str = "SELECT pg_notify('bench', $2) WHERE $1::int8 IS NOT NULL";
const INSERT_AND_NOTIFY: &str = "
    WITH inserted AS (INSERT INTO plain (channel, frame) VALUES ($1, $2))
    SELECT pg_notify('bench', $2)";

/// The target of messages.
#[derive(Clone)]
pub(crate) enum Target {
    /// A hub in this process.
    Hub(Hub, Arc<[Channel]>),
    /// A server of Fanfare or Centrifugo, over HTTP.
    Http(Server, String),
    /// A PostgreSQL server, with a plain statement.
    Sql(&'static str, String),
}

#[derive(Clone, Copy)]
pub(crate) enum Server {
    Fanfare,
    Centrifugo,
}

/// A publisher, which publishes one message at a time.
pub(crate) enum Publisher {
    Hub(Hub, Arc<[Channel]>),
    Http(Server, Http),
    Sql(Client, Statement),
}

impl Target {
    /// Opens `hub:<storage>`, `fanfare:<port>`, `centrifugo:<port>`, or one of `insert:<connection>`,
    /// `notify:<connection>` and `insert-notify:<connection>`.
    pub(crate) async fn open(name: &str) -> Result<Self, Error> {
        let (kind, location) = name.split_once(':').unwrap_or((name, ""));
        Ok(match kind {
            "hub" => {
                let channels = (0..CHANNELS).map(channels::long).collect::<Result<_, _>>()?;
                Self::Hub(open_hub(location).await?, channels)
            }
            "fanfare" => Self::Http(Server::Fanfare, format!("127.0.0.1:{location}")),
            "centrifugo" => Self::Http(Server::Centrifugo, format!("127.0.0.1:{location}")),
            "insert" | "notify" | "insert-notify" => {
                database::create_table(location).await?;
                let statement = match kind {
                    "insert" => INSERT,
                    "notify" => NOTIFY,
                    _ => INSERT_AND_NOTIFY,
                };
                Self::Sql(statement, location.to_owned())
            }
            unknown => return Err(format!("unknown target `{unknown}`").into()),
        })
    }

    /// Returns a publisher with a connection of its own.
    pub(crate) async fn publisher(&self) -> Result<Publisher, Error> {
        Ok(match self {
            Self::Hub(hub, channels) => Publisher::Hub(hub.clone(), Arc::clone(channels)),
            Self::Http(server, address) => Publisher::Http(*server, Http::connect(address).await?),
            Self::Sql(statement, url) => {
                let client = database::connect(url).await?;
                let prepared = client.prepare(statement).await?;
                Publisher::Sql(client, prepared)
            }
        })
    }
}

impl Publisher {
    /// Publishes a message with a marker to one of the channels, and waits until it is accepted.
    pub(crate) async fn publish(
        &mut self,
        channel: usize,
        published: u64,
        sequence: u64,
    ) -> Result<(), Error> {
        let text = message::filling(SIZE);
        match self {
            Self::Hub(hub, channels) => {
                let message = Message::new(published, sequence, &text);
                hub.publish(channels[channel].topic(0), &message).await?;
            }
            Self::Http(Server::Fanfare, http) => {
                let path = format!("/v1/realtime/publish?channel=bench:{channel}&topic=t");
                http.post(&path, &message::payload(published, sequence, &text)).await?;
            }
            Self::Http(Server::Centrifugo, http) => {
                let payload = message::payload(published, sequence, &text);
                let body = format!(r#"{{"channel":"bench_{channel}","data":{payload}}}"#);
                let answer = http.post("/api/publish", &body).await?;
                if !answer.contains("\"offset\"") {
                    return Err(answer.into());
                }
            }
            Self::Sql(client, statement) => {
                let payload = message::payload(published, sequence, &text);
                client.query(statement, &[&i64::try_from(channel)?, &payload]).await?;
            }
        }
        Ok(())
    }
}
