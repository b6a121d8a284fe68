//! Errors as HTTP responses.

use std::time::Duration;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::admin::AdminError;
use crate::channel::ResolveError;
use crate::hub::{RateLimited, RevokeError, SubscribeError};
use crate::publish::PublishError;
use crate::runs::{RunActionError, RunsError};
use crate::schema::Issue;
use crate::signal::SignalError;
use crate::token::TokenError;
use crate::wire::timestamp;

/// The default of `Retry-After`.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// An error response. Its message states the problem and the fix.
#[derive(Debug)]
pub(super) struct HttpError {
    status: StatusCode,
    message: String,
    data: Value,
    retry_after: Duration,
}

impl HttpError {
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), data: Value::Null, retry_after: RETRY_AFTER }
    }

    /// The same response whatever is wrong, so that it does not help to guess tokens.
    pub(super) fn unauthorized() -> Self {
        let message = "Not authenticated: send a valid signing key or token";
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    /// Backends receive hints about what is defined. Holders of a token learn only about the names in the token.
    pub(super) fn not_found(error: ResolveError, is_backend: bool) -> Self {
        let error = if is_backend { error } else { error.without_hints() };
        let data = json!({ "code": error.code().as_str() });
        Self { data, ..Self::new(StatusCode::NOT_FOUND, error.to_string()) }
    }

    pub(super) fn from_publish_error(error: PublishError, is_backend: bool) -> Self {
        match error {
            PublishError::Unknown(error) => Self::not_found(error, is_backend),
            error => error.into(),
        }
    }

    pub(super) fn not_granted() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "the token or session does not grant this signal: ask the backend for a token that does",
        )
    }

    /// The schema of a topic or a signal has no example that can be found.
    pub(super) fn no_example() -> Self {
        let message = "found no example that the schema accepts: write the payload yourself";
        Self { data: json!({ "code": "no_example" }), ..Self::new(StatusCode::NOT_FOUND, message) }
    }

    /// A payload that does not match its definition.
    fn invalid_payload(message: impl Into<String>, issues: &[Issue]) -> Self {
        let data = json!({ "issues": issues.iter().map(issue_to_json).collect::<Vec<_>>() });
        Self { data, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, message) }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    pub(super) fn timed_out() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "timed out while reading the request body")
    }

    pub(super) fn not_an_upgrade(status: StatusCode, message: &str) -> Self {
        Self::new(status, format!("expected a WebSocket upgrade: {message}"))
    }

    pub(super) fn origin_not_allowed() -> Self {
        Self::new(StatusCode::FORBIDDEN, "origin not allowed: add it to `HubBuilder::allowed_origins`")
    }

    pub(super) fn too_many_connections() -> Self {
        let message = "connection limit reached; try again later";
        Self::new(StatusCode::TOO_MANY_REQUESTS, message)
    }

    pub(super) fn unavailable() -> Self {
        let message = "the channel is temporarily unavailable; try again later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    pub(super) fn session_unavailable() -> Self {
        let message = "cannot look up the session right now; try again later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    pub(super) fn shutting_down() -> Self {
        let message = "the server is shutting down; retry, on another server if you can";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let Self { status, message, data, retry_after } = self;
        let body = json!({ "error": message, "data": data, "status": status.as_u16() });
        let mut response = (status, Json(body)).into_response();
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            let seconds = retry_after.as_millis().div_ceil(1000).max(1);
            let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<SubscribeError> for HttpError {
    fn from(error: SubscribeError) -> Self {
        match error {
            SubscribeError::Unauthorized(_) => Self::unauthorized(),
            SubscribeError::Unknown(error) => Self::not_found(error, false),
            SubscribeError::TooManyConnections => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too many connections use this token: close one first",
            ),
            SubscribeError::RateLimited(limited) => limited.into(),
            SubscribeError::Unavailable => Self::unavailable(),
            SubscribeError::NotGranted => Self::bad_request("the token grants no topics to subscribe to"),
            SubscribeError::RefInUse | SubscribeError::TooManyChannels => Self::bad_request(
                "the token grants more than 1,000 channels, the most on one connection: ask the backend for several tokens",
            ),
        }
    }
}

impl From<RateLimited> for HttpError {
    fn from(RateLimited(wait): RateLimited) -> Self {
        let message = "rate limit exceeded; try again later";
        Self {
            data: json!({ "code": "rate_limited" }),
            retry_after: wait,
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, message)
        }
    }
}

