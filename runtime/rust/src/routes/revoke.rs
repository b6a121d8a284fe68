//! `POST revoke`

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::{HttpError, body, ensure_accepting, require_backend_key};
use crate::hub::{Client, Hub, Phase};

/// Enough for an id.
const MAX_BODY: usize = 4 * 1024;

pub(super) async fn revoke(
    State(hub): State<Hub>,
    client: Client,
    headers: HeaderMap,
    request: Body,
) -> Result<StatusCode, HttpError> {
    ensure_accepting(&hub, Phase::Closed)?;
    require_backend_key(&hub, &client, &headers)?;
    let request = body::read(&headers, request, MAX_BODY).await?;
    let request = serde_json::from_slice::<Value>(&request).unwrap_or_default();
    let id = request.get("jti").and_then(Value::as_str).ok_or_else(|| {
        HttpError::bad_request(r#"the request body must be a token id such as {"jti":"login_17"}"#)
    })?;
    hub.revoke(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
