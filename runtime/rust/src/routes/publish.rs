//! `POST publish`

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{
    HttpError, Parameters, SessionHead, authorize, bearer, body, ensure_accepting, is_backend,
    reject_unauthorized,
};
use crate::hub::{Action, Client, Hub, Phase, RatedAction};
use crate::offload;
use crate::token::{AuthError, TopicClaim, VerifiedGrant};
use crate::wire::MAX_PAYLOAD;

mod text_stream;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The maximum length of an idempotency key, in characters.
const MAX_IDEMPOTENCY_KEY: usize = 256;

/// The maximum length of a run id, in characters.
const MAX_RUN_ID: usize = 256;

pub(super) async fn publish(
    State(hub): State<Hub>,
    client: Client,
    parameters: Parameters,
    headers: HeaderMap,
    head: SessionHead,
    request: Body,
) -> Result<Response, HttpError> {
    ensure_accepting(&hub, Phase::Closed)?;
    let channel = parameters.get("channel");
    let topic = parameters.get("topic");
    let is_backend = is_backend(&hub, &headers);
    if !is_backend {
        let grant = authorize_topic(&hub, &client, bearer(&headers), &head, channel, topic).await?;
        hub.check_rate(RatedAction::Publish, Some(&client), Some(&grant))?;
    }
    client.set_trusted(true);
    let missing =
        |name| HttpError::bad_request(format!("missing parameter {name}: use publish?channel=…&topic=…"));
    let channel = channel.ok_or_else(|| missing("channel"))?;
    let topic = topic.ok_or_else(|| missing("topic"))?;
    let run_id = read_run_id(&parameters)?;
    let publish_error = |error| HttpError::from_publish_error(error, is_backend);
    if text_stream::is_text_stream(&headers) {
        let writer = hub.stream_by_name(channel, topic, run_id).await.map_err(publish_error)?;
        let id = text_stream::publish(writer, request).await?;
        return Ok(Json(json!({ "id": id })).into_response());
    }
    let key = read_idempotency_key(&headers)?.map(str::to_owned);
    let (channel, topic, run_id) = (channel.to_owned(), topic.to_owned(), run_id.map(str::to_owned));
    let payload = body::read(&headers, request, MAX_PAYLOAD).await?;
    let bytes = payload.len();
    let start = move || {
        let mut publishing = hub.publish_json(&channel, &topic, &payload);
        if let Some(run_id) = run_id {
            publishing = publishing.run_id(run_id);
        }
        if let Some(key) = key {
            publishing = publishing.idempotency_key(key);
        }
        publishing.start()
    };
    let appending = offload::run(bytes, start).await.map_err(publish_error)?;
    let appended = appending.await.map_err(publish_error)?;
    let mut response = Json(json!({ "id": appended.id })).into_response();
    if appended.repeated {
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Reads the `run_id` parameter.
pub(super) fn read_run_id(parameters: &Parameters) -> Result<Option<&str>, HttpError> {
    let run_id = parameters.get("run_id");
    if run_id.is_some_and(|id| id.is_empty() || id.chars().nth(MAX_RUN_ID).is_some()) {
        return Err(HttpError::bad_request(format!("run_id must have 1 to {MAX_RUN_ID} characters")));
    }
    Ok(run_id)
}

/// Reads the `Idempotency-Key` header.
pub(super) fn read_idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, HttpError> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=MAX_IDEMPOTENCY_KEY).contains(&key.len()));
    let error = || {
        HttpError::bad_request(format!(
            "Idempotency-Key must have 1 to {MAX_IDEMPOTENCY_KEY} visible ASCII characters"
        ))
    };
    key.map(Some).ok_or_else(error)
}

/// Returns what the token or the session of the page grants, if that includes the topic, perhaps under another name. A
/// topic that is not defined counts as included if the channel is: the sender then learns that it is not defined.
async fn authorize_topic(
    hub: &Hub,
    client: &Client,
    bearer: Option<&str>,
    head: &SessionHead,
    channel: Option<&str>,
    topic: Option<&str>,
) -> Result<VerifiedGrant, HttpError> {
    let grant = authorize(hub, client, bearer, head, Action::Publish, channel).await?;
    let resolved = hub.registry().topic(channel.unwrap_or_default(), topic.unwrap_or_default());
    let is_topic = |claim: &TopicClaim| match &resolved {
        Ok((channel, index)) => channel.definition().topic(&claim.name) == Some(*index),
        Err(_) => true,
    };
    if grant.topics.iter().any(|claim| Some(claim.channel.as_str()) == channel && is_topic(claim)) {
        return Ok(grant);
    }
    Err(reject_unauthorized(
        hub,
        client,
        &AuthError::new("topic", "the token or session does not grant the topic"),
    ))
}
