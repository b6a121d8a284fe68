//! The subscriptions of one connection, read as one stream of events.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::outdated_client::OutdatedClient;
use super::subscription_view::{SubscriptionView, SubscriptionViews};
use super::token_guard::{TokenGuard, TokenStatus, TokenUse};
use super::{Hub, RenewError, SubscribeError};
use crate::channel::Channel;
use crate::history::{Batch, Gap, Inbox, Log, ReadCursor, TURN_BYTES};
use crate::metrics;
use crate::wire::{Cursor, Drift, EndCode, MAX_CHANNELS, Since};

/// The client's name for a subscription. `None` is the connection's default subscription: what it subscribed to when
/// it opened, and later additions without an id.
pub(crate) type SubscriptionId = Option<Arc<str>>;

/// Something for a connection to send.
pub(crate) enum Event {
    /// Messages of one channel, in order.
    Messages { subscription_id: SubscriptionId, messages: Arc<Batch> },
    /// Messages of a channel are lost. The messages after the gap are the channel's next event.
    Gap { subscription_id: SubscriptionId, channel: Arc<str>, gap: Gap },
    /// The last message that a channel had for the client when it subscribed has been read. Not sent if there was
    /// none ([`Ready::caught_up`]).
    CaughtUp { subscription_id: SubscriptionId, channel: Arc<str> },
}

/// A channel that was subscribed.
pub(crate) struct Ready {
    pub(crate) channel: Channel,
    /// Where to resume until a message arrives.
    pub(crate) position: Cursor,
    /// How the definition of the client's page differs, if that matters.
    pub(crate) drift: Option<Drift>,
    /// Whether the channel has no message for the client yet.
    pub(crate) caught_up: bool,
}

/// A change of a subscription's token for the client to know.
pub(crate) enum Notice {
    /// The token expires in this many milliseconds.
    Expiring { subscription_id: SubscriptionId, milliseconds: u64 },
    /// The subscription ended with its token.
    Ended { subscription_id: SubscriptionId, channels: Vec<String>, code: EndCode },
}

/// The subscriptions of one connection.
pub(crate) struct Reader {
    inbox: Arc<Inbox>,
    /// Ordered by key.
    subscribed: Vec<Subscribed>,
    next_key: u64,
    /// The keys of channels that may have something to read. Parked channels are not in it. Keys of channels that
    /// were unsubscribed are skipped.
    turns: VecDeque<u64>,
    /// Set once a log that is read is no longer its channel's history.
    has_retired: bool,
    views: SubscriptionViews,
}

/// One channel of a subscription.
struct Subscribed {
    key: u64,
    subscription_id: SubscriptionId,
    log: Arc<Log>,
    cursor: ReadCursor,
    /// The topic names, each with the token that grants its topic.
    guards: Vec<(usize, Arc<TokenGuard>)>,
    /// Counts the subscription while it is open, if the client's page has another definition and that matters.
    outdated: Option<OutdatedClient>,
    view: Arc<SubscriptionView>,
}

impl Reader {
    /// Creates a reader that lists its subscriptions in `views`.
    pub(crate) fn new(inbox: &Arc<Inbox>, views: &SubscriptionViews) -> Self {
        let (inbox, views) = (Arc::clone(inbox), views.clone());
        let (subscribed, turns) = (Vec::new(), VecDeque::new());
        Self { inbox, subscribed, next_key: 0, turns, has_retired: false, views }
    }

