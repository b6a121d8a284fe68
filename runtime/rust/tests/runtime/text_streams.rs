//! Texts that are published piece by piece.

use std::time::Duration;

use fanfare::wire::ServerFrame;
use fanfare::{Channel, Sqlite, TextStreamWriter};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::client::Client;
use crate::bench::definition::{Status, brief, draft, room, said, small, status};
use crate::bench::file::File;
use crate::bench::server::{KEY, Server};

/// One text stream as a client got it.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    text: String,
    chunks: usize,
    error: Option<String>,
    /// The last frame.
    id: String,
}

async fn hear(client: &mut Client) -> Heard {
    let ServerFrame::DatastreamStart { data: stream, topic, .. } = client.frame().await else {
        panic!("expected the start of a stream")
    };
    assert_eq!(topic, "draft");
    let mut heard = Heard::default();
    loop {
        match client.frame().await {
            ServerFrame::Chunk { stream_id, data, .. } if stream_id == stream => {
                heard.text.push_str(&data);
                heard.chunks += 1;
            }
            ServerFrame::DatastreamEnd { data, error, id, .. } if data == stream => {
                return Heard { error, id: id.to_string(), ..heard };
            }
            other => panic!("expected a chunk or the end, got {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_text_arrives_whole_and_pieces_that_come_at_once_together() {
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
    let heard = hear(&mut client).await;
    assert_eq!((heard.text, heard.error, heard.id), (text, None, end.to_string()));
    assert!(heard.chunks < 500, "{} chunks", heard.chunks);
}

#[tokio::test]
async fn a_reader_that_comes_late_gets_the_latest_text_from_its_start() {
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
    assert_eq!(hear(&mut client).await.text, "the second");
    client.silence().await;
}

/// Writes a text in so many pieces that are published one by one, and returns it with its writer.
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
async fn a_reader_that_comes_late_gets_a_text_that_is_longer_and_older_than_history() {
    let server = Server::start().await;
    // Both in turn: more pieces than the history has messages, and pieces that are older than it.
    for channel in [small("1"), brief("1")] {
        let (text, writer) = write_long(&server, &channel, 200).await;
        server.hub.publish(status(&channel), &Status::new("meanwhile")).await.unwrap();
        let mut early = server.subscribe(&channel, &["draft"]).await;
        early.ready().await;
        let ServerFrame::DatastreamStart { .. } = early.frame().await else { panic!("expected the start") };
        let mut heard = String::new();
        let mut last = String::new();
        while heard.len() < text.len() / 2 {
            let ServerFrame::Chunk { data, id, .. } = early.frame().await else { panic!("expected a chunk") };
            heard.push_str(&data);
            last = id.to_string();
        }
        drop(early);
        writer.end().await.unwrap();
        let mut resumed = server.resume(&channel, &["draft"], &last).await;
        resumed.ready().await;
        while let ServerFrame::Chunk { data, .. } = resumed.frame().await {
            heard.push_str(&data);
        }
        assert_eq!(heard, text, "cut off in the middle");
        let mut late = server.subscribe(&channel, &["draft", "status"]).await;
        late.ready().await;
        assert_eq!(hear_beside(&mut late).await.text, text);
    }
}

/// Hears a text among messages of other topics.
async fn hear_beside(client: &mut Client) -> Heard {
    let mut heard = Heard::default();
    loop {
        match client.frame().await {
            ServerFrame::Chunk { data, .. } => heard.text.push_str(&data),
            ServerFrame::DatastreamEnd { error, .. } => return Heard { error, ..heard },
            ServerFrame::DatastreamStart { .. } | ServerFrame::Data { .. } => {}
            other => panic!("expected a text or a message, got {other:?}"),
        }
    }
}

#[tokio::test]
async fn pieces_of_a_text_push_no_other_topic_out_of_history() {
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
    client.silence().await;
}

#[tokio::test]
async fn a_text_that_is_too_long_to_hold_is_told_as_a_gap() {
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
async fn a_text_goes_on_after_a_reconnect_where_it_stopped() {
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
async fn a_writer_that_fails_or_is_dropped_does_not_pass_for_one_that_ended() {
    let server = Server::start().await;
    let channel = room("1");
    let mut client = server.subscribe(&channel, &["draft"]).await;
    client.ready().await;
    let mut writer = server.hub.stream(draft(&channel)).await.unwrap();
    writer.write("half").await.unwrap();
    drop(writer);
    let heard = hear(&mut client).await;
    assert_eq!(
        (heard.text.as_str(), heard.error.as_deref()),
        ("half", Some("the publisher stopped before the end of the text"))
    );
    let writer = server.hub.stream(draft(&channel)).await.unwrap();
    writer.fail("the model is away").await.unwrap();
    assert_eq!(hear(&mut client).await.error.as_deref(), Some("the model is away"));
}

#[tokio::test]
async fn a_body_is_published_as_it_arrives_and_its_characters_are_not_cut() {
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
    let mut heard = String::new();
    while let ServerFrame::Chunk { data, .. } = client.frame().await {
        heard.push_str(&data);
    }
    assert_eq!(heard, text);
}

#[tokio::test]
async fn a_body_that_breaks_off_or_is_no_text_ends_its_stream_with_an_error() {
    let server = Server::start().await;
    let channel = room("1");
    let mut client = server.subscribe(&channel, &["draft"]).await;
    client.ready().await;
    let mut posting = post_stream(&server, "draft").await;
    posting.write_all(b"4\r\nhalf\r\n").await.unwrap();
    drop(posting);
    let heard = hear(&mut client).await;
    assert_eq!(heard.text, "half");
    assert!(heard.error.is_some());
    let mut posting = post_stream(&server, "draft").await;
    posting.write_all(b"2\r\na\xff\r\n").await.unwrap();
    let mut answer = String::new();
    posting.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("not UTF-8"), "{answer}");
    assert_eq!(hear(&mut client).await.error.as_deref(), Some("the text is not UTF-8"));
}

#[tokio::test]
async fn streams_and_payloads_are_refused_where_the_other_is_carried() {
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

/// Starts to post a text stream over HTTP; the body is to follow in HTTP's chunks.
async fn post_stream(server: &Server, topic: &str) -> TcpStream {
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
async fn a_stream_goes_on_after_its_log_was_closed_while_nobody_read_it() {
    let (file, channel) = (File::new(), room("1"));
    let open = || Sqlite::open(file.path()).unwrap();
    let server = Server::start_with(|builder| builder.storage(open()).max_history_bytes(10_000)).await;
    // Another channel needs so much memory that logs that nobody reads are closed within seconds.
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
    let Heard { text, error, .. } = hear(&mut client).await;
    assert_eq!((text.as_str(), error), ("Once upon", None));
}
