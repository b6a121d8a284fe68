//! The HTTP and WebSocket routes of a hub.

use axum::Router;
use axum::http::{HeaderMap, header};
use axum::routing::{get, post};

use crate::hub::{Hub, Phase};
use crate::token::Permit;

mod body;
mod connect;
mod failure;
mod mint;
mod publish;
mod socket;

use failure::Failure;

/// All routes of a hub, below `/v1/realtime`, to serve or to merge with a server's own.
///
/// See [`Hub`] for an example.
pub fn routes(hub: Hub) -> Router {
    Router::new()
        .route("/v1/realtime/token", post(mint::mint))
        .route("/v1/realtime/publish", post(publish::publish))
        .route("/v1/realtime/connect", get(connect::connect))
        .with_state(hub)
}

/// The first value of a parameter: of one that is repeated the first counts.
fn parameter<'q>(query: &'q [(String, String)], name: &str) -> Option<&'q str> {
    query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, bearer) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(bearer.trim())
}

/// What a token permits. Whatever is wrong with it, the answer is the same.
fn permit(hub: &Hub, token: Option<&str>, publish: bool) -> Result<Permit, Failure> {
    let Some(token) = token else {
        tracing::debug!("refused: no token");
        return Err(Failure::unauthorized());
    };
    match hub.keys().verify(token) {
        Ok(permit) if permit.publish == publish => Ok(permit),
        Ok(_) => {
            tracing::debug!("refused: a token for publishing subscribes, or the other way round");
            Err(Failure::unauthorized())
        }
        Err(refused) => {
            tracing::debug!(reason = %refused.0, "refused: the token is not valid");
            Err(Failure::unauthorized())
        }
    }
}

fn open(hub: &Hub, until: Phase) -> Result<(), Failure> {
    if hub.is_at_least(until) { Err(Failure::closing()) } else { Ok(()) }
}
