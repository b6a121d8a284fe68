//! A hub that the end-to-end tests start, control and kill.
//!
//! It prints one line of JSON with its URL and signing key, and then executes the [`commands`] on its standard input,
//! one JSON object per line. It exits when that input ends, so that no test can leave it running.

mod commands;
mod reviews;
mod settings;

use fanfare::Hub;
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
    let (port, has_storage) = (settings.port, settings.storage.is_some());
    let hub = settings.apply(Hub::builder(&channels::REGISTRY).signing_key(SIGNING_KEY))?.build()?;
    let reviews = if has_storage { Some(reviews::start(&hub).await?) } else { None };
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("{}", json!({ "url": url, "signingKey": SIGNING_KEY }));

    let routes = fanfare::routes(hub.clone());
    let shutdown = commands::execute(hub.clone(), reviews);
    fanfare::serve(listener, routes, &hub)
        .with_graceful_shutdown(async move { shutdown.notified().await })
        .await;
    Ok(())
}
