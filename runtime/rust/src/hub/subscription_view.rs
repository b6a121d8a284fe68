//! The subscriptions of a connection, as administrators see them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::SubscriptionId;
use super::token_guard::TokenGuard;
use crate::history::{Log, SubscriberCount};

/// A channel of a subscription.
#[derive(Clone, Debug)]
pub(crate) struct SubscriptionSummary {
    pub(crate) subscription_id: SubscriptionId,
    pub(crate) channel: Arc<str>,
    pub(crate) topics: Vec<SubscribedTopic>,
    /// How many messages of the channel the connection has not read yet.
    pub(crate) lag: u64,
}

/// A subscribed topic, and the token that grants it.
#[derive(Clone, Debug)]
pub(crate) struct SubscribedTopic {
    pub(crate) name: String,
    pub(crate) token_id: String,
    pub(crate) subject: Option<String>,
    /// In milliseconds since 1970.
    pub(crate) expires: u64,
}

/// The subscriptions of a connection. The connection changes them, and administrators read them.
#[derive(Clone, Default)]
pub(crate) struct SubscriptionViews(Arc<Mutex<Vec<Arc<SubscriptionView>>>>);

/// One channel of a subscription.
pub(crate) struct SubscriptionView {
    subscription_id: SubscriptionId,
    log: Arc<Log>,
    _count: SubscriberCount,
    /// The offset up to which the connection has read the log.
    read_until: AtomicU64,
    topics: Mutex<Vec<(usize, Arc<TokenGuard>)>>,
}

impl SubscriptionViews {
    pub(super) fn add(&self, view: &Arc<SubscriptionView>) {
        self.lock().push(Arc::clone(view));
    }

    pub(super) fn remove(&self, view: &Arc<SubscriptionView>) {
        self.lock().retain(|known| !Arc::ptr_eq(known, view));
    }

    /// Describes all subscriptions.
    pub(super) fn summarize(&self) -> Vec<SubscriptionSummary> {
        self.lock().iter().map(|view| view.summarize()).collect()
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<SubscriptionView>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SubscriptionView {
    pub(super) fn new(subscription_id: &SubscriptionId, log: &Arc<Log>) -> Self {
        Self {
            subscription_id: subscription_id.clone(),
            log: Arc::clone(log),
            _count: log.count_subscriber(),
            read_until: AtomicU64::new(0),
            topics: Mutex::default(),
        }
    }

    pub(super) fn set_topics(&self, topics: &[(usize, Arc<TokenGuard>)]) {
        *self.lock() = topics.to_vec();
    }

    pub(super) fn set_read_until(&self, offset: u64) {
        self.read_until.store(offset, Ordering::Relaxed);
    }

    fn summarize(&self) -> SubscriptionSummary {
        let channel = self.log.channel();
        let topics = self.lock();
        let topics = topics.iter().map(|(name, guard)| SubscribedTopic {
            name: channel.definition().name_text(*name).to_owned(),
            token_id: guard.token_use().id().to_owned(),
            subject: guard.subject().map(str::to_owned),
            expires: guard.expires(),
        });
        SubscriptionSummary {
            subscription_id: self.subscription_id.clone(),
            channel: channel.shared_name(),
            topics: topics.collect(),
            lag: self.log.head().saturating_sub(self.read_until.load(Ordering::Relaxed)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(usize, Arc<TokenGuard>)>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
