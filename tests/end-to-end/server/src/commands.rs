//! What tests can make the server do, beside what its routes do.

use channels::pipeline::{Pipeline, Status, Topic};
use channels::{Step, Token};
use fanfare::{Hub, StartOutcome};
use serde::Deserialize;
use serde_json::{Value, json};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

use crate::reviews::{Review, Reviews};

#[derive(Deserialize)]
struct Line {
    /// Repeated in the answer.
    #[serde(rename = "ref")]
    reference: u64,
    #[serde(flatten)]
    command: Command,
}

#[derive(Deserialize)]
#[serde(tag = "command", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Command {
    /// Publishes numbered messages through the typed way of a Rust application.
    Messages {
        run: String,
        topic: Numbered,
        from: u32,
        count: u32,
        /// How long the text of each is.
        size: usize,
        /// After each of them.
        pause_milliseconds: u64,
    },
    /// Publishes a status; `run_id` goes into the envelope.
    Status { run: String, message: String, progress: u8, run_id: Option<String> },
    /// Makes a token for all topics of a run's channel, to subscribe or to publish.
    Token {
        run: String,
        expires_in: u64,
        #[serde(default)]
        publish: bool,
        /// To revoke it by.
        id: Option<String>,
    },
    /// Writes a text stream on the draft topic, in pieces of so many characters.
    Draft {
        run: String,
        text: String,
        piece: usize,
        /// After each of them.
        pause_milliseconds: u64,
        /// Why it is not complete, where it is not.
        error: Option<String>,
    },
    /// Starts a run that reviews a text.
    Review {
        run: String,
        /// On the channel of which run: its own one where nothing is said.
        on: Option<String>,
        #[serde(flatten)]
        review: Review,
    },
    /// Ends all tokens with this id.
    Revoke { id: String },
    /// Stops gracefully.
    Shutdown,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Numbered {
    /// Retains all: a new subscriber gets what history holds.
    Tokens,
    /// Retains the last: who does not resume has lost the others.
    Status,
}

/// Does what standard input says, several things at once, and ends the process with it. The result
/// tells when a graceful shutdown was asked for.
pub(crate) fn follow(hub: Hub, reviews: Option<Reviews>) -> Arc<Notify> {
    let shutdown = Arc::new(Notify::new());
    let runtime = tokio::runtime::Handle::current();
    let server = Server { hub, reviews, shutdown: Arc::clone(&shutdown) };
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            runtime.spawn(answer(line, server.clone()));
        }
        std::process::exit(0);
    });
    shutdown
}

/// What commands act on.
#[derive(Clone)]
struct Server {
    hub: Hub,
    /// Where there is a storage.
    reviews: Option<Reviews>,
    shutdown: Arc<Notify>,
}

async fn answer(line: String, server: Server) {
    let answer = match serde_json::from_str(&line) {
        Ok(Line { reference, command }) => match run(command, &server).await {
            Ok(result) => json!({ "ref": reference, "result": result }),
            Err(error) => json!({ "ref": reference, "error": error.to_string() }),
        },
        Err(error) => json!({ "error": format!("{line}: {error}") }),
    };
    println!("{answer}");
}

async fn run(command: Command, server: &Server) -> Result<Value, Box<dyn Error + Send + Sync>> {
    let Server { hub, reviews, shutdown } = server;
    match command {
        Command::Messages { run, topic, from, count, size, pause_milliseconds } => {
            let pipeline = Pipeline::new(&run)?;
            let text = "x".repeat(size);
            for index in from..from + count {
                match topic {
                    Numbered::Tokens => {
                        let token = Token { index, text: text.clone() };
                        hub.publish(pipeline.tokens(), &token).await?
                    }
                    Numbered::Status => {
                        let message = format!("{index} {text}");
                        let status = Status { message, step: Step::Write, progress: 0 };
                        hub.publish(pipeline.status(), &status).await?
                    }
                };
                if pause_milliseconds > 0 {
                    tokio::time::sleep(Duration::from_millis(pause_milliseconds)).await;
                }
            }
            Ok(Value::Null)
        }
        Command::Status { run, message, progress, run_id } => {
            let pipeline = Pipeline::new(&run)?;
            let status = Status { message, step: Step::Write, progress };
            let publish = hub.publish(pipeline.status(), &status);
            let id = match run_id {
                Some(run_id) => publish.run_id(run_id).await?,
                None => publish.await?,
            };
            Ok(json!(id))
        }
        Command::Token { run, expires_in, publish, id } => {
            let grant = Pipeline::new(&run)?.grant(Topic::ALL);
            let mut token = hub.token(grant).expires_in(Duration::from_secs(expires_in));
            if let Some(id) = id {
                token = token.id(id);
            }
            Ok(json!(if publish { token.publish() } else { token }.mint()?))
        }
        Command::Draft { run, text, piece, pause_milliseconds, error } => {
            let pipeline = Pipeline::new(&run)?;
            let mut draft = hub.stream(pipeline.draft()).await?;
            let characters: Vec<char> = text.chars().collect();
            for piece in characters.chunks(piece) {
                draft.write(&piece.iter().collect::<String>()).await?;
                if pause_milliseconds > 0 {
                    tokio::time::sleep(Duration::from_millis(pause_milliseconds)).await;
                }
            }
            let id = match error {
                Some(error) => draft.fail(error).await?,
                None => draft.end().await?,
            };
            Ok(json!(id))
        }
        Command::Review { run, on, review } => {
            let Reviews { runs, job } = reviews.as_ref().ok_or("there are no runs without a storage")?;
            let pipeline = Pipeline::new(on.as_ref().unwrap_or(&run))?;
            Ok(json!(runs.start(job, &run, &pipeline, &review).await? == StartOutcome::New))
        }
        Command::Revoke { id } => {
            hub.revoke(&id).await?;
            Ok(Value::Null)
        }
        Command::Shutdown => {
            shutdown.notify_one();
            Ok(Value::Null)
        }
    }
}
