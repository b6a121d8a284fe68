//! One run: connects, publishes, waits for outstanding messages, and returns the figures.

use crate::arguments::{Arguments, Mode};
use crate::protocol::Since;
use crate::publisher::{self, Published};
use crate::subscriber::{self, Desk};
use bench_hub::connection::Connection;
use bench_hub::now;
use bench_hub::process::{self, Cpu};
use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::sleep;

/// The receive buffer of a subscriber that never reads.
const DEAF_BUFFER: usize = 4 * 1024;

/// How long to wait after connecting, so that work for new connections is not measured.
const SETTLING: Duration = Duration::from_millis(700);

/// The nanoseconds without a message after which the remaining messages count as lost.
const SILENCE: u64 = 2_000_000_000;

/// The number of subscribers that connect at a time.
const CONNECTING: usize = 32;

struct Usage {
    server: Cpu,
    storage: Cpu,
    client: Cpu,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<String, String> {
    let memory = arguments.process.map_or(0, process::memory);
    if let Mode::Fill { messages } = arguments.mode {
        return fill(arguments, messages, memory).await;
    }
    let desk = Desk::new(arguments.protocol, arguments.subscribers);
    let (replay, start, before) = (matches!(arguments.mode, Mode::Replay { .. }), now(), usage(arguments));
    let deaf = connect(arguments, arguments.deaf, Since::Now, Some(DEAF_BUFFER)).await?;
    let since = if replay { Since::Start } else { Since::Now };
    subscribe(arguments, &desk, since).await?;
    if let Mode::Replay { messages } = arguments.mode {
        wait_for(&desk, messages * arguments.subscribers as u64).await;
        return Ok(figures(arguments, &desk, &Published::of(messages), start, &before));
    }
    sleep(SETTLING).await;
    if matches!(arguments.mode, Mode::Idle) {
        return idle(arguments, memory).await;
    }

    let (before, start) = (usage(arguments), now());
    let published = match arguments.mode {
        Mode::InProcess { window } => publisher::in_process(arguments, &desk, window).await?,
        Mode::Native { window } => publisher::ahead(arguments, &desk, window).await?,
        Mode::Steady { rate } => publisher::steady(arguments, &desk, rate).await?,
        Mode::Fill { .. } | Mode::Replay { .. } | Mode::Idle => unreachable!("handled above"),
    };
    let publishing = now() - start;
    wait_for(&desk, published.messages * arguments.subscribers as u64).await;
    let mut line = figures(arguments, &desk, &published, start, &before);
    let _ = write!(line, " published_per_second={:.0}", per_second(published.messages, publishing));
    drop(deaf);
    Ok(line)
}

/// Connects all subscribers, in groups. Each group reads while the next one connects.
async fn subscribe(arguments: &Arguments, desk: &Rc<Desk>, since: Since) -> Result<(), String> {
    let mut connected = 0;
    while connected < arguments.subscribers {
        let group = CONNECTING.min(arguments.subscribers - connected);
        for connection in connect(arguments, group, since, None).await? {
            tokio::task::spawn_local(subscriber::read(connection, Rc::clone(desk)));
        }
        connected += group;
    }
    Ok(())
}

async fn connect(
    arguments: &Arguments,
    count: usize,
    since: Since,
    buffer: Option<usize>,
) -> Result<Vec<Connection>, String> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let (protocol, server) = (arguments.protocol, arguments.server.clone());
    let token = protocol.prepare(&server).await?;
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let (server, token) = (server.clone(), token.clone());
            tokio::task::spawn_local(async move { protocol.subscribe(&server, &token, since, buffer).await })
        })
        .collect();
    let mut connections = Vec::with_capacity(count);
    for task in tasks {
        connections.push(task.await.map_err(|error| error.to_string())??);
    }
    Ok(connections)
}

/// Waits until a number of messages has arrived, or none has for [`SILENCE`].
async fn wait_for(desk: &Desk, messages: u64) {
    let since = now();
    while desk.stats.delivered.get() < messages && now() - desk.stats.last.get().max(since) < SILENCE {
        sleep(Duration::from_millis(2)).await;
    }
}

async fn fill(arguments: &Arguments, messages: u64, memory: u64) -> Result<String, String> {
    let before = usage(arguments);
    let published = publisher::fill(arguments, messages).await?.messages;
    let cpu = float(usage(arguments).server.since(&before.server)) / float(published.max(1));
    let grown = arguments.process.map_or(0, process::memory).saturating_sub(memory);
    Ok(format!("published={published} publish_cpu={cpu:.4} kilobytes_grown={grown}"))
}

async fn idle(arguments: &Arguments, memory: u64) -> Result<String, String> {
    let before = usage(arguments);
    sleep(arguments.time).await;
    let (cpu, seconds) = (usage(arguments).server.since(&before.server), arguments.time.as_secs_f64());
    let grown = arguments.process.map_or(0, process::memory).saturating_sub(memory);
    Ok(format!(
        "kilobytes_each={:.3} kilobytes_before={memory} cpu_milliseconds_per_second={:.1}",
        float(grown) / float(arguments.subscribers as u64),
        float(cpu) / 1e3 / seconds
    ))
}

fn usage(arguments: &Arguments) -> Usage {
    Usage {
        server: Cpu::read(arguments.process.unwrap_or(0)),
        storage: Cpu::read(arguments.storage.unwrap_or(0)),
        client: Cpu::read(u64::from(std::process::id())),
    }
}

fn figures(arguments: &Arguments, desk: &Desk, published: &Published, start: u64, before: &Usage) -> String {
    let (stats, after) = (&desk.stats, usage(arguments));
    let delivered = stats.delivered.get();
    let each = |microseconds: u64| float(microseconds) / float(delivered.max(1));
    let expected = published.messages * arguments.subscribers as u64;
    let mut line = format!(
        "published={} delivered={delivered} lost={} out_of_order={} closed={} frames={}",
        published.messages,
        expected.saturating_sub(delivered),
        stats.out_of_order.get(),
        stats.closed.get(),
        stats.frames.get(),
    );
    let mut server = after.server.since(&before.server);
    if arguments.storage.is_some() {
        let storage = after.storage.since(&before.storage);
        server += storage;
        let _ = write!(line, " storage_cpu={:.4}", each(storage));
    }
    let span = stats.last.get().saturating_sub(start).max(1);
    let _ = write!(
        line,
        " delivered_per_second={:.0} server_cpu={:.4} client_cpu={:.4} p50={} p99={} most={}",
        per_second(delivered, span),
        each(server),
        each(after.client.since(&before.client)),
        stats.quantile(0.5),
        stats.quantile(0.99),
        stats.quantile(1.0),
    );
    if !published.acceptance.is_empty() {
        let [p50, p99] = [0.5, 0.99].map(|quantile| published.acceptance.value_at_quantile(quantile));
        let _ = write!(line, " accepted_p50={p50} accepted_p99={p99}");
    }
    line
}

fn per_second(count: u64, nanoseconds: u64) -> f64 {
    float(count) * 1e9 / float(nanoseconds.max(1))
}

#[allow(clippy::cast_precision_loss, reason = "figures are rounded anyway")]
fn float(number: u64) -> f64 {
    number as f64
}
