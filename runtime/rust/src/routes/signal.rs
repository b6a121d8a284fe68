//! `POST signal`

use std::borrow::Cow;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::publish::{read_idempotency_key, read_run_id};
use super::{
    HttpError, Parameters, SessionHead, authorize_session, bearer, body, ensure_accepting, is_backend,
    reject_unauthorized,
};
use crate::channel::{Channel, ResolveError};
use crate::hub::{Action, Client, Hub, Phase, RatedAction};
use crate::offload;
use crate::signal::{SignalOptions, SignalPayload, SignalStatus};
use crate::token::{AuthError, SignalClaim};
use crate::wire::{MAX_PAYLOAD, timestamp};

pub(super) async fn signal(
    State(hub): State<Hub>,
    client: Client,
    parameters: Parameters,
    headers: HeaderMap,
    head: SessionHead,
    request: Body,
) -> Result<Json<Value>, HttpError> {
    ensure_accepting(&hub, Phase::Closed)?;
    let arrived_at = hub.arrival_time();
    let missing =
        |name| HttpError::bad_request(format!("missing parameter {name}: use signal?channel=…&name=…"));
    let (channel, name) = (parameters.get("channel"), parameters.get("name"));
    let is_backend = is_backend(&hub, &headers);
    let resolved = hub.registry().signal(channel.unwrap_or_default(), name.unwrap_or_default());
    let sender = if is_backend {
        None
    } else {
        authorize_signal(&hub, &client, bearer(&headers), &head, channel, &resolved).await?
    };
    client.set_trusted(true);
    channel.ok_or_else(|| missing("channel"))?;
    name.ok_or_else(|| missing("name"))?;
    let (channel, index) = resolved.map_err(|error| HttpError::not_found(error, is_backend))?;
    let definition = &channel.definition().signals[index];
    let run_id = read_run_id(&parameters)?;
    let key = read_idempotency_key(&headers)?;
    let body = body::read(&headers, request, MAX_PAYLOAD).await?;
    let payload =
        offload::run(body.len(), move || SignalPayload::from_json(definition.schema, &body)).await?;
    let options = SignalOptions {
        sender: sender.map(Cow::Owned),
        run_id: run_id.map(Cow::Borrowed),
        question: parameters.get("question").map(Cow::Borrowed),
        key: key.map(Cow::Borrowed),
        arrived_at: Some(arrived_at),
    };
    let receipt = hub.send_signal(&channel, definition, payload, options).await?;
    let status = match receipt.status {
        SignalStatus::Accepted => "accepted",
        SignalStatus::Kept => "kept",
    };
    Ok(Json(json!({ "run_id": receipt.run_id, "at": timestamp(receipt.received_at), "status": status })))
}

/// Returns the subject of the token or the session, if that grants the signal, perhaps under another name. A signal that
/// is not defined counts as granted if the channel is: the sender then learns that it is not defined.
async fn authorize_signal(
    hub: &Hub,
    client: &Client,
    bearer: Option<&str>,
    head: &SessionHead,
    channel: Option<&str>,
    resolved: &Result<(Channel, usize), ResolveError>,
) -> Result<Option<String>, HttpError> {
    let grant = match bearer {
        Some(token) => match hub.verify(token).await {
            Ok(grant) if !grant.admin => grant,
            Ok(_) => return Err(reject_unauthorized(hub, client, &AuthError::wrong_purpose())),
            Err(error) => return Err(reject_unauthorized(hub, client, &error)),
        },
        None => authorize_session(hub, client, head, Action::Signal, channel).await?,
    };
    let is_signal = |claim: &SignalClaim| match resolved {
        Ok((channel, index)) => channel.definition().signal(&claim.name) == Some(*index),
        Err(_) => true,
    };
    let of_channel = |name: &str| Some(name) == channel;
    let is_granted = grant.signals.iter().any(|claim| of_channel(&claim.channel) && is_signal(claim))
        || (resolved.is_err() && grant.topics.iter().any(|claim| of_channel(&claim.channel)));
    if is_granted {
        hub.check_rate(RatedAction::Signal, Some(client), Some(&grant))?;
        return Ok(grant.subject);
    }
    hub.record_refusal(&AuthError::new("signal", "the token or session does not grant the signal"));
    Err(HttpError::not_granted())
}
