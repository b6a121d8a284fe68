//! Prints figures and asserts nothing: `cargo test --release -p fanfare --test runtime -- --ignored --nocapture
//! throughput`.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::support::definition::{room, said};
use crate::support::server::Server;

#[expect(clippy::cast_precision_loss, reason = "figures to read")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes seconds, and says nothing in a debug build"]
async fn throughput() {
    for subscribers in [0, 1, 100] {
        let server = Server::start().await;
        let channel = room("1");
        let reading = FuturesUnordered::new();
        for _ in 0..subscribers {
            let mut client = server.guest(&channel, &["said"]).await;
            reading.push(tokio::spawn(async move {
                let mut count = 0u64;
                while let Some(Ok(message)) = client.message().await {
                    if message.is_text() {
                        count += 1;
                    } else if message.is_close() {
                        break;
                    }
                }
                count
            }));
        }
        let text = "x".repeat(120);
        let (start, mut published) = (Instant::now(), 0u64);
        while start.elapsed() < Duration::from_secs(2) {
            for _ in 0..100 {
                server.hub.publish(said(&channel), &text).await.unwrap();
            }
            published += 100;
        }
        let publishing = start.elapsed();
        server.hub.shutdown().await;
        let counts: Vec<u64> = reading.map(Result::unwrap).collect().await;
        let delivered: u64 = counts.iter().sum();
        let elapsed = start.elapsed().as_secs_f64();
        println!(
            "{subscribers:>4} subscribers: published {:.0}/s, delivered {:.0}/s ({delivered} of {})",
            published as f64 / publishing.as_secs_f64(),
            delivered as f64 / elapsed,
            published * subscribers,
        );
    }
}
