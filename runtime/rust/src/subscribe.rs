//! Typed subscriptions: the messages of a topic as a stream of Rust values.
//!
//! A subscription has a source of frames: the hub's reader in this process (`local`), or a connection to a server
//! (`client`). `delivery` turns frames into messages, for both.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{FutureExt, Stream};

use crate::payload::ShapeError;
use crate::wire::{Cursor, ServerFrame};

mod delivery;
mod error;
mod local;
mod message;
mod position;
mod receive;

pub use error::{InvalidMessage, ReceiveError, SubscribeError};
pub use local::Subscribe;
pub use message::{Message, TextPart, TextStreamError, TextStreamFailure};
pub use position::ReadPosition;
pub use receive::Receive;

use delivery::{Delivery, Item};
use message::Content;

/// Where the frames of a subscription come from.
pub(crate) trait Source: Send {
    /// Waits for frames of the subscription, and adds them. Called once all earlier ones are delivered; `cursor` is
    /// the cursor after them.
    fn poll_frames(
        &mut self,
        context: &mut Context<'_>,
        cursor: Cursor,
        frames: &mut VecDeque<ServerFrame>,
    ) -> Poll<Result<(), End>>;
}

/// Why a source has no more frames.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// The hub was shut down.
    Closed,
    /// The server refuses the subscription for good.
    #[cfg(feature = "client")]
    Refused { code: Option<String>, message: String },
}

/// The messages of a topic, in order. Returned by [`Hub::subscribe`](crate::Hub::subscribe).
///
/// It is a [`Stream`] of results, so the adapters of the crate `futures` work; [`recv`](Self::recv) needs none. An
/// error concerns one place of the stream, and the next call continues after it, unless the error is
/// [`ReceiveError::Closed`]. Dropping the subscription ends it.
pub struct Subscription<T> {
    source: Box<dyn Source>,
    delivery: Delivery,
    frames: VecDeque<ServerFrame>,
    items: VecDeque<(Item, Cursor)>,
    /// The cursor after the last frame that was turned into items.
    cursor: Cursor,
    /// The cursor after the last item that was returned.
    position: Cursor,
    end: Option<End>,
    read: fn(Content) -> Result<T, ShapeError>,
}

impl<T> Subscription<T> {
    pub(crate) fn new<P: Receive<Received = T> + ?Sized>(
        source: Box<dyn Source>,
        topic: crate::channel::Topic<'_, P>,
        position: Cursor,
    ) -> Self {
        Self {
            source,
            delivery: Delivery::new(topic.channel(), topic.definition()),
            frames: VecDeque::new(),
            items: VecDeque::new(),
            cursor: position,
            position,
            end: None,
            read: P::read,
        }
    }

    /// Waits for the next message. Cancel safe: a message is not lost if the future is dropped.
    ///
    /// # Errors
    /// Returns an error if messages are lost ([`ReceiveError::Gap`]), if a message does not match the topic's
    /// definition ([`ReceiveError::Invalid`]), or once the subscription has ended ([`ReceiveError::Closed`]).
    pub async fn recv(&mut self) -> Result<Message<T>, ReceiveError> {
        poll_fn(|context| self.poll_recv(context)).await
    }

    /// Returns the next message if it has arrived, without waiting. Returns an error in the cases in which
    /// [`recv`](Self::recv) does.
    pub fn try_recv(&mut self) -> Option<Result<Message<T>, ReceiveError>> {
        // Even if the task has used up its turn.
        tokio::task::unconstrained(self.recv()).now_or_never()
    }

