//! All that one connection subscribes to, read as one stream of events.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Hub;
use super::lease::{Due, Lease, Usage};
use crate::channel::Channel;
use crate::history::{Batch, Gap, Inbox, Log, ReadCursor, TURN_BYTES};
use crate::metrics;
use crate::wire::{Cursor, EndCode, MAX_CHANNELS, Since};

/// What the client calls a subscription of its own. There is one without: what the connection
/// subscribed to when it opened, and what widened that.
pub(crate) type Reference = Option<Arc<str>>;

/// What a connection reads.
pub(crate) enum Event {
    /// Messages of one channel, in order.
    Messages { reference: Reference, messages: Arc<Batch> },
    /// Messages of a channel are gone. What comes after is the next event of the channel.
    Gap { reference: Reference, channel: Arc<str>, gap: Gap },
}

/// A subscription to a channel that stands.
pub(crate) struct Ready {
    pub(crate) channel: Channel,
    pub(crate) position: Cursor,
}

/// What happened to a subscription because of its token.
pub(crate) enum Notice {
    /// Its token ends in so many milliseconds.
    Expiring { reference: Reference, milliseconds: u64 },
    /// It has ended.
    Ended { reference: Reference, channels: Vec<String>, code: EndCode },
}

/// The subscriptions of one connection.
pub(crate) struct Reader {
    inbox: Arc<Inbox>,
    /// In the order of their keys.
    subscribed: Vec<Subscribed>,
    next_key: u64,
    /// Keys of what may have something to read. Who is parked has no turn, and those that
    /// are gone are passed over.
    turns: VecDeque<u64>,
    /// A log that is read is no longer its channel's history.
    has_retired: bool,
}

/// One channel of a subscription.
struct Subscribed {
    key: u64,
    reference: Reference,
    log: Arc<Log>,
    place: ReadCursor,
    /// By which right each topic is read.
    leases: Vec<(usize, Arc<Lease>)>,
}

/// Why a subscription does not come to be.
#[derive(Debug)]
pub(crate) enum NoSubscription {
    /// The connection has one of the same reference.
    RefInUse,
    /// One connection cannot have that many channels.
    TooManyChannels,
    Unavailable,
}

/// Why a subscription does not go on with another token.
pub(crate) enum NotRenewed {
    NotSubscribed,
    /// The token names less than is subscribed.
    NotGranted,
}

impl Reader {
    pub(crate) fn new(inbox: &Arc<Inbox>) -> Self {
        let inbox = Arc::clone(inbox);
        Self { inbox, subscribed: Vec::new(), next_key: 0, turns: VecDeque::new(), has_retired: false }
    }

    /// Subscribes to channels and topics. What is published from here on will be read. With a
    /// reference it is a subscription of its own.
    pub(crate) async fn subscribe(
        &mut self,
        hub: &Hub,
        reference: &Reference,
        permitted: Vec<(Channel, Vec<usize>)>,
        since: &Since,
        lease: &Arc<Lease>,
    ) -> Result<Vec<Ready>, NoSubscription> {
        if reference.is_some() && self.has(reference) {
            return Err(NoSubscription::RefInUse);
        }
        let new = permitted.iter().filter(|(channel, _)| self.index_of(reference, channel.name()).is_none());
        if self.subscribed.len() + new.count() > MAX_CHANNELS {
            return Err(NoSubscription::TooManyChannels);
        }
        // All logs before the first change: what is refused changes nothing.
        let mut logs = Vec::with_capacity(permitted.len());
        for (channel, _) in &permitted {
            let cursor = since.get(channel.name()).copied().unwrap_or_default();
            logs.push(hub.open_log_at(channel, cursor).await.map_err(|_| NoSubscription::Unavailable)?);
        }
        let all = permitted.into_iter().zip(logs).map(|((channel, topics), log)| {
            let cursor = since.get(channel.name()).copied();
            let position = self.subscribe_to(reference, log, &topics, cursor, lease);
            Ready { channel, position }
        });
        Ok(all.collect())
    }

