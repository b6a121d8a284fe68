//! Runs a publisher and subscribers with a faulty network in between, and a server that is killed and restarted.

use crate::Result;
use crate::log::{Log, Message};
use crate::network::{Network, Party};
use crate::plan::Plan;
use crate::publisher::{self, Published};
use crate::random::{between, decisions};
use crate::server::{Installation, Server};
use crate::subscribers::{SharedLog, Subscribers};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// How long subscriptions may take to become ready, and to receive the last message after the round.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long to wait after subscribers have received everything, to detect late repeats.
pub(crate) const SETTLE_TIME: Duration = Duration::from_millis(1_500);
const POLL: Duration = Duration::from_millis(50);

/// The server and the network of a round.
pub(crate) struct Setup {
    /// Restarts the server.
    pub(crate) installation: Installation,
    /// The current server.
    pub(crate) server: Server,
    /// The network between the server and its clients.
    pub(crate) network: Network,
    /// The program that subscribes with the TypeScript client.
    pub(crate) node: PathBuf,
}

/// A round in progress.
pub(crate) struct Running {
    plan: Plan,
    subscribers: Subscribers,
    publishers: JoinSet<(usize, Result<Published>)>,
    /// Ends publishing early.
    pub(crate) over: watch::Sender<bool>,
}

/// The outcome of a round.
pub(crate) struct Outcome {
    /// What was published, per channel.
    pub(crate) published: Vec<Published>,
    /// What each subscriber received.
    pub(crate) logs: Vec<Log>,
    /// How often the server was killed.
    pub(crate) kills: u32,
    /// The subscribers that did not receive the last message in time.
    pub(crate) late: Vec<String>,
}

impl Outcome {
    /// Returns the published messages, per channel.
    pub(crate) fn messages(&self) -> Vec<Vec<Message>> {
        self.published.iter().map(|channel| channel.messages.clone()).collect()
    }
}

impl Setup {
    /// Starts a server behind a network without faults.
    pub(crate) async fn start(installation: Installation, node: PathBuf, seed: u64) -> Result<Self> {
        let server = installation.start().await?;
        let network = Network::new(seed);
        network.forward_to(Some(server.port));
        Ok(Self { installation, server, network, node })
    }

    /// Executes a round, from the first subscription to the last message.
    pub(crate) async fn run(&mut self, plan: &Plan) -> Result<Outcome> {
        let running = self.begin(plan).await?;
        self.network.inject_faults(plan.faults);
        let start = Instant::now();
        self.kill_at_random(plan, start).await?;
        sleep_until(start + plan.duration).await;
        self.network.stop_faults();
        self.end(running).await
    }

    /// Waits until every subscription is ready, and starts publishing.
    pub(crate) async fn begin(&mut self, plan: &Plan) -> Result<Running> {
        let subscribers = Subscribers::start(plan, &mut self.network, self.server.port, &self.node).await?;
        subscribers.wait_until_ready().await?;
        self.network.counts().reset();
        let over = watch::Sender::new(false);
        let mut publishers = JoinSet::new();
        for channel in 0..plan.channels {
            let port = self
                .network
                .open_port(Party::Publisher, format!("{}-publisher-{channel}", plan.name))
                .await?;
            let (plan, over) = (plan.clone(), over.subscribe());
            publishers.spawn(async move { (channel, publisher::publish(plan, channel, port, over).await) });
        }
        Ok(Running { plan: plan.clone(), subscribers, publishers, over })
    }

    /// Waits until the publishers have finished and every subscriber has received the last message.
    pub(crate) async fn end(&mut self, running: Running) -> Result<Outcome> {
        let Running { plan, subscribers, publishers, over: _over } = running;
        let published = join_publishers(publishers, plan.channels).await?;
        let messages: Vec<_> = published.iter().map(|channel| &channel.messages).collect();
        let is_complete = |log: &Log| {
            log.channels.iter().zip(&messages).all(|(channel, published)| channel.is_complete(published))
        };
        wait_for_all(&subscribers.logs, is_complete).await;
        sleep(SETTLE_TIME).await;
        Ok(Outcome {
            late: find_late(&subscribers.logs, is_complete),
            logs: subscribers.logs.iter().map(|log| log.with(std::mem::take)).collect(),
            published,
            kills: plan.kills,
        })
    }

    /// Kills the server at random times in the first three quarters of the round, so that the last process runs long
    /// enough to reveal leaks.
    async fn kill_at_random(&mut self, plan: &Plan, start: Instant) -> Result {
        let mut random = decisions(plan.seed, plan.name, 1);
        let slot = plan.duration.mul_f64(0.75) / plan.kills.max(1);
        for kill in 0..plan.kills {
            let within = between(&mut random, slot.mul_f64(0.2), slot.mul_f64(0.9));
            sleep_until(start + slot * kill + within).await;
            self.network.forward_to(None);
            self.server.kill().await?;
            sleep(between(&mut random, Duration::from_millis(20), Duration::from_millis(500))).await;
            self.server = self.installation.start().await?;
            self.network.forward_to(Some(self.server.port));
        }
        Ok(())
    }
}

async fn join_publishers(
    mut publishers: JoinSet<(usize, Result<Published>)>,
    channels: usize,
) -> Result<Vec<Published>> {
    let mut published: Vec<Published> = (0..channels).map(|_| Published::default()).collect();
    while let Some(finished) = publishers.join_next().await {
        let (channel, messages) = finished?;
        published[channel] = messages?;
    }
    Ok(published)
}

/// Waits until a condition is met for every log or a log has a violation. Returns `false` on a timeout.
pub(crate) async fn wait_for_all(logs: &[SharedLog], holds: impl Fn(&Log) -> bool) -> bool {
    let end = Instant::now() + TIMEOUT;
    while Instant::now() < end {
        if logs.iter().all(|log| log.with(|log| holds(log) || !log.violations.is_empty())) {
            return true;
        }
        sleep(POLL).await;
    }
    false
}

/// Returns the subscribers whose logs do not meet a condition.
pub(crate) fn find_late(logs: &[SharedLog], holds: impl Fn(&Log) -> bool) -> Vec<String> {
    let late = logs.iter().filter_map(|log| log.with(|log| (!holds(log)).then(|| log.subscriber.clone())));
    late.collect()
}
