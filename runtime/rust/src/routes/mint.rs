//! `POST token`

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::{Failure, Parameters, bearer, body, open};
use crate::hub::{Hub, Phase};
use crate::token::{DEFAULT_LIFETIME, TopicClaim};

/// More than 64 topics with long names need.
const MAX_BODY: usize = 256 * 1024;

pub(super) async fn mint(
    State(hub): State<Hub>,
    parameters: Parameters,
    headers: HeaderMap,
    request: Body,
) -> Result<(StatusCode, Json<Value>), Failure> {
    open(&hub, Phase::Closing)?;
    if !bearer(&headers).is_some_and(|bearer| hub.keys().is_signing_key(bearer)) {
        tracing::debug!("refused: a token is asked for without the signing key");
        return Err(Failure::unauthorized());
    }
    let lifetime =
        match parameters.get("expires_in") {
            None => DEFAULT_LIFETIME,
            Some(seconds) => Duration::from_secs(seconds.parse().map_err(|_| {
                Failure::bad_request("expires_in is a whole number of seconds from 1 to 86400")
            })?),
        };
    let request = body::read(&headers, request, MAX_BODY).await?;
    let topics: Vec<TopicClaim> = serde_json::from_slice(&request).map_err(|error| {
        let example = r#"[{"channel":"pipeline:run_42","name":"status","kind":"run"}]"#;
        Failure::bad_request(format!("the body is not a list of topics such as {example}: {error}"))
    })?;
    let token = hub.mint(topics, false, lifetime)?;
    Ok((StatusCode::CREATED, Json(json!({ "jwt": token }))))
}
