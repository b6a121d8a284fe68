//! Starts runs, sends them signals, and collects their results.

use super::Work;
use crate::http::{Response, request};
use crate::network::count;
use crate::random::decisions;
use crate::{Result, SIGNING_KEY};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// How long to wait for a response before the request is repeated.
const TIMEOUT: Duration = Duration::from_secs(2);
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(10);
/// The pause between two requests for a run's status, and between two attempts to send a signal.
const POLL: Duration = Duration::from_millis(40);
/// How long a run may take.
const MAX_RUN_TIME: Duration = Duration::from_secs(600);

/// The senders of signals: a backend with the signing key, and a person with a token.
const SENDERS: [&str; 2] = ["server", "person"];

/// The number of events of each kind.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Signals that were refused, because another one was first or the run did not wait for one.
    pub(super) refused: AtomicU64,
    /// Requests that were repeated, because no response arrived.
    pub(super) repeated: AtomicU64,
}

/// The state that drivers share.
pub(super) struct Drivers {
    work: Work,
    /// The ports of the servers.
    ports: Vec<u16>,
    /// The person's token.
    token: String,
    next: AtomicU32,
    /// Stops the drivers from starting more runs.
    pub(super) over: AtomicBool,
    pub(super) counts: Counts,
}

/// A run that has completed.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) run: String,
    pub(super) channel: usize,
    /// The number of its first message.
    pub(super) first: u32,
    pub(super) result: RunResult,
    /// The signals that were accepted.
    pub(super) recorded: Vec<String>,
}

/// The result of a run.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(super) struct RunResult {
    pub(super) effects: Vec<String>,
    pub(super) signals: Vec<String>,
}

impl Drivers {
    pub(super) async fn new(work: Work, server: u16, ports: Vec<u16>) -> Result<Arc<Self>> {
        let entries = work.plan(0, 0).channels();
        let entries = entries.iter().map(|name| json!({ "channel": name, "name": "go", "kind": "signal" }));
        let body = entries.collect::<Value>().to_string();
        let start = "POST /v1/realtime/token?expires_in=86400&subject=person";
        let response = request(server, start, &bearer(SIGNING_KEY), &body).await?;
        let answer: Value = serde_json::from_slice(&response.body)?;
        let token = answer["jwt"].as_str().ok_or_else(|| format!("no token: {answer}"))?.to_owned();
        let (next, over, counts) = (AtomicU32::new(0), AtomicBool::new(false), Counts::default());
        Ok(Arc::new(Self { work, ports, token, next, over, counts }))
    }

    /// Starts the drivers, which execute runs until `over` is set.
    pub(super) fn start(self: &Arc<Self>) -> JoinSet<Result<Vec<Finished>>> {
        let mut drivers = JoinSet::new();
        for lane in 0..self.work.channels * self.work.concurrent {
            let (drivers_share, channel) = (Arc::clone(self), lane % self.work.channels);
            drivers.spawn(async move { drivers_share.drive(channel).await });
        }
        drivers
    }

