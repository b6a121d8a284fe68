//! Connections to a NATS server that receive what it republishes, as hubs without subscribers do.

use crate::{Error, answer_lines};
use std::cell::Cell;
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ROOM: usize = 64 * 1024;

/// Opens connections with a subscription per shard. Prints, for each line of the input, the number of bytes that each
/// connection has received on average.
pub(crate) async fn run(server: &str, connections: u64, shards: u64) -> Result<(), Error> {
    let received = Rc::new(Cell::new(0_u64));
    for _ in 0..connections {
        let mut socket = TcpStream::connect(server).await?;
        socket.set_nodelay(true)?;
        let mut requests = "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true}\r\n".to_owned();
        for shard in 0..shards {
            requests += &format!("SUB fanfare-live.{shard}.> {}\r\n", shard + 1);
        }
        socket.write_all(requests.as_bytes()).await?;
        let received = Rc::clone(&received);
        tokio::task::spawn_local(async move {
            let mut room = vec![0; ROOM];
            while let Ok(length @ 1..) = socket.read(&mut room).await {
                received.set(received.get() + length as u64);
            }
        });
    }
    println!("connections={connections}");
    answer_lines(|| format!("bytes={}", received.take() as f64 / connections as f64)).await
}
