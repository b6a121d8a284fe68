//! A hub that the end-to-end tests start, control and kill.
//!
//! It prints one line of JSON with its URL and signing key, and then executes the [`commands`] on its standard input,
//! one JSON object per line. It exits when that input ends, so that no test can leave it running.

mod commands;
mod gauges;
mod reviews;
mod settings;
mod versions;

use axum::routing::get;
use fanfare::Hub;
use gauges::Gauges;
use serde_json::json;
use settings::Settings;
use std::error::Error;
use tokio::net::TcpListener;

/// All servers of a test run accept each other's tokens, as a restarted server does.
const SIGNING_KEY: &str = "signkey-test-00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let settings: Settings = match std::env::args().nth(1) {
        Some(settings) => serde_json::from_str(&settings)?,
        None => Settings::default(),
    };
    let gauges = Gauges::install()?;
    let (port, version, has_storage) = (settings.port, settings.version, settings.storage.is_some());
    let registry = settings.registry();
    let hub = settings.apply(Hub::builder(registry).signing_key(SIGNING_KEY))?.build()?;
    let (reviews, _runs) = match version.filter(|_| has_storage) {
        Some(version) => (None, Some(version.start_runs(&hub).await?)),
        None if has_storage => (Some(reviews::start(&hub).await?), None),
        None => (None, None),
    };
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("{}", json!({ "url": url, "signingKey": SIGNING_KEY }));

    let metrics = get(move || async move { gauges.render() });
    let routes = fanfare::routes(hub.clone()).route("/metrics", metrics);
    let shutdown = commands::execute(hub.clone(), reviews);
    fanfare::serve(listener, routes, &hub)
        .with_graceful_shutdown(async move { shutdown.notified().await })
        .await;
    Ok(())
}