    async fn drive(&self, channel: usize) -> Result<Vec<Finished>> {
        let mut finished = Vec::new();
        while !self.over.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.work.max_runs {
                break;
            }
            finished.push(self.run(channel, number).await?);
        }
        Ok(finished)
    }

    async fn run(&self, channel: usize, number: u32) -> Result<Finished> {
        let run = format!("{}-{number}", self.work.name);
        let first = number * self.work.iterations;
        let name = format!("{}-{channel}", self.work.name);
        let pause = u64::try_from(self.work.pause.as_millis())?;
        let input =
            json!({ "first": first, "iterations": self.work.iterations, "pause_milliseconds": pause });
        let start = format!("POST /runs/{name}/{run}");
        let mut asked = self.random_for(&run);
        self.request_status(&start, &input, &mut asked).await?;
        // A signal after the end of the run is refused with the same codes as one that is sent too early.
        let ended = AtomicBool::new(false);
        let signals = futures_util::future::try_join_all(
            SENDERS.map(|sender| self.send(sender, channel, &run, &ended)),
        );
        let (result, recorded) = tokio::try_join!(
            async {
                let result = self.wait_for_result(&start, &input, &mut asked).await;
                ended.store(true, Ordering::Relaxed);
                result
            },
            signals
        )?;
        Ok(Finished { run, channel, first, result, recorded: recorded.concat() })
    }

    /// Waits for the result of a run.
    async fn wait_for_result(
        &self,
        start: &str,
        input: &Value,
        random: &mut fastrand::Rng,
    ) -> Result<RunResult> {
        let end = Instant::now() + MAX_RUN_TIME;
        while Instant::now() < end {
            let reply = self.request_status(start, input, random).await?;
            match reply["status"].as_str() {
                Some("running") => sleep(POLL).await,
                Some("completed") => {
                    return Ok(serde_json::from_str(reply["result"].as_str().unwrap_or_default())?);
                }
                _ => return Err(format!("{start}: {reply}").into()),
            }
        }
        Err(format!("{start}: the run did not end within {} s", MAX_RUN_TIME.as_secs()).into())
    }

    async fn request_status(&self, start: &str, input: &Value, random: &mut fastrand::Rng) -> Result<Value> {
        let answer = self.send_until_answered(start, "", &input.to_string(), random).await;
        if answer.head.status == 200 {
            return Ok(serde_json::from_slice(&answer.body)?);
        }
        Err(format!("{start}: {} {}", answer.head.status, String::from_utf8_lossy(&answer.body)).into())
    }

    /// Sends signals one by one until the run has ended, and returns the accepted ones.
    async fn send(&self, sender: &str, channel: usize, run: &str, ended: &AtomicBool) -> Result<Vec<String>> {
        let authorised = bearer(if sender == "server" { SIGNING_KEY } else { &self.token });
        let name = self.work.plan(0, 0).channel(channel).replace(':', "%3A");
        let start = format!("POST /v1/realtime/signal?channel={name}&name=go&run_id={run}");
        let mut random = self.random_for(&format!("{run} {sender}"));
        let mut recorded = Vec::new();
        loop {
            let had_ended = ended.load(Ordering::Relaxed);
            let number = recorded.len();
            let headers = format!("{authorised}Idempotency-Key: {run}-{sender}-{number}\r\n");
            let body = json!({ "number": number }).to_string();
            let answer = self.send_until_answered(&start, &headers, &body, &mut random).await;
            let reply: Value = serde_json::from_slice(&answer.body)?;
            match (answer.head.status, reply["data"]["code"].as_str()) {
                (200, _) => recorded.push(format!("{sender} {number}")),
                (409, Some("already_taken" | "too_late")) if had_ended => return Ok(recorded),
                (409, Some("already_taken" | "too_late")) => {
                    count(&self.counts.refused);
                    sleep(POLL).await;
                }
                (409, Some("run_ended")) => return Ok(recorded),
                (status, _) => return Err(format!("{start}: {status} {reply}").into()),
            }
        }
    }

    /// Repeats a request until it is answered.
    async fn send_until_answered(
        &self,
        start: &str,
        headers: &str,
        body: &str,
        random: &mut fastrand::Rng,
    ) -> Response {
        loop {
            let port = self.ports[random.usize(0..self.ports.len())];
            if let Ok(Ok(response)) = timeout(TIMEOUT, request(port, start, headers, body)).await
                && response.head.status != 503
            {
                return response;
            }
            count(&self.counts.repeated);
            sleep(BETWEEN_ATTEMPTS).await;
        }
    }

    fn random_for(&self, party: &str) -> fastrand::Rng {
        decisions(self.work.seed, party, 0)
    }
}

fn bearer(credential: &str) -> String {
    format!("Authorization: Bearer {credential}\r\n")
}

/// Waits for all runs.
pub(super) async fn join_all(mut drivers: JoinSet<Result<Vec<Finished>>>) -> Result<Vec<Finished>> {
    let mut finished = Vec::new();
    while let Some(driver) = drivers.join_next().await {
        finished.extend(driver??);
    }
    Ok(finished)
}
