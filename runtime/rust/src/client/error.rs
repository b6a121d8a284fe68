//! Errors of the client.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::publish::PublishError;
use crate::schema::Issue;

/// An error of a [`Client`](super::Client).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClientError {
    /// The URL of the server is invalid, for this reason.
    InvalidUrl(String),
    /// The client has neither a signing key nor a function that returns tokens.
    NoAccess,
    /// The function that returns tokens failed.
    Token(String),
    /// The server did not respond, for this reason.
    Unreachable(String),
    /// The server refused a request or a subscription.
    Refused {
        /// The HTTP status. `None` if it refused a frame.
        status: Option<u16>,
        /// The code of the error, such as `unknown_topic` or `already_taken`, if it has one.
        code: Option<String>,
        /// The reason.
        message: String,
        /// The field `data` of the response: the issues of a payload, or details of the reason.
        data: Option<Box<Value>>,
        /// How long to wait before the next attempt, if the server requests it.
        retry_after: Option<Duration>,
    },
    /// The payload does not match its definition.
    Invalid(Vec<Issue>),
    /// The payload cannot be published, for another reason.
    Publish(PublishError),
    /// The server does not follow the protocol.
    Protocol(String),
}

impl ClientError {
    /// Returns whether the same request may succeed later.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Token(_) => true,
            Self::Refused { status: Some(status), .. } => matches!(status, 408 | 425 | 429 | 500..),
            Self::Refused { code: Some(code), .. } => !FATAL_CODES.contains(&code.as_str()),
            _ => false,
        }
    }

    pub(super) fn retry_after(&self) -> Duration {
        match self {
            Self::Refused { retry_after, .. } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }

    pub(super) fn refused_frame(code: String, message: String) -> Self {
        Self::Refused { status: None, code: Some(code), message, data: None, retry_after: None }
    }
}

/// Errors of a `sub` frame that no other token and no later attempt can avoid.
const FATAL_CODES: [&str; 6] =
    ["bad_frame", "not_granted", "unknown_channel", "unknown_topic", "ref_in_use", "too_many_channels"];

impl From<PublishError> for ClientError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Invalid { issues, .. } => Self::Invalid(issues),
            error => Self::Publish(error),
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidUrl(why) => write!(
                formatter,
                "the URL of the server is invalid: {why}; it must be like https://realtime.example.com"
            ),
            Self::NoAccess => formatter.write_str(
                "the client has no access: set `Client::signing_key`, or `Client::token` to a function that returns tokens",
            ),
            Self::Token(why) => write!(formatter, "failed to get a token: {why}"),
            Self::Unreachable(why) => write!(formatter, "the server did not respond: {why}"),
            Self::Refused { status: Some(status), message, .. } => {
                write!(formatter, "the server responded with status {status}: {message}")
            }
            Self::Refused { message, .. } => write!(formatter, "the server refused the subscription: {message}"),
            Self::Invalid(issues) => {
                formatter.write_str("the payload does not match its definition:")?;
                issues.iter().try_for_each(|issue| write!(formatter, "\n  {issue}"))
            }
            Self::Publish(error) => error.fmt(formatter),
            Self::Protocol(why) => write!(formatter, "the server does not follow the protocol: {why}"),
        }
    }
}

impl std::error::Error for ClientError {}
