//! Errors as HTTP answers.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::publish::PublishError;
use crate::schema::Issue;
use crate::token::TokenError;

/// An answer that says what is wrong and how to mend it.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    message: String,
    data: Value,
}

impl Failure {
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), data: Value::Null }
    }

    /// One answer for all that can be wrong, so that it helps nobody to guess.
    pub(super) fn unauthorized() -> Self {
        let message = "Not authenticated: send a valid signing key or token";
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    pub(super) fn unknown() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no definition knows a channel or topic of the token")
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    pub(super) fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive")
    }

    pub(super) fn not_an_upgrade(status: StatusCode, message: &str) -> Self {
        Self::new(status, format!("connect with a WebSocket: {message}"))
    }

    pub(super) fn closing() -> Self {
        let message = "the server is about to stop: try again, elsewhere if you can";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self { status, message, data } = self;
        let body = json!({ "error": message, "data": data, "status": status.as_u16() });
        (status, Json(body)).into_response()
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        let message = error.to_string();
        match error {
            PublishError::Invalid { issues, .. } => {
                let data = json!({ "issues": issues.iter().map(written).collect::<Vec<_>>() });
                Self { status: StatusCode::UNPROCESSABLE_ENTITY, message, data }
            }
            PublishError::TooLarge { .. } => Self::too_large(message),
            PublishError::Unknown { .. } => Self::new(StatusCode::NOT_FOUND, message),
            PublishError::CarriesAStream { .. } | PublishError::CarriesPayloads { .. } => {
                Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
            }
            PublishError::NotJson(_) => Self::bad_request(message),
            PublishError::Encode(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, message),
            PublishError::KeyReused => Self::new(StatusCode::UNPROCESSABLE_ENTITY, message),
            PublishError::Storage(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, message),
            PublishError::Closed => Self::closing(),
        }
    }
}

fn written(issue: &Issue) -> Value {
    let mut written = json!({ "path": issue.path, "rule": issue.rule, "message": issue.message });
    if let Some(value) = &issue.value {
        written["value"] = json!(value);
    }
    written
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        let message = error.to_string();
        match error {
            TokenError::Unknown { .. } => Self::new(StatusCode::NOT_FOUND, message),
            TokenError::Signing(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, message),
            TokenError::NoTopics | TokenError::TooManyTopics(_) | TokenError::Lifetime(_) => {
                Self::bad_request(message)
            }
        }
    }
}
