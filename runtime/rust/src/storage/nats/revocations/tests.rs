//! Tests with streams that have lost messages.

use std::collections::BTreeSet;

use fanfare_test_servers::nats::TestServer;
use futures_util::future::join_all;
use tokio::time::sleep;

use super::super::tests::TestSpace;
use super::*;
use crate::storage::nats::{Messages, Nats};

/// Reports until the restored server answers.
async fn beat(nats: &Nats) {
    for _ in 0..100 {
        if nats.shared.beat().await.is_ok() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the server does not answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocations_are_read_although_a_stream_assigns_sequences_again() {
    let mut server = TestServer::start();
    let space = TestSpace::new(server.url(), "again".into(), 1);
    let (mut here, there) = (space.connect().await, space.connect().await);
    here.stop_following();
    server.back_up();
    join_all((0..50).map(|number| there.revoke(&format!("lost-{number}")))).await;
    assert_eq!(here.shared.read_revoked().await.unwrap().len(), 50);
    drop(there);
    server.restore();
    space.connect().await.revoke("new").await.unwrap();
    beat(&here).await;
    let revoked = here.shared.read_revoked().await.unwrap();
    assert_eq!(revoked.iter().map(|(id, _)| &**id).collect::<Vec<_>>(), ["new"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_revocations_are_stored_again_after_another_process_took_their_sequences() {
    for count in [1, 2, 600] {
        let mut server = TestServer::start();
        let space = TestSpace::new(server.url(), "taken".into(), 1);
        let mut here = space.connect().await;
        here.stop_following();
        here.revoke("kept").await.unwrap();
        server.back_up();
        let lost: Vec<_> = (0..count).map(|number| format!("lost-{number}")).collect();
        for outcome in join_all(lost.iter().map(|id| here.revoke(id))).await {
            outcome.unwrap();
        }
        assert_eq!(here.shared.read_revoked().await.unwrap().len(), count + 1);
        server.restore();
        let mut there = space.connect().await;
        there.stop_following();
        there.revoke("new").await.unwrap();
        beat(&there).await;
        beat(&here).await;
        for _ in 0..2 {
            here.shared.restore_revoked().await.unwrap();
            here.shared.read_revoked().await.unwrap();
        }
        assert!(!here.shared.lock_revoked().has_lost, "the loss of {count} is noticed once");
        let later = space.connect().await;
        let revoked: BTreeSet<_> = later.revoked.iter().map(|(id, _)| &**id).collect();
        assert_eq!(revoked, lost.iter().map(|id| &**id).chain(["kept", "new"]).collect());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_that_stays_missing_is_stored_again() {
    let space = TestSpace::new(TestServer::shared().url(), "missing".into(), 1);
    let mut nats = space.connect().await;
    nats.stop_following();
    for id in ["kept", "deleted"] {
        nats.revoke(id).await.unwrap();
    }
    assert_eq!(nats.shared.read_revoked().await.unwrap().len(), 2);
    let (stream, latest) = (nats.shared.meta_stream.clone(), nats.shared.lock_revoked().latest);
    let subject = format!("$JS.API.STREAM.MSG.DELETE.{stream}");
    let request = json!({ "seq": latest }).to_string();
    nats.shared.jetstream.client.request(subject, request.into()).await.unwrap();
    nats.shared.read_revoked().await.unwrap();
    assert!(!nats.shared.lock_revoked().has_lost, "the server may not have had it yet");
    sleep(MAX_LAG + Duration::from_millis(100)).await;
    nats.shared.read_revoked().await.unwrap();
    nats.shared.restore_revoked().await.unwrap();
    let later = space.connect().await;
    assert_eq!(later.revoked.iter().map(|(id, _)| &**id).collect::<Vec<_>>(), ["kept", "deleted"]);
}

/// The clock of this machine was set back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recreated_stream_assigns_greater_sequences_than_before() {
    let space = TestSpace::new(TestServer::shared().url(), "set-back".into(), 1);
    let mut nats = space.connect().await;
    nats.stop_following();
    let last = nats.shared.last_meta_sequence() * 2;
    nats.shared.lock_revoked().last = last;
    space.delete_streams().await;
    nats.shared.recreate_meta().await.unwrap();
    let info = nats.shared.jetstream.stream_info(&nats.shared.meta_stream, None).await.unwrap();
    assert_eq!(info.state.first_seq, last + 1);
}
