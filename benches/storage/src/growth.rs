//! Publishes at a steady rate while old messages are deleted, and measures the tables.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;

use crate::across::publish_at;
use crate::channels::{SHORT_HISTORY, short};
use crate::engine::open_hub;
use crate::figures::{Figures, Times};
use crate::target::{Publisher, Target};
use crate::{CHANNELS, Error, database, publish};

const PUBLISHERS: usize = 32;

/// The size of the tables with their indexes, and their live and dead rows.
const SIZES: &str = "
    SELECT sum(pg_total_relation_size(relid))::float8 / 1e6, sum(n_live_tup)::float8, sum(n_dead_tup)::float8,
           sum(autovacuum_count)::float8
    FROM pg_stat_user_tables WHERE schemaname = 'fanfare' AND relname = ANY($1)";

/// Publishes to channels with a short history, and prints the figures of three equal parts of the time.
pub(crate) async fn measure(url: &str, rate: u64, seconds: u64) -> Result<String, Error> {
    let hub = open_hub(&format!("postgres:{url}")).await?;
    let client = database::connect(url).await?;
    let channels = (0..CHANNELS).map(short).collect::<Result<Arc<[_]>, _>>()?;
    let target = Target::Hub(hub, channels);
    let mut figures = Figures::default();
    // Nothing is deleted until the history is full.
    let filling = u64::from(SHORT_HISTORY) * CHANNELS as u64;
    let times = publish(&target, rate, filling).await?;
    figures = figures.with_times("filling_", &times);
    let part = rate * seconds / 3;
    for number in 1..=3 {
        let messages = if number == 1 { part.saturating_sub(filling) } else { part };
        let times = publish(&target, rate, messages).await?;
        figures = figures.with_times(&format!("{number}_"), &times);
        figures = add_sizes(figures, number, &client).await?;
    }
    Ok(figures.finish())
}

async fn publish(target: &Target, rate: u64, messages: u64) -> Result<Times, Error> {
    let publishers: Vec<Publisher> = publish::connect(target, PUBLISHERS).await?;
    publish_at(publishers, rate, messages).await
}

async fn add_sizes(mut figures: Figures, number: u64, client: &Client) -> Result<Figures, Error> {
    // The statistics of the last second may be missing.
    tokio::time::sleep(Duration::from_secs(1)).await;
    for (prefix, tables) in [("messages", vec!["messages"]), ("others", vec!["channels", "gone", "keys"])] {
        let row = client.query_one(SIZES, &[&tables]).await?;
        for (column, name) in ["mb", "live", "dead", "vacuums"].iter().enumerate() {
            figures = figures.with(&format!("{number}_{prefix}_{name}"), row.get::<_, f64>(column));
        }
    }
    Ok(figures)
}
