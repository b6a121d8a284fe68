//! One load client for every server that is measured.
//!
//! It opens WebSocket subscribers, has messages published, and counts the [markers](bench_hub::message)
//! that arrive. It walks frames and parses nothing else, so it is as cheap as a client can be, and the
//! same for every server; and it has one thread, so that the other cores are the server's.
//!
//! What was measured goes to the standard output as `name=value` pairs on one line.

mod arguments;
mod connection;
mod http;
mod process;
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
