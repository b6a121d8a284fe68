//! The content pipeline: summarises a text, publishes its progress to all pages, and publishes the summary
//! after a person approves it.

mod draft;
mod job;
mod progress;
mod routes;
mod summarise;
mod text;

use channels::system::{Notice, NoticeLevel, System};
use clap::Parser;
use fanfare::{Hub, PublishError, Runs, Sqlite};
use routes::App;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;
use text::Text;
use tokio::net::TcpListener;

#[derive(Parser)]
#[command(
    about = "Summarise a text, show the progress live, and publish the summary after a person approves it"
)]
struct Arguments {
    /// The text to summarise if a visitor provides none
    #[arg(long, value_name = "FILE")]
    text: PathBuf,
    /// The folder with the built page
    #[arg(long, value_name = "FOLDER", default_value = "examples/content-pipeline/page/dist")]
    page: PathBuf,
    /// The port, or 0 for any free one
    #[arg(long, value_name = "N", default_value_t = 3000)]
    port: u16,
    /// The SQLite file for runs and messages [default: a temporary file per port]
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// Milliseconds between two messages, so that people can watch
    #[arg(long, value_name = "N", default_value_t = 100)]
    pause: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let text = std::fs::read_to_string(&arguments.text)
        .map_err(|error| format!("{}: {error}", arguments.text.display()))?;
    let listener = TcpListener::bind(("127.0.0.1", arguments.port))
        .await
        .map_err(|error| format!("port {}: {error}", arguments.port))?;
    let address = listener.local_addr()?;
    // One file per port, as servers cannot share a file.
    let database = arguments
        .database
        .unwrap_or_else(|| std::env::temp_dir().join(format!("content-pipeline-{}.db", address.port())));
    let storage = Sqlite::open(&database).map_err(|error| format!("{}: {error}", database.display()))?;
    let hub = Hub::builder(&channels::REGISTRY)
        .signing_key(signing_key())
        .storage(storage)
        // For `fanfare runs` and Studio. They need the signing key.
        .admin_routes(true)
        .build()?;
    let mut runs = Runs::builder(&hub);
    let summaries = runs.register("summarise", job::summarise);
    let runs = runs.build().await?;

    let title = Text::read(&text).title.unwrap_or_else(|| arguments.text.display().to_string());
    notify(&hub, NoticeLevel::Info, format!("Ready to summarise “{title}” or your own text.")).await?;
    let pause = Duration::from_millis(arguments.pause);
    let app = App { hub: hub.clone(), runs, summaries, text: text.into(), pause };
    println!("Listening on http://{address}");
    println!("Storing runs and messages in {}", database.display());
    let routes = routes::routes(app, &arguments.page);
    fanfare::serve(listener, routes, &hub).with_graceful_shutdown(shutdown_signal(hub.clone())).await;
    Ok(())
}

async fn notify(hub: &Hub, level: NoticeLevel, text: String) -> Result<(), PublishError> {
    hub.publish(System::new().notice(), &Notice::new(level, text)).await?;
    Ok(())
}

/// Waits for a signal to stop, and notifies all pages.
async fn shutdown_signal(hub: Hub) {
    stop_signal().await;
    if let Err(error) = notify(&hub, NoticeLevel::Warning, "The server is stopping.".into()).await {
        eprintln!("{error}");
    }
}

#[cfg(unix)]
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("install a handler for SIGTERM");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn stop_signal() {
    let _ = tokio::signal::ctrl_c().await;
}

/// Returns the key in the environment, or a new one, with which tokens do not outlive the process.
fn signing_key() -> String {
    std::env::var("FANFARE_SIGNING_KEY").unwrap_or_else(|_| {
        format!("signkey-test-{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>())
    })
}
