//! The requests to JetStream that the engine needs.

use std::time::Duration;

use async_nats::{Client, HeaderMap, Message, Request, RequestErrorKind};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::StorageError;
use crate::clock::to_milliseconds;
use crate::wire::parse_timestamp;

/// The time within which the servers must answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// The time within which they must confirm a message. After that, the engine checks whether it was stored.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(2);

/// The time for which to repeat a request without an answer: a stream has no leader during an election.
pub(super) const ELECTION: Duration = Duration::from_secs(6);
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// The maximum number of messages per read.
const READ_BATCH: usize = 500;

const NO_MESSAGE: u64 = 10_037;
pub(super) const NO_STREAM: u64 = 10_059;
const STREAM_EXISTS: u64 = 10_058;
/// The subject has another last sequence, or another message for the subject is being stored.
const WRONG_SEQUENCE: [u64; 2] = [10_071, 10_164];

#[derive(Clone, Debug)]
pub(super) struct JetStream {
    pub(super) client: Client,
}

/// A stored message.
pub(super) struct Stored {
    pub(super) subject: String,
    pub(super) sequence: u64,
    pub(super) payload: Bytes,
}

/// The state of a stream, as its leader knows it.
#[derive(Deserialize)]
pub(super) struct StreamInfo {
    pub(super) config: Value,
    pub(super) state: StreamState,
    /// The clock of the server that answered.
    #[serde(default)]
    pub(super) ts: String,
}

#[derive(Deserialize)]
pub(super) struct StreamState {
    pub(super) first_seq: u64,
    pub(super) last_seq: u64,
    /// The subjects that the request's filter matches, each with its number of messages.
    #[serde(default)]
    pub(super) subjects: serde_json::Map<String, Value>,
}

/// The reason why a request failed.
#[derive(Debug)]
pub(super) enum RequestFailure {
    /// JetStream rejected it.
    Rejected { code: u64, error: StorageError },
    /// There was no answer, so it may have been executed or not.
    Unanswered(StorageError),
}

impl RequestFailure {
    pub(super) fn into_error(self) -> StorageError {
        match self {
            Self::Rejected { error, .. } | Self::Unanswered(error) => error,
        }
    }

    pub(super) fn is_wrong_sequence(&self) -> bool {
        matches!(self, Self::Rejected { code, .. } if WRONG_SEQUENCE.contains(code))
    }

    /// Returns the sequence of the subject's last message if the leader has named it as the reason, otherwise 0.
    pub(super) fn last_sequence(&self) -> u64 {
        let Self::Rejected { error, .. } = self else { return 0 };
        let text = error.to_string();
        text.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
    }
}

/// A message to store.
pub(super) struct Publish {
    pub(super) subject: String,
    /// The sequence of the subject's last message, or 0 if it must have none. `None` if it does not matter.
    pub(super) follows: Option<u64>,
    /// The server deletes the message after this long.
    pub(super) kept_for: Duration,
    /// Deletes the subject's earlier messages.
    pub(super) replaces: bool,
    pub(super) payload: Bytes,
}

impl JetStream {
    /// Stores a message and returns its sequence.
    pub(super) async fn publish(&self, publish: Publish) -> Result<u64, RequestFailure> {
        let mut headers = HeaderMap::new();
        if let Some(sequence) = publish.follows {
            headers.insert("Nats-Expected-Last-Subject-Sequence", sequence.to_string());
        }
        headers.insert("Nats-TTL", publish.kept_for.as_secs().max(1).to_string());
        if publish.replaces {
            headers.insert("Nats-Rollup", "sub");
        }
        let request = Request::new().headers(headers).payload(publish.payload).timeout(Some(PUBLISH_TIMEOUT));
        let answer = self.answer(publish.subject, request).await?;
        answer["seq"].as_u64().ok_or_else(|| unreadable("a publish"))
    }

    /// Returns a stream's state, or `None` if it does not exist.
    pub(super) async fn find_stream(
        &self,
        stream: &str,
        subjects_filter: Option<&str>,
    ) -> Result<Option<StreamInfo>, StorageError> {
        let mut request = json!({});
        if let Some(filter) = subjects_filter {
            request["subjects_filter"] = filter.into();
        }
        match self.request(format!("$JS.API.STREAM.INFO.{stream}"), &request).await {
            Ok(answer) => serde_json::from_value(answer)
                .map(Some)
                .map_err(|_| unreadable("a stream's state").into_error()),
            Err(RequestFailure::Rejected { code: NO_STREAM, .. }) => Ok(None),
            Err(failure) => Err(failure.into_error()),
        }
    }

