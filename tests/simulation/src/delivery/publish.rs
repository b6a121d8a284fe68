//! Publishers of messages, which retry until they are answered, and of text streams.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fanfare::Hub;
use fastrand::Rng;
use tokio::time::sleep;

use super::channels::Room;
use super::reference::Id;

/// A message, which is published again with the same key until it is answered.
pub(super) struct Message {
    pub(super) number: usize,
    pub(super) channel: usize,
    pub(super) topic: usize,
    pub(super) payload: String,
    attempt: Attempt,
    /// The slot of the process that is publishing it.
    pub(super) slot: Option<usize>,
    /// How long the process has had to answer.
    pub(super) waited: Duration,
    /// When it is published next.
    pub(super) retry_at: Duration,
    /// Its ids, from each answer.
    pub(super) ids: Vec<Id>,
    /// The number of answers it still needs. An acknowledged message may be published again.
    pub(super) wanted: usize,
}

type Attempt = Arc<Mutex<Option<Result<Id, String>>>>;

impl Message {
    pub(super) fn new(number: usize, channel: usize, topic: usize, rng: &mut Rng) -> Self {
        let length = if rng.f64() < 0.05 { rng.usize(0..6000) } else { rng.usize(0..60) };
        let payload = format!("message {number} é\"\n{}", "x".repeat(length));
        let answers = 1 + usize::from(rng.f64() < 0.2);
        let (waited, retry_at) = (Duration::ZERO, Duration::ZERO);
        let (attempt, slot, ids) = (Attempt::default(), None, Vec::new());
        Self { number, channel, topic, payload, attempt, slot, waited, retry_at, ids, wanted: answers }
    }

    /// Publishes in a process.
    pub(super) fn publish(&mut self, slot: usize, handle: &tokio::runtime::Handle, hub: &Hub) {
        self.attempt = Attempt::default();
        (self.slot, self.waited) = (Some(slot), Duration::ZERO);
        let (attempt, hub, payload) = (Arc::clone(&self.attempt), hub.clone(), self.payload.clone());
        let (room, topic, key) = (Room::new(self.channel), self.topic, self.number.to_string());
        handle.spawn(async move {
            let published = hub.publish(room.payload(topic), payload.as_str()).idempotency_key(key).await;
            let answer = match published {
                Ok(id) => id.to_string().parse(),
                Err(error) => Err(error.to_string()),
            };
            *attempt.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        });
    }

    /// Takes the answer, if it has arrived.
    pub(super) fn answer(&mut self) -> Option<Result<Id, String>> {
        self.attempt.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A text stream that a task writes.
#[derive(Clone)]
pub(super) struct Written(Arc<Mutex<Text>>);

pub(super) struct Text {
    /// All chunks that were passed to the writer.
    pub(super) text: String,
    pub(super) chunks: usize,
    pub(super) outcome: Outcome,
    pub(super) slot: usize,
    /// Its process died.
    pub(super) has_died: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Writing,
    /// It ended and was acknowledged with this id.
    Complete(Id),
    /// Its writer failed it on purpose.
    Failed(Id),
    /// It ended with another error, or its process died.
    Broken,
}

/// The plan of a text stream.
pub(super) struct Plan {
    pub(super) number: usize,
    pub(super) channel: usize,
    pub(super) topic: usize,
    pub(super) chunks: usize,
    /// The longest pause after a chunk, in milliseconds.
    pub(super) pace: u64,
    pub(super) seed: u64,
}

impl Written {
    pub(super) fn text(&self) -> MutexGuard<'_, Text> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn start(plan: Plan, slot: usize, handle: &tokio::runtime::Handle, hub: &Hub) -> Self {
        let text = Text { text: String::new(), chunks: 0, outcome: Outcome::Writing, slot, has_died: false };
        let written = Self(Arc::new(Mutex::new(text)));
        let (own, hub) = (written.clone(), hub.clone());
        handle.spawn(async move {
            let outcome = own.write(&plan, &hub).await;
            let mut text = own.text();
            if text.outcome == Outcome::Writing {
                text.outcome = outcome.unwrap_or(Outcome::Broken);
            }
        });
        written
    }

    async fn write(&self, plan: &Plan, hub: &Hub) -> Result<Outcome, String> {
        let broken = |error: fanfare::PublishError| error.to_string();
        let mut rng = Rng::with_seed(plan.seed);
        let room = Room::new(plan.channel);
        let mut writer = hub.stream(room.stream(plan.topic)).await.map_err(broken)?;
        for chunk in 0..plan.chunks {
            let text = format!("{}.{chunk}é\"\n{}", plan.number, "y".repeat(rng.usize(0..20)));
            {
                let mut written = self.text();
                written.text.push_str(&text);
                written.chunks += 1;
            }
            writer.write(&text).await.map_err(broken)?;
            let pause = rng.u64(0..=plan.pace);
            if pause > 0 {
                sleep(Duration::from_millis(pause)).await;
            }
        }
        let ended = match rng.usize(0..10) {
            0 => writer.fail("a planned failure").await.map(|id| (id, false)),
            1 => writer.stop("a planned stop").await.map(|id| (id, false)),
            2 => {
                drop(writer);
                return Ok(Outcome::Broken);
            }
            _ => writer.end().await.map(|id| (id, true)),
        };
        let (id, is_complete) = ended.map_err(broken)?;
        let id = id.to_string().parse()?;
        Ok(if is_complete { Outcome::Complete(id) } else { Outcome::Failed(id) })
    }
}
