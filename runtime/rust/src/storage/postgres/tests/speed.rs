//! Figures next to those of plain `INSERT`s on the same server. Run them with
//! `cargo test --release --lib --features postgres -- --ignored --nocapture speed`.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use fanfare_postgres_server::TestServer;
use tokio::time::Instant;
use tokio_postgres::types::Type;

use super::{append, client, connect, open, room, rows};
use crate::history::Inbox;
use crate::wire::Cursor;

const DURATION: Duration = Duration::from_secs(3);

/// Returns how many per second a closure executes in several tasks, and its median and 99th percentile.
async fn measure<F: Future<Output = ()> + Send>(
    tasks: usize,
    work: impl Fn(usize) -> F + Send + Sync + Clone + 'static,
) -> String {
    let since = Instant::now();
    let tasks: Vec<_> = (0..tasks)
        .map(|task| {
            let work = work.clone();
            tokio::spawn(async move {
                let mut times = Vec::new();
                while since.elapsed() < DURATION {
                    let begun = Instant::now();
                    work(task).await;
                    times.push(begun.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    times.sort_unstable();
    let per_second = times.len() as u128 * 1000 / since.elapsed().as_millis();
    format!(
        "{per_second:>8}/s  p50 {:>9.2?}  p99 {:>9.2?}",
        times[times.len() / 2],
        times[times.len() * 99 / 100]
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures"]
async fn speed_of_publishing() {
    for is_durable in [true, false] {
        let server = TestServer::start(is_durable);
        println!("fsync {}", if is_durable { "on" } else { "off" });
        let client = client(&server).await;
        rows(&client, "CREATE TABLE plain (id bigserial PRIMARY KEY, channel int8, frame text)").await;
        let postgres = Arc::new(connect(&server, "fanfare").await);
        let mut logs = Vec::new();
        for number in 0..20 {
            logs.push(open(&postgres, &room(number)).await);
        }
        let text = "x".repeat(200);
        for publishers in [1, 10, 100] {
            let begun = rows(&client, "SELECT fanfare.now_ms()").await.concat();
            let (engine, logs, text) = (Arc::clone(&postgres), logs.clone(), text.clone());
            let published = measure(publishers, move |task| {
                let (engine, log, text) = (Arc::clone(&engine), Arc::clone(&logs[task % 20]), text.clone());
                async move { assert!(append(&engine, &log, &text).await.is_ok()) }
            });
            println!("{publishers:>4} publishers  {}", published.await);
            // The messages of a transaction have the same time.
            let batches = format!(
                "SELECT round(count(*)::numeric / count(DISTINCT published), 1) FROM fanfare.messages WHERE published >= {begun}"
            );
            println!("                 {} messages per commit", rows(&client, &batches).await.concat());
        }
        for connections in [1, 10, 100] {
            let mut clients = Vec::new();
            for _ in 0..connections {
                clients.push(Arc::new(super::client(&server).await));
            }
            let text = Arc::new(text.clone());
            let inserted = measure(connections, move |task| {
                let (client, text) = (Arc::clone(&clients[task]), Arc::clone(&text));
                async move {
                    let sql = "INSERT INTO plain (channel, frame) VALUES (1, $1)";
                    client.query_typed(sql, &[(&*text, Type::TEXT)]).await.unwrap();
                }
            });
            println!("{connections:>4} x INSERT      {}", inserted.await);
        }
        let other = Arc::new(connect(&server, "fanfare").await);
        let [here, there] = [open(&postgres, &room(1)).await, open(&other, &room(1)).await];
        let inbox = Arc::new(Inbox::default());
        let (mut cursor, _) = there.start(&[0], Cursor::Now);
        let mut times = Vec::new();
        for _ in 0..500 {
            there.read(&mut cursor, usize::MAX, &inbox, 0);
            let begun = Instant::now();
            append(&postgres, &here, "x").await.unwrap();
            poll_fn(|context| inbox.poll(context)).await;
            inbox.take(&mut Vec::new());
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        println!("publish until another server has it: p50 {:.2?}, p99 {:.2?}", times[250], times[495]);
    }
}
