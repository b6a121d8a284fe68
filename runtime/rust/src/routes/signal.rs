//! `POST signal`

use std::borrow::Cow;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::publish::{idempotency_key, run_id};
use super::{
    Failure, Parameters, SessionHead, bearer, body, is_backend, open, permit_of_session, unauthorized,
};
use crate::hub::{Action, Client, Hub, Phase, RatedAction};
use crate::offload;
use crate::schema::{self, Schema};
use crate::signal::{SignalOptions, SignalStatus};
use crate::token::Refused;
use crate::wire::{MAX_PAYLOAD, timestamp};

pub(super) async fn signal(
    State(hub): State<Hub>,
    client: Client,
    parameters: Parameters,
    headers: HeaderMap,
    head: SessionHead,
    request: Body,
) -> Result<Json<Value>, Failure> {
    open(&hub, Phase::Closed)?;
    let at = hub.storage_time();
    let missing =
        |name| Failure::bad_request(format!("missing parameter {name}: use signal?channel=…&name=…"));
    let (channel, name) = (parameters.get("channel"), parameters.get("name"));
    let is_backend = is_backend(&hub, &headers);
    let by =
        if is_backend { None } else { sender(&hub, &client, bearer(&headers), &head, channel, name).await? };
    client.set_trusted(true);
    let channel = channel.ok_or_else(|| missing("channel"))?;
    let name = name.ok_or_else(|| missing("name"))?;
    let resolved = hub.registry().signal(channel, name);
    let (resolved, index) = resolved.map_err(|error| Failure::unknown(error, is_backend))?;
    let definition = &resolved.definition().signals[index];
    let run_id = run_id(&parameters)?;
    let key = idempotency_key(&headers)?;
    let payload = body::read(&headers, request, MAX_PAYLOAD).await?;
    let schema = definition.schema;
    let payload = offload::run(payload.len(), move || normalize(schema, &payload)).await?;
    let options = SignalOptions {
        by: by.map(Cow::Owned),
        run_id: run_id.map(Cow::Borrowed),
        question: parameters.get("question").map(Cow::Borrowed),
        key: key.map(Cow::Borrowed),
        at: Some(at),
    };
    let receipt = hub.send_signal(&resolved, definition, payload, options).await?;
    let status = match receipt.status {
        SignalStatus::Accepted => "accepted",
        SignalStatus::Kept => "kept",
    };
    Ok(Json(json!({ "run_id": receipt.run_id, "at": timestamp(receipt.at), "status": status })))
}

/// Checks a payload, and returns it as the journal keeps it.
fn normalize(schema: &Schema, payload: &[u8]) -> Result<String, Failure> {
    let payload: Value = serde_json::from_slice(payload)
        .map_err(|error| Failure::bad_request(format!("the payload is not JSON: {error}")))?;
    schema::check(schema, &payload)
        .map_err(|issues| Failure::invalid("the payload does not match the signal's definition", &issues))?;
    Ok(payload.to_string())
}

/// Returns the sender, if the token or the session names one. Each may send the signals that it names.
async fn sender(
    hub: &Hub,
    client: &Client,
    bearer: Option<&str>,
    head: &SessionHead,
    channel: Option<&str>,
    name: Option<&str>,
) -> Result<Option<String>, Failure> {
    let permit = match bearer {
        Some(token) => hub.verify(token).await.map_err(|refused| unauthorized(hub, client, &refused))?,
        None => permit_of_session(hub, client, head, Action::Signal, channel).await?,
    };
    let names = |claim: &crate::token::SignalClaim| {
        Some(claim.channel.as_str()) == channel && Some(claim.name.as_str()) == name
    };
    if permit.signals.iter().any(names) {
        hub.count(RatedAction::Signal, Some(client), Some(&permit))?;
        return Ok(permit.subject);
    }
    Err(Failure::not_granted(&Refused::new("signal", "the token does not grant the signal")))
}
