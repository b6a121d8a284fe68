//! Publishing and sending signals over HTTP.

use std::borrow::Cow;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use serde::Serialize;
use serde_json::Value;

use super::request::Query;
use super::{Client, ClientError, TokenAccess, TokenRequest};
use crate::channel::{Signal, Topic};
use crate::publish;
use crate::schema;
use crate::signal::{SignalReceipt, SignalStatus};
use crate::wire::{MessageId, parse_timestamp};

impl Client {
    /// Publishes a payload. Returns a builder: set its options, then await it. It completes once the message is in the
    /// channel's log, and in the server's storage if it has one.
    ///
    /// The payload is checked before it is sent. If there is no response, it is sent again; an idempotency key ensures
    /// that it is published once.
    pub fn publish<'p, P: ?Sized>(&'p self, topic: Topic<'p, P>, payload: &'p P) -> ClientPublish<'p, P> {
        ClientPublish { client: self, topic, payload, run_id: None, idempotency_key: None }
    }

    /// Sends a signal to a run on a channel, as [`Hub::signal`](crate::Hub::signal) does. Returns a builder: set its
    /// options, then await it.
    ///
    /// The payload is checked before it is sent. If there is no response, it is sent again; an idempotency key ensures
    /// that it counts once. If the run does not take the signal, the error is [`ClientError::Refused`] with the code
    /// `already_taken`, `too_late` or `run_ended`.
    pub fn signal<'p, P: ?Sized>(&'p self, signal: Signal<'p, P>, payload: &'p P) -> ClientSignal<'p, P> {
        ClientSignal { client: self, signal, payload, run_id: None, question: None, idempotency_key: None }
    }
}

type Sending<'p, T> = Pin<Box<dyn Future<Output = Result<T, ClientError>> + Send + 'p>>;

/// A message to publish, which is sent when awaited. Returned by [`Client::publish`].
#[must_use = "nothing is published until it is awaited"]
pub struct ClientPublish<'p, P: ?Sized> {
    client: &'p Client,
    topic: Topic<'p, P>,
    payload: &'p P,
    run_id: Option<Cow<'p, str>>,
    idempotency_key: Option<Cow<'p, str>>,
}

impl<'p, P: ?Sized> ClientPublish<'p, P> {
    /// Sets the run that the message belongs to.
    pub fn run_id(mut self, run_id: impl Into<Cow<'p, str>>) -> Self {
        self.run_id = Some(run_id.into());
        self
    }

    /// Makes it safe to repeat the call: a key publishes once per channel. Default: a random key for each call.
    pub fn idempotency_key(mut self, key: impl Into<Cow<'p, str>>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }
}

impl<'p, P: Serialize + Sync + ?Sized> IntoFuture for ClientPublish<'p, P> {
    type Output = Result<MessageId, ClientError>;
    type IntoFuture = Sending<'p, MessageId>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { client, topic, payload, run_id, idempotency_key } = self;
        Box::pin(async move {
            let frame = publish::encode(topic, payload, None)?;
            let body = String::from_utf8_lossy(frame.payload()).into_owned();
            let (channel, name) = (topic.channel().name(), topic.definition().name);
            let mut query: Query = vec![("channel", channel.to_owned()), ("topic", name.to_owned())];
            query.extend(run_id.map(|run_id| ("run_id", run_id.into_owned())));
            let access = TokenAccess::Publish { topic: name.to_owned() };
            let request = client.post("publish", TokenRequest { channel: channel.to_owned(), access });
            let response = request.with(query, idempotency_key, body).await?;
            let id = response["id"].as_str().and_then(|id| id.parse().ok());
            id.ok_or_else(|| ClientError::Protocol("the response to a publish has no message id".into()))
        })
    }
}

/// A signal to send, which is sent when awaited. Returned by [`Client::signal`].
#[must_use = "nothing is sent until it is awaited"]
pub struct ClientSignal<'p, P: ?Sized> {
    client: &'p Client,
    signal: Signal<'p, P>,
    payload: &'p P,
    run_id: Option<Cow<'p, str>>,
    question: Option<Cow<'p, str>>,
    idempotency_key: Option<Cow<'p, str>>,
}

impl<'p, P: ?Sized> ClientSignal<'p, P> {
    /// Sets the run that receives it. Default: the run that has waited longest for it.
    pub fn run_id(mut self, run_id: impl Into<Cow<'p, str>>) -> Self {
        self.run_id = Some(run_id.into());
        self
    }

    /// Sets the question that it answers, by the id in a run event, which also selects the run.
    pub fn question(mut self, question: impl Into<Cow<'p, str>>) -> Self {
        self.question = Some(question.into());
        self
    }

    /// Makes it safe to repeat the call: a key sends one signal per channel. Default: a random key for each call.
    pub fn idempotency_key(mut self, key: impl Into<Cow<'p, str>>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }
}

impl<'p, P: Serialize + Sync + ?Sized> IntoFuture for ClientSignal<'p, P> {
    type Output = Result<SignalReceipt, ClientError>;
    type IntoFuture = Sending<'p, SignalReceipt>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { client, signal, payload, run_id, question, idempotency_key } = self;
        Box::pin(async move {
            let (channel, definition) = (signal.channel().name(), signal.definition());
            schema::check(definition.schema, payload).map_err(ClientError::Invalid)?;
            let body = serde_json::to_string(payload);
            let body = body.map_err(|error| publish::PublishError::Encode(error.to_string()))?;
            let mut query: Query =
                vec![("channel", channel.to_owned()), ("name", definition.name.to_owned())];
            query.extend(run_id.map(|run_id| ("run_id", run_id.into_owned())));
            query.extend(question.map(|question| ("question", question.into_owned())));
            let access = TokenAccess::Signal { signal: definition.name.to_owned() };
            let request = client.post("signal", TokenRequest { channel: channel.to_owned(), access });
            let response = request.with(query, idempotency_key, body).await?;
            read_receipt(&response)
                .ok_or_else(|| ClientError::Protocol("the response to a signal is not a receipt".into()))
        })
    }
}

fn read_receipt(response: &Value) -> Option<SignalReceipt> {
    let status = match response["status"].as_str()? {
        "accepted" => SignalStatus::Accepted,
        "kept" => SignalStatus::Kept,
        _ => return None,
    };
    let (run_id, at) = (response["run_id"].as_str()?, response["at"].as_str()?);
    Some(SignalReceipt { run_id: run_id.to_owned(), received_at: parse_timestamp(at)?, status })
}
