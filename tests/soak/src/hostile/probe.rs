//! Measures the delays of honest subscribers and visitors during attacks.

use super::raw::Raw;
use crate::publisher;
use crate::{Result, SIGNING_KEY, http};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

const SUBSCRIBERS: u32 = 5;
/// The interval between two messages to one subscriber.
const MESSAGE_EVERY: Duration = Duration::from_millis(100);
/// The interval between two visitors.
const VISIT_EVERY: Duration = Duration::from_millis(250);

/// Publishes and subscribes until it is dropped.
pub(crate) struct Probe {
    delays: Arc<Mutex<Delays>>,
    tasks: JoinSet<()>,
}

/// The delays in an interval.
#[derive(Debug, Default)]
pub(crate) struct Delays {
    /// From when a message was due until its subscriber received it.
    pub(crate) messages: Vec<Duration>,
    /// From when a visitor was due until its subscription was ready.
    pub(crate) visits: Vec<Duration>,
    /// How often a subscriber or a visitor had to reconnect.
    pub(crate) reconnects: u32,
}

impl Delays {
    /// Returns the delay that `per_thousand` of a thousand did not exceed.
    pub(crate) fn quantile(delays: &[Duration], per_thousand: usize) -> Duration {
        let mut sorted = delays.to_vec();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        sorted.get((sorted.len() * per_thousand / 1000).min(last)).copied().unwrap_or_default()
    }
}

impl Probe {
    pub(crate) fn start(port: u16) -> Self {
        let delays = Arc::<Mutex<Delays>>::default();
        let mut tasks = JoinSet::new();
        for subscriber in 0..SUBSCRIBERS {
            let messages = Arc::clone(&delays);
            tasks.spawn(async move {
                // Spread the messages of the subscribers evenly.
                sleep(MESSAGE_EVERY / SUBSCRIBERS * subscriber).await;
                while subscribe(port, subscriber, &messages).await.is_err() {
                    add(&messages, |delays| delays.reconnects += 1);
                    sleep(MESSAGE_EVERY).await;
                }
            });
        }
        let visits = Arc::clone(&delays);
        tasks.spawn(async move {
            let start = Instant::now();
            for number in 0_u32.. {
                let due = start + VISIT_EVERY * number;
                sleep_until(due).await;
                while visit(port).await.is_err() {
                    add(&visits, |delays| delays.reconnects += 1);
                    sleep(MESSAGE_EVERY).await;
                }
                add(&visits, |delays| delays.visits.push(due.elapsed()));
            }
        });
        Self { delays, tasks }
    }

    /// Returns the delays since the last call.
    pub(crate) fn take(&self) -> Delays {
        std::mem::take(&mut self.delays.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.tasks.abort_all();
    }
}

fn add(delays: &Mutex<Delays>, change: impl FnOnce(&mut Delays)) {
    change(&mut delays.lock().unwrap_or_else(PoisonError::into_inner));
}

/// Publishes messages one by one, and waits for each. A late message delays the next ones, whose delays count from when
/// they were due.
async fn subscribe(port: u16, subscriber: u32, delays: &Mutex<Delays>) -> Result<()> {
    let channel = format!("wide:probe-{subscriber}");
    let token = publisher::mint_token(port, &[(channel.clone(), "left")]).await?;
    let mut socket = Raw::connect(port, Some(&token)).await?;
    socket.expect(r#""kind":"ready""#).await?;
    let mut connection = http::Connection::open(port).await?;
    let start = Instant::now();
    let bearer = format!("Authorization: Bearer {SIGNING_KEY}\r\n");
    let publish = format!("POST /v1/realtime/publish?channel={channel}&topic=left");
    for number in 0_u32.. {
        let due = start + MESSAGE_EVERY * number;
        sleep_until(due).await;
        let body = format!(r#"{{"number":{number},"text":""}}"#);
        if connection.request(&publish, &bearer, &body).await?.head.status != 200 {
            return Err("a message of the probe was refused".into());
        }
        socket.expect(&format!(r#""number":{number},"#)).await?;
        socket.forget();
        add(delays, |delays| delays.messages.push(due.elapsed()));
    }
    Ok(())
}

/// Requests a token and subscribes, as a page does when it is opened.
async fn visit(port: u16) -> Result<()> {
    let token = publisher::mint_token(port, &[("wide:visited".into(), "left")]).await?;
    Raw::connect(port, Some(&token)).await?.expect(r#""kind":"ready""#).await
}
