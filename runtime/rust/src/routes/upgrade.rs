//! The handshake that turns a request into a WebSocket.

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::HttpError;
use crate::wire::{BEARER_SUBPROTOCOL, SUBPROTOCOL};

/// A valid request for a WebSocket.
///
/// axum checks the request. The socket of axum would hide the stream to which a connection writes shared frames.
pub(super) struct Upgrade {
    request: WebSocketUpgrade,
    /// `None` over HTTP/2, whose handshake has no key.
    key: Option<HeaderValue>,
    on_upgrade: Option<OnUpgrade>,
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        // Take a copy, because axum removes the original.
        let on_upgrade = parts.extensions.get::<OnUpgrade>().cloned();
        let request = WebSocketUpgrade::from_request_parts(parts, state)
            .await
            .map_err(|rejection| HttpError::not_an_upgrade(rejection.status(), &rejection.body_text()))?;
        let key = parts.headers.get(header::SEC_WEBSOCKET_KEY).cloned();
        Ok(Self { request: request.protocols([SUBPROTOCOL]), key, on_upgrade })
    }
}

impl Upgrade {
    /// Returns `true` if the client offers Fanfare's subprotocol, so that it understands all frames.
    pub(super) fn has_subprotocol(&self) -> bool {
        self.request.selected_protocol().is_some()
    }

    /// Returns the token that the client sends as a subprotocol.
    pub(super) fn bearer_subprotocol(&self) -> Option<String> {
        let mut offered = self.request.requested_protocols().filter_map(|protocol| protocol.to_str().ok());
        offered.find_map(|protocol| protocol.strip_prefix(BEARER_SUBPROTOCOL)).map(str::to_owned)
    }

    /// Returns the response that accepts the upgrade, and the connection, which is ready once the response is sent.
    pub(super) fn accept(self) -> (Response, Option<OnUpgrade>) {
        let mut response = Response::new(Body::empty());
        if let Some(key) = &self.key {
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes()));
            let headers = response.headers_mut();
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.extend(accept.ok().map(|accept| (header::SEC_WEBSOCKET_ACCEPT, accept)));
        }
        if let Some(protocol) = self.request.selected_protocol() {
            response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, protocol.clone());
        }
        (response, self.on_upgrade)
    }
}
