//! Fanfare Studio: a page that shows and manages what a server holds.

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::hub::Hub;

const PAGE: &str = include_str!("../studio/index.html");
const SCRIPT: &str = include_str!("../studio/studio.js");
const STYLE: &str = include_str!("../studio/studio.css");

/// The page runs its own script only, connects to its own origin only, and cannot be framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// Returns the route of Fanfare Studio, a page for looking inside a server, at `/studio`.
///
/// Merge it with [`routes`](crate::routes()), which must be at `/v1/realtime` of the same origin. The page holds no data
/// and no secrets: it asks for the signing key or an admin token, and every request that it sends is authorized by the
/// admin routes. If the hub does not have them ([`HubBuilder::admin_routes`](crate::HubBuilder::admin_routes)), the
/// router is empty.
///
/// ```
/// # fn app(hub: fanfare::Hub) -> axum::Router {
/// fanfare::routes(hub.clone()).merge(fanfare::studio(&hub))
/// # }
/// ```
pub fn studio(hub: &Hub) -> Router {
    if !hub.has_admin_routes() {
        tracing::warn!("Studio is not served: enable HubBuilder::admin_routes");
        return Router::new();
    }
    studio_page()
}

/// Returns the route of Fanfare Studio like [`studio`], for a process that forwards `/v1/realtime` to a server.
pub fn studio_page() -> Router {
    let page = async || file("text/html; charset=utf-8", PAGE);
    Router::new()
        .route("/studio", get(page))
        .route("/studio/", get(page))
        .route("/studio/studio.js", get(async || file("text/javascript; charset=utf-8", SCRIPT)))
        .route("/studio/studio.css", get(async || file("text/css; charset=utf-8", STYLE)))
}

fn file(content_type: &'static str, text: &'static str) -> Response {
    const HEADERS: [(HeaderName, HeaderValue); 5] = [
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    ];
    (HEADERS, [(CONTENT_TYPE, HeaderValue::from_static(content_type))], text).into_response()
}