    /// Subscribes to channels and topic names, and reads every message that is published from here on. Without an id, adds
    /// to the default subscription.
    pub(crate) async fn subscribe(
        &mut self,
        hub: &Hub,
        subscription_id: &SubscriptionId,
        channels: Vec<(Channel, Vec<usize>)>,
        since: &Since,
        guard: &Arc<TokenGuard>,
    ) -> Result<Vec<Ready>, SubscribeError> {
        if subscription_id.is_some() && self.has(subscription_id) {
            return Err(SubscribeError::RefInUse);
        }
        let new =
            channels.iter().filter(|(channel, _)| self.index_of(subscription_id, channel.name()).is_none());
        if self.subscribed.len() + new.count() > MAX_CHANNELS {
            return Err(SubscribeError::TooManyChannels);
        }
        // Open all logs before the first change, so that an error changes nothing.
        let mut logs = Vec::with_capacity(channels.len());
        for (channel, _) in &channels {
            let cursor = since.get(channel.name()).copied().unwrap_or_default();
            logs.push(hub.open_log_at(channel, cursor).await.map_err(|_| SubscribeError::Unavailable)?);
        }
        let all = channels.into_iter().zip(logs).map(|((channel, topics), log)| {
            let cursor = since.get(channel.name()).copied();
            let (position, caught_up) = self.subscribe_to(subscription_id, log, &topics, cursor, Some(guard));
            Ready { channel, position, drift: None, caught_up }
        });
        Ok(all.collect())
    }

    /// Subscribes to topics without a token, for a reader in this process.
    pub(crate) fn subscribe_in_process(&mut self, log: Arc<Log>, topics: &[usize], cursor: Cursor) -> Cursor {
        self.subscribe_to(&None, log, topics, Some(cursor), None).0
    }

    /// Returns where to resume, and whether there is nothing to read yet.
    fn subscribe_to(
        &mut self,
        subscription_id: &SubscriptionId,
        log: Arc<Log>,
        topics: &[usize],
        cursor: Option<Cursor>,
        guard: Option<&Arc<TokenGuard>>,
    ) -> (Cursor, bool) {
        let key = self.next_key;
        self.next_key += 1;
        let earlier = self.index_of(subscription_id, log.channel().name());
        let (mut subscribed, position) = if let Some(index) = earlier {
            // Use a new key: a wake-up for the earlier one may be pending.
            let mut subscribed = self.remove(index);
            let position = subscribed.log.add_topics(&mut subscribed.cursor, topics, cursor);
            (Subscribed { key, ..subscribed }, position)
        } else {
            let (cursor, position) = log.start(topics, cursor.unwrap_or_default());
            let view = Arc::new(SubscriptionView::new(subscription_id, &log));
            let (subscription_id, guards) = (subscription_id.clone(), Vec::new());
            (Subscribed { key, subscription_id, log, cursor, guards, outdated: None, view }, position)
        };
        if let Some(guard) = guard {
            subscribed.add_topics(topics, guard);
        }
        let caught_up = subscribed.cursor.is_caught_up();
        subscribed.view.set_topics(&subscribed.guards);
        subscribed.view.set_read_until(subscribed.cursor.offset());
        self.views.add(&subscribed.view);
        if self.subscribed.is_empty() {
            // Most connections have one channel. The first push would make room for four.
            self.subscribed.reserve_exact(1);
        }
        self.subscribed.push(subscribed);
        self.turns.push_back(key);
        (position, caught_up)
    }

    /// Counts a subscription to a channel as outdated until it ends.
    pub(crate) fn set_outdated(&mut self, id: &SubscriptionId, channel: &str, client: OutdatedClient) {
        if let Some(index) = self.index_of(id, channel) {
            self.subscribed[index].outdated = Some(client);
        }
    }

    /// Removes a channel from the default subscription. Returns `false` if it was not subscribed.
    pub(crate) fn unsubscribe_channel(&mut self, channel: &str) -> bool {
        let index = self.index_of(&None, channel);
        index.map(|index| self.remove(index)).is_some()
    }

    /// Ends a subscription, and returns the channels that it had.
    pub(crate) fn unsubscribe(&mut self, subscription_id: &SubscriptionId) -> Vec<String> {
        let mut channels = Vec::new();
        for index in (0..self.subscribed.len()).rev() {
            if self.subscribed[index].subscription_id == *subscription_id {
                channels.push(self.remove(index).log.channel().name().to_owned());
            }
        }
        channels.reverse();
        channels
    }

