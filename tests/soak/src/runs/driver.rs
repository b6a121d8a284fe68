//! Starts runs, sends them signals, and keeps what they came to.

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

/// A server that does not answer in this time is asked again.
const PATIENCE: Duration = Duration::from_secs(2);
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(10);
/// Between two looks at a run, and two attempts to send a signal that is not taken yet.
const POLL: Duration = Duration::from_millis(40);
/// A run that takes longer will not end.
const LONGEST_RUN: Duration = Duration::from_secs(180);

/// Who sends signals: the server's own key, and a person with a token.
const SENDERS: [&str; 2] = ["server", "person"];

/// How often what happened.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Signals that were refused, as another one was first or the run did not wait for one.
    pub(super) refused: AtomicU64,
    /// Requests that were sent again, as no answer came.
    pub(super) repeated: AtomicU64,
}

/// What drivers share.
pub(super) struct Drivers {
    work: Work,
    /// Where the servers are.
    doors: Vec<u16>,
    /// What a person's signals are authorised by.
    token: String,
    next: AtomicU32,
    /// No more runs are started.
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
    /// The signals that it was told were recorded.
    pub(super) recorded: Vec<String>,
}

/// What a run returns.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(super) struct RunResult {
    pub(super) effects: Vec<String>,
    pub(super) signals: Vec<String>,
}

impl Drivers {
    pub(super) async fn new(work: Work, server: u16, doors: Vec<u16>) -> Result<Arc<Self>> {
        let entries = work.plan(0, 0).channels();
        let entries = entries.iter().map(|name| json!({ "channel": name, "name": "go", "kind": "signal" }));
        let body = entries.collect::<Value>().to_string();
        let start = "POST /v1/realtime/token?expires_in=86400&subject=person";
        let response = request(server, start, &bearer(SIGNING_KEY), &body).await?;
        let answer: Value = serde_json::from_slice(&response.body)?;
        let token = answer["jwt"].as_str().ok_or_else(|| format!("no token: {answer}"))?.to_owned();
        let (next, over, counts) = (AtomicU32::new(0), AtomicBool::new(false), Counts::default());
        Ok(Arc::new(Self { work, doors, token, next, over, counts }))
    }

    /// Starts so many runs at a time, until it is over.
    pub(super) fn start(self: &Arc<Self>) -> JoinSet<Result<Vec<Finished>>> {
        let mut drivers = JoinSet::new();
        for lane in 0..self.work.channels * self.work.at_once {
            let (drivers_share, channel) = (Arc::clone(self), lane % self.work.channels);
            drivers.spawn(async move { drivers_share.drive(channel).await });
        }
        drivers
    }

    async fn drive(&self, channel: usize) -> Result<Vec<Finished>> {
        let mut finished = Vec::new();
        while !self.over.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.work.most {
                break;
            }
            finished.push(self.run(channel, number).await?);
        }
        Ok(finished)
    }

    async fn run(&self, channel: usize, number: u32) -> Result<Finished> {
        let run = format!("{}-{number}", self.work.name);
        let first = number * self.work.rounds;
        let name = format!("{}-{channel}", self.work.name);
        let pause = u64::try_from(self.work.pause.as_millis())?;
        let input = json!({ "first": first, "rounds": self.work.rounds, "pause_milliseconds": pause });
        let start = format!("POST /runs/{name}/{run}");
        let mut asked = self.asking(&run);
        self.look(&start, &input, &mut asked).await?;
        // A signal that comes after the end is told whose counted, as one that comes too early is.
        let ended = AtomicBool::new(false);
        let signals = futures_util::future::try_join_all(
            SENDERS.map(|sender| self.send(sender, channel, &run, &ended)),
        );
        let (result, recorded) = tokio::try_join!(
            async {
                let result = self.result(&start, &input, &mut asked).await;
                ended.store(true, Ordering::Relaxed);
                result
            },
            signals
        )?;
        Ok(Finished { run, channel, first, result, recorded: recorded.concat() })
    }

    /// Waits for what a run comes to.
    async fn result(&self, start: &str, input: &Value, random: &mut fastrand::Rng) -> Result<RunResult> {
        let end = Instant::now() + LONGEST_RUN;
        while Instant::now() < end {
            let told = self.look(start, input, random).await?;
            match told["status"].as_str() {
                Some("running") => sleep(POLL).await,
                Some("completed") => {
                    return Ok(serde_json::from_str(told["result"].as_str().unwrap_or_default())?);
                }
                _ => return Err(format!("{start}: {told}").into()),
            }
        }
        Err(format!("{start}: the run does not end").into())
    }

    async fn look(&self, start: &str, input: &Value, random: &mut fastrand::Rng) -> Result<Value> {
        let answer = self.answered(start, "", &input.to_string(), random).await;
        if answer.head.status == 200 {
            return Ok(serde_json::from_slice(&answer.body)?);
        }
        Err(format!("{start}: {} {}", answer.head.status, String::from_utf8_lossy(&answer.body)).into())
    }

    /// Sends signals one after the other until the run has ended, and gives those that were recorded.
    async fn send(&self, sender: &str, channel: usize, run: &str, ended: &AtomicBool) -> Result<Vec<String>> {
        let authorised = bearer(if sender == "server" { SIGNING_KEY } else { &self.token });
        let name = self.work.plan(0, 0).channel(channel).replace(':', "%3A");
        let start = format!("POST /v1/realtime/signal?channel={name}&name=go&run_id={run}");
        let mut random = self.asking(&format!("{run} {sender}"));
        let mut recorded = Vec::new();
        loop {
            let had_ended = ended.load(Ordering::Relaxed);
            let number = recorded.len();
            let headers = format!("{authorised}Idempotency-Key: {run}-{sender}-{number}\r\n");
            let body = json!({ "number": number }).to_string();
            let answer = self.answered(&start, &headers, &body, &mut random).await;
            let told: Value = serde_json::from_slice(&answer.body)?;
            match (answer.head.status, told["data"]["code"].as_str()) {
                (200, _) => recorded.push(format!("{sender} {number}")),
                (409, Some("already_taken" | "too_late")) if had_ended => return Ok(recorded),
                (409, Some("already_taken" | "too_late")) => {
                    count(&self.counts.refused);
                    sleep(POLL).await;
                }
                (409, Some("run_ended")) => return Ok(recorded),
                (status, _) => return Err(format!("{start}: {status} {told}").into()),
            }
        }
    }

    /// Sends a request until it is answered, whatever happens to servers.
    async fn answered(&self, start: &str, headers: &str, body: &str, random: &mut fastrand::Rng) -> Response {
        loop {
            let door = self.doors[random.usize(0..self.doors.len())];
            if let Ok(Ok(response)) = timeout(PATIENCE, request(door, start, headers, body)).await
                && response.head.status != 503
            {
                return response;
            }
            count(&self.counts.repeated);
            sleep(BETWEEN_ATTEMPTS).await;
        }
    }

    fn asking(&self, party: &str) -> fastrand::Rng {
        decisions(self.work.seed, party, 0)
    }
}

fn bearer(credential: &str) -> String {
    format!("Authorization: Bearer {credential}\r\n")
}

/// Waits for all runs.
pub(super) async fn all(mut drivers: JoinSet<Result<Vec<Finished>>>) -> Result<Vec<Finished>> {
    let mut finished = Vec::new();
    while let Some(driver) = drivers.join_next().await {
        finished.extend(driver??);
    }
    Ok(finished)
}
