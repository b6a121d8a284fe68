//! `POST sse` and `GET sse`: the same connections where no WebSocket comes through.
//!
//! A task reads for the stream and hands over one turn at a time, so a client that is slow is a
//! place that lags, and no queue grows. One that takes nothing for the hub's write timeout loses its
//! subscriptions. What then remains is the socket with what the system and the HTTP server had
//! taken for it already. Only who accepts the socket can bound that, as `serve` does.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::Instrument;

use super::connect::read_since;
use super::session::{End, Session, TOO_SLOW, Turn, Wish, encode};
use super::{Failure, Parameters, SessionHead, bearer, body, open, permit};
use crate::hub::{Action, Client, Event, Hub, Pending, Phase, RatedAction};
use crate::wire::{ClientFrame, MAX_CHANNELS, MAX_SSE_BODY, SharedText, client_frame};

mod places;

use places::Places;

pub(super) async fn post(
    State(hub): State<Hub>,
    client: Client,
    headers: HeaderMap,
    head: SessionHead,
    request: Body,
) -> Result<Response, Failure> {
    open(&hub, Phase::Closing)?;
    // Before any of the body is read.
    hub.count(RatedAction::Connect, Some(&client), None)?;
    let subs = read_subs(&body::read(&headers, request, MAX_SSE_BODY).await?)?;
    let connected = hub.connected("sse", client).ok_or_else(Failure::too_many_connections)?;
    let mut session = Session::new(hub, false, connected, head.0);
    let mut greeting = String::new();
    for (token, wish) in subs {
        for frame in session.sub(token.as_deref(), &wish).await {
            write_event(&mut greeting, &frame);
        }
    }
    Ok(answer(session, None, greeting))
}

pub(super) async fn get(
    State(hub): State<Hub>,
    client: Client,
    parameters: Parameters,
    headers: HeaderMap,
    head: SessionHead,
) -> Result<Response, Failure> {
    open(&hub, Phase::Closing)?;
    hub.count(RatedAction::Connect, Some(&client), None)?;
    let token = bearer(&headers).or_else(|| parameters.get("token"));
    let channel = parameters.get("channel").filter(|_| token.is_none());
    let permit = permit(&hub, &client, token, &head, Action::Subscribe, channel).await?;
    // What `EventSource` says when it comes again is later than what its URL says.
    let last = headers.get("last-event-id").map(|id| String::from_utf8_lossy(id.as_bytes()));
    let last = last.filter(|id| !id.is_empty());
    let since = read_since(last.as_deref().or_else(|| parameters.get("since")))?;
    let connected = hub.connected("sse", client).ok_or_else(Failure::too_many_connections)?;
    let mut session = Session::new(hub, false, connected, head.0);
    let ready = session.subscribe(&permit, &Wish { since, ..Wish::default() }).await?;
    let places = Places::new(&ready);
    let mut greeting = String::new();
    for frame in session.ready(&None, &ready) {
        places.write_id(&mut greeting);
        write_event(&mut greeting, &frame);
    }
    Ok(answer(session, Some(places), greeting))
}

fn read_subs(body: &[u8]) -> Result<Vec<(Option<String>, Wish)>, Failure> {
    let example = r#"[{"kind":"sub","ref":"1","data":"<token>"}]"#;
    let bad = |why: &str| {
        Failure::bad_request(format!("the request body must be a list of subs such as {example}: {why}"))
    };
    let frames: Vec<serde_json::Value> =
        serde_json::from_slice(body).map_err(|error| bad(&error.to_string()))?;
    if frames.is_empty() || frames.len() > MAX_CHANNELS {
        return Err(bad(&format!("expected 1 to {MAX_CHANNELS} subs")));
    }
    let subs = frames.into_iter().map(|frame| match client_frame(frame) {
        Ok(ClientFrame::Sub { reference: Some(reference), data, channel, topics, since }) => {
            let since = since.unwrap_or_default();
            Ok((data, Wish { reference: Some(reference.into()), channel, topics, since }))
        }
        Ok(_) => Err(bad("each frame must be a sub with a ref")),
        Err(error) => Err(bad(&error.message)),
    });
    subs.collect()
}

