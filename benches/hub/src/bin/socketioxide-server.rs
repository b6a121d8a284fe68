//! A server that embeds socketioxide.

use axum::serve::ListenerExt;
use bench_hub::control::{self, Publish};
use bench_hub::{message, now};
use socketioxide::SocketIo;
use socketioxide::extract::SocketRef;
use std::error::Error;
use tokio::net::TcpListener;

struct Publisher(SocketIo);

impl Publish for Publisher {
    async fn publish(&self, _channel: u64, sequence: u64, filling: &str) {
        broadcast(&self.0, &message::payload(now(), sequence, filling)).await;
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let world = TcpListener::bind("127.0.0.1:0").await?;
    let controlled = TcpListener::bind("127.0.0.1:0").await?;
    println!("{} {}", world.local_addr()?.port(), controlled.local_addr()?.port());

    // Room for a burst per socket. Messages that do not fit are lost.
    let (layer, io) = SocketIo::builder().max_buffer_size(100_000).build_layer();
    io.ns("/", async |_: SocketRef| ());
    tokio::spawn(control::serve(controlled, Publisher(io.clone())));
    let publish = axum::routing::post(async move |body: String| broadcast(&io, &body).await);
    // Without Nagle's algorithm, small messages do not wait for acknowledgements.
    let world = world.tap_io(|socket| drop(socket.set_nodelay(true)));
    axum::serve(world, axum::Router::new().route("/publish", publish).layer(layer)).await?;
    Ok(())
}

async fn broadcast(io: &SocketIo, message: &str) {
    // If the buffer of a socket is full, its message is lost, and the load client counts it.
    let _ = io.emit("m", message).await;
}