    fn subscribe_to(
        &mut self,
        reference: &Reference,
        log: Arc<Log>,
        topics: &[usize],
        cursor: Option<Cursor>,
        lease: &Arc<Lease>,
    ) -> Cursor {
        let key = self.next_key;
        self.next_key += 1;
        let earlier = self.index_of(reference, log.channel().name());
        let (mut subscribed, position) = if let Some(index) = earlier {
            // Under a key of its own: a wake-up for the earlier one may still be on its way.
            let mut subscribed = self.remove(index);
            let position = subscribed.log.add_topics(&mut subscribed.place, topics, cursor);
            (Subscribed { key, ..subscribed }, position)
        } else {
            let (place, position) = log.start(topics, cursor.unwrap_or_default());
            (Subscribed { key, reference: reference.clone(), log, place, leases: Vec::new() }, position)
        };
        subscribed.extend(topics, lease);
        self.subscribed.push(subscribed);
        self.turns.push_back(key);
        position
    }

    /// Ends a channel of the subscription without a reference. Tells whether there was one.
    pub(crate) fn unsubscribe_channel(&mut self, channel: &str) -> bool {
        let index = self.index_of(&None, channel);
        index.map(|index| self.remove(index)).is_some()
    }

    /// Ends a subscription, and tells which channels it had.
    pub(crate) fn unsubscribe(&mut self, reference: &Reference) -> Vec<String> {
        let mut channels = Vec::new();
        for index in (0..self.subscribed.len()).rev() {
            if self.subscribed[index].reference == *reference {
                channels.push(self.remove(index).log.channel().name().to_owned());
            }
        }
        channels.reverse();
        channels
    }

    /// The one channel of a subscription. Nothing if it has none or several.
    pub(crate) fn channel_of(&self, reference: &Reference) -> Option<String> {
        let mut names = self.of(reference).map(|subscribed| subscribed.log.channel().name());
        let name = names.next()?;
        names.next().is_none().then(|| name.to_owned())
    }

    /// Goes on reading a subscription by another right, which names at least as much.
    pub(crate) fn renew(
        &mut self,
        reference: &Reference,
        permitted: &[(Channel, Vec<usize>)],
        lease: &Arc<Lease>,
    ) -> Result<(), NotRenewed> {
        if !self.has(reference) {
            return Err(NotRenewed::NotSubscribed);
        }
        let granted = |subscribed: &Subscribed| {
            let channel = permitted.iter().find(|(channel, _)| channel == subscribed.log.channel());
            let topics = channel.map_or(&[][..], |(_, topics)| topics);
            subscribed.leases.iter().all(|(topic, _)| topics.contains(topic))
        };
        if !self.of(reference).all(granted) {
            return Err(NotRenewed::NotGranted);
        }
        for subscribed in self.subscribed.iter_mut().filter(|subscribed| subscribed.reference == *reference) {
            for (_, held) in &mut subscribed.leases {
                *held = Arc::clone(lease);
            }
        }
        Ok(())
    }

    /// Tells what is due because of tokens, and ends what they no longer allow.
    pub(crate) fn check_leases(&mut self, now: u64) -> Vec<Notice> {
        let mut notices = Vec::new();
        let mut ended: Vec<(Reference, EndCode)> = Vec::new();
        for subscribed in &self.subscribed {
            let reference = &subscribed.reference;
            for (_, lease) in &subscribed.leases {
                let code = match lease.due(now) {
                    Due::Nothing => continue,
                    Due::Notice(milliseconds) => {
                        notices.push(Notice::Expiring { reference: reference.clone(), milliseconds });
                        continue;
                    }
                    Due::Expired => EndCode::Expired,
                    Due::Revoked => EndCode::Revoked,
                };
                if ended.iter().all(|(other, _)| other != reference) {
                    ended.push((reference.clone(), code));
                }
            }
        }
        notices.extend(ended.into_iter().map(|(reference, code)| {
            let channels = self.unsubscribe(&reference);
            Notice::Ended { reference, channels, code }
        }));
        notices
    }

