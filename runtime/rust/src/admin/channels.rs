//! The stored channels.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use super::page::write_time;
use super::{Admin, AdminError, Page, PageRequest};
use crate::channel::{AddressPart, ChannelDefinition};
use crate::clock;
use crate::storage::inspection::{ChannelQuery, ChannelSummary};

/// Selects channels. Default: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelFilter {
    definition: Option<String>,
    prefix: String,
}

impl ChannelFilter {
    /// Selects all channels.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Selects the channels of a definition, by its name.
    #[must_use]
    pub fn definition(mut self, name: impl Into<String>) -> Self {
        self.definition = Some(name.into());
        self
    }

    /// Selects the channels whose name starts with a text.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ChannelInfo {
    /// Its name.
    pub name: String,
    /// The name of its definition. `None` if no definition has the channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<&'static str>,
    /// The number of subscribers in this process.
    pub subscribers: usize,
    /// The number of messages, run events, and chunks of text streams.
    pub messages: u64,
    /// The bytes of their frames.
    pub bytes: u64,
    /// When a message was published or, to the day, when a server had the channel open.
    #[serde(serialize_with = "write_time")]
    pub used_at: SystemTime,
}

impl Admin {
    /// Returns the stored channels, by name.
    ///
    /// # Errors
    /// Returns an error if the cursor is not valid, or the storage fails.
    pub async fn channels(
        &self,
        filter: &ChannelFilter,
        page: &PageRequest,
    ) -> Result<Page<ChannelInfo>, AdminError> {
        let after = page.read_cursor(|cursor| Some(cursor.to_owned()))?.unwrap_or_default();
        let (registry, definition) = (self.hub.registry(), filter.definition.clone());
        let is_wanted = move |name: &str| {
            let of = || registry.resolve(name).map(|channel| channel.definition().name);
            definition.as_deref().is_none_or(|wanted| of() == Some(wanted))
        };
        let query = ChannelQuery {
            prefix: self.longest_prefix(filter),
            is_wanted: Arc::new(is_wanted),
            after,
            limit: page.max_items(),
        };
        let listed = self.hub.storage().list_channels(query).await?;
        Ok(Page::new(listed.rows.into_iter().map(|channel| self.describe(channel)).collect(), listed.next))
    }

    /// Returns the prefix of a filter, or the text with which all names of its definition start, if that is longer.
    fn longest_prefix(&self, filter: &ChannelFilter) -> String {
        let definitions = self.hub.registry().channels.iter();
        let mut wanted =
            definitions.filter(|definition| filter.definition.as_deref() == Some(definition.name));
        let start = wanted.next().map_or("", |definition| address_start(definition));
        let is_longer = start.starts_with(&filter.prefix);
        if is_longer { start.to_owned() } else { filter.prefix.clone() }
    }

    fn describe(&self, channel: ChannelSummary) -> ChannelInfo {
        let ChannelSummary { name, messages, bytes, used } = channel;
        let definition = self.hub.registry().resolve(&name).map(|channel| channel.definition().name);
        let subscribers = self.hub.find_open_log(&name).map_or(0, |log| log.subscribers());
        let used_at = clock::from_milliseconds(used);
        ChannelInfo { name, definition, subscribers, messages, bytes, used_at }
    }
}

/// Returns the text with which all names of a definition's channels start.
fn address_start(definition: &'static ChannelDefinition) -> &'static str {
    match definition.address.first() {
        Some(AddressPart::Literal(text)) => text,
        _ => "",
    }
}
