//! `fanfare token`.

use std::time::Duration;

use clap::Subcommand;
use fanfare::client::{SignerError, TokenContents, TokenSigner, UnverifiedToken};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::access::{CredentialArguments, RequiredClaims};
use super::failure::Failure;
use super::input::read_stdin;
use super::output::{Cell, DIM, GREEN, OutputArguments, RED, YELLOW, print, print_json};
use super::time::{parse_duration, show_date, show_duration};

#[derive(clap::Args)]
pub(crate) struct Token {
    #[command(subcommand)]
    verb: Option<TokenVerb>,
    #[command(flatten)]
    grant: GrantArguments,
    #[command(flatten)]
    credential: CredentialArguments,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Subcommand)]
enum TokenVerb {
    /// Show the claims of a token, when it expires, and whether the signing key signed it
    ///
    /// Exits with 1 if the key is known and the token is not valid.
    #[command(
        after_help = "Examples:\n  fanfare token decode \"$TOKEN\"\n  pbpaste | fanfare token decode -"
    )]
    Decode {
        /// The token, or `-` for the standard input
        #[arg(value_name = "TOKEN")]
        text: String,
    },
}

#[derive(clap::Args)]
struct GrantArguments {
    /// Topics that the token may subscribe to; can be repeated
    #[arg(long, value_name = "CHANNEL/TOPIC,…", conflicts_with_all = ["publish", "admin"])]
    subscribe: Vec<String>,
    /// Topics that the token may publish to, instead of subscribing; can be repeated
    #[arg(long, value_name = "CHANNEL/TOPIC,…", conflicts_with = "admin")]
    publish: Vec<String>,
    /// Signals that the token may send; can be repeated
    #[arg(long, value_name = "CHANNEL/SIGNAL,…", conflicts_with = "admin")]
    signal: Vec<String>,
    /// Allow the admin routes, and nothing else
    #[arg(long)]
    admin: bool,
    /// The lifetime, at most a day
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    expires_in: Duration,
    /// The subject, such as the id of a user
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// The id by which the token is revoked [default: a random one]
    #[arg(long, value_name = "TEXT")]
    id: Option<String>,
    #[command(flatten)]
    claims: RequiredClaims,
}

impl Token {
    pub(super) fn execute(self) -> Result<(), Failure> {
        match &self.verb {
            Some(TokenVerb::Decode { text }) => self.decode(text),
            None => self.mint(),
        }
    }

    fn mint(self) -> Result<(), Failure> {
        let Self { grant, credential, output, .. } = self;
        let key = credential.find_key()?.ok_or_else(|| {
            Failure::usage("a token needs the signing key to be signed")
                .help("pass `--key`, or set FANFARE_SIGNING_KEY")
        })?;
        let topics = if grant.publish.is_empty() { &grant.subscribe } else { &grant.publish };
        let contents = TokenContents {
            topics: read_grants(topics)?,
            signals: read_grants(&grant.signal)?,
            publish: !grant.publish.is_empty(),
            admin: grant.admin,
            lifetime: grant.expires_in,
            subject: grant.subject,
            id: grant.id,
        };
        if contents.topics.is_empty() && contents.signals.is_empty() && !contents.admin {
            return Err(Failure::usage("the token would allow nothing")
                .help("grant something with `--subscribe`, `--publish`, `--signal` or `--admin`"));
        }
        let token = grant.claims.signer(&key)?.sign(contents);
        let token = token.map_err(|error| Failure::usage(error.to_string()))?;
        // A script assigns the token to a variable, so it is JSON on request only.
        if output.json { print_json(&json!({ "token": token })) } else { print(&format!("{token}\n")) }
    }

    fn decode(&self, text: &str) -> Result<(), Failure> {
        let text = if text == "-" { read_stdin()? } else { text.to_owned() };
        let token = text.trim();
        let content =
            UnverifiedToken::read(token).map_err(|error| Failure::refused(error.to_string(), None))?;
        // The claims can be read without a key.
        let (key, unchecked) = match self.credential.find_key() {
            Ok(key) => (key, "there is no signing key".to_owned()),
            Err(failure) => (None, failure.into_io().to_string()),
        };
        let verified = key.map(|key| verify(&key, token, &content)).transpose()?;
        let output = self.output.open();
        if output.is_json {
            let mut line = json!({
                "algorithm": content.algorithm,
                "key_id": content.key_id,
                "claims": content.claims,
            });
            if let Some(verified) = &verified {
                line["is_valid"] = json!(verified.is_ok());
                line["reason"] = json!(verified.as_ref().err());
            }
            print_json(&line)?;
        } else {
            output.table(&describe(&content, verified.as_ref(), &unchecked), None)?;
        }
        match verified {
            Some(Err(why)) => Err(Failure::refused(format!("the token is not valid: {why}"), None)),
            _ => Ok(()),
        }
    }
}

