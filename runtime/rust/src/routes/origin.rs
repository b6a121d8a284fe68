//! Which pages may use the routes.

use axum::extract::{Request, State};
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
            tracing::debug!(?origin, "refused: a page of another origin");
            Err(Failure::origin())
        }
        _ => Ok(next.run(request).await),
    }
}

/// Tells browsers what the pages of the allowed origins may ask for and read.
pub(super) fn cors(hub: &Hub) -> CorsLayer {
    let hub = hub.clone();
    CorsLayer::new()
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

fn is_allowed(hub: &Hub, origin: &HeaderValue) -> bool {
    hub.origins().is_none_or(|allowed| allowed.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()))
}
