//! The subscribers: clients that follow `PROTOCOL.md` and were written for this test, and the TypeScript client in
//! Node.

pub(crate) mod client;
pub(crate) mod event_stream;
pub(crate) mod frames;
mod node;
pub(crate) mod resume_state;
pub(crate) mod web_socket;

use crate::Result;
use crate::fault_test::{find_late, wait_for_all};
use crate::log::{ChannelLog, Log, Wanted};
use crate::network::{Network, Party};
use crate::plan::{History, Plan, TOPICS};
use crate::publisher;
use crate::random::decisions;
use client::{Client, Method};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinSet;

/// A log that its subscriber is writing.
#[derive(Clone)]
pub(crate) struct SharedLog(Arc<Mutex<Log>>);

impl SharedLog {
    /// Calls `work` with exclusive access to the log.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Log) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// All subscribers of a round. Dropping them disconnects them.
pub(crate) struct Subscribers {
    /// What each of them has received so far.
    pub(crate) logs: Vec<SharedLog>,
    tasks: JoinSet<()>,
}

/// The methods of subscribing, which clients use in turn.
const METHODS: [Method; 4] = [Method::Subscribe, Method::Connect, Method::PostedEvents, Method::EventSource];

impl Subscribers {
    /// Starts all subscribers of a round. Tokens are requested from `server` directly, without faults.
    pub(crate) async fn start(plan: &Plan, network: &mut Network, server: u16, node: &Path) -> Result<Self> {
        let mut subscribers = Self { logs: Vec::new(), tasks: JoinSet::new() };
        for index in 0..plan.rust_clients {
            let method = METHODS[index % METHODS.len()];
            let name = format!("{}-rust-{index}-{}", plan.name, method.name());
            let client = Client::new(&subscribers.log(&name, plan), method, plan.seed);
            let token = token_of(&client.log, server).await?;
            subscribers.tasks.spawn(client.run(network.open_port(Party::Subscriber, name).await?, token));
        }
        for index in 0..plan.node_clients {
            let transport = if index % 2 == 0 { "websocket" } else { "sse" };
            let name = format!("{}-node-{index}-{transport}", plan.name);
            let log = subscribers.log(&name, plan);
            let token = token_of(&log, server).await?;
            let port = network.open_port(Party::Subscriber, name).await?;
            let process = node::start(node, &log, port, &token, transport)?;
            subscribers.tasks.spawn(node::listen(process, log));
        }
        Ok(subscribers)
    }

    /// Waits until every subscription is ready.
    pub(crate) async fn wait_until_ready(&self) -> Result {
        if wait_for_all(&self.logs, Log::is_ready).await {
            return Ok(());
        }
        let waits = find_late(&self.logs, Log::is_ready);
        Err(format!("subscriptions did not become ready: {}", waits.join(", ")).into())
    }

    /// Creates the log of a subscriber.
    fn log(&mut self, name: &str, plan: &Plan) -> SharedLog {
        let mut random = decisions(plan.seed, name, 0);
        let channels = plan.channels().into_iter().map(|channel| {
            let wanted = match plan.history {
                History::Wide | History::All => [true; TOPICS.len()],
                History::Narrow => some_topics(&mut random),
            };
            ChannelLog::new(channel, wanted)
        });
        let log = Log {
            subscriber: name.into(),
            channels: channels.collect(),
            duplicates: 0,
            violations: Vec::new(),
        };
        let log = SharedLog(Arc::new(Mutex::new(log)));
        self.logs.push(log.clone());
        log
    }
}

/// Returns both topics or one of them.
fn some_topics(random: &mut fastrand::Rng) -> Wanted {
    [[true, true], [true, false], [false, true]][random.usize(0..3)]
}

/// Requests a token for the topics of a subscriber.
async fn token_of(log: &SharedLog, server: u16) -> Result<String> {
    let topics = log.with(|log| {
        let wanted = log.channels.iter().flat_map(|channel| {
            let topics = names(channel.wanted);
            topics.into_iter().map(|topic| (channel.channel.clone(), topic))
        });
        wanted.collect::<Vec<_>>()
    });
    publisher::mint_token(server, &topics).await
}

/// Returns the names of the subscribed topics.
fn names(wanted: Wanted) -> Vec<&'static str> {
    TOPICS.into_iter().zip(wanted).filter_map(|(topic, wanted)| wanted.then_some(topic)).collect()
}
