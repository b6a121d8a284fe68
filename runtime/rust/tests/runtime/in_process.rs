//! Subscriptions in the process of the hub.

use std::time::{Duration, SystemTime};

use fanfare::wire::ServerFrame;
use fanfare::{
    Cursor, Gap, Hub, ReceiveError, SubscribeError, Subscription, TextPart, TextStreamFailure, Topic,
};
use futures_util::{FutureExt, StreamExt};
use serde_json::json;
use tokio::time::timeout;

use crate::support::client::Client;
use crate::support::definition::{REGISTRY, draft, journal, room, said, small, strict_room};
use crate::support::server::{KEY, Server};

fn hub() -> Hub {
    Hub::builder(&REGISTRY).signing_key(KEY).build().unwrap()
}

/// Asserts that no message arrives for a while.
async fn expect_silence<T: std::fmt::Debug>(subscription: &mut Subscription<T>) {
    let received = timeout(Duration::from_millis(50), subscription.recv()).await;
    assert!(received.is_err(), "{received:?}");
}

#[tokio::test]
async fn retained_messages_come_first_then_new_ones_with_their_envelope() {
    let (hub, channel) = (hub(), room("1"));
    for text in ["1", "2"] {
        hub.publish(journal(&channel), text).await.unwrap();
    }
    hub.publish(said(&channel), "of another topic").await.unwrap();
    let mut lines = hub.subscribe(journal(&channel)).await.unwrap();
    let before = SystemTime::now() - Duration::from_millis(1);
    let id = hub.publish(journal(&channel), "3").run_id("run_7").await.unwrap();
    for text in ["1", "2"] {
        assert_eq!(lines.recv().await.unwrap().data, text);
    }
    let new = lines.recv().await.unwrap();
    assert_eq!((new.id, new.data.as_str(), new.run_id.as_deref()), (id, "3", Some("run_7")));
    assert!(before <= new.published_at && new.published_at <= SystemTime::now());
    assert_eq!(lines.position(), Cursor::After(id));
    expect_silence(&mut lines).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_ends_anywhere_continues_at_its_position() {
    const MESSAGES: usize = 5_000;
    let (hub, channel) = (hub(), room("1"));
    for number in 0..500 {
        hub.publish(journal(&channel), &number.to_string()).await.unwrap();
    }
    // Begins among retained messages.
    let mut lines = hub.subscribe(journal(&channel)).await.unwrap();
    let (publisher, to) = (hub.clone(), channel.clone());
    let publisher = tokio::spawn(async move {
        for number in 500..MESSAGES {
            publisher.publish(journal(&to), &number.to_string()).await.unwrap();
        }
    });
    let mut expected = 0;
    while expected < MESSAGES {
        for _ in 0..(expected * 7 % 30 + 1).min(MESSAGES - expected) {
            assert_eq!(lines.recv().await.unwrap().data, expected.to_string());
            expected += 1;
        }
        let position = lines.position().to_string();
        drop(lines);
        lines = hub.subscribe(journal(&channel)).since(position.parse().unwrap()).await.unwrap();
    }
    publisher.await.unwrap();
    expect_silence(&mut lines).await;
}

/// Returns what a subscriber receives in this process, as a client on a socket would see it.
async fn receive(subscription: &mut Subscription<String>) -> Result<String, Gap> {
    match timeout(Duration::from_secs(20), subscription.recv()).await.expect("nothing came") {
        Ok(message) => Ok(message.data),
        Err(ReceiveError::Gap(gap)) => Err(gap),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_subscriber_receives_the_same_as_a_client_on_a_socket_from_every_cursor() {
    let server = Server::start().await;
    let channel = small("1");
    let mut cursors = vec![Cursor::Now, Cursor::Start];
    for number in 0..12 {
        let topic = if number % 3 == 0 { journal(&channel) } else { said(&channel) };
        cursors.push(Cursor::After(server.hub.publish(topic, &number.to_string()).await.unwrap()));
    }
    for (name, topic) in [("said", said(&channel)), ("journal", journal(&channel))] {
        for cursor in &cursors {
            let mut here = server.hub.subscribe(topic).since(*cursor).await.unwrap();
            let mut there = server.resume(&channel, &[name], &cursor.to_string()).await;
            assert_eq!(there.ready().await, here.position().to_string(), "{name} {cursor}");
            let last = format!("last of {cursor}");
            server.hub.publish(topic, &last).await.unwrap();
            loop {
                let expected = match there.frame().await {
                    ServerFrame::Data { data, .. } => Ok(data.as_str().unwrap().to_owned()),
                    ServerFrame::Gap { after, before, .. } => Err(Gap { after, before }),
                    other => panic!("{other:?}"),
                };
                assert_eq!(receive(&mut here).await, expected, "{name} {cursor}");
                if expected.is_ok_and(|text| text == last) {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_slow_subscriber_receives_a_gap_and_continues() {
    let (hub, channel) = (hub(), small("1"));
    let mut slow = hub.subscribe(said(&channel)).await.unwrap();
    let text = "x".repeat(500_000);
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.push(hub.publish(said(&channel), &text).await.unwrap());
    }
    let Err(ReceiveError::Gap(Gap { before, .. })) = slow.recv().await else { panic!("no gap") };
    let left: Vec<_> = ids.into_iter().filter(|id| *id >= before).collect();
    assert!((5..12).contains(&left.len()), "{}", left.len());
    for id in left {
        assert_eq!(slow.recv().await.unwrap().id, id);
    }
    expect_silence(&mut slow).await;
}

#[tokio::test]
async fn parts_of_text_streams_that_are_written_at_once_are_told_apart() {
    let (hub, channel) = (hub(), room("1"));
    let mut parts = hub.subscribe(draft(&channel)).await.unwrap();
    let mut first = hub.stream(draft(&channel)).await.unwrap();
    let mut second = hub.stream(draft(&channel)).await.unwrap();
    first.write("a").await.unwrap();
    second.write("b").await.unwrap();
    second.end().await.unwrap();
    drop(first);
    let mut texts: Vec<(String, String, Option<TextStreamFailure>)> = Vec::new();
    let mut open = 0;
    loop {
        match parts.recv().await.unwrap().data {
            TextPart::Start { stream_id } => {
                texts.push((stream_id, String::new(), None));
                open += 1;
            }
            TextPart::Chunk { stream_id, text } => {
                texts.iter_mut().find(|(id, ..)| *id == stream_id).unwrap().1 += &text
            }
            TextPart::End { .. } => open -= 1,
            TextPart::Failed { stream_id, error } => {
                texts.iter_mut().find(|(id, ..)| *id == stream_id).unwrap().2 = Some(error.failure);
                open -= 1;
            }
            other => panic!("{other:?}"),
        }
        if open == 0 && texts.len() == 2 {
            break;
        }
    }
    assert_eq!((texts[0].1.as_str(), texts[0].2), ("a", Some(TextStreamFailure::Failed)));
    assert_eq!((texts[1].1.as_str(), texts[1].2), ("b", None));
}

#[tokio::test]
async fn a_whole_text_is_received_at_once_or_fails() {
    let (hub, channel) = (hub(), room("1"));
    let mut writer = hub.stream(draft(&channel)).await.unwrap();
    writer.write("Once ").await.unwrap();
    writer.write("upon").await.unwrap();
    writer.end().await.unwrap();
    let mut texts = hub.subscribe(draft(&channel)).await.unwrap();
    assert_eq!(texts.recv_text().await.unwrap(), "Once upon");
    hub.stream(draft(&channel)).await.unwrap().fail("out of words").await.unwrap();
    let Err(ReceiveError::IncompleteText(error)) = texts.recv_text().await else {
        panic!("it is incomplete")
    };
    assert_eq!((error.failure, error.message.as_str()), (TextStreamFailure::Failed, "out of words"));
}

#[tokio::test]
async fn a_topic_of_another_type_or_definition_is_an_error() {
    let (_, channel) = strict_room("1");
    let wrong: Topic<'_, bool> = channel.topic(0);
    let hub = Hub::builder(strict_room("1").0).signing_key(KEY).build().unwrap();
    let mut booleans = hub.subscribe(wrong).await.unwrap();
    hub.publish(said(&channel), "a text").await.unwrap();
    assert!(matches!(booleans.recv().await, Err(ReceiveError::Shape(_))));
    assert_eq!(
        hub.subscribe(said(&room("1"))).await.map(drop),
        Err(SubscribeError::UnknownChannel { channel: "room:1".into() }),
        "the channel has another definition"
    );
}

#[tokio::test]
async fn a_subscription_receives_what_is_left_when_the_hub_shuts_down_and_ends() {
    let (hub, channel) = (hub(), room("1"));
    let mut first = hub.subscribe(said(&channel)).await.unwrap();
    let mut second = hub.subscribe(said(&channel)).await.unwrap();
    let waiting = tokio::spawn(async move { second.recv().await });
    tokio::task::yield_now().await;
    hub.publish(said(&channel), "the last").await.unwrap();
    hub.shutdown().await;
    assert_eq!(waiting.await.unwrap().unwrap().data, "the last");
    assert_eq!(first.next().await.unwrap().unwrap().data, "the last");
    assert!(first.next().await.is_none());
    assert_eq!(first.recv().await, Err(ReceiveError::Closed));
    assert_eq!(hub.subscribe(said(&channel)).await.map(drop), Err(SubscribeError::Closed));
}

#[tokio::test]
async fn a_subscription_does_not_keep_its_hub_open() {
    let (hub, channel) = (hub(), room("1"));
    let mut subscription = hub.subscribe(said(&channel)).await.unwrap();
    let reading = tokio::spawn(async move { subscription.recv().await });
    tokio::task::yield_now().await;
    drop(hub);
    assert_eq!(timeout(Duration::from_secs(20), reading).await.unwrap().unwrap(), Err(ReceiveError::Closed));
}

#[tokio::test]
async fn a_receive_that_is_dropped_loses_nothing() {
    let (hub, channel) = (hub(), room("1"));
    let mut subscription = hub.subscribe(said(&channel)).await.unwrap();
    for number in 0..100 {
        assert!(subscription.recv().now_or_never().is_none(), "{number}");
        let id = hub.publish(said(&channel), "x").await.unwrap();
        assert_eq!(subscription.recv().await.unwrap().id, id);
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_history_that_is_replaced_gives_a_gap_and_continues() {
    use crate::support::file::File;
    let (file, channel) = (File::new(), room("1"));
    let server = file.server().await;
    let first = server.hub.publish(said(&channel), "old").await.unwrap();
    let mut subscription = server.hub.subscribe(said(&channel)).since(Cursor::After(first)).await.unwrap();
    let mut client = server.resume(&channel, &["said"], &first.to_string()).await;
    client.ready().await;
    let connection = rusqlite::Connection::open(file.path()).unwrap();
    connection.execute("UPDATE channels SET life = 0", []).unwrap();
    let new = server.hub.publish(said(&channel), "new").await.unwrap();
    let Err(ReceiveError::Gap(Gap { after, .. })) = subscription.recv().await else { panic!("no gap") };
    assert_eq!(after, first);
    assert_eq!(subscription.recv().await.unwrap().id, new);
    server.hub.publish(said(&channel), "more").await.unwrap();
    assert_eq!(subscription.recv().await.unwrap().data, "more");
    expect_silence(&mut subscription).await;
    assert_eq!(client.close_code().await, 1011);
}

#[tokio::test]
async fn subscribers_in_the_process_and_on_sockets_share_the_log() {
    let server = Server::start().await;
    let channel = room("1");
    let mut here = server.hub.subscribe(said(&channel)).await.unwrap();
    let mut there = Client::connect(&server, &server.token(&channel, &["said"]), None).await.unwrap();
    there.ready().await;
    for number in 0..1_000 {
        server.hub.publish(said(&channel), &number.to_string()).await.unwrap();
    }
    for number in 0..1_000 {
        let (id, data) = there.id_and_data().await;
        assert_eq!(data, json!(number.to_string()));
        let message = here.recv().await.unwrap();
        assert_eq!((message.id.to_string(), message.data), (id, number.to_string()));
    }
}
