//! `GET /healthz`

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::hub::{Hub, Phase};

/// The route `/healthz`, for those who send clients to a server only while it takes them: it answers 200,
/// and 503 once the hub is about to stop. It is apart from [`routes`](crate::routes()) because
/// many servers have one of their own.
///
/// ```
/// # fn app(hub: fanfare::Hub) -> axum::Router {
/// fanfare::routes(hub.clone()).merge(fanfare::healthz(hub))
/// # }
/// ```
pub fn healthz(hub: Hub) -> Router {
    Router::new().route("/healthz", get(health)).with_state(hub)
}

async fn health(State(hub): State<Hub>) -> (StatusCode, Json<Value>) {
    if hub.is_at_least(Phase::Closing) {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "closing" })));
    }
    (StatusCode::OK, Json(json!({ "status": "open" })))
}
