//! Subscribing in the process of the hub: reads the log as a connection does, without a socket.

use std::collections::VecDeque;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::{End, Receive, Source, SubscribeError, Subscription};
use crate::channel::{Channel, Topic};
use crate::history::Inbox;
use crate::hub::{Event, Hub, Phase, Reader, SubscriptionViews, WeakHub};
use crate::wire::{Cursor, ServerFrame, read_server_frames};

/// How long to wait before a replaced history is opened again after the storage failed.
const RETRY_DELAY: Duration = Duration::from_millis(500);

impl Hub {
    /// Subscribes to a topic in this process. Returns a builder: set its options, then await it to subscribe. Every
    /// message that is published after that is received.
    ///
    /// As for a browser, retained messages come first, then new ones. The subscription reads the channel's log at its
    /// own pace, so it never slows publishers down. If it falls behind the history, it receives
    /// [`ReceiveError::Gap`](crate::ReceiveError::Gap).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use fanfare::schema::{Schema, Text};
    /// # use fanfare::{AddressPart, Carries, Channel, ChannelDefinition, History, Hub, Registry, Retain, TopicDefinition};
    /// # static TEXT: Schema = Schema::Text(Text::ANY);
    /// # static NEWS: ChannelDefinition = ChannelDefinition {
    /// #     name: "news",
    /// #     address: &[AddressPart::Literal("news")],
    /// #     topics: &[TopicDefinition::new("headlines", Carries::Payload(&TEXT), Retain::Last)],
    /// #     history: History { messages: 100, age: Duration::from_secs(300) },
    /// #     fingerprint: "9f2c",
    /// #     ..ChannelDefinition::EMPTY
    /// # };
    /// # static REGISTRY: Registry = Registry { channels: &[&NEWS] };
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let hub = Hub::builder(&REGISTRY).signing_key("signkey-test-00112233445566778899aabbccddeeff").build()?;
    /// # let news = Channel::without_params(&NEWS);
    /// # let headlines = news.topic::<str>(0);
    /// hub.publish(headlines, "retained").await?;
    /// // With generated code: `hub.subscribe(news.headlines())`.
    /// let mut received = hub.subscribe(headlines).await?;
    /// hub.publish(headlines, "new").await?;
    /// assert_eq!(received.recv().await?.data, "retained");
    /// assert_eq!(received.recv().await?.data, "new");
    /// # Ok(())
    /// # }
    /// ```
    pub fn subscribe<'p, P: Receive + ?Sized>(&'p self, topic: Topic<'p, P>) -> Subscribe<'p, P> {
        Subscribe { hub: self, topic, since: Cursor::Now }
    }
}

/// A subscription to open, which is open once this is awaited. Returned by [`Hub::subscribe`].
#[must_use = "nothing is subscribed until it is awaited"]
pub struct Subscribe<'p, P: ?Sized> {
    hub: &'p Hub,
    topic: Topic<'p, P>,
    since: Cursor,
}

impl<P: ?Sized> Subscribe<'_, P> {
    /// Sets where to start: after the messages that a subscription has received
    /// ([`Subscription::position`]), or at the start of the history ([`Cursor::Start`]). Default: [`Cursor::Now`], that
    /// is retained messages, then new ones.
    pub fn since(mut self, cursor: Cursor) -> Self {
        self.since = cursor;
        self
    }
}

impl<'p, P: Receive + ?Sized + 'p> IntoFuture for Subscribe<'p, P> {
    type Output = Result<Subscription<P::Received>, SubscribeError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'p>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { hub, topic, since } = self;
        Box::pin(async move {
            if hub.has_entered(Phase::Closed) {
                return Err(SubscribeError::Closed);
            }
            let (source, position) = Local::open(hub, topic.channel(), Some(topic.index()), since).await?;
            Ok(Subscription::new(Box::new(source), topic, position))
        })
    }
}

/// The log of a channel as the source of a subscription. Does not keep the hub open.
pub(super) struct Local {
    hub: WeakHub,
    channel: Channel,
    /// `None` for run events only, which every reader receives.
    topic: Option<usize>,
    reader: Reader,
    events: Vec<Event>,
    /// Completes once the hub is shut down or dropped. `None` once it has.
    closed: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Opens the channel again, because its history was replaced.
    reopening: Option<Pin<Box<dyn Future<Output = Option<Reader>> + Send>>>,
}

