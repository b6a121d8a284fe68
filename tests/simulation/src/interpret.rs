//! The job of the simulation, which interprets the plan of its seed and reports what its calls return.

use std::sync::Arc;
use std::time::Duration;

use fanfare::{Run, RunError, RunStreamWriter, StepOptions};
use futures_util::future::BoxFuture;

use crate::channels::{Room, SIGNALS};
use crate::observe::Execution;
use crate::plan::{Attempts, Node};

type Returned = Result<String, RunError>;

/// One call site of a job, in one execution.
#[derive(Clone)]
pub(crate) struct Site {
    execution: Arc<Execution>,
    path: String,
}

impl Site {
    pub(crate) fn root(execution: Execution) -> Self {
        Self { execution: Arc::new(execution), path: String::new() }
    }

    fn child(&self, index: usize) -> Self {
        Self { execution: Arc::clone(&self.execution), path: format!("{}.{index}", self.path) }
    }

    /// Returns the id of the call. Two sites of a branch may share an id.
    fn id(&self) -> String {
        format!("call {}", self.path.len() % 3)
    }
}

/// Executes a node and reports what it returned.
pub(crate) fn interpret(run: Run<Room>, node: Arc<Node>, site: Site) -> BoxFuture<'static, Returned> {
    Box::pin(async move {
        let returned = match &*node {
            Node::Sequence(nodes) => sequence(&run, nodes, &site).await,
            Node::Step(attempts) => step(&run, *attempts, &site).await,
            Node::Publish => {
                let payload = format!("{}{}", run.id(), site.path);
                let id = run.publish(&site.id(), run.channel().durable(), &payload).await;
                id.map(|id| {
                    site.execution.record_published(&site.path, &id.to_string());
                    id.to_string()
                })
            }
            Node::HubPublish => publish_with_hub(&run, &site).await,
            Node::Sleep(time) => run.sleep(&site.id(), *time).await.map(|()| "slept".into()),
            Node::Wait { signals, timeout } => wait(&run, signals, *timeout, &site).await,
            Node::Version(version) => {
                run.version("marker", *version).await.map(|version| format!("version {version}"))
            }
            Node::Stream(chunks, attempts) => write(&run, *chunks, *attempts, &site).await,
            Node::FailOutsideStep => fail_outside_step(&site),
            Node::Catch(inner) => {
                let caught = interpret(run.clone(), Arc::clone(inner), site.child(0)).await;
                Ok(caught.unwrap_or_else(|error| format!("caught {error}")))
            }
            forked => fork(&run, forked, &site).await,
        };
        let shown = match &returned {
            Ok(value) => format!("ok {value}"),
            Err(error) => format!("error {error}"),
        };
        if !matches!(&*node, Node::HubPublish | Node::FailOutsideStep) && !is_failure_outside_step(&returned)
        {
            site.execution.record_return(&site.path, &shown);
        }
        returned
    })
}

async fn sequence(run: &Run<Room>, nodes: &[Arc<Node>], site: &Site) -> Returned {
    let mut values = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        values.push(interpret(run.clone(), Arc::clone(node), site.child(index)).await?);
    }
    Ok(values.join(","))
}

