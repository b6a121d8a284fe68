//! A server of definitions, which can be replaced while it runs.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use fanfare::{AuthorizeError, AuthorizeRequest, Hub, Registry, SessionGrant, Sqlite};
use fanfare_codegen::Error;
use tower::ServiceExt as _;

use super::keys::Keys;

/// The origins whose pages may connect: the servers that developers start on this machine.
const ORIGINS: [&str; 6] = [
    "http://localhost:*",
    "https://localhost:*",
    "http://127.0.0.1:*",
    "https://127.0.0.1:*",
    "http://[::1]:*",
    "https://[::1]:*",
];

/// How long connections to the replaced definitions may take to close.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

static NO_CHANNELS: Registry = Registry { channels: &[] };

/// A server of the latest valid definitions.
///
/// Each version has a hub of its own. All hubs use one database, like servers that share a file, so messages remain.
pub(super) struct DefinitionsServer {
    keys: Keys,
    database: PathBuf,
    /// `None` once the server was closed.
    current: Mutex<Option<Current>>,
}

#[derive(Clone)]
struct Current {
    hub: Hub,
    routes: Router,
}

impl DefinitionsServer {
    /// Creates a server without channels.
    pub(super) fn new(keys: Keys, database: PathBuf) -> io::Result<Self> {
        let current = Mutex::new(Some(Current::new(&NO_CHANNELS, &keys, &database)?));
        Ok(Self { keys, database, current })
    }

    /// Returns the routes, which always lead to the latest definitions.
    pub(super) fn router(server: &Arc<Self>) -> Router {
        Router::new().fallback(respond).with_state(Arc::clone(server))
    }

    /// Serves other definitions. Clients reconnect, and then see them.
    pub(super) async fn update(&self, registry: &'static Registry) -> Result<(), Error> {
        let next = Current::new(registry, &self.keys, &self.database)?;
        let before = self.lock().as_mut().map(|current| std::mem::replace(current, next));
        if let Some(before) = before {
            before.hub.shutdown().await;
        }
        Ok(())
    }

    pub(super) async fn shutdown(&self) {
        let current = self.lock().clone();
        if let Some(current) = current {
            current.hub.shutdown().await;
        }
    }

    /// Closes the database, after `shutdown` and once no request is served any more.
    pub(super) fn close(&self) {
        let current = self.lock().take();
        drop(current);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn respond(State(server): State<Arc<DefinitionsServer>>, request: Request) -> Response {
    let routes = server.lock().as_ref().map(|current| current.routes.clone());
    match routes {
        Some(routes) => routes.oneshot(request).await.into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

impl Current {
    fn new(registry: &'static Registry, keys: &Keys, database: &PathBuf) -> io::Result<Self> {
        let hub = Hub::builder(registry)
            .signing_key(&keys.signing)
            .accepted_signing_key(&keys.studio)
            .allowed_origins(ORIGINS)
            .authorize(move |request| std::future::ready(authorize(registry, &request)))
            .storage(Sqlite::open(database).map_err(io::Error::other)?)
            .admin_routes(true)
            .drain_timeout(DRAIN_TIMEOUT)
            .max_reconnect_spread(Duration::ZERO)
            .build()
            .map_err(io::Error::other)?;
        let routes =
            fanfare::routes(hub.clone()).merge(fanfare::studio(&hub)).merge(fanfare::healthz(hub.clone()));
        Ok(Self { hub, routes })
    }
}

/// Grants pages of this machine everything in a channel without a token.
fn authorize(
    registry: &'static Registry,
    request: &AuthorizeRequest,
) -> Result<SessionGrant, AuthorizeError> {
    let channel = request.channel().and_then(|name| registry.resolve(name)).ok_or(AuthorizeError::Refused)?;
    let definition = channel.definition();
    let topics = channel.grant(definition.topics.iter().map(|topic| topic.name));
    let signals = channel.grant_signals(definition.signals.iter().map(|signal| signal.name));
    Ok(SessionGrant::new(topics.clone().and(signals)).allow_publishing(topics).subject("dev"))
}
