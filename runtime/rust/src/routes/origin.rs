//! Which pages may use the routes.

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::Failure;
use crate::hub::Hub;

/// Refuses what a page of another origin asks for. Browsers ask no page's leave to open a WebSocket, and send
/// simple requests before they look at what is allowed.
pub(super) async fn check(State(hub): State<Hub>, request: Request, next: Next) -> Result<Response, Failure> {
    match request.headers().get(header::ORIGIN) {
        Some(origin) if !is_allowed(&hub, origin) => {
            tracing::debug!(?origin, "request from an origin that is not allowed");
            Err(Failure::origin())
        }
        _ => Ok(next.run(request).await),
    }
}

/// Tells browsers what the pages of the allowed origins may ask for and read.
pub(super) fn cors(hub: &Hub) -> CorsLayer {
    let hub = hub.clone();
    // A page of another origin may come by its session only if that origin is named.
    let has_sessions = hub.accepts_sessions() && hub.allowed_origins().is_some();
    CorsLayer::new()
        .allow_credentials(has_sessions)
        .allow_origin(AllowOrigin::predicate(move |origin, _| is_allowed(&hub, origin)))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([HeaderName::from_static("idempotent-replayed"), header::RETRY_AFTER])
}

/// Whether the credentials that a browser adds by itself, such as cookies, count in a request: the browser says that a
/// page made it whose origin is named, or is the request's own host if none is named.
pub(super) fn is_trusted(hub: &Hub, head: &Parts) -> bool {
    let is_same_origin = head.headers.get("sec-fetch-site").map(|site| site.as_bytes() == b"same-origin");
    let Some(origin) = head.headers.get(header::ORIGIN) else {
        // Browsers name no origin when a page reads from its own.
        return is_same_origin == Some(true);
    };
    let is_trusted = match hub.allowed_origins() {
        Some(_) => is_allowed(hub, origin),
        // Browsers also compare the scheme, which the server does not know.
        None => is_same_origin != Some(false) && is_own(origin, head),
    };
    if !is_trusted {
        tracing::debug!(?origin, "ignoring the session of a page from another origin");
    }
    is_trusted
}

/// Whether an origin has the host and port that the request was sent to.
fn is_own(origin: &HeaderValue, head: &Parts) -> bool {
    let host = head.headers.get(header::HOST).map(HeaderValue::as_bytes);
    // HTTP/2 names the host in the URI.
    let host = head.uri.authority().map(|authority| authority.as_str().as_bytes()).or(host);
    let of_origin = origin.as_bytes();
    let of_origin = of_origin.strip_prefix(b"https://").or_else(|| of_origin.strip_prefix(b"http://"));
    of_origin.is_some() && of_origin == host
}

fn is_allowed(hub: &Hub, origin: &HeaderValue) -> bool {
    hub.allowed_origins()
        .is_none_or(|allowed| allowed.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()))
}
