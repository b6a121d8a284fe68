//! `POST token`

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{HttpError, Parameters, body, ensure_accepting, require_backend_key};
use crate::hub::{Client, Hub, Phase};
use crate::token::{SignalClaim, TokenSpec, TopicClaim, TopicKind};

/// Enough for 64 topics with long names.
const MAX_BODY: usize = 256 * 1024;

pub(super) async fn mint(
    State(hub): State<Hub>,
    client: Client,
    parameters: Parameters,
    headers: HeaderMap,
    request: Body,
) -> Result<(StatusCode, Json<Value>), HttpError> {
    ensure_accepting(&hub, Phase::Closing)?;
    require_backend_key(&hub, &client, &headers)?;
    let lifetime = match parameters.get("expires_in") {
        None => hub.default_lifetime(),
        Some(seconds) => Duration::from_secs(seconds.parse().map_err(|_| {
            HttpError::bad_request("expires_in must be a whole number of seconds from 1 to 86400")
        })?),
    };
    let request = body::read(&headers, request, MAX_BODY).await?;
    let requested: Vec<RequestedGrant> = serde_json::from_slice(&request).map_err(|error| {
        let example = r#"[{"channel":"pipeline:run_42","name":"status","kind":"run"}]"#;
        HttpError::bad_request(format!(
            "the request body must be a list of topics such as {example}: {error}"
        ))
    })?;
    let (mut topics, mut signals) = (Vec::new(), Vec::new());
    for RequestedGrant { kind, channel, name } in requested {
        match kind {
            Kind::Run => topics.push(TopicClaim { kind: TopicKind::Run, channel, name }),
            Kind::Signal => signals.push(SignalClaim { channel, name }),
        }
    }
    let named = |name| parameters.get(name).map(str::to_owned);
    let (subject, id) = (named("subject"), named("id"));
    let token =
        hub.mint(TokenSpec { topics, signals, publish: false, admin: false, lifetime, subject, id })?;
    Ok((StatusCode::CREATED, Json(json!({ "jwt": token }))))
}

/// A topic or signal that the token should grant.
#[derive(Deserialize)]
struct RequestedGrant {
    kind: Kind,
    channel: String,
    name: String,
}

/// Inngest's clients call a topic `run`.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Run,
    Signal,
}
