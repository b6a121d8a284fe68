//! Typed subscriptions over the network.

use std::collections::VecDeque;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::{mpsc, oneshot};

use super::worker::{Received, Selection, Worker};
use super::{Client, ClientError};
use crate::channel::Topic;
use crate::subscribe::{End, Receive, Source, Subscription};
use crate::wire::{Cursor, ServerFrame};

/// The default for [`ClientSubscribe::buffer`].
pub(super) const BUFFER: usize = 10_000;

/// How many frames the subscriber takes at once, so that the buffer counts those that it has not read.
const MAX_TAKEN: usize = 32;

impl Client {
    /// Subscribes to a topic of another server. Returns a builder: set its options, then await it. It completes once the
    /// server has confirmed the subscription; every message that is published after that is received.
    ///
    /// Each subscription has a connection of its own. If it is lost, the subscription connects again and resumes: no
    /// message is lost or repeated, unless the history no longer has it, which is a
    /// [`ReceiveError::Gap`](crate::ReceiveError::Gap).
    pub fn subscribe<'p, P: Receive + ?Sized>(&'p self, topic: Topic<'p, P>) -> ClientSubscribe<'p, P> {
        ClientSubscribe { client: self, topic, since: Cursor::Now, buffer: BUFFER }
    }
}

/// A subscription to open, which is open once this is awaited. Returned by [`Client::subscribe`].
#[must_use = "nothing is subscribed until it is awaited"]
pub struct ClientSubscribe<'p, P: ?Sized> {
    client: &'p Client,
    topic: Topic<'p, P>,
    since: Cursor,
    buffer: usize,
}

impl<P: ?Sized> ClientSubscribe<'_, P> {
    /// Sets where to start: after the messages that a subscription has received ([`Subscription::position`]), or at the
    /// start of the history ([`Cursor::Start`]). Default: [`Cursor::Now`], that is retained messages, then new ones.
    pub fn since(mut self, cursor: Cursor) -> Self {
        self.since = cursor;
        self
    }

    /// Sets how many messages may wait for the subscriber. Default: 10,000. With more, the subscription disconnects
    /// until half of them are read, and then resumes.
    pub fn buffer(mut self, messages: usize) -> Self {
        self.buffer = messages.max(1);
        self
    }
}

impl<'p, P: Receive + ?Sized + 'p> IntoFuture for ClientSubscribe<'p, P> {
    type Output = Result<Subscription<P::Received>, ClientError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'p>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { client, topic, since, buffer } = self;
        Box::pin(async move {
            client.shared.target()?;
            let (frames, received) = mpsc::channel(buffer);
            let (confirmed, confirmation) = oneshot::channel();
            let selection = Selection {
                channel: topic.channel().name().to_owned(),
                topics: vec![topic.definition().name.to_owned()],
                fingerprint: Some(topic.channel().definition().fingerprint),
                has_states: false,
            };
            Worker::spawn(Arc::clone(&client.shared), selection, since, frames, buffer, Some(confirmed));
            // Dropping this future drops the receiver, which ends the worker.
            let position = confirmation
                .await
                .unwrap_or_else(|_| Err(ClientError::Unreachable("the runtime is shutting down".into())))?;
            let source = Remote { received, end: End::Closed };
            Ok(Subscription::new(Box::new(source), topic, position))
        })
    }
}

/// The frames that a worker receives.
struct Remote {
    received: mpsc::Receiver<Received>,
    end: End,
}

impl Source for Remote {
    fn poll_frames(
        &mut self,
        context: &mut Context<'_>,
        _cursor: Cursor,
        frames: &mut VecDeque<ServerFrame>,
    ) -> Poll<Result<(), End>> {
        let mut received = Vec::with_capacity(MAX_TAKEN);
        if ready!(self.received.poll_recv_many(context, &mut received, MAX_TAKEN)) == 0 {
            return Poll::Ready(Err(self.end.clone()));
        }
        for received in received {
            match received {
                Received::Frame(frame) => frames.push_back(frame),
                Received::Interrupted(_) => {}
                // The worker ends after this.
                Received::End(error) => self.end = error.into(),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl From<ClientError> for End {
    fn from(error: ClientError) -> Self {
        let message = error.to_string();
        let code = if let ClientError::Refused { code, .. } = error { code } else { None };
        Self::Refused { code, message }
    }
}
