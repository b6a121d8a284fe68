//! `POST token`

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Failure, Parameters, body, open, signing_key};
use crate::hub::{Client, Hub, Phase};
use crate::token::{SignalClaim, TopicClaim, TopicKind, Wording};

/// More than 64 topics with long names need.
const MAX_BODY: usize = 256 * 1024;

pub(super) async fn mint(
    State(hub): State<Hub>,
    client: Client,
    parameters: Parameters,
    headers: HeaderMap,
    request: Body,
) -> Result<(StatusCode, Json<Value>), Failure> {
    open(&hub, Phase::Closing)?;
    signing_key(&hub, &client, &headers)?;
    let lifetime = match parameters.get("expires_in") {
        None => hub.default_lifetime(),
        Some(seconds) => Duration::from_secs(seconds.parse().map_err(|_| {
            Failure::bad_request("expires_in must be a whole number of seconds from 1 to 86400")
        })?),
    };
    let request = body::read(&headers, request, MAX_BODY).await?;
    let asked: Vec<Asked> = serde_json::from_slice(&request).map_err(|error| {
        let example = r#"[{"channel":"pipeline:run_42","name":"status","kind":"run"}]"#;
        Failure::bad_request(format!("the request body must be a list of topics such as {example}: {error}"))
    })?;
    let (mut topics, mut signals) = (Vec::new(), Vec::new());
    for Asked { kind, channel, name } in asked {
        match kind {
            Kind::Run => topics.push(TopicClaim { kind: TopicKind::Run, channel, name }),
            Kind::Signal => signals.push(SignalClaim { channel, name }),
        }
    }
    let named = |name| parameters.get(name).map(str::to_owned);
    let (subject, id) = (named("subject"), named("id"));
    let token = hub.mint(Wording { topics, signals, publish: false, lifetime, subject, id })?;
    Ok((StatusCode::CREATED, Json(json!({ "jwt": token }))))
}

/// One topic or signal that a token is asked for.
#[derive(Deserialize)]
struct Asked {
    kind: Kind,
    channel: String,
    name: String,
}

/// `run` is what Inngest's clients call a topic.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Run,
    Signal,
}