impl Local {
    pub(super) async fn open(
        hub: &Hub,
        channel: &Channel,
        topic: Option<usize>,
        since: Cursor,
    ) -> Result<(Self, Cursor), SubscribeError> {
        let mut phase = hub.phase();
        let closed = Box::pin(async move {
            // An error means that the hub was dropped.
            let _ = phase.wait_for(|phase| *phase >= Phase::Closed).await;
        });
        let (reader, position) = open_reader(hub, channel, topic, since).await?;
        let local = Self {
            hub: hub.downgrade(),
            channel: channel.clone(),
            topic,
            reader,
            events: Vec::new(),
            closed: Some(closed),
            reopening: None,
        };
        Ok((local, position))
    }

    fn take_frames(&mut self, frames: &mut VecDeque<ServerFrame>) {
        for event in self.events.drain(..) {
            match event {
                Event::Messages { messages, .. } => {
                    let read = messages.messages().iter().filter_map(|text| read_server_frames(text).ok());
                    frames.extend(read.flat_map(|read| read.frames));
                }
                Event::Gap { channel, gap, .. } => frames.push_back(ServerFrame::Gap {
                    subscription_id: None,
                    channel: channel.to_string(),
                    after: gap.after,
                    before: gap.before,
                }),
                Event::CaughtUp { .. } => {}
            }
        }
    }
}

impl Source for Local {
    fn poll_frames(
        &mut self,
        context: &mut Context<'_>,
        cursor: Cursor,
        frames: &mut VecDeque<ServerFrame>,
    ) -> Poll<Result<(), End>> {
        loop {
            if let Some(reopening) = &mut self.reopening {
                let reader = ready!(reopening.as_mut().poll(context));
                self.reopening = None;
                match reader {
                    Some(reader) => self.reader = reader,
                    None => return Poll::Ready(Err(End::Closed)),
                }
            }
            self.reader.take_turns();
            let has_read = self.reader.read(&mut self.events);
            if self.reader.has_retired() {
                // As on a connection: what was read of the replaced log is not delivered, and the new log sends a gap.
                self.events.clear();
                let (hub, channel) = (self.hub.clone(), self.channel.clone());
                self.reopening = Some(Box::pin(reopen(hub, channel, self.topic, cursor)));
            } else if has_read {
                self.take_frames(frames);
                if !frames.is_empty() {
                    return Poll::Ready(Ok(()));
                }
            } else if self.closed.is_none() {
                return Poll::Ready(Err(End::Closed));
            } else if self.reader.poll_turns(context).is_pending() {
                let closed = self.closed.as_mut().map(|closed| closed.as_mut().poll(context));
                if closed.is_some_and(|closed| closed.is_pending()) {
                    return Poll::Pending;
                }
                // Read once more: the last messages may have been appended since.
                self.closed = None;
            }
        }
    }
}

async fn open_reader(
    hub: &Hub,
    channel: &Channel,
    topic: Option<usize>,
    since: Cursor,
) -> Result<(Reader, Cursor), SubscribeError> {
    let log = hub.open_log_at(channel, since).await;
    let log = log.map_err(|error| SubscribeError::from_open_error(error, channel))?;
    let mut reader = Reader::new(&Arc::<Inbox>::default(), &SubscriptionViews::default());
    let position = reader.subscribe_in_process(log, topic.as_slice(), since);
    Ok((reader, position))
}

/// Opens a channel whose history was replaced. Returns `None` if the hub is gone.
async fn reopen(hub: WeakHub, channel: Channel, topic: Option<usize>, cursor: Cursor) -> Option<Reader> {
    loop {
        let hub = hub.upgrade().filter(|hub| !hub.has_entered(Phase::Closed))?;
        match open_reader(&hub, &channel, topic, cursor).await {
            Ok((reader, _)) => return Some(reader),
            Err(error) => tracing::error!(channel = channel.name(), %error, "failed to subscribe again"),
        }
        drop(hub);
        tokio::time::sleep(RETRY_DELAY).await;
    }
}
