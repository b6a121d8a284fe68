//! Rejects requests that were not meant for this machine.

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::error::error;

/// Rejects requests for another host, which prevents DNS rebinding: the name of a foreign website that resolves to this
/// machine.
pub(super) async fn require_local_host(request: Request, next: Next) -> Response {
    let host = authority(request.headers(), &header::HOST);
    if host.is_some_and(|authority| is_local(authority.host())) {
        return next.run(request).await;
    }
    error(StatusCode::MISDIRECTED_REQUEST, "use the host `localhost` or `127.0.0.1`")
}

/// Rejects requests of pages from other origins.
pub(super) async fn require_own_origin(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let origin = headers.get(header::ORIGIN).map(|origin| origin.as_bytes().strip_prefix(b"http://"));
    let host = headers.get(header::HOST).map(axum::http::HeaderValue::as_bytes);
    match origin {
        Some(origin) if origin.is_none() || origin != host => {
            error(StatusCode::FORBIDDEN, "only Studio may use this address")
        }
        _ => next.run(request).await,
    }
}

fn authority(headers: &HeaderMap, name: &header::HeaderName) -> Option<Authority> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

fn is_local(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]") || host.ends_with(".localhost")
}
