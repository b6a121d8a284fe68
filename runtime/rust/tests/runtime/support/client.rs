//! A WebSocket client that exposes every frame.

use std::collections::VecDeque;
use std::time::Duration;

use fanfare::wire::{ServerFrame, read_server_frames};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::server::Server;

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    /// Frames that arrived in one batch and were not returned yet.
    waiting: VecDeque<(Option<String>, ServerFrame)>,
    /// How many frames each text contained.
    pub(crate) batches: Vec<usize>,
    pub(crate) subprotocol: Option<String>,
    /// Whether `expiring` frames are returned.
    pub(crate) sees_expiring: bool,
    /// Whether `caught-up` frames are returned.
    pub(crate) sees_caught_up: bool,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Client {
    pub(crate) async fn connect(
        server: &Server,
        token: &str,
        since: Option<&Value>,
    ) -> Result<Self, Refusal> {
        let query = since.map_or(String::new(), |since| format!("?since={}", encode(&since.to_string())));
        Self::open(server, &query, Some(&format!("fanfare.v1, bearer.{token}"))).await
    }

    pub(crate) async fn connect_guest(server: &Server, token: &str) -> Result<Self, Refusal> {
        Self::open(server, &format!("?token={token}"), None).await
    }

    pub(crate) async fn open(server: &Server, query: &str, protocols: Option<&str>) -> Result<Self, Refusal> {
        let stream = TcpStream::connect(server.address).await.unwrap();
        Self::open_on(stream, query, protocols).await
    }

    /// Opens a connection as a page of an origin does, with a cookie.
    pub(crate) async fn open_page(server: &Server, origin: &str, cookie: &str) -> Result<Self, Refusal> {
        let stream = TcpStream::connect(server.address).await.unwrap();
        Self::open_with(stream, "", Some("fanfare.v1"), &[("origin", origin), ("cookie", cookie)]).await
    }

    pub(crate) async fn open_on(
        stream: TcpStream,
        query: &str,
        protocols: Option<&str>,
    ) -> Result<Self, Refusal> {
        Self::open_with(stream, query, protocols, &[]).await
    }

    async fn open_with(
        stream: TcpStream,
        query: &str,
        protocols: Option<&str>,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Refusal> {
        let mut request = format!("ws://test/v1/realtime/connect{query}").into_client_request().unwrap();
        if let Some(protocols) = protocols {
            request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
        }
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match client_async(request, stream).await {
            Ok((socket, answer)) => {
                let chosen = answer.headers().get("sec-websocket-protocol");
                let subprotocol = chosen.map(|chosen| chosen.to_str().unwrap().to_owned());
                Ok(Self {
                    socket,
                    waiting: VecDeque::new(),
                    batches: Vec::new(),
                    subprotocol,
                    sees_expiring: false,
                    sees_caught_up: false,
                })
            }
            Err(Error::Http(answer)) => {
                let (head, body) = answer.into_parts();
                let body = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or(Value::Null);
                Err(Refusal { status: head.status.as_u16(), body })
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Returns the next text, unchanged.
    pub(crate) async fn text(&mut self) -> String {
        match self.message().await {
            Some(Ok(Message::Text(text))) => text.to_string(),
            other => panic!("expected text, got {other:?}"),
        }
    }

    /// Returns the next frame. Splits batches.
    pub(crate) async fn frame(&mut self) -> ServerFrame {
        self.marked().await.1
    }

    /// Returns the next frame, and the `ref` of its batch.
    pub(crate) async fn marked(&mut self) -> (Option<String>, ServerFrame) {
        loop {
            if let Some(frame) = self.waiting.pop_front() {
                return frame;
            }
            let text = self.text().await;
            self.take(&text);
            self.batches.push(self.waiting.len());
        }
    }

    fn take(&mut self, text: &str) {
        let message = read_server_frames(text).unwrap();
        let subscription_id = message.subscription_id;
        let seen = |frame: &ServerFrame| self.sees_expiring || !matches!(frame, ServerFrame::Expiring { .. });
        let frames = message.frames.into_iter().filter(seen);
        self.waiting.extend(frames.map(|frame| (subscription_id.clone(), frame)));
    }

    /// Returns the payload of the next frame, which must be a message.
    pub(crate) async fn data(&mut self) -> Value {
        self.id_and_data().await.1
    }

    pub(crate) async fn id_and_data(&mut self) -> (String, Value) {
        match self.frame().await {
            ServerFrame::Data { id, data, .. } => (id.to_string(), data),
            other => panic!("expected a message, got {other:?}"),
        }
    }

    /// Returns the position of the next frame, which must be `ready`.
    pub(crate) async fn ready(&mut self) -> String {
        match self.frame().await {
            ServerFrame::Ready { position, fingerprint, .. } => {
                assert_eq!(fingerprint, "f1f2");
                position.to_string()
            }
            other => panic!("expected ready, got {other:?}"),
        }
    }

    /// Expects `ready` of a channel as the next frame.
    pub(crate) async fn ready_of(&mut self, name: &str) {
        let frame = self.frame().await;
        assert!(matches!(&frame, ServerFrame::Ready { channel, .. } if channel == name), "{frame:?}");
    }

    /// Expects `ready` of any definition as the next frame.
    #[cfg(feature = "sqlite")]
    pub(crate) async fn any_ready(&mut self) {
        let frame = self.frame().await;
        assert!(matches!(frame, ServerFrame::Ready { .. }), "expected ready, got {frame:?}");
    }

    /// Returns both ids of the next frame, which must be a gap.
    pub(crate) async fn gap(&mut self) -> (String, String) {
        match self.frame().await {
            ServerFrame::Gap { after, before, .. } => (after.to_string(), before.to_string()),
            other => panic!("expected a gap, got {other:?}"),
        }
    }

    /// Returns the code and the `ref` of the next frame, which must be an error.
    pub(crate) async fn error(&mut self) -> (String, Option<String>) {
        match self.frame().await {
            ServerFrame::Error { code, subscription_id, .. } => (code, subscription_id),
            other => panic!("expected an error, got {other:?}"),
        }
    }

    /// Returns the close code of the connection, or 0 if there was no close frame.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            match self.message().await {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(Message::Text(text))) => self.take(&text),
                Some(Ok(Message::Ping(_))) => {}
                _ => return 0,
            }
        }
    }

    /// Asserts that no frame arrives for a while.
    pub(crate) async fn expect_silence(&mut self) {
        assert_eq!(self.waiting, []);
        let next = timeout(Duration::from_millis(100), self.next_message()).await;
        assert!(next.is_err(), "expected nothing, got {next:?}");
    }

    pub(crate) async fn send(&mut self, frame: &Value) {
        self.send_text(&frame.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.send_message(Message::text(text)).await;
    }

    pub(crate) async fn send_message(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    pub(crate) async fn sub(&mut self, token: &str, since: Value) {
        self.send(&json!({ "kind": "sub", "data": token, "since": since })).await;
    }

    /// Subscribes with a `ref`, and waits for the acknowledgement.
    pub(crate) async fn sub_as(&mut self, subscription_id: &str, token: &str, since: Value) {
        self.send(&json!({ "kind": "sub", "ref": subscription_id, "data": token, "since": since })).await;
        let ServerFrame::Subscribed { subscription_id: Some(answered), channels } = self.frame().await else {
            panic!("not subscribed");
        };
        assert_eq!(answered, subscription_id);
        for channel in channels {
            match self.frame().await {
                ServerFrame::Ready { subscription_id: Some(marked), channel: ready, .. } => {
                    assert_eq!((marked.as_str(), ready), (subscription_id, channel));
                }
                other => panic!("expected ready, got {other:?}"),
            }
        }
    }

    /// Returns the `ref` and the payload of the next frame, which must be a message.
    pub(crate) async fn marked_data(&mut self) -> (Option<String>, Value) {
        match self.marked().await {
            (subscription_id, ServerFrame::Data { data, .. }) => (subscription_id, data),
            other => panic!("expected a message, got {other:?}"),
        }
    }

    pub(crate) async fn message(&mut self) -> Option<Result<Message, Error>> {
        timeout(PATIENCE, self.next_message()).await.expect("nothing came")
    }

    async fn next_message(&mut self) -> Option<Result<Message, Error>> {
        loop {
            let message = self.socket.next().await;
            let is_caught_up = |text: &str| text.starts_with(r#"{"kind":"caught-up""#);
            match &message {
                Some(Ok(Message::Text(text))) if !self.sees_caught_up && is_caught_up(text) => {}
                _ => return message,
            }
        }
    }
}

fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02X}"))
}