    /// Returns the channel of a subscription, or `None` if it does not have exactly one.
    pub(crate) fn channel_of(&self, subscription_id: &SubscriptionId) -> Option<String> {
        let mut names = self.channels_of(subscription_id).map(|subscribed| subscribed.log.channel().name());
        let name = names.next()?;
        names.next().is_none().then(|| name.to_owned())
    }

    /// Replaces the token of a subscription by one that grants at least as much as is subscribed.
    pub(crate) fn renew(
        &mut self,
        subscription_id: &SubscriptionId,
        granted: &[(Channel, Vec<usize>)],
        guard: &Arc<TokenGuard>,
    ) -> Result<(), RenewError> {
        if !self.has(subscription_id) {
            return Err(RenewError::NotSubscribed);
        }
        let is_granted = |subscribed: &Subscribed| {
            let channel = granted.iter().find(|(channel, _)| channel == subscribed.log.channel());
            let topics = channel.map_or(&[][..], |(_, topics)| topics);
            let topic_of = |name: &usize| subscribed.log.channel().definition().topic_of(*name);
            let is_granted = |name: &usize| topics.iter().any(|granted| topic_of(granted) == topic_of(name));
            subscribed.guards.iter().all(|(name, _)| is_granted(name))
        };
        if !self.channels_of(subscription_id).all(is_granted) {
            return Err(RenewError::NotGranted);
        }
        for subscribed in
            self.subscribed.iter_mut().filter(|subscribed| subscribed.subscription_id == *subscription_id)
        {
            for (_, held) in &mut subscribed.guards {
                *held = Arc::clone(guard);
            }
            subscribed.view.set_topics(&subscribed.guards);
        }
        Ok(())
    }

    /// Checks all tokens, and ends the subscriptions whose token has expired or was revoked.
    pub(crate) fn check_tokens(&mut self, now: u64) -> Vec<Notice> {
        let mut notices = Vec::new();
        let mut ended: Vec<(SubscriptionId, EndCode)> = Vec::new();
        for subscribed in &self.subscribed {
            let subscription_id = &subscribed.subscription_id;
            for (_, guard) in &subscribed.guards {
                let code = match guard.check(now) {
                    TokenStatus::Valid => continue,
                    TokenStatus::Expiring(milliseconds) => {
                        notices.push(Notice::Expiring {
                            subscription_id: subscription_id.clone(),
                            milliseconds,
                        });
                        continue;
                    }
                    TokenStatus::Expired => EndCode::Expired,
                    TokenStatus::Revoked => EndCode::Revoked,
                };
                if ended.iter().all(|(other, _)| other != subscription_id) {
                    ended.push((subscription_id.clone(), code));
                }
            }
        }
        notices.extend(ended.into_iter().map(|(subscription_id, code)| {
            let channels = self.unsubscribe(&subscription_id);
            Notice::Ended { subscription_id, channels, code }
        }));
        notices
    }

    /// Returns when to check the tokens next, in milliseconds since 1970.
    pub(crate) fn next_check_at(&self) -> Option<u64> {
        self.guards().map(|guard| guard.next_check_at()).min()
    }

    /// Returns the connection's use of tokens with an id, if it has one.
    pub(crate) fn token_use(&self, id: &str) -> Option<Arc<TokenUse>> {
        self.guards().map(|guard| guard.token_use()).find(|token_use| token_use.id() == id).cloned()
    }

    /// Takes from the inbox which channels to read. Returns `true` if there was an alarm.
    pub(crate) fn take_turns(&mut self) -> bool {
        self.inbox.take(&mut self.turns)
    }

    pub(crate) fn has_turns(&self) -> bool {
        !self.turns.is_empty()
    }

    /// Waits until there are turns in the inbox, and [takes](Self::take_turns) them.
    pub(crate) fn poll_turns(&mut self, context: &Context<'_>) -> Poll<bool> {
        self.inbox.poll_take(&mut self.turns, context)
    }

