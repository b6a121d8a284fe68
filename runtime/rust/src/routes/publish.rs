//! `POST publish`

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::{Failure, Parameters, bearer, body, open, permit};
use crate::hub::{Hub, Phase};
use crate::token::{Refused, TopicClaim};
use crate::wire::MAX_PAYLOAD;

/// The longest run id, in characters.
const MAX_RUN_ID: usize = 256;

pub(super) async fn publish(
    State(hub): State<Hub>,
    parameters: Parameters,
    headers: HeaderMap,
    request: Body,
) -> Result<Json<Value>, Failure> {
    open(&hub, Phase::Closed)?;
    let channel = parameters.get("channel");
    let topic = parameters.get("topic");
    authorize(&hub, bearer(&headers), channel, topic).await?;
    let missing =
        |name| Failure::bad_request(format!("the parameter {name} is missing: publish?channel=…&topic=…"));
    let channel = channel.ok_or_else(|| missing("channel"))?;
    let topic = topic.ok_or_else(|| missing("topic"))?;
    let run_id = parameters.get("run_id");
    if run_id.is_some_and(|id| id.is_empty() || id.chars().nth(MAX_RUN_ID).is_some()) {
        return Err(Failure::bad_request(format!("run_id has 1 to {MAX_RUN_ID} characters")));
    }
    let payload = body::read(&headers, request, MAX_PAYLOAD).await?;
    let mut publishing = hub.publish_json(channel, topic, &payload);
    if let Some(run_id) = run_id {
        publishing = publishing.run_id(run_id);
    }
    let id = publishing.await?;
    Ok(Json(json!({ "id": id })))
}

/// The signing key may publish everywhere, a token to the topics that it names.
async fn authorize(
    hub: &Hub,
    bearer: Option<&str>,
    channel: Option<&str>,
    topic: Option<&str>,
) -> Result<(), Failure> {
    if bearer.is_some_and(|bearer| hub.keys().is_signing_key(bearer)) {
        return Ok(());
    }
    let permit = permit(hub, bearer, true).await?;
    let names =
        |claim: &TopicClaim| Some(claim.channel.as_str()) == channel && Some(claim.name.as_str()) == topic;
    if permit.topics.iter().any(names) {
        return Ok(());
    }
    tracing::debug!(channel, topic, "the token names others");
    Err(Failure::unauthorized(&Refused::new("topic", "the token does not name the topic")))
}
