//! The server of a process that delivers.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use fanfare::Hub;

use super::channels::REGISTRY;
use super::settings::Limits;
use crate::process::{Serve, open};
use crate::world::World;

#[derive(Clone)]
pub(super) struct Server {
    pub(super) hub: Hub,
    pub(super) app: Router,
}

impl Serve for Server {
    fn hub(&self) -> &Hub {
        &self.hub
    }
}

/// Serves a hub with a file as storage, or without storage.
pub(super) async fn serve(
    world: Arc<World>,
    file: Option<PathBuf>,
    limits: Limits,
) -> Result<Server, String> {
    let mut hub = Hub::builder(&REGISTRY).signing_key("a key of a simulation that nobody uses");
    if let Some(file) = file {
        hub = hub.storage(open(&file)?);
    }
    if let Some(bytes) = limits.max_stream_bytes {
        hub = hub.max_stream_bytes(bytes);
    }
    if let Some(bytes) = limits.max_channel_bytes {
        hub = hub.max_channel_bytes(bytes);
    }
    if let Some(bytes) = limits.max_history_bytes {
        hub = hub.max_history_bytes(bytes);
    }
    let hub = hub.build().map_err(|error| error.to_string())?;
    world.trace("serves");
    Ok(Server { app: fanfare::routes(hub.clone()), hub })
}
