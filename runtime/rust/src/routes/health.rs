//! `GET healthz`

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use crate::hub::{Health, Hub};

/// Serves the hub's health at `/healthz`, for load balancers and orchestrators: 200 while the hub accepts
/// connections, and 503 once it shuts down or while its storage fails.
///
/// [`routes`](crate::routes()) serves the same at `/v1/realtime/healthz`. Use this one unless your server has a
/// `/healthz` of its own.
///
/// ```
/// # fn app(hub: fanfare::Hub) -> axum::Router {
/// fanfare::routes(hub.clone()).merge(fanfare::healthz(hub))
/// # }
/// ```
pub fn healthz(hub: Hub) -> Router {
    Router::new().route("/healthz", get(health)).with_state(hub)
}

pub(super) async fn health(State(hub): State<Hub>) -> Response {
    let body = match hub.health() {
        Health::Open => return axum::Json(json!({ "status": "open" })).into_response(),
        Health::Closing => json!({ "status": "closing" }),
        // The route is public, so the details are only in the log.
        Health::Failing => {
            json!({ "status": "failing", "error": "storage failure: see the server's log" })
        }
    };
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], axum::Json(body)).into_response()
}
