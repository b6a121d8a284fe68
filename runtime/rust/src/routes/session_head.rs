//! Requests of pages that use their own session in place of a token.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::origin;
use crate::hub::Hub;

/// The head of a request whose cookies are trusted. `None` if the hub has no authorization hook, or if a page of
/// another origin may have sent the request.
pub(super) struct SessionHead(pub(super) Option<Arc<Parts>>);

impl FromRequestParts<Hub> for SessionHead {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Self, Infallible> {
        let is_trusted = hub.accepts_sessions() && origin::is_trusted(hub, parts);
        Ok(Self(is_trusted.then(|| Arc::new(parts.clone()))))
    }
}