    /// Returns the cursor after the last message that was received. A subscription with it as `since` continues there,
    /// also in another process or over the network.
    ///
    /// ```
    /// # async fn resume(hub: &fanfare::Hub, topic: fanfare::Topic<'_, str>) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut lines = hub.subscribe(topic).await?;
    /// lines.recv().await?;
    /// let position = lines.position().to_string(); // to store
    ///
    /// let mut lines = hub.subscribe(topic).since(position.parse()?).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn position(&self) -> Cursor {
        self.position
    }

    fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Result<Message<T>, ReceiveError>> {
        loop {
            if let Some((item, cursor)) = self.items.pop_front() {
                self.position = cursor;
                return Poll::Ready(item.into_message(self.read));
            }
            if let Some(frame) = self.frames.pop_front() {
                self.cursor = frame.log_id().map_or(self.cursor, |id| self.cursor.after(id));
                self.items.extend(self.delivery.accept(frame).into_iter().map(|item| (item, self.cursor)));
                if self.items.is_empty() {
                    self.position = self.cursor;
                }
                continue;
            }
            if let Some(end) = &self.end {
                return Poll::Ready(Err(end.clone().into()));
            }
            // A publisher that never pauses must not keep this task from yielding.
            let turn = ready!(tokio::task::coop::poll_proceed(context));
            match ready!(self.source.poll_frames(context, self.cursor, &mut self.frames)) {
                Ok(()) => turn.made_progress(),
                Err(end) => self.end = Some(end),
            }
        }
    }
}

impl Subscription<TextPart> {
    /// Waits for the next text stream to begin and end, and returns its text.
    ///
    /// Parts of other text streams that arrive meanwhile are dropped. If several are written at the same time, use
    /// [`recv`](Self::recv) and tell them apart by their ids.
    ///
    /// # Errors
    /// Returns [`ReceiveError::IncompleteText`] if the text is not complete, and the errors of [`recv`](Self::recv).
    pub async fn recv_text(&mut self) -> Result<String, ReceiveError> {
        let mut reading: Option<(String, String)> = None;
        loop {
            match (self.recv().await?.data, &mut reading) {
                (TextPart::Start { stream_id }, None) => reading = Some((stream_id, String::new())),
                (TextPart::Chunk { stream_id, text: chunk }, Some((id, text))) if *id == stream_id => {
                    text.push_str(&chunk)
                }
                (TextPart::End { stream_id }, Some((id, text))) if *id == stream_id => {
                    return Ok(std::mem::take(text));
                }
                (TextPart::Failed { stream_id, error }, Some((id, _))) if *id == stream_id => {
                    return Err(ReceiveError::IncompleteText(error));
                }
                _ => {}
            }
        }
    }
}

/// Ends after [`ReceiveError::Closed`], which it yields only if the server refused the subscription.
impl<T> Stream for Subscription<T> {
    type Item = Result<Message<T>, ReceiveError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let has_ended = self.end.is_some();
        match ready!(self.poll_recv(context)) {
            Err(error) if error.is_closed() && (has_ended || matches!(self.end, Some(End::Closed))) => {
                Poll::Ready(None)
            }
            item => Poll::Ready(Some(item)),
        }
    }
}

impl<T> fmt::Debug for Subscription<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Subscription").field("position", &self.position).finish_non_exhaustive()
    }
}

/// Reads the messages of a topic from frames of its channel's log.
#[cfg(feature = "testing")]
pub(crate) fn read_frames<P: Receive + ?Sized>(
    topic: crate::channel::Topic<'_, P>,
    frames: impl IntoIterator<Item = ServerFrame>,
) -> Result<Vec<Message<P::Received>>, ReceiveError> {
    let mut delivery = Delivery::new(topic.channel(), topic.definition());
    let items = frames.into_iter().flat_map(|frame| delivery.accept(frame));
    items.map(|item| item.into_message(P::read)).collect()
}

/// The run events of a channel, for a test that waits for a run.
#[cfg(feature = "testing")]
pub(crate) struct RunEvents {
    source: local::Local,
    cursor: Cursor,
}

#[cfg(feature = "testing")]
impl RunEvents {
    /// Begins with the latest event.
    pub(crate) async fn open(
        hub: &crate::hub::Hub,
        channel: &crate::channel::Channel,
    ) -> Result<Self, SubscribeError> {
        let (source, cursor) = local::Local::open(hub, channel, None, Cursor::Now).await?;
        Ok(Self { source, cursor })
    }

    /// Waits for events, or the end of the hub.
    pub(crate) fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ReceiveError>> {
        let mut frames = VecDeque::new();
        let polled = self.source.poll_frames(context, self.cursor, &mut frames);
        self.cursor = frames.iter().filter_map(ServerFrame::log_id).fold(self.cursor, Cursor::after);
        polled.map_err(ReceiveError::from)
    }
}