/// The answer is under way when all that is asked for is subscribed.
fn answer(session: Session, places: Option<Places>, greeting: String) -> Response {
    let (sender, receiver) = mpsc::channel(1);
    let span = session.span();
    let stream = Stream { session, sender, places };
    tokio::spawn(stream.run(greeting).instrument(span));
    let body = stream::unfold(receiver, |mut receiver| async {
        let text: Bytes = receiver.recv().await?;
        Some((Ok::<_, Infallible>(text), receiver))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // `no-transform` keeps middleware and proxies from compressing: a compressor holds small events back.
        (header::CACHE_CONTROL, "no-store, no-transform"),
        // nginx buffers responses unless told otherwise.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(body)).into_response()
}

/// The text of messages that are being written.
struct Text {
    text: String,
    _pending: Pending,
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

struct Stream {
    session: Session,
    sender: mpsc::Sender<Bytes>,
    /// Where the client of a `GET` would resume.
    places: Option<Places>,
}

impl Stream {
    async fn run(mut self, greeting: String) {
        let end = match self.write(greeting.into()).await {
            Ok(()) => self.serve().await,
            Err(end) => end,
        };
        self.session.ended(&end);
    }

    async fn serve(&mut self) -> End {
        let cut = self.session.connected().cut();
        // What is subscribed does not change, except that it ends.
        while !self.session.is_idle() {
            let turn = tokio::select! {
                biased;
                () = self.sender.closed() => return End::gone("left", "the client disconnected"),
                () = cut.wait() => return TOO_SLOW,
                turn = self.session.next() => turn,
            };
            let text = match turn {
                Turn::Events(events) => {
                    let mut phase = self.session.hub().phase();
                    let room = match self.session.reserve(&events, &mut phase).await {
                        Ok(room) => room,
                        Err(end) => return end,
                    };
                    let text = self.events(events);
                    // Until the server has written it to the socket.
                    Bytes::from_owner(Text { text, _pending: self.session.connected().pending(room) })
                }
                Turn::Frames(frames) => written(&frames).into(),
                Turn::Ping => written(&[self.session.alive()]).into(),
                Turn::End(end) => return end,
            };
            if let Err(end) = self.write(text).await {
                return end;
            }
        }
        End::gone("idle", "every subscription has ended")
    }

    fn events(&mut self, events: Vec<Event>) -> String {
        let Some(places) = &mut self.places else {
            return written(&encode::events(events, encode::Audience::Ours));
        };
        let mut text = String::new();
        for event in events {
            match event {
                Event::Gap { .. } => {
                    if let Some(frame) = encode::gap(&event) {
                        write_event(&mut text, &frame);
                    }
                }
                Event::Messages { messages, .. } => {
                    for message in messages.messages() {
                        places.advance(messages.channel(), message);
                        places.write_id(&mut text);
                        write_event(&mut text, message);
                    }
                }
            }
        }
        text
    }

    async fn write(&mut self, text: Bytes) -> Result<(), End> {
        let hub = self.session.hub();
        let mut phase = hub.phase();
        let cut = self.session.connected().cut();
        tokio::select! {
            biased;
            result = timeout(hub.settings().write_timeout, self.sender.send(text)) => match result {
                Ok(result) => result.map_err(|_| End::gone("left", "the client disconnected")),
                Err(_) => Err(End::gone("unread", "the client stopped reading")),
            },
            () = cut.wait() => Err(TOO_SLOW),
            end = Session::cut(&mut phase) => Err(end),
        }
    }
}

fn written(frames: &[SharedText]) -> String {
    let mut text = String::new();
    for frame in frames {
        write_event(&mut text, frame);
    }
    text
}

fn write_event(text: &mut String, frame: &SharedText) {
    // A payload may have line breaks between its tokens, each of which begins a line of an event.
    let ends_line = |character| character == '\n' || (character == '\r' && !bug!(EventSplit));
    for line in frame.as_str().split(ends_line) {
        text.push_str("data: ");
        text.push_str(line);
        text.push('\n');
    }
    text.push('\n');
}
