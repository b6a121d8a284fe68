//! A simulated cluster of hubs, with subscribers and messages. The same seed gives the same cluster.

use super::random::{Random, Zipf};
use std::collections::BTreeSet;

/// A cluster of hubs. Subscribers choose a channel by its popularity, and a hub at random.
#[derive(Clone, Copy)]
pub(super) struct World {
    pub(super) hubs: u32,
    pub(super) subscribers: u32,
    pub(super) channels: u32,
    /// The exponent of Zipf's law. The channel with the number n is chosen in proportion to 1/(n + 1)^exponent.
    pub(super) exponent: f64,
    pub(super) seed: u64,
}

/// A message: its publishing hub and its channel.
pub(super) type Message = (u32, u32);

/// The subscribers of a cluster, sorted by channel and hub.
pub(super) struct Placement {
    hubs: u32,
    subscribers: Vec<(u32, u32)>,
}

/// The work that messages cause, on average per message.
#[derive(Debug)]
pub(super) struct Work {
    /// The deliveries to subscribers.
    pub(super) deliveries: f64,
    /// The hubs that have subscribers of the channel, except for the publishing one.
    pub(super) interested: f64,
    /// The hubs to which NATS sends a message, if each hub receives some of the channels only.
    pub(super) receivers: f64,
}

/// The parts of the channels of which hubs receive messages.
#[derive(Clone, Copy)]
pub(super) enum Parts {
    /// Every hub receives everything.
    All,
    /// Channels are spread over buckets by a hash. A hub receives the buckets of its open channels.
    Buckets(u32),
    /// A hub receives its open channels.
    Channels,
}

impl World {
    /// Returns the channels of the subscribers of each hub.
    pub(super) fn list_subscribers(&self) -> Vec<Vec<u64>> {
        let mut hubs = vec![Vec::new(); self.hubs as usize];
        for (channel, hub) in self.draw_subscribers() {
            hubs[hub as usize].push(u64::from(channel));
        }
        hubs
    }

    pub(super) fn place(&self) -> Placement {
        let mut subscribers = self.draw_subscribers();
        subscribers.sort_unstable();
        Placement { hubs: self.hubs, subscribers }
    }

    fn draw_subscribers(&self) -> Vec<(u32, u32)> {
        let (mut random, zipf) = (Random::new(self.seed), Zipf::new(self.channels, self.exponent));
        (0..self.subscribers).map(|_| (zipf.draw(&mut random), random.below(self.hubs))).collect()
    }

    /// Draws messages: the channel by its popularity, and the hub at random.
    pub(super) fn draw_messages(&self, count: u32) -> Vec<Message> {
        let (mut random, zipf) = (Random::new(self.seed + 1), Zipf::new(self.channels, self.exponent));
        (0..count).map(|_| (random.below(self.hubs), zipf.draw(&mut random))).collect()
    }

    /// Draws messages to channels that are equally likely, at random hubs.
    pub(super) fn draw_even_messages(&self, count: u32) -> Vec<Message> {
        let mut random = Random::new(self.seed + 2);
        (0..count).map(|_| (random.below(self.hubs), random.below(self.channels))).collect()
    }
}

impl Placement {
    /// Returns the number of channels that each hub has open.
    pub(super) fn count_open(&self) -> Vec<u32> {
        let mut counts = vec![0; self.hubs as usize];
        for (_, hub) in self.list_open() {
            counts[hub as usize] += 1;
        }
        counts
    }

    /// Returns the number of subscriptions that all hubs need.
    pub(super) fn count_subscriptions(&self, parts: Parts) -> usize {
        let part = |channel: u32| match parts {
            Parts::All => 0,
            Parts::Buckets(buckets) => bucket_of(channel, buckets),
            Parts::Channels => channel,
        };
        self.list_open().map(|(channel, hub)| (part(channel), hub)).collect::<BTreeSet<_>>().len()
    }

