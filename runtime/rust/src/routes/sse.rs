//! `POST sse` and `GET sse`: the same connections over an event stream, for networks without WebSocket support.
//!
//! A task reads for the stream and passes on one turn at a time. So a slow client is a cursor that lags, and no queue
//! grows. A client that reads nothing for the hub's write timeout loses its subscriptions. The socket then remains,
//! with the data that the system and the HTTP server have buffered for it. Only the server that accepted the socket can
//! close it, as `serve` does.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::Instrument;

use super::connect::{read_page, read_since};
use super::connection::{CloseReason, Connection, SubscribeRequest, TOO_SLOW, Turn, encode};
use super::{HttpError, Parameters, SessionHead, authorize, bearer, body, ensure_accepting};
use crate::hub::{Action, Client, Event, Hub, PendingWrite, Phase, RatedAction};
use crate::wire::{ClientFrame, MAX_CHANNELS, MAX_SSE_BODY, SharedText, client_frame, id_of};

mod cursors;

use cursors::ResumeCursors;

pub(super) async fn post(
    State(hub): State<Hub>,
    client: Client,
    headers: HeaderMap,
    head: SessionHead,
    request: Body,
) -> Result<Response, HttpError> {
    ensure_accepting(&hub, Phase::Closing)?;
    // Check the rate before reading the body.
    hub.check_rate(RatedAction::Connect, Some(&client), None)?;
    let subs = read_subs(&body::read(&headers, request, MAX_SSE_BODY).await?)?;
    let guard = hub.admit_connection("sse", client).ok_or_else(HttpError::too_many_connections)?;
    let mut connection = Connection::new(hub, false, guard, head.0);
    let mut greeting = String::new();
    for (token, request) in subs {
        for frame in connection.handle_sub(token.as_deref(), &request).await {
            write_event(&mut greeting, &frame);
        }
    }
    Ok(respond(connection, None, greeting))
}

pub(super) async fn get(
    State(hub): State<Hub>,
    client: Client,
    parameters: Parameters,
    headers: HeaderMap,
    head: SessionHead,
) -> Result<Response, HttpError> {
    ensure_accepting(&hub, Phase::Closing)?;
    hub.check_rate(RatedAction::Connect, Some(&client), None)?;
    let token = bearer(&headers).or_else(|| parameters.get("token"));
    let channel = parameters.get("channel").filter(|_| token.is_none());
    let grant = authorize(&hub, &client, token, &head, Action::Subscribe, channel).await?;
    // When `EventSource` reconnects, its last event id is later than the `since` of its URL.
    let last = headers.get("last-event-id").map(|id| String::from_utf8_lossy(id.as_bytes()));
    let last = last.filter(|id| !id.is_empty());
    let since = read_since(last.as_deref().or_else(|| parameters.get("since")))?;
    let request = SubscribeRequest { since, page: read_page(&parameters)?, ..SubscribeRequest::default() };
    let guard = hub.admit_connection("sse", client).ok_or_else(HttpError::too_many_connections)?;
    let mut connection = Connection::new(hub, false, guard, head.0);
    let subscribed = connection.subscribe(&grant, &request).await;
    let ready = subscribed.map_err(|error| connection.refuse(error))?;
    let cursors = ResumeCursors::new(&ready);
    let mut greeting = String::new();
    for frame in connection.ready_frames(&None, &ready) {
        cursors.write_id(&mut greeting);
        write_event(&mut greeting, &frame);
    }
    Ok(respond(connection, Some(cursors), greeting))
}

fn read_subs(body: &[u8]) -> Result<Vec<(Option<String>, SubscribeRequest)>, HttpError> {
    let example = r#"[{"kind":"sub","ref":"1","data":"<token>"}]"#;
    let bad = |why: &str| {
        HttpError::bad_request(format!("the request body must be a list of subs such as {example}: {why}"))
    };
    let frames: Vec<serde_json::Value> =
        serde_json::from_slice(body).map_err(|error| bad(&error.to_string()))?;
    if frames.is_empty() || frames.len() > MAX_CHANNELS {
        return Err(bad(&format!("expected 1 to {MAX_CHANNELS} subs")));
    }
    let subs = frames.into_iter().map(|frame| match client_frame(frame) {
        Ok(ClientFrame::Sub {
            subscription_id: Some(subscription_id),
            data,
            channel,
            topics,
            since,
            fingerprint,
        }) => {
            let since = since.unwrap_or_default();
            let (subscription_id, page) = (Some(subscription_id.into()), channel.clone().zip(fingerprint));
            Ok((data, SubscribeRequest { subscription_id, channel, topics, since, page }))
        }
        Ok(_) => Err(bad("each frame must be a sub with a ref")),
        Err(error) => Err(bad(&error.message)),
    });
    subs.collect()
}

