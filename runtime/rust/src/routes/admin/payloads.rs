//! `POST admin/check` and `GET admin/example`

use axum::body::Body;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::error::issue_to_json;
use super::super::{HttpError, body};
use super::{AdminRequest, Answer};
use crate::admin::PayloadSchema;
use crate::hub::Hub;
use crate::offload;
use crate::wire::MAX_PAYLOAD;

pub(super) fn routes() -> Router<Hub> {
    Router::new()
        .route("/v1/realtime/admin/check", post(check))
        .route("/v1/realtime/admin/example", get(example))
}

async fn check(request: AdminRequest, headers: HeaderMap, payload: Body) -> Answer<Value> {
    let schema = request.payload_schema()?;
    let payload = body::read(&headers, payload, MAX_PAYLOAD).await?;
    let issues = offload::run(payload.len(), move || schema.check(&payload)).await?;
    Ok(Json(json!({ "issues": issues.iter().map(issue_to_json).collect::<Vec<_>>() })))
}

async fn example(request: AdminRequest) -> Answer<Value> {
    let schema = request.payload_schema()?;
    // A search can take as long as checking a large payload.
    let example = offload::run(MAX_PAYLOAD, move || schema.example()).await;
    Ok(Json(json!({ "payload": example.ok_or_else(HttpError::no_example)? })))
}

impl AdminRequest {
    fn payload_schema(&self) -> Result<PayloadSchema, HttpError> {
        let channel = self.require("channel")?;
        match (self.parameters.get("topic"), self.parameters.get("signal")) {
            (Some(topic), None) => {
                self.admin.topic(channel, topic).map_err(|error| HttpError::from_publish_error(error, true))
            }
            (None, Some(signal)) => {
                self.admin.signal(channel, signal).map_err(|error| HttpError::not_found(error, true))
            }
            _ => Err(HttpError::bad_request("pass one of the parameters topic and signal")),
        }
    }
}
