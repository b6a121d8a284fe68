//! The HTTP, SSE and WebSocket routes of a hub.

use axum::Router;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

use crate::hub::{Action, Client, Hub, NoSession, Phase, RatedAction};
use crate::token::{Permit, Refused};

mod body;
mod client;
mod connect;
mod drain;
mod failure;
mod health;
mod mint;
mod origin;
mod page;
mod publish;
mod revoke;
mod session;
mod signal;
mod socket;
mod sse;

pub(crate) use drain::drain;
use failure::Failure;
pub use health::healthz;
use page::SessionHead;

/// All routes of a hub, below `/v1/realtime`, to serve or to merge with a server's own.
///
/// See [`Hub`] for an example.
pub fn routes(hub: Hub) -> Router {
    Router::new()
        .route("/v1/realtime/token", post(mint::mint))
        .route("/v1/realtime/revoke", post(revoke::revoke))
        .route("/v1/realtime/publish", post(publish::publish))
        .route("/v1/realtime/signal", post(signal::signal))
        .route("/v1/realtime/connect", get(connect::connect))
        .route("/v1/realtime/sse", get(sse::get).post(sse::post))
        .route("/v1/realtime/healthz", get(health::health))
        .layer(from_fn_with_state(hub.clone(), origin::check))
        .layer(origin::cors(&hub))
        .layer(from_fn(drain))
        .with_state(hub)
}

/// The parameters of a request.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The value of a parameter: of one that is repeated the first counts.
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let query = Query::try_from_uri(&parts.uri);
        query.map(|Query(pairs)| Self(pairs)).map_err(|error| Failure::bad_request(error.body_text()))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, bearer) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(bearer.trim())
}

/// What a token permits, or without one the session of the page.
async fn permit(
    hub: &Hub,
    client: &Client,
    token: Option<&str>,
    head: &SessionHead,
    action: Action,
    channel: Option<&str>,
) -> Result<Permit, Failure> {
    match token {
        Some(token) => permit_of_token(hub, client, token, action == Action::Publish).await,
        None => permit_of_session(hub, client, head, action, channel).await,
    }
}

async fn permit_of_session(
    hub: &Hub,
    client: &Client,
    head: &SessionHead,
    action: Action,
    channel: Option<&str>,
) -> Result<Permit, Failure> {
    // The hook may ask a database.
    hub.check_auth_failures(client)?;
    hub.authorize(head.0.as_ref(), action, channel).await.map_err(|none| match none {
        NoSession::Refused(refused) => unauthorized(hub, client, &refused),
        NoSession::Unavailable => Failure::no_session(),
    })
}

/// What a token permits. Whatever is wrong with it, the answer is the same.
async fn permit_of_token(hub: &Hub, client: &Client, token: &str, publish: bool) -> Result<Permit, Failure> {
    let refused = match hub.verify(token).await {
        Ok(permit) if permit.topics.is_empty() => Refused::new("purpose", "the token grants signals only"),
        Ok(permit) if permit.publish == publish => return Ok(permit),
        Ok(_) => {
            Refused::new("purpose", "the token is for publishing and the request subscribes, or the reverse")
        }
        Err(refused) => refused,
    };
    Err(unauthorized(hub, client, &refused))
}

/// Refuses a client that has shown no valid token or key, or has done so too often.
fn unauthorized(hub: &Hub, client: &Client, refused: &Refused) -> Failure {
    let failure = Failure::unauthorized(refused);
    hub.count(RatedAction::FailAuth, Some(client), None).map_or_else(Into::into, |()| failure)
}

/// Returns whether a request has the signing key.
fn is_backend(hub: &Hub, headers: &HeaderMap) -> bool {
    bearer(headers).is_some_and(|bearer| hub.keys().is_signing_key(bearer))
}

/// Lets only backends through.
fn signing_key(hub: &Hub, client: &Client, headers: &HeaderMap) -> Result<(), Failure> {
    if is_backend(hub, headers) {
        client.set_trusted(true);
        return Ok(());
    }
    Err(unauthorized(hub, client, &Refused::new("signing_key", "the bearer is not the signing key")))
}

fn open(hub: &Hub, until: Phase) -> Result<(), Failure> {
    if hub.is_at_least(until) { Err(Failure::closing()) } else { Ok(()) }
}
