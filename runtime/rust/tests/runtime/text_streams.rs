//! Text streams.

use std::time::Duration;

use fanfare::wire::ServerFrame;
use fanfare::{Channel, Sqlite, TextStreamWriter};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::Client;
use crate::support::definition::{Status, brief, draft, room, said, small, status};
use crate::support::file::File;
use crate::support::server::{KEY, Server};

/// A text stream as a client received it.
#[derive(Debug, Default, PartialEq)]
struct ReceivedStream {
    text: String,
    chunks: usize,
    error: Option<String>,
    /// The last frame.
    id: String,
}

async fn receive_stream(client: &mut Client) -> ReceivedStream {
    let ServerFrame::DatastreamStart { data: stream, topic, .. } = client.frame().await else {
        panic!("expected the start of a stream")
    };
    assert_eq!(topic, "draft");
    let mut received = ReceivedStream::default();
    loop {
        match client.frame().await {
            ServerFrame::Chunk { stream_id, data, .. } if stream_id == stream => {
                received.text.push_str(&data);
                received.chunks += 1;
            }
            ServerFrame::DatastreamEnd { data, error, id, .. } if data == stream => {
                return ReceivedStream { error, id: id.to_string(), ..received };
            }
            other => panic!("expected a chunk or the end, got {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_text_stream_arrives_whole_with_chunks_joined() {
    let server = Server::start().await;
    let channel = room("1");
    let mut client = server.subscribe(&channel, &["draft"]).await;
    client.ready().await;
    let mut writer = server.hub.stream(draft(&channel)).run_id("run_1").await.unwrap();
    let mut text = String::new();
    for number in 0..2000 {
        let piece = format!("{number} é😀 ");
        writer.write(&piece).await.unwrap();
        text.push_str(&piece);
    }
    let end = writer.end().await.unwrap();
    let received = receive_stream(&mut client).await;
    assert_eq!((received.text, received.error, received.id), (text, None, end.to_string()));
    assert!(received.chunks < 500, "{} chunks", received.chunks);
}

#[tokio::test]
async fn a_late_reader_receives_the_latest_text_stream_from_its_start() {
    let server = Server::start().await;
    let channel = room("1");
    for text in ["the first", "the second"] {
        let mut writer = server.hub.stream(draft(&channel)).await.unwrap();
        writer.write(text).await.unwrap();
        writer.end().await.unwrap();
        server.hub.publish(said(&channel), "between").await.unwrap();
    }
    let mut client = server.subscribe(&channel, &["draft"]).await;
    client.ready().await;
    assert_eq!(receive_stream(&mut client).await.text, "the second");
    client.expect_silence().await;
}

/// Writes a text in this many chunks, published one by one, and returns it with its writer.
pub(crate) async fn write_long(
    server: &Server,
    channel: &Channel,
    pieces: u32,
) -> (String, TextStreamWriter) {
    let mut writer = server.hub.stream(draft(channel)).await.unwrap();
    let mut text = String::new();
    for number in 0..pieces {
        let piece = format!("{number} \"é😀\" ");
        writer.write(&piece).await.unwrap();
        text.push_str(&piece);
        tokio::time::sleep(Duration::from_millis(6)).await;
    }
    (text, writer)
}

#[tokio::test]
async fn a_late_reader_receives_a_text_stream_longer_and_older_than_history() {
    let server = Server::start().await;
    // First more chunks than the history has messages, then chunks that are older than the history.
    for channel in [small("1"), brief("1")] {
        let (text, writer) = write_long(&server, &channel, 200).await;
        server.hub.publish(status(&channel), &Status::new("meanwhile")).await.unwrap();
        let mut early = server.subscribe(&channel, &["draft"]).await;
        early.ready().await;
        let ServerFrame::DatastreamStart { .. } = early.frame().await else { panic!("expected the start") };
        let mut received = String::new();
        let mut last = String::new();
        while received.len() < text.len() / 2 {
            let ServerFrame::Chunk { data, id, .. } = early.frame().await else { panic!("expected a chunk") };
            received.push_str(&data);
            last = id.to_string();
        }
        drop(early);
        writer.end().await.unwrap();
        let mut resumed = server.resume(&channel, &["draft"], &last).await;
        resumed.ready().await;
        while let ServerFrame::Chunk { data, .. } = resumed.frame().await {
            received.push_str(&data);
        }
        assert_eq!(received, text, "cut off in the middle");
        let mut late = server.subscribe(&channel, &["draft", "status"]).await;
        late.ready().await;
        assert_eq!(receive_stream_among_others(&mut late).await.text, text);
    }
}

/// Reads a text stream among messages of other topics.
async fn receive_stream_among_others(client: &mut Client) -> ReceivedStream {
    let mut received = ReceivedStream::default();
    loop {
        match client.frame().await {
            ServerFrame::Chunk { data, .. } => received.text.push_str(&data),
            ServerFrame::DatastreamEnd { error, .. } => return ReceivedStream { error, ..received },
            ServerFrame::DatastreamStart { .. } | ServerFrame::Data { .. } => {}
            other => panic!("expected a text or a message, got {other:?}"),
        }
    }
}

#[tokio::test]
async fn chunks_of_a_text_stream_evict_no_other_topic_from_history() {
    let server = Server::start().await;
    let channel = small("1");
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(server.hub.publish(said(&channel), &number.to_string()).await.unwrap().to_string());
    }
    let (_, writer) = write_long(&server, &channel, 200).await;
    writer.end().await.unwrap();
    let mut client = server.resume(&channel, &["said"], &ids[0]).await;
    client.ready().await;
    for number in 1..4 {
        assert_eq!(client.data().await, number.to_string());
    }
    client.expect_silence().await;
}

#[tokio::test]
async fn a_text_stream_that_is_too_long_to_keep_gives_a_gap() {
    let server = Server::start_with(|builder| builder.max_stream_bytes(1000)).await;
    let channel = brief("1");
    let (_, writer) = write_long(&server, &channel, 200).await;
    writer.end().await.unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    server.hub.publish(said(&channel), "later").await.unwrap();
    let mut client = server.subscribe(&channel, &["draft"]).await;
    client.ready().await;
    client.gap().await;
}

#[tokio::test]
async fn a_text_stream_continues_after_a_reconnect() {
    let server = Server::start().await;
    let channel = room("1");
    let mut client = server.subscribe(&channel, &["draft"]).await;
    client.ready().await;
    let mut writer = server.hub.stream(draft(&channel)).await.unwrap();
    writer.write("one ").await.unwrap();
    assert!(matches!(client.frame().await, ServerFrame::DatastreamStart { .. }));
    let ServerFrame::Chunk { data, id, .. } = client.frame().await else { panic!("expected a chunk") };
    assert_eq!(data, "one ");
    drop(client);
    writer.write("two").await.unwrap();
    writer.end().await.unwrap();
    let mut client = server.resume(&channel, &["draft"], &id.to_string()).await;
    client.ready().await;
    assert!(matches!(client.frame().await, ServerFrame::Chunk { data, .. } if data == "two"));
    assert!(matches!(client.frame().await, ServerFrame::DatastreamEnd { error: None, .. }));
}

#[tokio::test]
async fn a_writer_that_fails_or_is_dropped_ends_its_stream_with_an_error() {
    let server = Server::start().await;
    let channel = room("1");
    let mut client = server.subscribe(&channel, &["draft"]).await;
    client.ready().await;
    let mut writer = server.hub.stream(draft(&channel)).await.unwrap();
    writer.write("half").await.unwrap();
    drop(writer);
    let received = receive_stream(&mut client).await;
    assert_eq!(
        (received.text.as_str(), received.error.as_deref()),
        ("half", Some("the publisher stopped before the end of the text"))
    );
    let writer = server.hub.stream(draft(&channel)).await.unwrap();
    writer.fail("the model is away").await.unwrap();
    assert_eq!(receive_stream(&mut client).await.error.as_deref(), Some("the model is away"));
}

#[tokio::test]
async fn a_body_is_published_as_it_arrives_without_splitting_characters() {
    let server = Server::start().await;
    let channel = room("1");
    let mut client = server.subscribe(&channel, &["draft"]).await;
    client.ready().await;
    let mut posting = post_stream(&server, "draft").await;
    let text = "a😀é€ ".repeat(50);
    for piece in text.as_bytes().chunks(3) {
        posting.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.unwrap();
        posting.write_all(piece).await.unwrap();
        posting.write_all(b"\r\n").await.unwrap();
    }
    assert!(matches!(client.frame().await, ServerFrame::DatastreamStart { .. }), "before the body has ended");
    posting.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    posting.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"id\""), "{answer}");
    let mut received = String::new();
    while let ServerFrame::Chunk { data, .. } = client.frame().await {
        received.push_str(&data);
    }
    assert_eq!(received, text);
}

