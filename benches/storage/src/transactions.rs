//! Transactions that update a row, and publish.

use std::sync::Arc;
use std::time::Duration;

use bench_client::message::{self, Markers};
use bench_client::now;
use fanfare::{Channel, Hub, Topic};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Client;

use crate::channels::text;
use crate::engine::open_hub;
use crate::figures::{Figures, Times};
use crate::{Error, SIZE, database};

/// The number of channels. Transactions that publish to the same one wait for each other.
const CHANNELS: usize = 1_000;

/// Messages that arrive later than this after the end are not counted.
const PATIENCE: Duration = Duration::from_secs(1);

const CREATE: &str = "
    CREATE TABLE IF NOT EXISTS counts (id int8 PRIMARY KEY, count int8 NOT NULL);
    INSERT INTO counts SELECT id, 0 FROM generate_series(0, 999) AS id ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE counts SET count = count + 1 WHERE id = $1";

fn said(channel: &Channel) -> Topic<'_, str> {
    channel.topic(0)
}

/// Measures transactions of some clients for a time, with two servers: the time of each transaction, and the time until
/// its message reaches the other server, measured on a few channels. If `publishes` is `false`, measures transactions
/// that only update.
pub(crate) async fn measure(
    url: &str,
    clients: usize,
    publishes: bool,
    time: Duration,
) -> Result<String, Error> {
    let storage = format!("postgres:{url}");
    let (here, there) = (open_hub(&storage).await?, open_hub(&storage).await?);
    database::connect(url).await?.batch_execute(CREATE).await?;
    let channels: Arc<[Channel]> = (0..CHANNELS).map(text).collect::<Result<_, _>>()?;
    let end = Instant::now() + time;
    let mut receiving = JoinSet::new();
    for channel in channels.iter().step_by(20) {
        receiving.spawn(receive(there.clone(), channel.clone(), end + PATIENCE));
    }
    let mut publishing = JoinSet::new();
    for number in 0..clients {
        let (client, hub) = (database::connect(url).await?, publishes.then(|| here.clone()));
        publishing.spawn(publish(client, hub, Arc::clone(&channels), number, end));
    }
    let (times, received) = (join(publishing).await?, join(receiving).await?);
    let rate = times.count() as f64 / time.as_secs_f64();
    let figures = Figures::default().with("rate", rate).with_times("", &times);
    Ok(figures.with("received", received.count() as f64).with_times("received_", &received).finish())
}

async fn join(mut tasks: JoinSet<Result<Times, Error>>) -> Result<Times, Error> {
    let mut times = Times::new();
    while let Some(done) = tasks.join_next().await {
        times.add(&done??);
    }
    Ok(times)
}

async fn publish(
    mut client: Client,
    hub: Option<Hub>,
    channels: Arc<[Channel]>,
    mut number: usize,
    end: Instant,
) -> Result<Times, Error> {
    let (mut times, filling) = (Times::new(), message::filling(SIZE));
    let update = client.prepare(UPDATE).await?;
    while Instant::now() < end {
        let begun = now();
        // Spreads the clients over the channels.
        number = (number + 37) % CHANNELS;
        let mut transaction = client.transaction().await?;
        transaction.execute(&update, &[&i64::try_from(number)?]).await?;
        if let Some(hub) = &hub {
            let text = message::marker(now(), times.count()) + &filling;
            hub.publish(said(&channels[number]), &text).within(&mut transaction).await?;
        }
        transaction.commit().await?;
        times.record(now() - begun);
    }
    Ok(times)
}

/// Receives the messages of a channel, and returns how long they took.
async fn receive(hub: Hub, channel: Channel, until: Instant) -> Result<Times, Error> {
    let mut messages = hub.subscribe(said(&channel)).await?;
    let (mut times, markers) = (Times::new(), Markers::default());
    while let Ok(message) = timeout_at(until, messages.recv()).await {
        markers.scan(message?.data.as_bytes(), |marker| times.record(now() - marker.published));
    }
    Ok(times)
}
