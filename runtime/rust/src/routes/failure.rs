//! Errors as HTTP answers.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::session::NotSubscribed;
use crate::channel::ResolveError;
use crate::hub::RevokeError;
use crate::publish::PublishError;
use crate::schema::Issue;
use crate::signal::SignalError;
use crate::token::{Refused, TokenError};
use crate::wire::timestamp;

/// The seconds after which a client should try again.
pub(super) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

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
    pub(super) fn unauthorized(refused: &Refused) -> Self {
        refused.record();
        let message = "Not authenticated: send a valid signing key or token";
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    /// Backends may know what is defined. A token's holder learns only about the names in the token.
    pub(super) fn unknown(error: ResolveError, is_backend: bool) -> Self {
        let error = if is_backend { error } else { error.without_hints() };
        Self::new(StatusCode::NOT_FOUND, error.to_string())
    }

    pub(super) fn not_published(error: PublishError, is_backend: bool) -> Self {
        match error {
            PublishError::Unknown(error) => Self::unknown(error, is_backend),
            error => error.into(),
        }
    }

    pub(super) fn not_granted(refused: &Refused) -> Self {
        refused.record();
        Self::new(
            StatusCode::FORBIDDEN,
            "the token does not name the signal: ask the backend for one that does",
        )
    }

    /// What a definition refuses, with the reasons.
    pub(super) fn invalid(message: impl Into<String>, issues: &[Issue]) -> Self {
        let data = json!({ "issues": issues.iter().map(written).collect::<Vec<_>>() });
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, message: message.into(), data }
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

    pub(super) fn origin() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "pages of this origin are not allowed: name it where the hub is built",
        )
    }

    pub(super) fn too_many_connections() -> Self {
        let message = "there are as many connections as there may be: try again later";
        Self::new(StatusCode::TOO_MANY_REQUESTS, message)
    }

    pub(super) fn unavailable() -> Self {
        let message = "the channel cannot be read now: try again later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
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
        let mut answer = (status, Json(body)).into_response();
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            answer.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        answer
    }
}

impl From<NotSubscribed> for Failure {
    fn from(refused: NotSubscribed) -> Self {
        match refused {
            NotSubscribed::Unauthorized(refused) => Self::unauthorized(&refused),
            NotSubscribed::UnknownChannel(error) => Self::unknown(error, false),
            NotSubscribed::TooManyConnections => Self::too_many_connections(),
            NotSubscribed::Unavailable => Self::unavailable(),
            NotSubscribed::NotGranted | NotSubscribed::RefInUse | NotSubscribed::TooManyChannels => {
                Self::bad_request("the token names too many channels")
            }
        }
    }
}

impl From<RevokeError> for Failure {
    fn from(error: RevokeError) -> Self {
        let status = match error {
            RevokeError::Id => StatusCode::BAD_REQUEST,
            RevokeError::Storage(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, error.to_string())
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        let message = error.to_string();
        match error {
            PublishError::Invalid { issues, .. } => Self::invalid(message, &issues),
            PublishError::TooLarge { .. } => Self::too_large(message),
            PublishError::Unknown(error) => Self::unknown(error, false),
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

impl From<SignalError> for Failure {
    fn from(error: SignalError) -> Self {
        let message = error.to_string();
        let conflict = |data: Value| Self { status: StatusCode::CONFLICT, message: message.clone(), data };
        match error {
            SignalError::Invalid(issues) => Self::invalid(message, &issues),
            SignalError::AlreadyTaken { signal, payload, by, at } => {
                let payload: Value = serde_json::from_str(&payload).unwrap_or_default();
                let mut data = json!({
                    "code": "already_taken", "signal": signal, "payload": payload, "at": timestamp(at),
                });
                if let Some(by) = by {
                    data["by"] = json!(by);
                }
                conflict(data)
            }
            SignalError::TooLate => conflict(json!({ "code": "too_late" })),
            SignalError::RunEnded => conflict(json!({ "code": "run_ended" })),
            SignalError::NoRun => {
                Self { status: StatusCode::NOT_FOUND, message, data: json!({ "code": "no_run" }) }
            }
            SignalError::KeyReused => Self::new(StatusCode::UNPROCESSABLE_ENTITY, message),
            SignalError::Encode(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, message),
            SignalError::Storage(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, message),
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
            TokenError::Unknown(error) => Self::unknown(error, true),
            TokenError::Signing(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, message),
            TokenError::NoTopics
            | TokenError::TooManyTopics(_)
            | TokenError::Lifetime(_)
            | TokenError::Subject
            | TokenError::Id => Self::bad_request(message),
        }
    }
}
