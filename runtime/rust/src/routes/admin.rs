//! The admin routes.

use std::time::SystemTime;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{HttpError, Parameters, bearer, ensure_accepting, is_backend, reject_unauthorized};
use crate::admin::{
    Admin, AdminError, ChannelFilter, ChannelInfo, ConnectionInfo, DefinitionInfo, HistoryFilter,
    HistoryItem, Page, PageRequest, RunActivity, RunCall, RunDetails, RunFilter, RunInfo, RunSignal,
    RunStateName, ServerInfo,
};
use crate::clock;
use crate::hub::{Client, Hub, Phase, RatedAction};
use crate::random;
use crate::runs::{CancelOutcome, RetryOutcome, StartOutcome};
use crate::token::AuthError;
use crate::wire::{parse_timestamp, timestamp};

mod payloads;

/// The maximum number of characters of the original id in the default id of a rerun.
const MAX_ORIGIN_ID: usize = 200;

type Answer<T> = Result<Json<T>, HttpError>;

/// Returns the admin routes, below `/v1/realtime/admin`.
pub(super) fn routes() -> Router<Hub> {
    Router::new()
        .route("/v1/realtime/admin/server", get(server))
        .route("/v1/realtime/admin/definitions", get(definitions))
        .route("/v1/realtime/admin/metrics", get(metrics))
        .route("/v1/realtime/admin/connections", get(connections))
        .route("/v1/realtime/admin/channels", get(channels))
        .route("/v1/realtime/admin/history", get(history))
        .route("/v1/realtime/admin/runs", get(runs))
        .route("/v1/realtime/admin/run", get(run))
        .route("/v1/realtime/admin/calls", get(calls))
        .route("/v1/realtime/admin/signals", get(signals))
        .merge(payloads::routes())
        .route("/v1/realtime/admin/cancel", post(cancel))
        .route("/v1/realtime/admin/retry", post(retry))
        .route("/v1/realtime/admin/wake", post(wake))
        .route("/v1/realtime/admin/rerun", post(rerun))
}

/// An authorized request.
struct AdminRequest {
    admin: Admin,
    parameters: Parameters,
}

impl FromRequestParts<Hub> for AdminRequest {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Self, HttpError> {
        ensure_accepting(hub, Phase::Closed)?;
        let Ok(client) = Client::from_request_parts(parts, hub).await;
        authorize(hub, &client, &parts.headers).await?;
        client.set_trusted(true);
        let parameters = Parameters::from_request_parts(parts, hub).await?;
        Ok(Self { admin: hub.admin(), parameters })
    }
}

/// Returns an error unless the request has the signing key or an admin token.
async fn authorize(hub: &Hub, client: &Client, headers: &HeaderMap) -> Result<(), HttpError> {
    if is_backend(hub, headers) {
        return Ok(());
    }
    let error = match bearer(headers) {
        Some(token) => match hub.verify(token).await {
            Ok(grant) if grant.admin => {
                hub.check_rate(RatedAction::Publish, Some(client), Some(&grant))?;
                return Ok(());
            }
            Ok(_) => AuthError::wrong_purpose(),
            Err(error) => error,
        },
        None => AuthError::missing(),
    };
    Err(reject_unauthorized(hub, client, &error))
}

impl AdminRequest {
    fn require(&self, name: &str) -> Result<&str, HttpError> {
        self.parameters
            .get(name)
            .ok_or_else(|| HttpError::bad_request(format!("missing parameter {name}: add {name}=…")))
    }

    fn page(&self) -> Result<PageRequest, HttpError> {
        let mut page = PageRequest::new();
        if let Some(limit) = self.parameters.get("limit") {
            let limit = limit.parse().ok().filter(|limit| (1..=500).contains(limit));
            let error = || HttpError::bad_request("limit must be a whole number from 1 to 500");
            page = page.limit(limit.ok_or_else(error)?);
        }
        Ok(match self.parameters.get("cursor") {
            Some(cursor) => page.cursor(cursor),
            None => page,
        })
    }

    fn time(&self, name: &str) -> Result<Option<SystemTime>, HttpError> {
        let Some(text) = self.parameters.get(name) else { return Ok(None) };
        let example = "2026-01-31T12:00:00.000Z";
        let error = || HttpError::bad_request(format!("{name} must be a time such as {example}"));
        parse_timestamp(text).map(Some).ok_or_else(error)
    }
}

async fn server(request: AdminRequest) -> Json<ServerInfo> {
    Json(request.admin.server())
}

async fn definitions(request: AdminRequest) -> Json<Value> {
    let items: Vec<DefinitionInfo> = request.admin.definitions();
    Json(json!({ "items": items }))
}

async fn metrics(request: AdminRequest) -> Json<Value> {
    let (at, items) = (timestamp(clock::wall_time()), request.admin.metrics());
    Json(json!({ "at": at, "items": items }))
}

