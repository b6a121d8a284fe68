//! The payloads of topics and signals: checking them without publishing, and examples.

use serde_json::Value;

use super::Admin;
use crate::channel::ResolveError;
use crate::publish::{PublishError, check_json};
use crate::schema::{self, Issue, Schema};
use crate::signal::{SignalError, SignalPayload};

/// The schema of a topic's or a signal's payloads. Returned by [`Admin::topic`] and [`Admin::signal`].
///
/// ```
/// # fn check(hub: &fanfare::Hub) -> Result<(), Box<dyn std::error::Error>> {
/// let status = hub.admin().topic("pipeline", "status")?;
/// for issue in status.check(br#"{ "progress": 101 }"#)? {
///     println!("{issue}");
/// }
/// println!("a valid payload: {:?}", status.example());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PayloadSchema {
    schema: &'static Schema,
    of: Sender,
}

/// The way in which the payloads are sent.
#[derive(Clone, Copy, Debug)]
enum Sender {
    Publisher,
    Client,
}

impl Admin {
    /// Returns the schema of a topic's payloads. `channel` is the name of a channel, or of its definition.
    ///
    /// # Errors
    /// Returns an error if the channel or the topic is unknown, or if the topic carries text streams.
    pub fn topic(&self, channel: &str, topic: &str) -> Result<PayloadSchema, PublishError> {
        let (definition, index) = self.hub.registry().defined_topic(channel, topic)?;
        let topic = &definition.topics[index];
        let schema = topic.schema().ok_or_else(|| PublishError::ExpectedTextStream {
            channel: channel.to_owned(),
            topic: topic.name.to_owned(),
        })?;
        Ok(PayloadSchema { schema, of: Sender::Publisher })
    }

    /// Returns the schema of a signal's payloads. `channel` is the name of a channel, or of its definition.
    ///
    /// # Errors
    /// Returns an error if the channel or the signal is unknown.
    pub fn signal(&self, channel: &str, signal: &str) -> Result<PayloadSchema, ResolveError> {
        let (definition, index) = self.hub.registry().defined_signal(channel, signal)?;
        Ok(PayloadSchema { schema: definition.signals[index].schema, of: Sender::Client })
    }
}

impl PayloadSchema {
    /// Checks a payload in JSON as [`Hub::publish_json`](crate::Hub::publish_json) or `POST signal` does, and returns its
    /// issues. Nothing is published. A topic that accepts strings also accepts text that is not JSON.
    ///
    /// # Errors
    /// Returns an error if the payload is not JSON.
    pub fn check(&self, json: &[u8]) -> Result<Vec<Issue>, PublishError> {
        match self.of {
            Sender::Publisher => check_json(self.schema, json),
            Sender::Client => match SignalPayload::from_json(self.schema, json) {
                Ok(_) => Ok(Vec::new()),
                Err(SignalError::Invalid(issues)) => Ok(issues),
                Err(error) => Err(PublishError::NotJson(error.to_string())),
            },
        }
    }

    /// Builds a valid payload with [`example`](schema::example), or returns `None` if it finds none.
    #[must_use]
    pub fn example(&self) -> Option<Value> {
        schema::example(self.schema)
    }
}
