//! A hub for a test.

use std::ops::Deref;

use super::TestClock;
use crate::channel::{Registry, Topic};
use crate::hub::Hub;
use crate::storage::Sqlite;
use crate::subscribe::{Receive, read_frames};

/// The signing key of test hubs.
const KEY: &str = "signkey-test-00112233445566778899aabbccddeeff";

/// A hub with a clock that the test controls, and a storage in memory.
///
/// It is a [`Hub`]. Pass clones of that hub to your application. See [`testing`](super) for an example.
#[derive(Debug)]
pub struct TestHub {
    hub: Hub,
    clock: TestClock,
}

impl TestHub {
    /// Creates a hub for the channels of a registry.
    ///
    /// # Panics
    /// Panics where [`TestClock::start`] does.
    #[must_use]
    pub fn new(registry: &'static Registry) -> Self {
        let clock = TestClock::start();
        let storage = Sqlite::in_memory().unwrap_or_else(|error| panic!("{error}"));
        let hub = Hub::builder(registry).signing_key(KEY).storage(storage).build();
        Self { hub: hub.unwrap_or_else(|error| panic!("{error}")), clock }
    }

    /// Creates a test hub from a hub that was built after the clock was started, for example with other settings or
    /// with a storage in a file.
    #[must_use]
    pub fn with_hub(clock: TestClock, hub: Hub) -> Self {
        Self { hub, clock }
    }

    /// Returns the clock.
    pub fn clock(&self) -> &TestClock {
        &self.clock
    }

    /// Returns everything that was published to a topic since the clock was started, in order, even if it is no longer in
    /// the history.
    ///
    /// [`Hub::subscribe`] waits for messages, and returns them with their envelope.
    ///
    /// # Panics
    /// Panics if a message does not match the topic's definition.
    #[must_use]
    pub fn published<P: Receive + ?Sized>(&self, topic: Topic<'_, P>) -> Vec<P::Received> {
        let published = read_frames(topic, self.clock.appended(topic.channel().name()));
        let published = published.unwrap_or_else(|error| panic!("{error}"));
        published.into_iter().map(|message| message.data).collect()
    }
}

impl Deref for TestHub {
    type Target = Hub;

    fn deref(&self) -> &Hub {
        &self.hub
    }
}