async fn connections(request: AdminRequest) -> Answer<Page<ConnectionInfo>> {
    Ok(Json(request.admin.connections(&request.page()?)?))
}

async fn channels(request: AdminRequest) -> Answer<Page<ChannelInfo>> {
    let mut filter = ChannelFilter::new();
    if let Some(definition) = request.parameters.get("definition") {
        filter = filter.definition(definition);
    }
    if let Some(prefix) = request.parameters.get("prefix") {
        filter = filter.prefix(prefix);
    }
    Ok(Json(request.admin.channels(&filter, &request.page()?).await?))
}

async fn history(request: AdminRequest) -> Answer<Page<HistoryItem>> {
    let channel = request.require("channel")?;
    let mut filter = HistoryFilter::new();
    if let Some(topic) = request.parameters.get("topic") {
        filter = filter.topic(topic);
    }
    match request.parameters.get("order") {
        None | Some("newest") => {}
        Some("oldest") => filter = filter.oldest_first(),
        Some(_) => return Err(HttpError::bad_request("order must be newest or oldest")),
    }
    Ok(Json(request.admin.history(channel, &filter, &request.page()?).await?))
}

async fn runs(request: AdminRequest) -> Answer<Page<RunInfo>> {
    let mut filter = RunFilter::new();
    if let Some(job) = request.parameters.get("job") {
        filter = filter.job(job);
    }
    if let Some(channel) = request.parameters.get("channel") {
        filter = filter.channel(channel);
    }
    for name in request.parameters.get("state").into_iter().flat_map(|names| names.split(',')) {
        let state = find_named(name, "state", &RunStateName::ALL, RunStateName::as_str)?;
        filter = filter.state(state);
    }
    if let Some(name) = request.parameters.get("activity") {
        filter = filter.activity(find_named(name, "activity", &RunActivity::ALL, RunActivity::as_str)?);
    }
    if let Some(time) = request.time("created_after")? {
        filter = filter.created_after(time);
    }
    if let Some(time) = request.time("created_before")? {
        filter = filter.created_before(time);
    }
    Ok(Json(request.admin.runs(&filter, &request.page()?).await?))
}

/// Returns the value with a name.
fn find_named<T: Copy>(
    name: &str,
    parameter: &str,
    all: &[T],
    name_of: fn(T) -> &'static str,
) -> Result<T, HttpError> {
    let found = all.iter().copied().find(|value| name_of(*value) == name);
    found.ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|value| name_of(*value)).collect();
        HttpError::bad_request(format!("unknown {parameter} {name:?}: use one of {}", names.join(", ")))
    })
}

async fn run(request: AdminRequest) -> Answer<RunDetails> {
    Ok(Json(request.admin.run(request.require("run_id")?).await?))
}

async fn calls(request: AdminRequest) -> Answer<Page<RunCall>> {
    Ok(Json(request.admin.calls(request.require("run_id")?, &request.page()?).await?))
}

async fn signals(request: AdminRequest) -> Answer<Page<RunSignal>> {
    Ok(Json(request.admin.signals(request.require("run_id")?, &request.page()?).await?))
}

async fn cancel(request: AdminRequest) -> Answer<Value> {
    let outcome = match request.admin.cancel(request.require("run_id")?).await? {
        CancelOutcome::Cancelled => "cancelled",
        CancelOutcome::AlreadyEnded => "already_ended",
        CancelOutcome::UnknownRun => return Err(AdminError::UnknownRun.into()),
    };
    Ok(Json(json!({ "outcome": outcome })))
}

async fn retry(request: AdminRequest) -> Answer<Value> {
    let outcome = match request.admin.retry(request.require("run_id")?).await? {
        RetryOutcome::Retried => "retried",
        RetryOutcome::Unfinished => "unfinished",
    };
    Ok(Json(json!({ "outcome": outcome })))
}

async fn wake(request: AdminRequest) -> Answer<Value> {
    let woken = request.admin.wake(request.require("run_id")?, request.parameters.get("call")).await?;
    Ok(Json(json!({ "woken": woken })))
}

async fn rerun(request: AdminRequest) -> Answer<Value> {
    let (run_id, call) = (request.require("run_id")?, request.require("call")?);
    let new_run_id = request.parameters.get("new_run_id").map_or_else(
        || {
            let start: String = run_id.chars().take(MAX_ORIGIN_ID).collect();
            format!("{start}-{:08x}", random::number())
        },
        str::to_owned,
    );
    let outcome = match request.admin.rerun(run_id, call, &new_run_id).await? {
        StartOutcome::New => "new",
        StartOutcome::Existing => "existing",
    };
    Ok(Json(json!({ "outcome": outcome, "run_id": new_run_id })))
}
