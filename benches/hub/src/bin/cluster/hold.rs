//! Subscribers of one hub, each of one channel, which stay connected.

use crate::{Error, Figures, Watch, answer_lines};
use bench_hub::connection::Connection;
use bench_hub::frame::{self, CLOSE, PING, PONG};
use bench_hub::http::Http;
use bench_hub::message::{Marker, Markers};
use bench_hub::now;
use hdrhistogram::Histogram;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

/// The number of subscribers that connect at a time.
const CONNECTING: usize = 32;

/// The number of connections for which a token is used. The hub allows 100.
const TOKEN_USES: usize = 90;

/// The size of the read buffer, which all subscribers share.
const ROOM: usize = 1024 * 1024;

/// The pause after connecting, in which servers complete the work for new connections.
const SETTLING: Duration = Duration::from_millis(700);

struct Received {
    messages: Cell<u64>,
    closed: Cell<u64>,
    /// The microseconds from publishing to receiving.
    latency: RefCell<Histogram<u64>>,
    room: RefCell<Vec<u8>>,
    markers: Markers,
}

/// Connects a subscriber for each channel number in a file, and prints the cost. Then prints, for each line of the input,
/// the number of messages that have arrived since the previous line.
pub(crate) async fn run(server: &str, file: &str) -> Result<(), Error> {
    let text = std::fs::read_to_string(file)?;
    let channels: Vec<u64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let received = Rc::new(Received {
        messages: Cell::new(0),
        closed: Cell::new(0),
        latency: RefCell::new(empty()?),
        room: RefCell::new(vec![0; ROOM]),
        markers: Markers::default(),
    });
    let tokens = request_tokens(server, &channels).await?;
    let (watch, begun) = (Watch::start(), now());
    for group in tokens.chunks(CONNECTING) {
        let tasks: Vec<_> = group
            .iter()
            .map(|token| {
                let (server, token) = (server.to_owned(), token.to_string());
                tokio::task::spawn_local(async move {
                    let path = format!("/v1/realtime/connect?token={token}");
                    Connection::open(&server, &path, "Sec-WebSocket-Protocol: fanfare.v1\r\n", None).await
                })
            })
            .collect();
        for task in tasks {
            tokio::task::spawn_local(read(task.await??, Rc::clone(&received)));
        }
    }
    let mut figures = Figures::default();
    figures.add("connecting", (now() - begun) as f64 / 1e9);
    sleep(SETTLING).await;
    watch.finish(&mut figures);
    figures.print();
    answer_lines(|| {
        let mut latency = received.latency.borrow_mut();
        let line = format!(
            "delivered={} closed={} p50={} p99={}",
            received.messages.take(),
            received.closed.get(),
            latency.value_at_quantile(0.5),
            latency.value_at_quantile(0.99),
        );
        latency.reset();
        line
    })
    .await
}

fn empty() -> Result<Histogram<u64>, Error> {
    Ok(Histogram::new_with_bounds(1, 600_000_000, 3)?)
}

/// Requests a token for each subscriber. Subscribers of the same channel share tokens.
async fn request_tokens(server: &str, channels: &[u64]) -> Result<Vec<Rc<str>>, Error> {
    let mut http = Http::connect(server).await?;
    let mut known: HashMap<u64, (Rc<str>, usize)> = HashMap::new();
    let mut tokens = Vec::with_capacity(channels.len());
    for channel in channels {
        if let Some((token, uses)) = known.get_mut(channel).filter(|(_, uses)| *uses < TOKEN_USES) {
            *uses += 1;
            tokens.push(Rc::clone(token));
            continue;
        }
        let topics = format!(r#"[{{"channel":"bench:{}","name":"t","kind":"run"}}]"#, channel + 1);
        let answer = http.post("/v1/realtime/token?expires_in=3600", &topics).await?;
        let token: Rc<str> = answer.split('"').nth(3).ok_or("the hub returned no token")?.into();
        known.insert(*channel, (Rc::clone(&token), 1));
        tokens.push(token);
    }
    Ok(tokens)
}

/// Reads until the connection ends.
async fn read(connection: Connection, received: Rc<Received>) {
    let Connection { mut socket, received: mut rest } = connection;
    let mut answers = Vec::new();
    while socket.readable().await.is_ok() {
        let is_open = {
            let mut room = received.room.borrow_mut();
            match socket.try_read(&mut room) {
                Ok(0) => false,
                Ok(length) => {
                    rest.extend_from_slice(&room[..length]);
                    received.take(&mut rest, &mut answers)
                }
                Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
            }
        };
        if !is_open || socket.write_all(&answers).await.is_err() {
            break;
        }
        answers.clear();
    }
    received.closed.set(received.closed.get() + 1);
}

impl Received {
    /// Counts the messages of complete frames, and removes them. Returns `false` if the hub closes the connection.
    fn take(&self, bytes: &mut Vec<u8>, answers: &mut Vec<u8>) -> bool {
        let (time, mut at, mut is_open) = (now(), 0, true);
        while let Some(head) = frame::read(&bytes[at..]) {
            let payload = &bytes[at + head.start..at + head.end];
            at += head.end;
            match head.kind {
                PING => answers.extend(frame::from_client(PONG, payload)),
                CLOSE => is_open = false,
                _ => {
                    self.markers.scan(payload, |Marker { published, .. }| {
                        self.messages.set(self.messages.get() + 1);
                        self.latency.borrow_mut().saturating_record(time.saturating_sub(published) / 1_000);
                    });
                }
            }
        }
        bytes.drain(..at);
        // Thousands of subscribers must not keep empty buffers.
        if bytes.is_empty() {
            *bytes = Vec::new();
        }
        is_open
    }
}
