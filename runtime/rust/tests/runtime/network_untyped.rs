//! The client without generated code, and tokens that are signed without a hub.

use std::time::Duration;

use fanfare::Cursor;
use fanfare::client::{
    Client, ClientError, FrameEvent, Frames, SignerError, TokenAccess, TokenContents, TokenRequest,
    TokenSigner, UnverifiedToken,
};
use fanfare::wire::ServerFrame;
use tokio::time::timeout;

use crate::support::definition::{journal, room, said};
use crate::support::network::{PATIENCE, Proxy, client};
use crate::support::server::{KEY, Server};

async fn next(frames: &mut Frames) -> FrameEvent {
    timeout(PATIENCE, frames.recv()).await.expect("an event in time").expect("no refusal")
}

/// Waits for the payload of the next message.
async fn payload(frames: &mut Frames) -> serde_json::Value {
    loop {
        if let FrameEvent::Frame(ServerFrame::Data { data, .. }) = next(frames).await {
            return data;
        }
    }
}

#[tokio::test]
async fn frames_of_several_topics_arrive_once_across_a_lost_connection() {
    let server = Server::start().await;
    let proxy = Proxy::start(server.address).await;
    let channel = room("1");
    server.hub.publish(said(&channel), "a").await.unwrap();
    let client = client(proxy.address);
    let mut frames = client.frames("room:1").topics(["said", "journal"]).since(Cursor::Start).open();
    assert!(matches!(next(&mut frames).await, FrameEvent::Frame(ServerFrame::Ready { .. })));
    assert_eq!(payload(&mut frames).await, "a");
    assert!(matches!(next(&mut frames).await, FrameEvent::Frame(ServerFrame::CaughtUp { .. })));
    proxy.cut();
    server.hub.publish(journal(&channel), "b").await.unwrap();
    server.hub.publish(said(&channel), "c").await.unwrap();
    assert!(matches!(next(&mut frames).await, FrameEvent::Interrupted(_)));
    assert_eq!((payload(&mut frames).await, payload(&mut frames).await), ("b".into(), "c".into()));
}

#[tokio::test]
async fn requests_reach_any_route_and_refusals_have_details() {
    let server = Server::start_with(|builder| builder.admin_routes(true)).await;
    let client = client(server.address);
    let publish = |payload: &str| {
        let access = TokenAccess::Publish { topic: "said".into() };
        let request = client.post("publish", TokenRequest::new("room:1", access));
        request.query("channel", "room:1").query("topic", "said").idempotency_key("k").body(payload)
    };
    let published = publish("\"a\"").await.unwrap();
    assert_eq!(publish("\"a\"").await.unwrap(), published);
    let history =
        client.get("admin/history", TokenRequest::admin()).query("channel", "room:1").await.unwrap();
    assert_eq!(history["items"][0]["id"], published["id"]);

    let access = TokenAccess::Signal { signal: "nod".into() };
    let signal = client.post("signal", TokenRequest::new("room:1", access));
    let refused = signal.query("channel", "room:1").query("name", "nod").body("[7]").await.unwrap_err();
    let ClientError::Refused { status: Some(422), data: Some(data), .. } = refused else {
        panic!("{refused:?}")
    };
    assert!(data["issues"][0]["message"].is_string(), "{data}");
}

#[tokio::test]
async fn a_server_accepts_tokens_that_are_signed_without_it() {
    let server = Server::start().await;
    let signer = TokenSigner::new(KEY).unwrap();
    let topics = vec![("room:1".to_owned(), "said".to_owned())];
    let contents = TokenContents { topics, subject: Some("ada".into()), ..TokenContents::default() };
    let token = signer.sign(contents).unwrap();
    assert_eq!(signer.verify(&token), Ok(()));
    assert_eq!(UnverifiedToken::read(&token).unwrap().claims["sub"], "ada");
    let (url, given) = (format!("http://{}", server.address), token.clone());
    let client = Client::new(url).token(move |_| std::future::ready(Ok::<_, ClientError>(given.clone())));
    let mut frames = client.frames("room:1").open();
    assert!(matches!(next(&mut frames).await, FrameEvent::Frame(ServerFrame::Ready { .. })));

    let other = TokenSigner::new(&KEY.replace('0', "1")).unwrap();
    assert!(matches!(other.verify(&token), Err(SignerError::Invalid(_))));
    assert_eq!(TokenSigner::new("short").unwrap_err(), SignerError::WeakKey);
    let too_long =
        TokenContents { admin: true, lifetime: Duration::from_secs(90_000), ..TokenContents::default() };
    assert!(signer.sign(too_long).is_err() && signer.sign(TokenContents::default()).is_err());
}
