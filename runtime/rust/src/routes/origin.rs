//! Checks which pages may use the routes.

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::HttpError;
use crate::hub::Hub;

/// Rejects requests from pages of other origins. CORS headers are not enough: browsers do not apply them to a
/// WebSocket, and send simple requests before they check them.
pub(super) async fn check(
    State(hub): State<Hub>,
    request: Request,
    next: Next,
) -> Result<Response, HttpError> {
    match request.headers().get(header::ORIGIN) {
        Some(origin) if !is_allowed(&hub, origin) => {
            tracing::debug!(?origin, "request from an origin that is not allowed");
            Err(HttpError::origin_not_allowed())
        }
        _ => Ok(next.run(request).await),
    }
}

/// Returns the layer that adds CORS headers for pages of the allowed origins.
pub(super) fn cors(hub: &Hub) -> CorsLayer {
    let hub = hub.clone();
    // A page of another origin may use its session only if that origin is listed.
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

/// Returns `true` if the credentials that a browser adds by itself, such as cookies, are valid in a request. The
/// browser must state that the page's origin is an allowed one, or the request's own host if no origins are set.
pub(super) fn is_trusted(hub: &Hub, head: &Parts) -> bool {
    let is_same_origin = head.headers.get("sec-fetch-site").map(|site| site.as_bytes() == b"same-origin");
    let Some(origin) = head.headers.get(header::ORIGIN) else {
        // Browsers omit `Origin` in a page's GET requests to its own origin.
        return is_same_origin == Some(true);
    };
    let is_trusted = match hub.allowed_origins() {
        Some(_) => is_allowed(hub, origin),
        // `Sec-Fetch-Site` also compares the scheme, which the server does not know.
        None => is_same_origin != Some(false) && is_own(origin, head),
    };
    if !is_trusted {
        tracing::debug!(?origin, "ignoring the session of a page from another origin");
    }
    is_trusted
}

/// Returns `true` if an origin has the host and port that the request was sent to.
fn is_own(origin: &HeaderValue, head: &Parts) -> bool {
    let host = head.headers.get(header::HOST).map(HeaderValue::as_bytes);
    // HTTP/2 has the host in the URI.
    let host = head.uri.authority().map(|authority| authority.as_str().as_bytes()).or(host);
    let of_origin = origin.as_bytes();
    let of_origin = of_origin.strip_prefix(b"https://").or_else(|| of_origin.strip_prefix(b"http://"));
    of_origin.is_some() && of_origin == host
}

fn is_allowed(hub: &Hub, origin: &HeaderValue) -> bool {
    hub.allowed_origins()
        .is_none_or(|allowed| allowed.iter().any(|allowed| allows(allowed.as_bytes(), origin.as_bytes())))
}

/// Returns `true` if a setting such as `https://example.com` or `http://localhost:*` allows an origin.
fn allows(allowed: &[u8], origin: &[u8]) -> bool {
    let Some(host) = allowed.strip_suffix(b":*") else { return allowed == origin };
    match origin.strip_prefix(host) {
        Some([b':', port @ ..]) => !port.is_empty() && port.iter().all(u8::is_ascii_digit),
        rest => rest.is_some_and(<[u8]>::is_empty),
    }
}

#[cfg(test)]
mod tests {
    use super::allows;

    #[test]
    fn an_origin_may_have_any_port() {
        let allowed = |setting: &str, origin: &str| allows(setting.as_bytes(), origin.as_bytes());
        for origin in ["http://localhost", "http://localhost:1", "http://localhost:5173"] {
            assert!(allowed("http://localhost:*", origin), "{origin}");
        }
        for origin in [
            "https://localhost",
            "http://localhost:",
            "http://localhost.example",
            "http://localhost:1.example",
            "http://localhost:a",
            "http://localhos",
            "null",
        ] {
            assert!(!allowed("http://localhost:*", origin), "{origin}");
        }
        assert!(allowed("https://a.example", "https://a.example"));
        assert!(!allowed("https://a.example", "https://a.example:443"));
    }
}