#[tokio::test]
async fn a_body_that_breaks_off_or_is_not_utf8_ends_its_stream_with_an_error() {
    let server = Server::start().await;
    let channel = room("1");
    let mut client = server.subscribe(&channel, &["draft"]).await;
    client.ready().await;
    let mut posting = post_stream(&server, "draft").await;
    posting.write_all(b"4\r\nhalf\r\n").await.unwrap();
    drop(posting);
    let received = receive_stream(&mut client).await;
    assert_eq!(received.text, "half");
    assert!(received.error.is_some());
    let mut posting = post_stream(&server, "draft").await;
    posting.write_all(b"2\r\na\xff\r\n").await.unwrap();
    let mut answer = String::new();
    posting.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("not UTF-8"), "{answer}");
    assert_eq!(receive_stream(&mut client).await.error.as_deref(), Some("the text is not UTF-8"));
}

#[tokio::test]
async fn text_streams_and_payloads_are_rejected_on_topics_of_the_other_kind() {
    let server = Server::start().await;
    let mut posting = post_stream(&server, "said").await;
    let mut answer = String::new();
    posting.write_all(b"0\r\n\r\n").await.unwrap();
    posting.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 415") && answer.contains("carries payloads"), "{answer}");
    let refused = server.publish("room:1", "draft", b"\"text\"").await;
    assert_eq!(refused.status, 415);
    assert!(refused.error().contains("carries text streams"), "{}", refused.error());
}

