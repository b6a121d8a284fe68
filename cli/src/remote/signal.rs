//! `fanfare signal`.

use std::time::Duration;

use fanfare::client::{ClientError, TokenAccess, TokenContents, TokenRequest};
use serde_json::Value;

use super::access::{Access, AccessArguments, Credential, RequiredClaims};
use super::failure::{Failure, refusal_for_programs};
use super::input::read_payload;
use super::output::{GREEN, OutputArguments, YELLOW, escape, paint, print, print_json};

/// The lifetime of the token that names the sender.
const TOKEN_LIFETIME: Duration = Duration::from_secs(60);

/// The exit codes of signals that a run does not take.
const REFUSALS: [(&str, u8); 3] = [("already_taken", 3), ("too_late", 4), ("run_ended", 5)];

#[derive(clap::Args)]
pub(crate) struct Signal {
    /// The name of the channel, such as `pipeline:run_1`
    channel: String,
    /// The name of the signal
    signal: String,
    /// The payload: JSON, `@file`, or `-` for the standard input
    #[arg(allow_negative_numbers = true)]
    payload: Option<String>,
    /// The run that receives it [default: the one that has waited longest for it]
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
    /// The question that it answers, by the id in a `run` event
    #[arg(long, value_name = "ID")]
    question: Option<String>,
    /// Send one signal per key and channel, however often the command is repeated
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// The sender that the run receives; needs the signing key
    #[arg(long = "as", value_name = "SUBJECT")]
    subject: Option<String>,
    #[command(flatten)]
    claims: RequiredClaims,
    #[command(flatten)]
    access: AccessArguments,
    #[command(flatten)]
    output: OutputArguments,
}

impl Signal {
    pub(super) async fn execute(self) -> Result<(), Failure> {
        let access = self.access.resolve()?;
        let sender = self.subject.as_ref().map(|subject| self.with_sender(&access, subject)).transpose()?;
        let payload = read_payload(self.payload.as_deref())?;
        let purpose = TokenAccess::Signal { signal: self.signal.clone() };
        let mut request = sender
            .as_ref()
            .unwrap_or(&access)
            .client
            .post("signal", TokenRequest::new(&self.channel, purpose))
            .query("channel", &self.channel)
            .query("name", &self.signal)
            .body(payload);
        if let Some(run_id) = &self.run_id {
            request = request.query("run_id", run_id);
        }
        if let Some(question) = &self.question {
            request = request.query("question", question);
        }
        if let Some(key) = &self.idempotency_key {
            request = request.idempotency_key(key);
        }
        match request.await {
            Ok(receipt) => self.print_receipt(&receipt),
            Err(error) => Err(self.explain(&access, error)?),
        }
    }

    /// Signs a token for the sender.
    fn with_sender(&self, access: &Access, subject: &str) -> Result<Access, Failure> {
        let Credential::SigningKey(key) = &access.credential else {
            return Err(Failure::usage("`--as` needs the signing key, because a token has its own subject"));
        };
        let token = self.claims.signer(key)?.sign(TokenContents {
            signals: vec![(self.channel.clone(), self.signal.clone())],
            subject: Some(subject.to_owned()),
            lifetime: TOKEN_LIFETIME,
            ..TokenContents::default()
        });
        let token = token.map_err(|error| Failure::usage(error.to_string()))?;
        Ok(Access::new(&access.url, Credential::Token(token)))
    }

    fn print_receipt(&self, receipt: &Value) -> Result<(), Failure> {
        let output = self.output.open();
        if output.is_json {
            return print_json(receipt);
        }
        let run = escape(receipt["run_id"].as_str().unwrap_or_default());
        if receipt["status"] == "kept" {
            let text = format!("{}: run {run} has not asked for the signal yet\n", paint(YELLOW, "kept"));
            return print(&text);
        }
        print(&format!("{} by run {run}\n", paint(GREEN, "accepted")))
    }

    /// Explains a refusal. Programs receive it on the standard output, with its code as the status.
    fn explain(&self, access: &Access, error: ClientError) -> Result<Failure, Failure> {
        let output = self.output.open();
        if let (Some(refusal), true) = (refusal_for_programs(&error), output.is_json) {
            print_json(&refusal)?;
        }
        let ClientError::Refused { code: Some(code), .. } = &error else { return Ok(access.explain(error)) };
        let exit_code = REFUSALS.iter().find(|(name, _)| name == code).map(|(_, exit_code)| *exit_code);
        let failure = access.explain(error);
        Ok(exit_code.into_iter().fold(failure, Failure::exit_code))
    }
}
