//! `fanfare publish`.

use fanfare::client::{ClientError, TokenAccess, TokenRequest};

use super::access::AccessArguments;
use super::failure::{Failure, refusal_for_programs};
use super::input::{read_payload, stream_stdin};
use super::output::{GREEN, OutputArguments, escape, paint, print, print_json};

#[derive(clap::Args)]
pub(crate) struct Publish {
    /// The name of the channel, such as `pipeline:run_1`
    channel: String,
    /// The name of the topic
    topic: String,
    /// The payload: JSON, `@file`, or `-` for the standard input
    #[arg(allow_negative_numbers = true)]
    payload: Option<String>,
    /// Publish the standard input as a text stream, while it is written
    #[arg(long, conflicts_with_all = ["payload", "idempotency_key"])]
    stream: bool,
    /// The run that the message belongs to
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
    /// Publish once per key and channel, however often the command is repeated
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    access: AccessArguments,
    #[command(flatten)]
    output: OutputArguments,
}

impl Publish {
    pub(super) async fn execute(self) -> Result<(), Failure> {
        let access = self.access.resolve()?;
        let purpose = TokenAccess::Publish { topic: self.topic.clone() };
        let mut request = access
            .client
            .post("publish", TokenRequest::new(&self.channel, purpose))
            .query("channel", &self.channel)
            .query("topic", &self.topic);
        if let Some(run_id) = self.run_id {
            request = request.query("run_id", run_id);
        }
        if let Some(key) = self.idempotency_key {
            request = request.idempotency_key(key);
        }
        let output = self.output.open();
        let published = if self.stream {
            request.send_text(stream_stdin()).await
        } else {
            request.body(read_payload(self.payload.as_deref())?).await
        };
        let published = match published {
            Ok(published) => published,
            Err(error) => {
                if let (Some(refusal), true) = (refusal_for_programs(&error), output.is_json) {
                    print_json(&refusal)?;
                }
                let is_for_texts =
                    matches!(error, ClientError::Refused { status: Some(415), .. }) && !self.stream;
                let help = is_for_texts.then_some("pass `--stream`, and the text on the standard input");
                return Err(help.into_iter().fold(access.explain(error), Failure::help));
            }
        };
        if output.is_json {
            return print_json(&published);
        }
        let id = published["id"].as_str().unwrap_or_default();
        print(&format!("{} {}\n", paint(GREEN, "published"), escape(id)))
    }
}