    pub(super) async fn stream_info(
        &self,
        stream: &str,
        subjects_filter: Option<&str>,
    ) -> Result<StreamInfo, StorageError> {
        let found = self.find_stream(stream, subjects_filter).await?;
        found.ok_or_else(|| deleted(stream))
    }

    /// Creates a stream, unless another process just has.
    pub(super) async fn create_stream(&self, name: &str, config: &Value) -> Result<(), StorageError> {
        match self.request(format!("$JS.API.STREAM.CREATE.{name}"), config).await {
            Ok(_) | Err(RequestFailure::Rejected { code: STREAM_EXISTS, .. }) => Ok(()),
            Err(failure) => Err(failure.into_error()),
        }
    }

    /// Deletes a subject's messages before a sequence, or all of them.
    pub(super) async fn purge(
        &self,
        stream: &str,
        subject: &str,
        before: Option<u64>,
    ) -> Result<(), StorageError> {
        let mut request = json!({ "filter": subject });
        if let Some(sequence) = before {
            request["seq"] = sequence.into();
        }
        let purged = self.request(format!("$JS.API.STREAM.PURGE.{stream}"), &request).await;
        purged.map(drop).map_err(RequestFailure::into_error)
    }

    /// Returns the last message of a subject, as the stream's leader has it.
    pub(super) async fn read_last(
        &self,
        stream: &str,
        subject: &str,
    ) -> Result<Option<Stored>, StorageError> {
        let request = json!({ "last_by_subj": subject });
        let since = Instant::now();
        let answer = loop {
            match self.request(format!("$JS.API.STREAM.MSG.GET.{stream}"), &request).await {
                Ok(answer) => break answer,
                Err(RequestFailure::Rejected { code: NO_MESSAGE, .. }) => return Ok(None),
                // The stream was deleted. Some process is about to create it again.
                Err(RequestFailure::Rejected { code: NO_STREAM, .. }) if since.elapsed() < ELECTION => {
                    sleep(PAUSE).await;
                }
                Err(failure) => return Err(failure.into_error()),
            }
        };
        let message = &answer["message"];
        let payload = BASE64_STANDARD.decode(message["data"].as_str().unwrap_or_default());
        match (message["seq"].as_u64(), payload) {
            (Some(sequence), Ok(payload)) => {
                Ok(Some(Stored { subject: subject.to_owned(), sequence, payload: payload.into() }))
            }
            _ => Err(unreadable("a message").into_error()),
        }
    }

    /// Returns the first messages of a subject, which may contain wildcards, from a sequence on. Any replica may
    /// answer, so the latest ones may be missing.
    pub(super) async fn read_from(
        &self,
        stream: &str,
        subject: &str,
        sequence: u64,
    ) -> Result<Vec<Stored>, StorageError> {
        let request = json!({ "seq": sequence.max(1), "next_by_subj": subject, "batch": READ_BATCH });
        Ok(self.read_directly(stream, &request).await?.0)
    }

    /// Returns the messages that a replica sends in response to a request, and the message with a status that ends them.
    async fn read_directly(
        &self,
        stream: &str,
        request: &Value,
    ) -> Result<(Vec<Stored>, Message), StorageError> {
        let since = Instant::now();
        loop {
            match self.try_read_directly(stream, request).await {
                Err(_) if since.elapsed() < ELECTION => sleep(PAUSE).await,
                outcome => return outcome,
            }
        }
    }

    async fn try_read_directly(
        &self,
        stream: &str,
        request: &Value,
    ) -> Result<(Vec<Stored>, Message), StorageError> {
        let inbox = self.client.new_inbox();
        let mut answers = self.client.subscribe(inbox.clone()).await.map_err(no_connection)?;
        let asked = format!("$JS.API.DIRECT.GET.{stream}");
        let sent = self.client.publish_with_reply(asked, inbox, request.to_string().into()).await;
        sent.map_err(no_connection)?;
        let mut read = Vec::new();
        loop {
            let answer = timeout(REQUEST_TIMEOUT, answers.next()).await.ok().flatten();
            let Some(answer) = answer else { return Err(no_answer("a read")) };
            match answer.status {
                None => read.push(parse_stored(answer)?),
                // The batch has ended, or there are no messages.
                Some(status) if matches!(status.as_u16(), 204 | 404) => return Ok((read, answer)),
                Some(_) => return Err(no_answer("a read")),
            }
        }
    }

