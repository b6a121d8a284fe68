//! Reads the whole history of a channel.

use std::time::Duration;

use bench_client::now;
use tokio::time::timeout;

use crate::Error;
use crate::figures::Figures;
use crate::subscriber::Subscriber;

const PATIENCE: Duration = Duration::from_secs(30);

/// Measures how long a new subscriber takes to receive a number of stored messages, from when it connects.
pub(crate) async fn measure(from: &str, messages: u64) -> Result<String, Error> {
    let replay = Subscriber::prepare_replay(from).await?;
    let begun = now();
    let mut subscriber = replay.start().await?;
    let mut received = 0;
    while received < messages {
        let receiving = subscriber.receive(|marker| received += u64::from(marker.published > 0));
        let Ok(done) = timeout(PATIENCE, receiving).await else {
            return Err(format!("received {received} of {messages} messages").into());
        };
        done?;
    }
    let seconds = (now() - begun) as f64 / 1e9;
    Ok(Figures::default().with("rate", received as f64 / seconds).with("seconds", seconds).finish())
}
