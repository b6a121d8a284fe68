//! All that one connection subscribes to, read as one stream of events.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::Hub;
use crate::channel::Channel;
use crate::history::{Gap, Inbox, Log, Place, TURN_BYTES};
use crate::wire::{Cursor, MAX_CHANNELS, SharedText, Since};

/// What a connection reads.
pub(crate) enum Event {
    /// Messages of one channel, in order.
    Messages(Vec<SharedText>),
    /// Messages of a channel are gone. What comes after is the next event of the channel.
    Gap { channel: Arc<str>, gap: Gap },
}

/// A subscription that stands.
pub(crate) struct Ready {
    pub(crate) channel: Channel,
    pub(crate) position: Cursor,
}

/// The subscriptions of one connection.
pub(crate) struct Reader {
    inbox: Arc<Inbox>,
    subscriptions: HashMap<u64, Subscription>,
    next_key: u64,
    /// Keys of the subscriptions that may have something to read. One that is parked
    /// has no turn, and those that are gone are passed over.
    turns: VecDeque<u64>,
}

struct Subscription {
    log: Arc<Log>,
    place: Place,
    /// When each topic's permit ends.
    expires: Vec<(usize, u64)>,
}

/// One connection cannot have that many channels.
pub(crate) struct TooManyChannels;

impl Reader {
    pub(crate) fn new() -> Self {
        Self { inbox: Arc::default(), subscriptions: HashMap::new(), next_key: 0, turns: VecDeque::new() }
    }

    /// Subscribes to channels and topics until `expires`. What is published from here
    /// on will be read.
    pub(crate) fn subscribe(
        &mut self,
        hub: &Hub,
        permitted: Vec<(Channel, Vec<usize>)>,
        since: &Since,
        expires: u64,
    ) -> Result<Vec<Ready>, TooManyChannels> {
        let new = permitted.iter().filter(|(channel, _)| self.key_of(channel.name()).is_none());
        if self.subscriptions.len() + new.count() > MAX_CHANNELS {
            return Err(TooManyChannels);
        }
        let mut ready = Vec::with_capacity(permitted.len());
        for (channel, topics) in permitted {
            let cursor = since.get(channel.name()).copied();
            // `permitted` was resolved by this hub, so every channel has a log.
            let Some(position) = self.subscribe_to(hub, &channel, &topics, cursor, expires) else { continue };
            ready.push(Ready { channel, position });
        }
        Ok(ready)
    }

    fn subscribe_to(
        &mut self,
        hub: &Hub,
        channel: &Channel,
        topics: &[usize],
        cursor: Option<Cursor>,
        expires: u64,
    ) -> Option<Cursor> {
        let key = self.next_key;
        self.next_key += 1;
        let earlier =
            self.key_of(channel.name()).and_then(|key| Some((key, self.subscriptions.remove(&key)?)));
        let (mut subscription, position) = if let Some((earlier_key, mut subscription)) = earlier {
            // Under a key of its own: a wake-up for the earlier one may still be on its way.
            subscription.log.unpark(&self.inbox, earlier_key);
            let position = subscription.log.widen(&mut subscription.place, topics, cursor);
            (subscription, position)
        } else {
            let log = hub.log(channel)?.ok()?;
            let (place, position) = log.start(topics, cursor.unwrap_or_default());
            (Subscription { log, place, expires: Vec::new() }, position)
        };
        subscription.permit(topics, expires);
        self.subscriptions.insert(key, subscription);
        self.turns.push_back(key);
        Some(position)
    }

    /// Ends the subscription to a channel. Tells whether there was one.
    pub(crate) fn unsubscribe(&mut self, channel: &str) -> bool {
        let Some(key) = self.key_of(channel) else { return false };
        if let Some(subscription) = self.subscriptions.remove(&key) {
            subscription.log.unpark(&self.inbox, key);
        }
        true
    }

    /// When the first permit of a topic ends, in seconds since 1970.
    pub(crate) fn expires(&self) -> Option<u64> {
        let permits = self.subscriptions.values().flat_map(|subscription| &subscription.expires);
        permits.map(|(_, expires)| *expires).min()
    }

    /// Waits for events and adds them. Nothing is lost when it is cancelled.
    pub(crate) async fn read(&mut self, events: &mut Vec<Event>) {
        while !self.read_waiting(events) {
            self.inbox.wait().await;
        }
    }

    /// Adds the events of one turn, or of none where nothing waits.
    pub(crate) fn read_waiting(&mut self, events: &mut Vec<Event>) -> bool {
        self.inbox.take(&mut self.turns);
        while let Some(key) = self.turns.pop_front() {
            let Some(subscription) = self.subscriptions.get_mut(&key) else { continue };
            let Subscription { log, place, .. } = subscription;
            let read = log.read(place, TURN_BYTES, &self.inbox, key);
            if read.is_empty() {
                continue;
            }
            self.turns.push_back(key);
            if let Some(gap) = read.gap {
                events.push(Event::Gap { channel: log.channel().shared_name(), gap });
            }
            if !read.messages.is_empty() {
                events.push(Event::Messages(read.messages));
            }
            return true;
        }
        false
    }

    fn key_of(&self, channel: &str) -> Option<u64> {
        let mut all = self.subscriptions.iter();
        all.find(|(_, subscription)| subscription.log.channel().name() == channel).map(|(key, _)| *key)
    }
}

impl Subscription {
    /// The latest permit of a topic counts.
    fn permit(&mut self, topics: &[usize], expires: u64) {
        for topic in topics {
            match self.expires.iter_mut().find(|(known, _)| known == topic) {
                Some((_, known)) => *known = expires.max(*known),
                None => self.expires.push((*topic, expires)),
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for (key, subscription) in &self.subscriptions {
            subscription.log.unpark(&self.inbox, *key);
        }
    }
}
