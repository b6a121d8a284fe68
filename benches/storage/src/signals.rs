//! Sends signals at one server to a run at another, and waits for its answers.

use std::time::Duration;

use bench_client::now;
use fanfare::{Channel, ChannelDefinition, Run, RunError, RunStatus, Runs, Signal, Topic, TypedChannel};

use crate::Error;
use crate::channels::{TEXTS, text};
use crate::engine::open_hub;
use crate::figures::{Figures, Times};

/// The time for which a run waits for a signal.
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
struct Texts(Channel);

impl Texts {
    fn said(&self) -> Topic<'_, str> {
        self.0.topic(0)
    }

    fn say(&self) -> Signal<'_, str> {
        self.0.signal(0)
    }
}

impl TypedChannel for Texts {
    type Result = ();
    const DEFINITION: &'static ChannelDefinition = &TEXTS;

    fn channel(&self) -> &Channel {
        &self.0
    }

    fn from_channel(channel: Channel) -> Option<Self> {
        channel.is_of(&TEXTS).then_some(Self(channel))
    }
}

/// Measures the time from a signal at one server until the answer of a run at another arrives.
pub(crate) async fn measure(storage: &str, signals: u64) -> Result<String, Error> {
    let (here, there) = (open_hub(storage).await?, open_hub(storage).await?);
    let mut builder = Runs::builder(&there);
    let job = builder.register("answer", move |run: Run<Texts>, (): ()| async move {
        for number in 0..signals {
            let signal = run.wait_for(run.channel().say(), TIMEOUT).await?;
            let text = signal.map(|signal| signal.payload).unwrap_or_default();
            run.publish(&format!("answer {number}"), run.channel().said(), &text).await?;
        }
        Ok::<_, RunError>(())
    });
    let runs = builder.build().await?;
    let channel = Texts(text(1)?);
    let mut answers = here.subscribe(channel.said()).await?;
    runs.start(&job, "run", &channel, &()).await?;
    let mut times = Times::new();
    for number in 0..signals {
        while !matches!(runs.status("run").await?, Some(RunStatus::Waiting(_))) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let sent = now();
        here.signal(channel.say(), &number.to_string()).await?;
        answers.recv().await?;
        // The first tenth warms up both servers.
        if number >= signals / 10 {
            times.record(now() - sent);
        }
    }
    Ok(Figures::default().with_times("", &times).finish())
}
