//! Positions of channels, from which a subscriber continues a snapshot of the application's data.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fanfare::{Channel, ChannelDefinition, Cursor, Hub, SubscribeError};
use tokio::time::timeout;

use crate::support::definition::{REGISTRY, room, said};
#[cfg(feature = "sqlite")]
use crate::support::file::File;
use crate::support::server::KEY;

fn hub() -> Hub {
    Hub::builder(&REGISTRY).signing_key(KEY).build().unwrap()
}

#[tokio::test]
async fn a_position_is_the_text_from_which_everything_later_is_received() {
    let (hub, channel) = (hub(), room("1"));
    for round in 0..3 {
        let text = serde_json::to_value(hub.position(&channel).await.unwrap()).unwrap();
        let since = text.as_str().unwrap().parse().unwrap();
        let mut lines = hub.subscribe(said(&channel)).since(since).await.unwrap();
        assert_eq!(lines.try_recv(), None, "nothing from before the position");
        let id = hub.publish(said(&channel), &round.to_string()).await.unwrap();
        assert_eq!(lines.recv().await.unwrap().data, round.to_string());
        assert_eq!(hub.position(&channel).await.unwrap(), Cursor::After(id));
    }
}

#[tokio::test]
async fn a_channel_that_the_hub_does_not_have_and_a_closed_hub_have_no_position() {
    static OTHER: ChannelDefinition = ChannelDefinition { name: "other", ..ChannelDefinition::EMPTY };
    let (hub, other) = (hub(), Channel::without_params(&OTHER));
    let unknown = SubscribeError::UnknownChannel { channel: other.name().to_owned() };
    assert_eq!(hub.position(&other).await, Err(unknown));
    hub.shutdown().await;
    assert_eq!(hub.position(&room("1")).await, Err(SubscribeError::Closed));
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_position_includes_what_another_server_has_appended() {
    let (file, channel) = (File::new(), room("1"));
    let [here, there] = [file.server().await, file.server().await];
    let empty = here.hub.position(&channel).await.unwrap();
    assert_eq!(there.hub.position(&channel).await.unwrap(), empty);
    for round in 0..20 {
        // At once, so that `here` may not have read yet what `there` appended.
        let id = there.hub.publish(said(&channel), &round.to_string()).await.unwrap();
        assert_eq!(here.hub.position(&channel).await.unwrap(), Cursor::After(id));
    }
    let mut lines = there.hub.subscribe(said(&channel)).since(empty).await.unwrap();
    for round in 0..20 {
        assert_eq!(lines.recv().await.unwrap().data, round.to_string());
    }
}

/// The application's rows: counters, by their keys.
type Rows = Arc<Mutex<BTreeMap<usize, u32>>>;

/// Counts up, each time committing the row before the message about it is published.
async fn write(hub: Hub, channel: Channel, rows: Rows, key: usize, changes: u32) {
    for version in 1..=changes {
        rows.lock().unwrap().insert(key, version);
        if version % 3 == 0 {
            tokio::task::yield_now().await;
        }
        hub.publish(said(&channel), &format!("{key} {version}")).await.unwrap();
    }
}

/// Follows the rows from a snapshot until all have their last version. Returns how many changes were in the snapshot and
/// arrived as messages, too.
async fn follow(hub: Hub, channel: Channel, rows: Rows, changes: u32) -> usize {
    let position = hub.position(&channel).await.unwrap();
    let mut state = rows.lock().unwrap().clone();
    let mut lines = hub.subscribe(said(&channel)).since(position).await.unwrap();
    let mut repeated = 0;
    while state.len() < WRITERS || state.values().any(|version| *version < changes) {
        let message = lines.recv().await.unwrap().data;
        let (key, version) = message.split_once(' ').unwrap();
        let (key, version): (usize, u32) = (key.parse().unwrap(), version.parse().unwrap());
        let current = state.entry(key).or_default();
        if version <= *current {
            repeated += 1;
            continue;
        }
        assert_eq!(version, *current + 1, "a change of row {key} is missing");
        *current = version;
    }
    repeated
}

const WRITERS: usize = 4;

/// Writes through one hub, and follows from many snapshots through another.
async fn expect_complete(writing: &Hub, reading: &Hub) {
    const CHANGES: u32 = 500;
    let (channel, rows) = (room("1"), Rows::default());
    let writers: Vec<_> = (0..WRITERS)
        .map(|key| tokio::spawn(write(writing.clone(), channel.clone(), rows.clone(), key, CHANGES)))
        .collect();
    let mut followers = Vec::new();
    // Each follower slows the writers down.
    while followers.len() < 200 && !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        followers.push(tokio::spawn(follow(reading.clone(), channel.clone(), rows.clone(), CHANGES)));
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    let mut repeated = 0;
    for follower in followers {
        repeated += timeout(Duration::from_secs(60), follower).await.unwrap().unwrap();
    }
    println!("{repeated} changes were in a snapshot and in a message");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_are_read_after_the_position_miss_no_change() {
    let hub = hub();
    expect_complete(&hub, &hub).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_another_server_changes_miss_no_change() {
    let file = File::new();
    let [here, there] = [file.server().await, file.server().await];
    expect_complete(&there.hub, &here.hub).await;
}