    /// When there is next something due because of tokens, in milliseconds since 1970.
    pub(crate) fn due_at(&self) -> Option<u64> {
        self.leases().map(|lease| lease.due_at()).min()
    }

    /// The usage of tokens of an id, where there is one.
    pub(crate) fn usage(&self, id: &str) -> Option<Arc<Usage>> {
        self.leases().map(|lease| lease.usage()).find(|usage| usage.id() == id).cloned()
    }

    /// Takes from the inbox which channels to read. Tells whether there was an alarm.
    pub(crate) fn take_turns(&mut self) -> bool {
        self.inbox.take(&mut self.turns)
    }

    pub(crate) fn has_turns(&self) -> bool {
        !self.turns.is_empty()
    }

    /// Waits until there are turns to take.
    pub(crate) fn poll_turns(&self, context: &Context<'_>) -> Poll<()> {
        self.inbox.poll(context)
    }

    /// Adds what waits, about as much as one write takes, and tells whether there was anything. Every
    /// channel has its turn once at most: what is written then gives others time to say more.
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

    /// Reads one channel on, and tells how many bytes there were.
    fn read_turn(&mut self, key: u64, max_bytes: usize, events: &mut Vec<Event>) -> usize {
        let index = self.subscribed.binary_search_by_key(&key, |subscribed| subscribed.key);
        let Some(Subscribed { log, place, reference, .. }) =
            index.ok().and_then(|index| self.subscribed.get_mut(index))
        else {
            return 0;
        };
        let read = log.read(place, max_bytes, &self.inbox, key);
        self.has_retired |= log.is_retired();
        if read.more {
            self.turns.push_back(key);
        }
        if read.is_empty() {
            return 0;
        }
        metrics::read(read.lag, read.gap.is_some());
        if let Some(gap) = read.gap {
            let channel = log.channel().shared_name();
            events.push(Event::Gap { reference: reference.clone(), channel, gap });
        }
        let bytes = read.messages.as_ref().map_or(0, |messages| messages.bytes());
        if let Some(messages) = read.messages {
            events.push(Event::Messages { reference: reference.clone(), messages });
        }
        bytes
    }

    /// Returns whether the history of a channel was replaced since it was subscribed. The connection must be
    /// closed: its client resumes on a new one, and receives a gap there.
    pub(crate) fn has_retired(&self) -> bool {
        self.has_retired
    }

    /// Whether nothing is subscribed.
    pub(crate) fn is_empty(&self) -> bool {
        self.subscribed.is_empty()
    }

    fn has(&self, reference: &Reference) -> bool {
        self.of(reference).next().is_some()
    }

    fn of<'r>(&'r self, reference: &'r Reference) -> impl Iterator<Item = &'r Subscribed> {
        self.subscribed.iter().filter(move |subscribed| subscribed.reference == *reference)
    }

    fn leases(&self) -> impl Iterator<Item = &Arc<Lease>> {
        self.subscribed.iter().flat_map(|subscribed| subscribed.leases.iter().map(|(_, lease)| lease))
    }

    fn index_of(&self, reference: &Reference, channel: &str) -> Option<usize> {
        self.subscribed.iter().position(|subscribed| {
            subscribed.reference == *reference && subscribed.log.channel().name() == channel
        })
    }

    fn remove(&mut self, index: usize) -> Subscribed {
        let subscribed = self.subscribed.remove(index);
        subscribed.log.unpark(&self.inbox, subscribed.key);
        subscribed
    }
}

impl Subscribed {
    /// Of two rights to a topic the one that lasts longer counts.
    fn extend(&mut self, topics: &[usize], lease: &Arc<Lease>) {
        for topic in topics {
            match self.leases.iter_mut().find(|(known, _)| known == topic) {
                Some((_, held)) if held.expires() <= lease.expires() => *held = Arc::clone(lease),
                Some(_) => {}
                None => self.leases.push((*topic, Arc::clone(lease))),
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for subscribed in &self.subscribed {
            subscribed.log.unpark(&self.inbox, subscribed.key);
        }
    }
}
