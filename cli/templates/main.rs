use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use channels::pipeline::{Pipeline, Status, Topic};
use fanfare::Hub;

fanfare::include_channels!();

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = std::env::var("FANFARE_SIGNING_KEY").map_err(|_| "set FANFARE_SIGNING_KEY to the output of `openssl rand -hex 32`")?;
    let hub = Hub::builder(&channels::REGISTRY).signing_key(key).build()?;
    let app = Router::new()
        .route("/runs/{run}", post(start))
        .route("/runs/{run}/token", get(token))
        .with_state(hub.clone())
        .merge(fanfare::routes(hub.clone())); // /v1/realtime/…
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    let shutdown = async { drop(tokio::signal::ctrl_c().await) };
    fanfare::serve(listener, app, &hub).with_graceful_shutdown(shutdown).await;
    Ok(())
}

/// Publishes progress. A payload of another type does not compile. An invalid value is an error that lists every issue,
/// and nothing is published.
async fn start(State(hub): State<Hub>, Path(run): Path<String>) -> Result<(), (StatusCode, String)> {
    let pipeline = Pipeline::new(run).map_err(unprocessable)?;
    for progress in [0, 50, 100] {
        let status = Status::new("Researching", progress);
        hub.publish(pipeline.status(), &status).await.map_err(unprocessable)?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

/// Returns a token to subscribe. This example gives one to everyone; check here who may see the run. The client
/// requests another token before this one expires.
async fn token(State(hub): State<Hub>, Path(run): Path<String>) -> Result<String, (StatusCode, String)> {
    let pipeline = Pipeline::new(run).map_err(unprocessable)?;
    let grant = pipeline.grant([Topic::Status]);
    hub.token(grant).expires_in(Duration::from_secs(600)).mint().map_err(unprocessable)
}

fn unprocessable(error: impl std::error::Error) -> (StatusCode, String) {
    (StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
}