    /// Returns the last message of each of several subjects, and the sequence of the stream's last message, from any
    /// replica, which may lag behind. Returns `None` if it has no message of these subjects.
    pub(super) async fn read_last_of(
        &self,
        stream: &str,
        subjects: &[&str],
    ) -> Result<Option<(Vec<Stored>, u64)>, StorageError> {
        let (read, end) = self.read_directly(stream, &json!({ "multi_last": subjects })).await?;
        if end.status.is_some_and(|status| status.as_u16() == 404) {
            return Ok(None);
        }
        let last = end.headers.as_ref().and_then(|headers| headers.get("Nats-UpTo-Sequence"));
        let last = last.and_then(|last| last.as_str().parse().ok());
        Ok(Some((read, last.ok_or_else(|| unreadable("a read").into_error())?)))
    }

    /// Executes a request, and repeats it if there is no answer.
    async fn request(&self, subject: String, request: &Value) -> Result<Value, RequestFailure> {
        let since = Instant::now();
        loop {
            let request = Request::new().payload(request.to_string().into()).timeout(Some(REQUEST_TIMEOUT));
            match self.answer(subject.clone(), request).await {
                Err(RequestFailure::Unanswered(_)) if since.elapsed() < ELECTION => sleep(PAUSE).await,
                outcome => return outcome,
            }
        }
    }

    pub(super) async fn answer(&self, subject: String, request: Request) -> Result<Value, RequestFailure> {
        let answer =
            self.client.send_request(subject, request).await.map_err(|error| match error.kind() {
                RequestErrorKind::NoResponders => RequestFailure::Unanswered(StorageError::new(
                    "no NATS server answers for JetStream: it is disabled, or the stream has no leader",
                )),
                RequestErrorKind::MaxPayloadExceeded | RequestErrorKind::InvalidSubject => {
                    RequestFailure::Rejected { code: 0, error: StorageError::new(format!("NATS: {error}")) }
                }
                _ => RequestFailure::Unanswered(StorageError::new(format!(
                    "the NATS servers did not answer: {error}"
                ))),
            })?;
        let answer: Value = serde_json::from_slice(&answer.payload).map_err(|_| unreadable("a request"))?;
        match answer.get("error") {
            None => Ok(answer),
            Some(error) => {
                let description = error["description"].as_str().unwrap_or("unknown error");
                let why = StorageError::new(format!("JetStream: {description}"));
                // 5xx: the servers could not, for example because a new leader is being elected.
                if error["code"].as_u64().is_some_and(|code| code >= 500) {
                    return Err(RequestFailure::Unanswered(why));
                }
                Err(RequestFailure::Rejected { code: error["err_code"].as_u64().unwrap_or(0), error: why })
            }
        }
    }
}

/// Reads a message that a direct get returned or that a stream republished.
pub(super) fn parse_stored(message: Message) -> Result<Stored, StorageError> {
    let headers = message.headers.unwrap_or_default();
    let header = |name: &str| headers.get(name).map(|value| value.as_str().to_owned());
    let sequence = header("Nats-Sequence").and_then(|sequence| sequence.parse().ok());
    match (header("Nats-Subject"), sequence) {
        (Some(subject), Some(sequence)) => Ok(Stored { subject, sequence, payload: message.payload }),
        _ => Err(unreadable("a message").into_error()),
    }
}

/// Converts a server's time to milliseconds since 1970. It has up to nine digits after the second.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    let (seconds, fraction) = text.strip_suffix('Z')?.split_at_checked("2026-01-01T00:00:00".len())?;
    let fraction = fraction.strip_prefix('.').unwrap_or_default();
    let milliseconds = format!("{seconds}.{}Z", format!("{fraction:0<3}").get(..3)?);
    parse_timestamp(&milliseconds).map(to_milliseconds)
}

pub(super) fn no_connection(error: impl std::fmt::Display) -> StorageError {
    StorageError::new(format!("the connection to the NATS servers failed: {error}"))
}

pub(super) fn deleted(stream: &str) -> StorageError {
    StorageError::new(format!("the NATS stream `{stream}` was deleted"))
}

fn no_answer(what: &str) -> StorageError {
    StorageError::new(format!("the NATS servers did not answer {what} in time"))
}

fn unreadable(what: &str) -> RequestFailure {
    RequestFailure::Unanswered(StorageError::new(format!("cannot read the NATS servers' answer to {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_servers_have_any_number_of_digits() {
        let expected = [1_767_225_600_000, 1_767_225_600_500, 1_767_225_600_123, 1_767_225_600_120];
        for (fraction, expected) in ["", ".5", ".123456789", ".12"].into_iter().zip(expected) {
            assert_eq!(parse_time(&format!("2026-01-01T00:00:00{fraction}Z")), Some(expected));
        }
        assert_eq!(parse_time(""), None);
        assert_eq!(parse_time("2026-01-01T00:00:00+01:00"), None);
    }
}