/// Returns the reason why a server with the key refuses the token. The server's issuer and audience are not known, so
/// those of the token count.
fn verify(key: &str, token: &str, content: &UnverifiedToken) -> Result<Result<(), String>, Failure> {
    let signer = TokenSigner::new(key).map_err(|error| Failure::usage(error.to_string()))?;
    let claim = |name: &str| content.claims[name].as_str().map(str::to_owned);
    let audience = claim("aud").or_else(|| content.claims["aud"][0].as_str().map(str::to_owned));
    let signer = signer.issuer(claim("iss")).audience(audience);
    Ok(signer.verify(token).map_err(|error| match error {
        SignerError::Invalid(why) => why,
        error => error.to_string(),
    }))
}

/// Describes a token. `unchecked` is the reason why its signature was not verified.
fn describe(
    content: &UnverifiedToken,
    verified: Option<&Result<(), String>>,
    unchecked: &str,
) -> Vec<Vec<Cell>> {
    let claims = &content.claims;
    let row = |name: &str, value: &str| vec![Cell::new(name, DIM), Cell::plain(value)];
    let mut rows = vec![match verified {
        Some(Ok(())) => vec![Cell::new("signature", DIM), Cell::new("valid", GREEN)],
        Some(Err(why)) => vec![Cell::new("signature", DIM), Cell::new(&format!("not valid: {why}"), RED)],
        None => vec![Cell::new("signature", DIM), Cell::new(&format!("not checked: {unchecked}"), YELLOW)],
    }];
    let key = content.key_id.as_deref().map_or_else(String::new, |key| format!(", key {key}"));
    rows.push(row("algorithm", &format!("{}{key}", content.algorithm)));
    for (title, name) in [("issuer", "iss"), ("audience", "aud"), ("id", "jti"), ("subject", "sub")] {
        match &claims[name] {
            Value::Null => {}
            Value::String(text) => rows.push(row(title, text)),
            other => rows.push(row(title, &other.to_string())),
        }
    }
    for (title, name) in [("issued", "iat"), ("valid from", "nbf"), ("expires", "exp")] {
        if let Some(time) = claims[name].as_i64() {
            rows.push(row(title, &show_claim(time)));
        }
    }
    let (topics, signals) = (list(&claims["topics"]), list(&claims["signals"]));
    let verb = if claims["publish"] == true { "may publish" } else { "may subscribe" };
    rows.extend(topics.iter().map(|topic| row(verb, topic)));
    rows.extend(signals.iter().map(|signal| row("may signal", signal)));
    if claims["admin"] == true {
        rows.push(row("may use", "the admin routes"));
    }
    rows
}

/// Shows a time in seconds since 1970, and how far away it is.
fn show_claim(seconds: i64) -> String {
    let Ok(time) = Timestamp::from_second(seconds) else { return seconds.to_string() };
    let distance = Timestamp::now().duration_since(time);
    let shown = show_duration(SignedDuration::from_secs(distance.as_secs()).abs());
    let relative = if distance.is_negative() { format!("in {shown}") } else { format!("{shown} ago") };
    format!("{} ({relative})", show_date(&time.to_string()))
}

/// Returns the entries of a claim as `channel/name`.
fn list(entries: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let entries = entries.as_array().map(Vec::as_slice).unwrap_or_default();
    entries.iter().map(|entry| format!("{}/{}", text(&entry["channel"]), text(&entry["name"]))).collect()
}

/// Parses `channel/name,name` into channels and names.
fn read_grants(arguments: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let mut grants = Vec::new();
    for argument in arguments {
        // The name of a channel may have slashes.
        let parts = argument.rsplit_once('/').filter(|(channel, _)| !channel.is_empty());
        let (channel, names) = parts.ok_or_else(|| {
            Failure::usage(format!("`{argument}` does not name a channel and a topic or signal"))
                .help("write `<channel>/<name>`, such as `pipeline:run_1/status`, or several names: `pipeline:run_1/status,draft`")
        })?;
        for name in names.split(',') {
            if name.is_empty() {
                return Err(Failure::usage(format!(
                    "`{argument}` has an empty name after the channel `{channel}`"
                )));
            }
            grants.push((channel.to_owned(), name.to_owned()));
        }
    }
    Ok(grants)
}