/// Responds with an event stream. The connection must have subscribed already, so that the client is subscribed when
/// the response arrives.
fn respond(connection: Connection, cursors: Option<ResumeCursors>, greeting: String) -> Response {
    let (sender, receiver) = mpsc::channel(1);
    let span = connection.span();
    let stream = Stream { connection, sender, cursors };
    tokio::spawn(stream.run(greeting).instrument(span));
    let body = stream::unfold(receiver, |mut receiver| async {
        let text: Bytes = receiver.recv().await?;
        Some((Ok::<_, Infallible>(text), receiver))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // `no-transform` keeps middleware and proxies from compressing: a compressor holds small events back.
        (header::CACHE_CONTROL, "no-store, no-transform"),
        // nginx buffers responses unless this header disables it.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(body)).into_response()
}

/// The text of events that are being written.
struct Text {
    text: String,
    _pending: PendingWrite,
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

struct Stream {
    connection: Connection,
    sender: mpsc::Sender<Bytes>,
    /// The cursors of the client of a `GET`.
    cursors: Option<ResumeCursors>,
}

impl Stream {
    async fn run(mut self, greeting: String) {
        let reason = match self.write(greeting.into()).await {
            Ok(()) => self.serve().await,
            Err(reason) => reason,
        };
        self.connection.record_close(&reason);
    }

    async fn serve(&mut self) -> CloseReason {
        let cut = self.connection.guard().slow_client_signal();
        // An event stream cannot add subscriptions, so it ends with its last one.
        while !self.connection.is_idle() {
            let turn = tokio::select! {
                biased;
                () = self.sender.closed() => return CloseReason::without_code("left", "the client disconnected"),
                () = cut.wait() => return TOO_SLOW,
                turn = self.connection.next() => turn,
            };
            let text = match turn {
                Turn::Events(events) => {
                    let mut phase = self.connection.hub().phase();
                    let reservation = match self.connection.reserve(&events, &mut phase).await {
                        Ok(reservation) => reservation,
                        Err(reason) => return reason,
                    };
                    let text = self.events(events);
                    // The server drops the bytes once it has written them to the socket.
                    Bytes::from_owner(Text {
                        text,
                        _pending: self.connection.guard().track_pending(reservation),
                    })
                }
                Turn::Frames(frames) => format_events(&frames).into(),
                Turn::Ping => format_events(&[self.connection.alive_frame()]).into(),
                Turn::Close(reason) => return reason,
            };
            if let Err(reason) = self.write(text).await {
                return reason;
            }
        }
        CloseReason::without_code("idle", "every subscription has ended")
    }

    fn events(&mut self, events: Vec<Event>) -> String {
        let Some(cursors) = &mut self.cursors else {
            return format_events(&encode::events(events, encode::ClientKind::Fanfare, encode::batch));
        };
        let mut text = String::new();
        for event in events {
            match event {
                Event::Gap { .. } | Event::CaughtUp { .. } => {
                    if let Some(frame) = encode::notice(&event) {
                        write_event(&mut text, &frame);
                    }
                }
                Event::Messages { messages, .. } => {
                    let following = messages.messages().iter().skip(1).map(Some).chain([None]);
                    for (message, following) in messages.messages().iter().zip(following) {
                        // A message under two names has one id. To resume after it means after both.
                        if following.is_none_or(|following| id_of(following) != id_of(message)) {
                            cursors.advance(messages.channel(), message);
                        }
                        cursors.write_id(&mut text);
                        write_event(&mut text, message);
                    }
                }
            }
        }
        text
    }

    async fn write(&mut self, text: Bytes) -> Result<(), CloseReason> {
        let hub = self.connection.hub();
        let mut phase = hub.phase();
        let cut = self.connection.guard().slow_client_signal();
        tokio::select! {
            biased;
            result = timeout(hub.settings().write_timeout, self.sender.send(text)) => match result {
                Ok(result) => result.map_err(|_| CloseReason::without_code("left", "the client disconnected")),
                Err(_) => Err(CloseReason::without_code("unread", "the client stopped reading")),
            },
            () = cut.wait() => Err(TOO_SLOW),
            reason = Connection::wait_for_shutdown(&mut phase) => Err(reason),
        }
    }
}

fn format_events(frames: &[SharedText]) -> String {
    let mut text = String::new();
    for frame in frames {
        write_event(&mut text, frame);
    }
    text
}

fn write_event(text: &mut String, frame: &SharedText) {
    // A payload may have line breaks between its JSON tokens. Each line needs its own `data:` field.
    let ends_line = |character| character == '\n' || (character == '\r' && !bug!(EventSplitAtCarriageReturn));
    for line in frame.as_str().split(ends_line) {
        text.push_str("data: ");
        text.push_str(line);
        text.push('\n');
    }
    text.push('\n');
}
