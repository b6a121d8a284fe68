//! Random jobs: trees of calls, which one job interprets.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use crate::channels::SIGNALS;

/// A node of a job's plan. The plan comes from the seed, so it is the same in every execution of a run.
#[derive(Debug)]
pub(crate) enum Node {
    Sequence(Vec<Arc<Node>>),
    Step(Attempts),
    /// Publishes durably.
    Publish,
    /// Publishes through the hub.
    HubPublish,
    Sleep(Duration),
    Wait {
        /// One signal, or several as one question.
        signals: Vec<usize>,
        timeout: Duration,
    },
    Version(u32),
    /// Writes a text in this many chunks, as a step with these attempts.
    Stream(usize, Attempts),
    Join(Vec<Arc<Node>>),
    First([Arc<Node>; 2]),
    Within(Duration, Arc<Node>),
    Map {
        limit: usize,
        items: Vec<Arc<Node>>,
    },
    /// Single calls in a `tokio::join!`.
    Together([Arc<Node>; 3]),
    /// Handles the error of the nodes inside.
    Catch(Arc<Node>),
    /// Sometimes fails the job outside of its steps.
    FailOutsideStep,
}

/// The duration and failures of a step's attempts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempts {
    /// The longest duration of an attempt, in milliseconds.
    pub(crate) takes: u64,
    /// The probability that an attempt fails and is retried.
    pub(crate) fails: f64,
    pub(crate) panics: f64,
    /// The probability that an attempt fails for good.
    pub(crate) gives_up: f64,
    pub(crate) retries: Option<u32>,
}

impl Node {
    pub(crate) fn generate(seed: u64) -> Arc<Self> {
        let mut rng = Rng::with_seed(seed);
        let mut left = rng.usize(3..22);
        let length = rng.usize(2..7);
        let nodes = (0..length).map(|_| Self::random(&mut rng, &mut left, 0, true));
        Arc::new(Self::Sequence(nodes.collect()))
    }

    /// If `may_fail_outside` is set, a node may fail the job outside of its steps. Nothing handles such an error first.
    fn random(rng: &mut Rng, left: &mut usize, depth: usize, may_fail_outside: bool) -> Arc<Self> {
        *left = left.saturating_sub(1);
        if depth >= 4 || *left == 0 || rng.f64() < 0.45 {
            return Self::leaf(rng, may_fail_outside);
        }
        let mut several = |rng: &mut Rng, range: std::ops::Range<usize>, may_fail_outside: bool| {
            let nodes = (0..rng.usize(range)).map(|_| Self::random(rng, left, depth + 1, may_fail_outside));
            nodes.collect::<Vec<_>>()
        };
        Arc::new(match rng.usize(0..20) {
            0..4 => Self::Sequence(several(rng, 1..4, may_fail_outside)),
            4..7 => Self::Join(several(rng, 2..4, true)),
            7..12 => {
                let (first, second) = (several(rng, 1..4, true), several(rng, 1..4, true));
                Self::First([Arc::new(Self::Sequence(first)), Arc::new(Self::Sequence(second))])
            }
            12..14 => {
                let inner = several(rng, 1..4, true);
                Self::Within(milliseconds(rng, 5..1500), Arc::new(Self::Sequence(inner)))
            }
            14..16 => Self::Map { limit: rng.usize(1..4), items: several(rng, 0..5, true) },
            16..18 => Self::Together([Self::call(rng), Self::call(rng), Self::call(rng)]),
            _ => Self::Catch(Arc::new(Self::Sequence(several(rng, 1..3, false)))),
        })
    }

    /// Returns the nodes inside, in order.
    pub(crate) fn inner(&self) -> Vec<&Arc<Self>> {
        match self {
            Self::Sequence(nodes) | Self::Join(nodes) | Self::Map { items: nodes, .. } => {
                nodes.iter().collect()
            }
            Self::First(nodes) => nodes.iter().collect(),
            Self::Together(nodes) => nodes.iter().collect(),
            Self::Within(_, inner) | Self::Catch(inner) => vec![inner],
            _ => Vec::new(),
        }
    }

    fn leaf(rng: &mut Rng, may_fail_outside: bool) -> Arc<Self> {
        match rng.f64() {
            ..0.1 => Arc::new(Self::HubPublish),
            0.1..0.14 if may_fail_outside => Arc::new(Self::FailOutsideStep),
            _ => Self::call(rng),
        }
    }

    /// A single call of the run.
    fn call(rng: &mut Rng) -> Arc<Self> {
        Arc::new(match rng.usize(0..20) {
            0..7 => Self::Step(Attempts::generate(rng)),
            7..11 => Self::Publish,
            11..14 => Self::Sleep(milliseconds(rng, 0..1500)),
            14..18 => Self::wait(rng),
            18 => Self::Stream(rng.usize(0..6), Attempts::generate(rng)),
            _ => Self::Version(rng.u32(1..9)),
        })
    }

    fn wait(rng: &mut Rng) -> Self {
        let mut signals = vec![rng.usize(0..SIGNALS.len())];
        if rng.f64() < 0.4 {
            signals.push((signals[0] + 1) % SIGNALS.len());
        }
        let timeout = if rng.f64() < 0.1 { Duration::ZERO } else { milliseconds(rng, 1..6000) };
        Self::Wait { signals, timeout }
    }
}

impl Attempts {
    fn generate(rng: &mut Rng) -> Self {
        let mut sometimes = |share: f64, most: f64| if rng.f64() < share { rng.f64() * most } else { 0.0 };
        let (fails, panics, gives_up) = (sometimes(0.5, 0.7), sometimes(0.15, 0.4), sometimes(0.15, 0.6));
        let takes = match rng.usize(0..10) {
            0..4 => 0,
            4..9 => rng.u64(1..120),
            _ => rng.u64(100..1200),
        };
        let retries = (rng.f64() < 0.2).then(|| rng.u32(0..3));
        Self { takes, fails, panics, gives_up, retries }
    }
}

fn milliseconds(rng: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.u64(range))
}
