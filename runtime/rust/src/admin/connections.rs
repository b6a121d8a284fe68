//! The open connections.

use std::net::IpAddr;
use std::time::SystemTime;

use serde::Serialize;

use super::page::write_time;
use super::{Admin, AdminError, Page, PageRequest};
use crate::clock;
use crate::hub::{ConnectionSummary, SubscribedTopic, SubscriptionSummary};

/// The maximum number of subscriptions on a page, unless it has only one connection.
const MAX_SUBSCRIPTIONS: usize = 2_000;

/// An open connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// Numbers ascend in the order in which connections were opened.
    pub number: u64,
    /// `websocket` or `sse`.
    pub transport: &'static str,
    /// The address of the client. `None` if it is not known, or that of a proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// When it was opened, by the wall clock.
    #[serde(serialize_with = "write_time")]
    pub since: SystemTime,
    /// The channels that it subscribes to.
    pub subscriptions: Vec<SubscriptionInfo>,
}

/// A channel of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SubscriptionInfo {
    /// The client's name for the subscription. `None` for the default subscription.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub subscription_id: Option<String>,
    /// The name of the channel.
    pub channel: String,
    /// The subscribed topics.
    pub topics: Vec<SubscribedTopicInfo>,
    /// How many messages of the channel the connection has not read yet.
    pub lag: u64,
}

/// A subscribed topic, and the token that grants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SubscribedTopicInfo {
    /// The name under which it was subscribed.
    pub name: String,
    /// The id of the token or the session.
    pub token_id: String,
    /// The subject of the token or the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When the token expires, by the wall clock.
    #[serde(serialize_with = "write_time")]
    pub expires_at: SystemTime,
}

impl Admin {
    /// Returns open connections of this process, the oldest first.
    ///
    /// # Errors
    /// Returns an error if the cursor is not valid.
    pub fn connections(&self, page: &PageRequest) -> Result<Page<ConnectionInfo>, AdminError> {
        let after = page.read_cursor(|cursor| cursor.parse().ok())?.unwrap_or(0);
        let mut found = self.hub.list_connections(after, page.max_items() + 1, MAX_SUBSCRIPTIONS);
        let (mut count, mut subscriptions) = (0, 0);
        while let Some(connection) = found.get(count) {
            subscriptions += connection.subscriptions.len();
            if count == page.max_items() || (count > 0 && subscriptions > MAX_SUBSCRIPTIONS) {
                break;
            }
            count += 1;
        }
        let has_more = found.len() > count;
        found.truncate(count);
        let next = found.last().filter(|_| has_more).map(|connection| connection.number.to_string());
        Ok(Page::new(found.into_iter().map(ConnectionInfo::from).collect(), next))
    }
}

impl From<ConnectionSummary> for ConnectionInfo {
    fn from(connection: ConnectionSummary) -> Self {
        let ConnectionSummary { number, transport, address, since, subscriptions } = connection;
        let subscriptions = subscriptions.into_iter().map(SubscriptionInfo::from).collect();
        Self { number, transport, address, since, subscriptions }
    }
}

impl From<SubscriptionSummary> for SubscriptionInfo {
    fn from(subscription: SubscriptionSummary) -> Self {
        let SubscriptionSummary { subscription_id, channel, topics, lag } = subscription;
        let topics = topics.into_iter().map(|SubscribedTopic { name, token_id, subject, expires }| {
            let expires_at = clock::from_milliseconds(i64::try_from(expires).unwrap_or(i64::MAX));
            SubscribedTopicInfo { name, token_id, subject, expires_at }
        });
        Self {
            subscription_id: subscription_id.map(|id| id.to_string()),
            channel: channel.to_string(),
            topics: topics.collect(),
            lag,
        }
    }
}