async fn fork(run: &Run<Room>, node: &Node, site: &Site) -> Returned {
    let branch = |node: &Arc<Node>, index: usize| {
        let (node, site) = (Arc::clone(node), site.child(index));
        move |run: Run<Room>| interpret(run, node, site)
    };
    match node {
        Node::Join(nodes) => match &nodes[..] {
            [a, b] => {
                let (a, b) = run.join(branch(a, 0), branch(b, 1)).await?;
                Ok(format!("({a};{b})"))
            }
            [a, b, c] => {
                let (a, b, c) = run.join3(branch(a, 0), branch(b, 1), branch(c, 2)).await?;
                Ok(format!("({a};{b};{c})"))
            }
            _ => Ok(String::new()),
        },
        Node::First([a, b]) => {
            let won = |index: usize, node| {
                let branch = branch(node, index);
                async move |run: Run<Room>| branch(run).await.map(|value| format!("{index} won with {value}"))
            };
            run.race(won(0, a), won(1, b)).await
        }
        Node::Within(time, inner) => {
            let within = run.timeout(*time, branch(inner, 0)).await?;
            Ok(within.map_or("too late".into(), |value| format!("in time {value}")))
        }
        Node::Map { limit, items } => {
            let items: Vec<_> = items.iter().cloned().enumerate().collect();
            let work = |run, (index, node): (usize, Arc<Node>)| interpret(run, node, site.child(index));
            Ok(format!("[{}]", run.map(*limit, items, work).await?.join(";")))
        }
        Node::Together([a, b, c]) => {
            let call = |node: &Arc<Node>, index| interpret(run.clone(), Arc::clone(node), site.child(index));
            let (a, b, c) = tokio::join!(call(a, 0), call(b, 1), call(c, 2));
            Ok(format!("<{};{};{}>", a?, b?, c?))
        }
        _ => unreachable!("the node has no branches"),
    }
}

async fn wait(run: &Run<Room>, signals: &[usize], timeout: Duration, site: &Site) -> Returned {
    let mut wait = run.wait_any();
    for signal in signals {
        wait = wait.on(run.channel().signal(*signal), move |payload| (*signal, payload));
    }
    let Some(received) = wait.timeout(timeout).await? else { return Ok("nobody".into()) };
    let (signal, payload) = &received.payload;
    site.execution.record_received(&site.path, payload);
    Ok(format!("{payload} {} by {:?} at {:?}", SIGNALS[*signal], received.sender, received.received_at))
}

async fn step(run: &Run<Room>, attempts: Attempts, site: &Site) -> Returned {
    let mut options = StepOptions::new();
    if let Some(retries) = attempts.retries {
        options = options.max_retries(retries);
    }
    let work = async || {
        let attempt = site.execution.begin_attempt(&site.path, attempts);
        tokio::time::sleep(attempt.takes).await;
        assert!(!attempt.panics, "planned panic");
        site.execution.end_attempt(&site.path);
        attempt.result
    };
    run.step_with(&site.id(), options, work).await
}

/// Returns the chunks of the text that a call writes.
pub(crate) fn text(run: &str, path: &str, chunks: usize) -> Vec<String> {
    (0..=chunks).map(|chunk| format!("{run}{path} {chunk}/{chunks};")).collect()
}

/// Writes the chunks that were not written yet. Each chunk may fail the attempt before it is written.
async fn write(run: &Run<Room>, chunks: usize, attempts: Attempts, site: &Site) -> Returned {
    let chunks = text(run.id(), &site.path, chunks);
    let write = async |draft: RunStreamWriter| {
        for (at, chunk) in chunks.iter().enumerate() {
            if draft.text().len() > chunks[..at].concat().len() {
                continue;
            }
            let attempt = site.execution.begin_attempt(&site.path, attempts);
            tokio::time::sleep(attempt.takes).await;
            assert!(!attempt.panics, "planned panic");
            attempt.result?;
            draft.write(chunk).await?;
        }
        Ok::<_, RunError>(())
    };
    run.stream(&site.id(), run.channel().draft(), write).await
}

async fn publish_with_hub(run: &Run<Room>, site: &Site) -> Returned {
    let payload = site.execution.new_payload(&site.path);
    if let Ok(id) = run.hub().publish(run.channel().progress(), &payload).await {
        site.execution.record_hub_published(&payload, &id.to_string());
    }
    Ok("published".into())
}

const FAILED_OUTSIDE_STEP: &str = "planned failure outside of a step";

fn fail_outside_step(site: &Site) -> Returned {
    if site.execution.fails_outside_step() {
        Err(RunError::retry(FAILED_OUTSIDE_STEP))
    } else {
        Ok("continued".into())
    }
}

/// Returns `true` if the job failed outside of its calls. Such failures may differ between executions.
fn is_failure_outside_step(returned: &Returned) -> bool {
    returned.as_ref().is_err_and(|error| error.to_string() == FAILED_OUTSIDE_STEP)
}
