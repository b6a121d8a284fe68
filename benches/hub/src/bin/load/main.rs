//! The load client, the same for every server.
//!
//! It opens WebSocket subscribers, has messages published, and counts the [markers](bench_hub::message) that
//! arrive. It only walks frames and searches markers, to use little CPU time, and has one thread, to leave the other
//! cores to the server.
//!
//! It prints the figures as `name=value` pairs on one line.

mod arguments;
mod protocol;
mod publisher;
mod scenario;
mod stats;
mod subscriber;

use arguments::Arguments;
use tokio::task::LocalSet;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    let arguments = Arguments::read();
    match LocalSet::new().run_until(scenario::run(&arguments)).await {
        Ok(figures) => {
            println!("{figures}");
            std::process::ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