    /// Reads waiting messages, about as many bytes as one write takes. Returns `false` if there were none. Reads each
    /// channel once at most: more messages gather while these are written.
    pub(crate) fn read(&mut self, events: &mut Vec<Event>) -> bool {
        let (before, mut bytes) = (events.len(), 0);
        for _ in 0..self.turns.len() {
            let Some(key) = self.turns.pop_front() else { break };
            bytes += self.read_turn(key, TURN_BYTES - bytes, events);
            if bytes >= TURN_BYTES {
                break;
            }
        }
        events.len() > before
    }

    /// Reads one channel, and returns the number of bytes read.
    fn read_turn(&mut self, key: u64, max_bytes: usize, events: &mut Vec<Event>) -> usize {
        let index = self.subscribed.binary_search_by_key(&key, |subscribed| subscribed.key);
        let Some(Subscribed { log, cursor, subscription_id, view, .. }) =
            index.ok().and_then(|index| self.subscribed.get_mut(index))
        else {
            return 0;
        };
        let read = log.read(cursor, max_bytes, &self.inbox, key);
        view.set_read_until(cursor.offset());
        self.has_retired |= log.is_retired();
        if read.more {
            self.turns.push_back(key);
        }
        if read.is_empty() {
            return 0;
        }
        metrics::record_read(read.lag, read.gap.is_some());
        if let Some(gap) = read.gap {
            let channel = log.channel().shared_name();
            events.push(Event::Gap { subscription_id: subscription_id.clone(), channel, gap });
        }
        let bytes = read.messages.as_ref().map_or(0, |messages| messages.bytes());
        if let Some(messages) = read.messages {
            events.push(Event::Messages { subscription_id: subscription_id.clone(), messages });
        }
        if read.caught_up {
            let channel = log.channel().shared_name();
            events.push(Event::CaughtUp { subscription_id: subscription_id.clone(), channel });
        }
        bytes
    }

    /// Returns `true` if the history of a channel was replaced since it was subscribed. The connection must then
    /// close: its client resumes on a new one, and receives a gap there.
    pub(crate) fn has_retired(&self) -> bool {
        self.has_retired
    }

    /// Returns `true` if nothing is subscribed.
    pub(crate) fn is_empty(&self) -> bool {
        self.subscribed.is_empty()
    }

    fn has(&self, subscription_id: &SubscriptionId) -> bool {
        self.channels_of(subscription_id).next().is_some()
    }

    fn channels_of<'r>(
        &'r self,
        subscription_id: &'r SubscriptionId,
    ) -> impl Iterator<Item = &'r Subscribed> {
        self.subscribed.iter().filter(move |subscribed| subscribed.subscription_id == *subscription_id)
    }

    fn guards(&self) -> impl Iterator<Item = &Arc<TokenGuard>> {
        self.subscribed.iter().flat_map(|subscribed| subscribed.guards.iter().map(|(_, guard)| guard))
    }

    fn index_of(&self, subscription_id: &SubscriptionId, channel: &str) -> Option<usize> {
        self.subscribed.iter().position(|subscribed| {
            subscribed.subscription_id == *subscription_id && subscribed.log.channel().name() == channel
        })
    }

    fn remove(&mut self, index: usize) -> Subscribed {
        let subscribed = self.subscribed.remove(index);
        subscribed.log.unpark(&self.inbox, subscribed.key);
        self.views.remove(&subscribed.view);
        subscribed
    }
}

impl Subscribed {
    /// Adds topics that a token grants. If a topic already has a token, the one that expires later is used.
    fn add_topics(&mut self, topics: &[usize], guard: &Arc<TokenGuard>) {
        for topic in topics {
            match self.guards.iter_mut().find(|(known, _)| known == topic) {
                Some((_, held)) if held.expires() <= guard.expires() => *held = Arc::clone(guard),
                Some(_) => {}
                None => self.guards.push((*topic, Arc::clone(guard))),
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.views.clear();
        for subscribed in &self.subscribed {
            subscribed.log.unpark(&self.inbox, subscribed.key);
        }
    }
}
