//! The settings of the server: one JSON object, its only argument.

use channels::pipeline::{Pipeline, Topic};
use fanfare::{
    AuthorizeError, AuthorizeRequest, ChannelDefinition, History, HubBuilder, Rate, Registry, SessionGrant,
    Sqlite, StorageError,
};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

use crate::versions::Version;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Settings {
    /// 0 for any free port.
    pub(crate) port: u16,
    /// The version of the definition in `tests/end-to-end/versions`. Without it, the definitions are those of `schemas/`.
    pub(crate) version: Option<Version>,
    /// The number of messages in the history of each channel. The commands for numbered messages need the channel's own.
    history: Option<u32>,
    /// The interval between pings.
    ping_milliseconds: Option<u64>,
    /// The file for history and runs. Without it, the history is in memory and there are no runs.
    pub(crate) storage: Option<PathBuf>,
    /// Whether Inngest's clients receive text streams.
    text_streams_for_guests: bool,
    /// The origins of pages that may connect. Any if unset.
    origins: Option<Vec<String>>,
    max_connections_per_token: Option<usize>,
    /// The cookie of a session that may read every run.
    session: Option<String>,
}

impl Settings {
    pub(crate) fn registry(&self) -> &'static Registry {
        let registry = self.version.map_or(&channels::REGISTRY, Version::registry);
        let Some(messages) = self.history else { return registry };
        let shorten = |definition: &&'static ChannelDefinition| -> &'static ChannelDefinition {
            let history = History { messages, ..definition.history };
            Box::leak(Box::new(ChannelDefinition { history, ..**definition }))
        };
        let channels: Vec<_> = registry.channels.iter().map(shorten).collect();
        Box::leak(Box::new(Registry { channels: channels.leak() }))
    }

    pub(crate) fn apply(self, mut hub: HubBuilder) -> Result<HubBuilder, StorageError> {
        if let Some(milliseconds) = self.ping_milliseconds {
            hub = hub.ping_interval(Duration::from_millis(milliseconds));
        }
        if let Some(path) = self.storage {
            hub = hub.storage(Sqlite::open(path)?);
        }
        if let Some(origins) = self.origins {
            hub = hub.allowed_origins(origins);
        }
        if let Some(count) = self.max_connections_per_token {
            hub = hub.max_connections_per_token(count).max_connection_rate(Rate::UNLIMITED);
        }
        if let Some(session) = self.session {
            hub = hub.authorize(move |request| std::future::ready(authorize(&session, &request)));
        }
        Ok(hub.text_streams_for_guests(self.text_streams_for_guests))
    }
}

fn authorize(session: &str, request: &AuthorizeRequest) -> Result<SessionGrant, AuthorizeError> {
    let cookies =
        request.headers().get("cookie").and_then(|cookies| cookies.to_str().ok()).unwrap_or_default();
    let run = request.channel().and_then(|name| name.strip_prefix("pipeline:"));
    match run.map(Pipeline::new) {
        Some(Ok(pipeline)) if cookies.split("; ").any(|cookie| cookie == session) => {
            let topics = [Topic::Status, Topic::Insights, Topic::Tokens, Topic::Summary, Topic::Draft];
            Ok(SessionGrant::new(pipeline.grant(topics)))
        }
        _ => Err(AuthorizeError::Refused),
    }
}