    pub(super) fn work(&self, messages: &[Message], parts: Parts) -> Work {
        let buckets = self.list_bucket_hubs(parts);
        let mut work = Work { deliveries: 0.0, interested: 0.0, receivers: 0.0 };
        let share = 1.0 / f64::from(u32::try_from(messages.len()).unwrap_or(u32::MAX).max(1));
        for (publisher, channel) in messages {
            let (mut hubs, mut last) = (0, None);
            let start = self.subscribers.partition_point(|(other, _)| other < channel);
            for (_, hub) in self.subscribers[start..].iter().take_while(|(other, _)| other == channel) {
                work.deliveries += share;
                if last != Some(hub) && hub != publisher {
                    hubs += 1;
                }
                last = Some(hub);
            }
            work.interested += f64::from(hubs) * share;
            let receivers = match parts {
                Parts::All => self.hubs,
                // The publishing hub has the channel open, too.
                Parts::Channels => hubs + 1,
                Parts::Buckets(count) => {
                    let bucket = bucket_of(*channel, count);
                    let start = buckets.partition_point(|(other, _)| *other < bucket);
                    let hubs = buckets[start..].iter().take_while(|(other, _)| *other == bucket);
                    1 + u32::try_from(hubs.filter(|(_, hub)| hub != publisher).count()).unwrap_or(0)
                }
            };
            work.receivers += f64::from(receivers) * share;
        }
        work
    }

    /// Returns the hubs of each bucket, sorted.
    fn list_bucket_hubs(&self, parts: Parts) -> Vec<(u32, u32)> {
        let Parts::Buckets(count) = parts else { return Vec::new() };
        let mut hubs: Vec<_> =
            self.list_open().map(|(channel, hub)| (bucket_of(channel, count), hub)).collect();
        hubs.sort_unstable();
        hubs.dedup();
        hubs
    }

    /// Returns each channel with each hub that has it open, once.
    fn list_open(&self) -> impl Iterator<Item = (u32, u32)> {
        let pairs = self.subscribers.iter().copied();
        let earlier = [None].into_iter().chain(self.subscribers.iter().copied().map(Some));
        pairs.zip(earlier).filter(|(pair, earlier)| Some(*pair) != *earlier).map(|(pair, _)| pair)
    }
}

/// Returns the bucket of a channel by a hash.
fn bucket_of(channel: u32, buckets: u32) -> u32 {
    Random::new(u64::from(channel)).below(buckets)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORLD: World = World { hubs: 10, subscribers: 20_000, channels: 50_000, exponent: 0.8, seed: 1 };

    #[test]
    fn a_hub_that_receives_everything_receives_no_less_than_one_that_does_not() {
        let (placement, messages) = (WORLD.place(), WORLD.draw_messages(5_000));
        let receivers = |parts| placement.work(&messages, parts).receivers;
        let [all, one, some, many, exact] = [
            Parts::All,
            Parts::Buckets(1),
            Parts::Buckets(1_000),
            Parts::Buckets(1_000_000),
            Parts::Channels,
        ]
        .map(receivers);
        assert!((all - 10.0).abs() < 1e-6 && (one - 10.0).abs() < 1e-6, "{all} {one}");
        assert!(all > some && some > many && many >= exact && exact >= 1.0, "{some} {many} {exact}");
        let work = placement.work(&messages, Parts::Channels);
        assert!((work.receivers - work.interested - 1.0).abs() < 1e-6);
        assert!(work.deliveries >= work.interested);
    }

    #[test]
    fn every_subscriber_is_at_one_hub() {
        let hubs = WORLD.list_subscribers();
        assert_eq!(hubs.iter().map(Vec::len).sum::<usize>(), 20_000);
        let distinct = |channels: &Vec<u64>| channels.iter().collect::<BTreeSet<_>>().len();
        let open: Vec<_> = WORLD.place().count_open().into_iter().map(|count| count as usize).collect();
        assert_eq!(open, hubs.iter().map(distinct).collect::<Vec<_>>());
        assert_eq!(WORLD.place().count_subscriptions(Parts::Channels), open.iter().sum());
        assert_eq!(WORLD.place().count_subscriptions(Parts::All), 10);
    }

    #[test]
    fn a_message_is_delivered_to_each_subscriber_of_its_channel() {
        let placement = Placement { hubs: 3, subscribers: vec![(7, 0), (7, 0), (7, 2), (8, 1)] };
        let work = |message| {
            let Work { deliveries, interested, receivers } = placement.work(&[message], Parts::Channels);
            [deliveries, interested, receivers].map(f64::round).map(|number| number.to_string()).join(" ")
        };
        assert_eq!(work((0, 7)), "3 1 2");
        assert_eq!(work((1, 7)), "3 2 3");
        assert_eq!(work((0, 9)), "0 0 1");
    }
}
