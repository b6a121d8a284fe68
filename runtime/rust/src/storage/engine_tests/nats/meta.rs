//! Tests of the stream of the processes and the revocations.

use fanfare_test_servers::nats::TestServer;
use futures_util::future::join_all;

use super::super::super::nats::tests::TestSpace;
use super::super::process::{Process, wait_until};

fn knows(process: &Process, token: &str) -> bool {
    process.revoked.lock().unwrap().iter().any(|known| known == token)
}

/// A server without replicas continues from an older copy of its files.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocations_that_a_stream_lost_are_stored_again() {
    let mut server = TestServer::start();
    let space = TestSpace::new(server.url(), "revoked".into(), 1);
    let processes = [Process::new(space.connect().await), Process::new(space.connect().await)];
    processes[0].engine.revoke("kept").await.unwrap();
    server.back_up();
    let lost: Vec<String> = (0..50).map(|number| format!("lost-{number}")).collect();
    join_all(lost.iter().map(|token| processes[0].engine.revoke(token))).await;
    wait_until(|| processes.iter().all(|process| lost.iter().all(|token| knows(process, token)))).await;
    server.restore();
    for token in &lost {
        space.wait_until_revoked(token).await;
    }
    let late = Process::new(space.connect().await);
    assert!(knows(&late, "kept") && lost.iter().all(|token| knows(&late, token)));
    late.engine.revoke("new").await.unwrap();
    wait_until(|| processes.iter().all(|process| knows(process, "new"))).await;
}