impl From<AdminError> for HttpError {
    fn from(error: AdminError) -> Self {
        let (status, code) = match &error {
            AdminError::UnknownRun => (StatusCode::NOT_FOUND, "no_run"),
            AdminError::UnknownChannel => (StatusCode::NOT_FOUND, "unknown_channel"),
            AdminError::UnknownTopic => (StatusCode::NOT_FOUND, "unknown_topic"),
            AdminError::StaleCursor => (StatusCode::CONFLICT, "stale_cursor"),
            AdminError::InvalidCursor => return Self::bad_request(error.to_string()),
            AdminError::Storage(_) => return Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        };
        Self { data: json!({ "code": code }), ..Self::new(status, error.to_string()) }
    }
}

impl From<RunsError> for HttpError {
    fn from(error: RunsError) -> Self {
        let message = error.to_string();
        match error {
            RunsError::UnknownChannel => AdminError::UnknownChannel.into(),
            RunsError::Storage(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, message),
            _ => Self::bad_request(message),
        }
    }
}

impl From<RunActionError> for HttpError {
    fn from(error: RunActionError) -> Self {
        let message = error.to_string();
        let code = match error {
            RunActionError::UnknownRun => return AdminError::UnknownRun.into(),
            RunActionError::Runs(error) => return error.into(),
            RunActionError::InvalidCall(_) => return Self::bad_request(message),
            RunActionError::NotFailed => "not_failed",
            RunActionError::Executing => "executing",
            RunActionError::NotSleeping => "not_sleeping",
            RunActionError::InBranch(_) => "in_branch",
            RunActionError::NoCall => "no_call",
            RunActionError::UnfinishedCall(_) => "unfinished_call",
            RunActionError::RunExists => "run_exists",
        };
        Self { data: json!({ "code": code }), ..Self::new(StatusCode::CONFLICT, message) }
    }
}

impl From<RevokeError> for HttpError {
    fn from(error: RevokeError) -> Self {
        let status = match error {
            RevokeError::InvalidId => StatusCode::BAD_REQUEST,
            RevokeError::Storage(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, error.to_string())
    }
}

impl From<PublishError> for HttpError {
    fn from(error: PublishError) -> Self {
        let message = error.to_string();
        match error {
            PublishError::Invalid { issues, .. } => Self::invalid_payload(message, &issues),
            PublishError::TooLarge { .. } => Self::too_large(message),
            PublishError::Unknown(error) => Self::not_found(error, false),
            PublishError::ExpectedTextStream { .. } | PublishError::ExpectedPayload { .. } => {
                Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
            }
            PublishError::NotJson(_) => Self::bad_request(message),
            PublishError::Encode(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, message),
            PublishError::KeyReused => Self::new(StatusCode::UNPROCESSABLE_ENTITY, message),
            PublishError::StreamEnded | PublishError::Storage(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
            }
            PublishError::Closed => Self::shutting_down(),
        }
    }
}

impl From<SignalError> for HttpError {
    fn from(error: SignalError) -> Self {
        let message = error.to_string();
        let conflict = |data: Value| Self { data, ..Self::new(StatusCode::CONFLICT, message.clone()) };
        match error {
            SignalError::Invalid(issues) => {
                Self::invalid_payload("the payload does not match the signal's definition", &issues)
            }
            SignalError::NotJson(_) => Self::bad_request(message),
            SignalError::AlreadyTaken { signal, payload, sender, received_at } => {
                let payload: Value = serde_json::from_str(&payload).unwrap_or_default();
                let mut data = json!({
                    "code": "already_taken", "signal": signal, "payload": payload, "at": timestamp(received_at),
                });
                if let Some(sender) = sender {
                    data["by"] = json!(sender);
                }
                conflict(data)
            }
            SignalError::TooLate => conflict(json!({ "code": "too_late" })),
            SignalError::RunEnded => conflict(json!({ "code": "run_ended" })),
            SignalError::NoRun => {
                Self { data: json!({ "code": "no_run" }), ..Self::new(StatusCode::NOT_FOUND, message) }
            }
            SignalError::KeyReused => Self::new(StatusCode::UNPROCESSABLE_ENTITY, message),
            SignalError::Encode(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, message),
            SignalError::Storage(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, message),
        }
    }
}

pub(super) fn issue_to_json(issue: &Issue) -> Value {
    let mut json = json!({ "path": issue.path, "rule": issue.rule, "message": issue.message });
    if let Some(value) = &issue.value {
        json["value"] = json!(value);
    }
    json
}

impl From<TokenError> for HttpError {
    fn from(error: TokenError) -> Self {
        let message = error.to_string();
        match error {
            TokenError::Unknown(error) => Self::not_found(error, true),
            TokenError::Signing(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, message),
            TokenError::EmptyGrant
            | TokenError::GrantTooLarge(_)
            | TokenError::InvalidLifetime(_)
            | TokenError::InvalidSubject
            | TokenError::InvalidId => Self::bad_request(message),
        }
    }
}
