//! A minimal fan-out server, which shows what the machine can do at most.
//!
//! Every connection subscribes to the only channel. There are no ids, topics, tokens or history. With `--mode each`,
//! a message is written to each socket. With `--mode log`, it is appended to a log of frames that all subscribers
//! share, and a flush writes everything between a subscriber's cursor and the end of the log at once.

mod each;
mod http;
mod log;

use bench_hub::control::{self, Publish};
use bench_hub::frame::{self, TEXT};
use bench_hub::{argument, message, now};
use std::net::TcpStream;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Delivers messages to subscribers.
trait Broadcast: Send + Sync + 'static {
    fn subscribe(&self, socket: TcpStream);
    fn broadcast(&self, frame: &[u8]);
}

struct Publisher(Arc<dyn Broadcast>);

impl Publish for Publisher {
    async fn publish(&self, _channel: u64, sequence: u64, filling: &str) {
        let payload = message::payload(now(), sequence, filling);
        self.0.broadcast(&frame::from_server(TEXT, payload.as_bytes()));
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let mode: Arc<dyn Broadcast> = match argument("mode").as_deref() {
        Some("each") => Arc::new(each::Each::default()),
        _ => log::Log::start(),
    };
    let world = TcpListener::bind("127.0.0.1:0").await?;
    let controlled = std::net::TcpListener::bind("127.0.0.1:0")?;
    println!("{} {}", world.local_addr()?.port(), controlled.local_addr()?.port());
    let publisher = Publisher(Arc::clone(&mode));
    // Publishing never yields, so it has its own thread, to not block new connections.
    std::thread::spawn(move || publish(controlled, publisher));
    loop {
        let (socket, _) = world.accept().await?;
        tokio::spawn(http::serve(socket, Arc::clone(&mode)));
    }
}

fn publish(controlled: std::net::TcpListener, publisher: Publisher) -> std::io::Result<()> {
    controlled.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        control::serve(TcpListener::from_std(controlled)?, publisher).await;
        Ok(())
    })
}
