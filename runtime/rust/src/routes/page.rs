//! Requests of pages that come by their own session.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::origin;
use crate::hub::Hub;

/// The head of a request whose cookies may count: there is a hook that knows sessions, and no page of another origin
/// made the request.
pub(super) struct SessionHead(pub(super) Option<Arc<Parts>>);

impl FromRequestParts<Hub> for SessionHead {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Self, Infallible> {
        let counts = hub.accepts_sessions() && origin::is_trusted(hub, parts);
        Ok(Self(counts.then(|| Arc::new(parts.clone()))))
    }
}
