//! The commands that tests send to the server.

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
    /// Publishes numbered messages as a Rust application does.
    Messages {
        run: String,
        topic: Numbered,
        from: u32,
        count: u32,
        /// The length of each text.
        size: usize,
        /// The pause after each message.
        pause_milliseconds: u64,
    },
    /// Publishes a status, with a run id in the envelope.
    Status { run: String, message: String, progress: u8, run_id: Option<String> },
    /// Mints a token for all topics of a run's channel, to subscribe or to publish.
    Token {
        run: String,
        expires_in: u64,
        #[serde(default)]
        publish: bool,
        /// The id to revoke it by.
        id: Option<String>,
    },
    /// Writes a text stream on the draft topic, in chunks.
    Draft {
        run: String,
        text: String,
        /// The number of characters per chunk.
        piece: usize,
        /// The pause after each chunk.
        pause_milliseconds: u64,
        /// The reason to fail the stream, instead of completing it.
        error: Option<String>,
    },
    /// Starts a run that reviews a text.
    Review {
        run: String,
        /// The run whose channel it uses. Default: its own.
        on: Option<String>,
        #[serde(flatten)]
        review: Review,
    },
    /// Reads the position of a channel.
    Position { channel: String },
    /// Ends all tokens with this id.
    Revoke { id: String },
    /// Stops gracefully.
    Shutdown,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Numbered {
    /// Retains all messages, so that a new subscriber receives the whole history.
    Tokens,
    /// Retains the last message, so that a subscriber that does not resume misses the others.
    Status,
}

/// Executes the commands on standard input concurrently, and exits the process when it ends. Returns what a
/// `shutdown` command notifies.
pub(crate) fn execute(hub: Hub, reviews: Option<Reviews>) -> Arc<Notify> {
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

/// The state that commands use.
#[derive(Clone)]
struct Server {
    hub: Hub,
    /// Set if the server has a storage.
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
                        let token = Token::new(index, text.as_str());
                        hub.publish(pipeline.tokens(), &token).await?
                    }
                    Numbered::Status => {
                        let message = format!("{index} {text}");
                        let status = Status::new(message, Step::Write, 0);
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
            let status = Status::new(message, Step::Write, progress);
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
            Ok(json!(if publish { token.for_publishing() } else { token }.mint()?))
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
            let Reviews { runs, job } = reviews.as_ref().ok_or("a review needs a server with `storage`")?;
            let pipeline = Pipeline::new(on.as_ref().unwrap_or(&run))?;
            Ok(json!(runs.start(job, &run, &pipeline, &review).await? == StartOutcome::New))
        }
        Command::Position { channel } => {
            let channel = hub.registry().resolve(&channel).ok_or("there is no such channel")?;
            Ok(json!(hub.position(&channel).await?))
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
