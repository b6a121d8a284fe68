//! Jobs whose runs sleep, wait, branch, retry and fail.

use std::error::Error;
use std::time::Duration;

use channels::Step;
use channels::pipeline::{ApproveVerdict, Pipeline, RunResult, Status};
use fanfare::{Hub, Job, Run, RunError, RunStreamWriter, Runs, StepOptions};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The jobs of this hub.
pub(crate) struct Jobs {
    runs: Runs,
    jobs: Vec<(&'static str, Job<Pipeline, String>)>,
}

impl Jobs {
    pub(crate) async fn register(hub: &Hub) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let mut runs = Runs::builder(hub);
        let jobs = vec![
            ("review", runs.register("review", review)),
            ("translate", runs.register("translate", translate)),
            ("charge", runs.register("charge", charge)),
            ("remind", runs.register("remind", remind)),
            ("draft", runs.register("draft", draft)),
            ("greet", runs.register("greet", greet)),
            ("fetch", runs.register("fetch", fetch)),
            ("import", runs.register("import", import)),
        ];
        Ok(Self { runs: runs.build().await?, jobs })
    }

    /// Starts a run on its own channel.
    pub(crate) async fn start(&self, job: &str, id: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.start_with(job, id, "Once upon a time").await
    }

    /// Starts a run of `import`, which has this many steps.
    pub(crate) async fn start_import(
        &self,
        id: &str,
        steps: u32,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.start_with("import", id, &steps.to_string()).await
    }

    async fn start_with(&self, job: &str, id: &str, input: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        let (_, job) =
            self.jobs.iter().find(|(name, _)| *name == job).ok_or_else(|| format!("no job {job:?}"))?;
        self.runs.start(job, id, &Pipeline::new(id)?, &input.to_owned()).await?;
        Ok(())
    }
}

/// Waits for a person's verdict.
async fn review(run: Run<Pipeline>, text: String) -> Result<RunResult, RunError> {
    run.step("read", async || Ok::<_, RunError>(text.len())).await?;
    say(&run, "ask", "Waiting for a verdict", 50).await?;
    let Some(verdict) = run.wait_for(run.channel().approve(), DAY).await? else {
        return Err(RunError::fail("nobody has answered"));
    };
    if verdict.payload.verdict == ApproveVerdict::Reject {
        return Err(RunError::fail("the text was rejected"));
    }
    say(&run, "thank", "Approved", 100).await?;
    Ok(RunResult::new(verdict.sender, verdict.payload.text.unwrap_or(text)))
}

/// Works in several branches at once.
async fn translate(run: Run<Pipeline>, text: String) -> Result<RunResult, RunError> {
    let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let (title, words) = run
        .join(
            async |run| {
                run.step("title", async || {
                    pause(120).await;
                    Ok::<_, RunError>("A story".to_owned())
                })
                .await
            },
            async |run| {
                run.map(2, words, async |run, word: String| {
                    run.step("translate", async || {
                        pause(80 + 30 * word.len() as u64).await;
                        Ok::<_, RunError>(word.to_uppercase())
                    })
                    .await
                })
                .await
            },
        )
        .await?;
    run.sleep("cool down", Duration::from_millis(300)).await?;
    say(&run, "announce", "Translated", 100).await?;
    Ok(RunResult::new(Some(title), words.join(" ")))
}

/// Fails for good in its third step.
async fn charge(run: Run<Pipeline>, text: String) -> Result<RunResult, RunError> {
    run.step("find order", async || {
        pause(40).await;
        Ok::<_, RunError>(text.clone())
    })
    .await?;
    say(&run, "begin", "Charging the card", 20).await?;
    run.step("charge card", async || {
        pause(150).await;
        Err::<(), _>(RunError::fail("card_declined: the bank refused the card ending in 4242"))
    })
    .await?;
    Ok(RunResult::new(None, text))
}

/// Sleeps for a day.
async fn remind(run: Run<Pipeline>, text: String) -> Result<RunResult, RunError> {
    say(&run, "schedule", "Scheduled", 10).await?;
    run.sleep("until tomorrow", DAY).await?;
    say(&run, "remind", "Do not forget", 100).await?;
    Ok(RunResult::new(None, text))
}

/// Writes a text stream.
async fn draft(run: Run<Pipeline>, text: String) -> Result<RunResult, RunError> {
    let words = "The quick brown fox jumps over the lazy dog while the server writes this text in chunks. ";
    let write = async |draft: RunStreamWriter| {
        for word in words.repeat(3).split_inclusive(' ') {
            draft.write(word).await?;
            pause(40).await;
        }
        Ok::<_, RunError>(())
    };
    let summary = run.stream("draft", run.channel().draft(), write).await?;
    Ok(RunResult::new(Some(text), summary))
}

/// Completes at once.
async fn greet(run: Run<Pipeline>, text: String) -> Result<RunResult, RunError> {
    let greeting = run.step("greet", async || Ok::<_, RunError>(format!("Hello: {text}"))).await?;
    Ok(RunResult::new(None, greeting))
}

/// Retries a step whose server cannot be reached.
async fn fetch(run: Run<Pipeline>, text: String) -> Result<RunResult, RunError> {
    let options = StepOptions::new().max_retries(50).backoff(Duration::from_secs(60), DAY);
    run.step_with("fetch page", options, async || {
        pause(30).await;
        Err::<(), _>(RunError::retry("connection refused (os error 111)"))
    })
    .await?;
    Ok(RunResult::new(None, text))
}

/// Executes as many steps as its input says.
async fn import(run: Run<Pipeline>, steps: String) -> Result<RunResult, RunError> {
    let count: u32 = steps.parse().map_err(|_| RunError::fail("the input is not a number of steps"))?;
    for number in 0..count {
        run.step(&format!("row {number}"), async || Ok::<_, RunError>(number)).await?;
    }
    Ok(RunResult::new(None, format!("{count} rows")))
}

async fn say(run: &Run<Pipeline>, id: &str, message: &str, progress: u8) -> Result<(), RunError> {
    run.publish(id, run.channel().status(), &Status::new(message, Step::Write, progress)).await?;
    Ok(())
}

async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}
