//! The HTTP, SSE and WebSocket routes of a hub.

use axum::Router;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

use crate::hub::{Action, Client, Hub, Phase, RatedAction, SessionError};
use crate::token::{AuthError, VerifiedGrant};

mod admin;
mod body;
mod client;
mod connect;
mod connection;
mod error;
mod health;
mod mint;
mod origin;
mod publish;
mod revoke;
mod session_head;
mod signal;
mod socket;
mod sse;
mod unread_body;
mod upgrade;

use error::HttpError;
pub use health::healthz;
use session_head::SessionHead;
pub(crate) use unread_body::discard_unread_body;

/// Returns all routes of a hub, below `/v1/realtime`. Serve them, or merge them into your own router.
///
/// Includes the admin routes if [`HubBuilder::admin_routes`](crate::HubBuilder::admin_routes) is set. See [`Hub`] for an
/// example.
pub fn routes(hub: Hub) -> Router {
    hub.log_start();
    let admin = if hub.has_admin_routes() { admin::routes() } else { Router::new() };
    Router::new()
        .route("/v1/realtime/token", post(mint::mint))
        .route("/v1/realtime/revoke", post(revoke::revoke))
        .route("/v1/realtime/publish", post(publish::publish))
        .route("/v1/realtime/signal", post(signal::signal))
        .route("/v1/realtime/connect", get(connect::connect))
        .route("/v1/realtime/sse", get(sse::get).post(sse::post))
        .route("/v1/realtime/healthz", get(health::health))
        .merge(admin)
        .layer(from_fn_with_state(hub.clone(), origin::check))
        .layer(origin::cors(&hub))
        .layer(from_fn(discard_unread_body))
        .with_state(hub)
}

/// The query parameters of a request.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Returns the value of a parameter. If it is repeated, the first one counts.
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, HttpError> {
        let query = Query::try_from_uri(&parts.uri);
        query.map(|Query(pairs)| Self(pairs)).map_err(|error| HttpError::bad_request(error.body_text()))
    }
}

/// Returns the bearer token of a request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, bearer) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(bearer.trim())
}

/// Returns what a token grants, or the session of the page if there is no token.
async fn authorize(
    hub: &Hub,
    client: &Client,
    token: Option<&str>,
    head: &SessionHead,
    action: Action,
    channel: Option<&str>,
) -> Result<VerifiedGrant, HttpError> {
    match token {
        Some(token) => verify_token(hub, client, token, action == Action::Publish).await,
        None => authorize_session(hub, client, head, action, channel).await,
    }
}

async fn authorize_session(
    hub: &Hub,
    client: &Client,
    head: &SessionHead,
    action: Action,
    channel: Option<&str>,
) -> Result<VerifiedGrant, HttpError> {
    // Check first, because the hook may query a database.
    hub.check_auth_failures(client)?;
    hub.authorize(head.0.as_ref(), action, channel).await.map_err(|error| match error {
        SessionError::Denied(error) => reject_unauthorized(hub, client, &error),
        SessionError::Unavailable => HttpError::session_unavailable(),
    })
}

/// Verifies a token. The error does not reveal what is wrong with it.
async fn verify_token(
    hub: &Hub,
    client: &Client,
    token: &str,
    publish: bool,
) -> Result<VerifiedGrant, HttpError> {
    let error = match hub.verify(token).await {
        Ok(grant) if grant.topics.is_empty() => AuthError::new("purpose", "the token grants signals only"),
        Ok(grant) if grant.publish == publish => return Ok(grant),
        Ok(_) => AuthError::new(
            "purpose",
            "the token is for publishing and the request subscribes, or the reverse",
        ),
        Err(error) => error,
    };
    Err(reject_unauthorized(hub, client, &error))
}

/// Counts a failed authentication, and returns `401`, or `429` if the client fails too often.
fn reject_unauthorized(hub: &Hub, client: &Client, error: &AuthError) -> HttpError {
    hub.record_refusal(error);
    let limited = hub.check_rate(RatedAction::FailAuth, Some(client), None);
    limited.map_or_else(Into::into, |()| HttpError::unauthorized())
}

/// Returns `true` if a request has the signing key or an accepted signing key.
fn is_backend(hub: &Hub, headers: &HeaderMap) -> bool {
    bearer(headers).is_some_and(|bearer| hub.keys().is_backend_key(bearer))
}

/// Returns an error unless the request has the signing key or an accepted signing key.
fn require_backend_key(hub: &Hub, client: &Client, headers: &HeaderMap) -> Result<(), HttpError> {
    if is_backend(hub, headers) {
        client.set_trusted(true);
        return Ok(());
    }
    Err(reject_unauthorized(hub, client, &AuthError::new("signing_key", "the bearer is not the signing key")))
}

/// Returns an error once the hub has entered a phase.
fn ensure_accepting(hub: &Hub, phase: Phase) -> Result<(), HttpError> {
    if hub.has_entered(phase) { Err(HttpError::shutting_down()) } else { Ok(()) }
}
