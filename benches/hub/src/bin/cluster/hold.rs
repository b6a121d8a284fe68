//! Subscribers of one hub, each of one channel, which stay connected.

use crate::{Error, Figures, Watch, answer_lines};
use bench_hub::connection::Connection;
use bench_hub::http::Http;
use bench_hub::message::{Marker, Markers};
use bench_hub::now;
use hdrhistogram::Histogram;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;
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
        let token: Rc<str> = http.request_token(&topics).await?.into();
        known.insert(*channel, (Rc::clone(&token), 1));
        tokens.push(token);
    }
    Ok(tokens)
}

/// Counts messages until the connection ends.
async fn read(connection: Connection, received: Rc<Received>) {
    let count = |payload: &[u8], now: u64, _: &mut Vec<u8>| {
        received.markers.scan(payload, |Marker { published, .. }| {
            received.messages.set(received.messages.get() + 1);
            received.latency.borrow_mut().saturating_record(now.saturating_sub(published) / 1_000);
        });
    };
    connection.read(&received.room, count).await;
    received.closed.set(received.closed.get() + 1);
}
