//! Subscriptions without generated code.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::subscribe::BUFFER;
use super::worker::{Received, Selection, Worker};
use super::{Client, ClientError};
use crate::wire::{Cursor, ServerFrame};

impl Client {
    /// Subscribes to the frames of a channel, for programs without generated code. Payloads are not checked.
    ///
    /// As with [`subscribe`](Self::subscribe), a lost connection is opened again, and the subscription resumes.
    ///
    /// ```no_run
    /// # async fn example(client: &fanfare::client::Client) -> Result<(), fanfare::client::ClientError> {
    /// use fanfare::client::FrameEvent;
    ///
    /// let mut frames = client.frames("room:1").topics(["said"]).open();
    /// while let FrameEvent::Frame(frame) = frames.recv().await? {
    ///     println!("{frame:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn frames(&self, channel: impl Into<String>) -> ClientFrames<'_> {
        ClientFrames { client: self, channel: channel.into(), topics: Vec::new(), since: Cursor::Now }
    }
}

/// A subscription to open. Returned by [`Client::frames`].
#[must_use = "nothing is subscribed until it is opened"]
pub struct ClientFrames<'c> {
    client: &'c Client,
    channel: String,
    topics: Vec<String>,
    since: Cursor,
}

impl ClientFrames<'_> {
    /// Sets the topics. Default: all that the token grants. With the signing key, name at least one.
    pub fn topics<T: Into<String>>(mut self, topics: impl IntoIterator<Item = T>) -> Self {
        self.topics = topics.into_iter().map(Into::into).collect();
        self
    }

    /// Sets where to start. Default: [`Cursor::Now`], that is retained messages, then new ones.
    pub fn since(mut self, cursor: Cursor) -> Self {
        self.since = cursor;
        self
    }

    /// Starts to connect. Must be called in a Tokio runtime.
    #[must_use]
    pub fn open(self) -> Frames {
        let Self { client, channel, topics, since } = self;
        let (frames, received) = mpsc::channel(BUFFER);
        let selection = Selection { channel, topics, fingerprint: None, has_states: true };
        Worker::spawn(Arc::clone(&client.shared), selection, since, frames, BUFFER, None);
        Frames { received }
    }
}

/// The frames of a channel, in order. Returned by [`ClientFrames::open`]. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Frames {
    received: mpsc::Receiver<Received>,
}

/// An item of [`Frames`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FrameEvent {
    /// A frame of the channel's log, a `ready`, a `caught-up` or a `gap`.
    Frame(ServerFrame),
    /// The connection is lost, or could not be opened. The next attempt follows by itself, and a `ready` once it
    /// succeeds.
    Interrupted(ClientError),
}

impl Frames {
    /// Waits for the next item. Cancel safe.
    ///
    /// # Errors
    /// Returns an error once the server has refused the subscription for good.
    pub async fn recv(&mut self) -> Result<FrameEvent, ClientError> {
        match self.received.recv().await {
            Some(Received::Frame(frame)) => Ok(FrameEvent::Frame(frame)),
            Some(Received::Interrupted(error)) => Ok(FrameEvent::Interrupted(error)),
            Some(Received::End(error)) => Err(error),
            None => Err(ClientError::Unreachable("the subscription has ended".into())),
        }
    }
}