/// Starts to post a text stream over HTTP. The body follows in chunks.
pub(crate) async fn post_stream(server: &Server, topic: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /v1/realtime/publish?channel=room:1&topic={topic} HTTP/1.1\r\nhost: test\r\n\
         authorization: Bearer {KEY}\r\ncontent-type: text/stream\r\nconnection: close\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_text_stream_continues_after_its_log_was_unloaded() {
    let (file, channel) = (File::new(), room("1"));
    let open = || Sqlite::open(file.path()).unwrap();
    let server = Server::start_with(|builder| builder.storage(open()).max_history_bytes(10_000)).await;
    // Another channel uses so much memory that logs without readers are unloaded within seconds.
    let other = room("2");
    let _reader = server.subscribe(&other, &["said"]).await;
    server.hub.publish(said(&other), &"x".repeat(8900)).await.unwrap();
    let mut writer = server.hub.stream(draft(&channel)).await.unwrap();
    writer.write("Once ").await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    writer.write("upon").await.unwrap();
    writer.end().await.unwrap();
    drop(server);
    let server = file.server().await;
    let mut client = server.subscribe(&channel, &["draft"]).await;
    client.ready().await;
    let ReceivedStream { text, error, .. } = receive_stream(&mut client).await;
    assert_eq!((text.as_str(), error), ("Once upon", None));
}
