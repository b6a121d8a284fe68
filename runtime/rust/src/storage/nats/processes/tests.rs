//! Tests with answers that are outdated or late.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_nats::{Client, Message, Subscriber};
use fanfare_test_servers::nats::TestServer;
use futures_util::StreamExt;
use futures_util::future::join_all;
use tokio::task::JoinHandle;

use super::super::tests::TestSpace;
use super::*;
use crate::storage::nats::Nats;

/// The delay of a late answer, long enough for other requests.
const DELAY: Duration = Duration::from_millis(500);

/// A server whose answers about the stream of the processes pass through the test.
struct Relay {
    server: TestServer,
    plan: Arc<Plan>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Plan {
    is_saving: AtomicBool,
    /// The saved answer to each request.
    saved: Mutex<HashMap<Bytes, Bytes>>,
    /// The number of requests to answer with a saved answer.
    outdated: AtomicUsize,
    /// Whether the next list of processes is late.
    is_late: AtomicBool,
}

impl Relay {
    async fn start() -> Self {
        let server = TestServer::start_with(
            r#"mappings { "$JS.API.STREAM.INFO.relayed-meta": asked, forwarded: "$JS.API.STREAM.INFO.relayed-meta" }"#,
        );
        let (plan, client) = (Arc::<Plan>::default(), async_nats::connect(server.url()).await.unwrap());
        let requests = client.subscribe("asked").await.unwrap();
        client.flush().await.unwrap();
        let task = tokio::spawn(answer(client, requests, Arc::clone(&plan)));
        Self { server, plan, task }
    }

    /// Starts a process that reports only when the test says so.
    async fn connect(&self) -> Nats {
        let mut nats = TestSpace::new(self.server.url(), "relayed".into(), 1).connect().await;
        nats.stop_following();
        nats
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(client: Client, mut requests: Subscriber, plan: Arc<Plan>) {
    while let Some(Message { payload, reply: Some(reply), .. }) = requests.next().await {
        let count_down = |left: usize| left.checked_sub(1);
        let is_outdated = plan.outdated.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count_down).is_ok();
        let saved = plan.saved.lock().unwrap().get(&payload).cloned();
        let is_late = payload.contains(&b'*') && plan.is_late.swap(false, Ordering::SeqCst);
        let answer = match saved.filter(|_| is_outdated) {
            Some(saved) => saved,
            None => client.request("forwarded", payload.clone()).await.unwrap().payload,
        };
        if plan.is_saving.load(Ordering::SeqCst) {
            plan.saved.lock().unwrap().insert(payload, answer.clone());
        }
        let delay = if is_late { DELAY } else { Duration::ZERO };
        let client = client.clone();
        tokio::spawn(async move {
            sleep(delay).await;
            client.publish(reply, answer).await.unwrap();
        });
    }
}

/// A server that was suspended answers, but does not have the latest reports.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outdated_list_of_processes_is_not_used() {
    let relay = Relay::start().await;
    let here = relay.connect().await;
    for outdated in 1..4 {
        relay.plan.is_saving.store(true, Ordering::SeqCst);
        here.shared.beat().await.unwrap();
        relay.plan.is_saving.store(false, Ordering::SeqCst);
        let there = relay.connect().await;
        relay.plan.outdated.store(outdated, Ordering::SeqCst);
        here.shared.beat().await.unwrap();
        assert!(here.shared.may_run(Some(there.shared.owner)), "{outdated} outdated answers");
        assert!(!here.shared.may_run(Some(0)));
        relay.plan.outdated.store(0, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_processes_does_not_replace_a_later_one() {
    let relay = Relay::start().await;
    let here = relay.connect().await;
    relay.plan.is_late.store(true, Ordering::SeqCst);
    let late = tokio::spawn({
        let shared = Arc::clone(&here.shared);
        async move { shared.beat().await }
    });
    sleep(DELAY / 2).await;
    let there = relay.connect().await;
    here.shared.beat().await.unwrap();
    late.await.unwrap().unwrap();
    assert!(here.shared.may_run(Some(there.shared.owner)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_report_at_once_store_few_reports() {
    let space = TestSpace::new(TestServer::shared().url(), "reports".into(), 1);
    let mut nats = space.connect().await;
    nats.stop_following();
    let reports = || async {
        let info = nats.shared.jetstream.stream_info(&nats.shared.meta_stream, None).await.unwrap();
        info.state.last_seq
    };
    let before = reports().await;
    let outcomes = join_all((0..50).map(|_| nats.shared.beat())).await;
    assert!(outcomes.iter().all(Result::is_ok));
    // The first call, and one for all others.
    assert_eq!(reports().await - before, 2);
}
