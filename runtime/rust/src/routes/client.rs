//! Who sent a request.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::hub::{Hub, ServerPlace};

/// What is known of the client of a request before it shows a token.
pub(super) struct Client {
    /// `None` in a server of somebody else's.
    place: Option<ServerPlace>,
}

impl Client {
    /// Takes note that the client has shown a token or the signing key: its connection does not give way to others
    /// while it is served.
    pub(super) fn trust(&self) {
        if let Some(place) = &self.place {
            place.set_trusted(true);
        }
    }

    pub(super) fn into_place(self) -> Option<ServerPlace> {
        self.place
    }
}

impl FromRequestParts<Hub> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Hub) -> Result<Self, Infallible> {
        Ok(Self { place: parts.extensions.get::<ServerPlace>().cloned() })
    }
}
