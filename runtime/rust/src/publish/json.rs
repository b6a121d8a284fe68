//! Publishing JSON text, which is carried verbatim.

use std::borrow::Cow;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{
    Appending, Channel, DataFrame, Hub, IdempotencyKey, MAX_PAYLOAD, MessageId, Options, PublishError,
    expected_text_stream, invalid,
};
use crate::schema::{self, Issue, Schema};
use crate::wire::{Envelope, LogKind};

impl Hub {
    /// Publishes JSON text to a channel and topic by name, as `POST publish` does. Returns a builder: set its
    /// options, then await it to publish. The text is carried verbatim, unless an object in it has a duplicate key; then the
    /// last value of the key counts, and the JSON is written again.
    ///
    /// If the topic accepts strings and the text is not JSON that the topic accepts, the text itself is published as a
    /// string.
    pub fn publish_json<'p>(&'p self, channel: &'p str, topic: &'p str, body: &'p [u8]) -> PublishJson<'p> {
        PublishJson { hub: self, channel, topic, body, options: Options::default() }
    }
}

/// A message to publish from JSON text, which is sent when awaited. Returned by [`Hub::publish_json`].
#[must_use = "nothing is published until it is awaited"]
pub struct PublishJson<'p> {
    pub(super) hub: &'p Hub,
    channel: &'p str,
    topic: &'p str,
    body: &'p [u8],
    options: Options<'p>,
}

impl<'p> PublishJson<'p> {
    /// Sets the run that the message belongs to.
    pub fn run_id(mut self, run_id: impl Into<Cow<'p, str>>) -> Self {
        self.options.run_id = Some(run_id.into());
        self
    }

    /// Makes it safe to repeat the call, as [`Publish::idempotency_key`](crate::Publish::idempotency_key) does.
    pub fn idempotency_key(mut self, key: impl Into<Cow<'p, str>>) -> Self {
        self.options.idempotency_key = Some(key.into());
        self
    }

    /// Checks the text and starts to publish it. The outcome includes whether the key was used before.
    pub(crate) fn start(self) -> Result<Appending, PublishError> {
        let (channel, topic, frame, key) = self.encode()?;
        Ok(self.hub.append(&channel, topic, frame, key, None))
    }

    /// Checks the text. Returns its channel and topic, its frame and its idempotency key.
    pub(super) fn encode(&self) -> Result<(Channel, usize, DataFrame, Option<IdempotencyKey>), PublishError> {
        let Self { hub, channel, topic, body, options } = self;
        let (channel, index) = hub.registry().topic(channel, topic)?;
        if body.len() > MAX_PAYLOAD {
            return Err(PublishError::TooLarge { bytes: body.len() });
        }
        // The caller may know the topic by an alias.
        let definition = &channel.definition().topics[index];
        let (topic, schema) = (definition.name, definition.schema());
        let payload = parse_payload(schema.ok_or_else(|| expected_text_stream(&channel, topic))?, body);
        let payload = payload.map_err(|error| match error {
            PayloadError::NotJson(error) => PublishError::NotJson(error),
            PayloadError::Invalid(issues) => invalid(&channel, topic, issues),
        })?;
        let run_id = options.run_id();
        let envelope =
            Envelope { kind: LogKind::Data, channel: channel.name(), topic, run_id: run_id.as_deref() };
        let frame = DataFrame::encode(envelope, |text| payload.write(text));
        let frame = frame.map_err(|error| PublishError::Encode(error.to_string()))?;
        let key = options.key(topic, &frame);
        Ok((channel, index, frame, key))
    }
}

impl<'p> IntoFuture for PublishJson<'p> {
    type Output = Result<MessageId, PublishError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'p>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { Ok(self.start()?.await?.id) })
    }
}

/// Checks JSON text as [`Hub::publish_json`] does, and returns its issues.
pub(crate) fn check_json(schema: &Schema, body: &[u8]) -> Result<Vec<Issue>, PublishError> {
    match parse_payload(schema, body) {
        Ok(_) => Ok(Vec::new()),
        Err(PayloadError::Invalid(issues)) => Ok(issues),
        Err(PayloadError::NotJson(error)) => Err(PublishError::NotJson(error)),
    }
}

/// A payload that its schema accepts, by how it is encoded.
enum Payload<'b> {
    Verbatim(&'b str),
    Rewritten(Value),
    Text(&'b str),
}

impl Payload<'_> {
    fn write(&self, text: &mut Vec<u8>) -> serde_json::Result<()> {
        match self {
            Self::Verbatim(json) => text.extend_from_slice(json.as_bytes()),
            Self::Rewritten(value) => serde_json::to_writer(text, value)?,
            Self::Text(string) => serde_json::to_writer(text, string)?,
        }
        Ok(())
    }
}

/// Why text is not a valid payload.
enum PayloadError {
    NotJson(String),
    Invalid(Vec<Issue>),
}

/// Parses and checks a payload.
fn parse_payload<'b>(schema: &Schema, body: &'b [u8]) -> Result<Payload<'b>, PayloadError> {
    let text = std::str::from_utf8(body).map_err(|error| PayloadError::NotJson(error.to_string()))?;
    let error = match parse(text) {
        Ok((value, has_duplicates)) => match schema::check(schema, &value) {
            Ok(()) if has_duplicates => return Ok(Payload::Rewritten(value)),
            Ok(()) => return Ok(Payload::Verbatim(text.trim_matches(JSON_SPACE))),
            Err(issues) => PayloadError::Invalid(issues),
        },
        Err(error) => PayloadError::NotJson(error.to_string()),
    };
    if !may_be_string(schema) {
        return Err(error);
    }
    match (schema::check(schema, text), &error) {
        (Ok(()), _) => Ok(Payload::Text(text)),
        (Err(issues), PayloadError::NotJson(_)) => Err(PayloadError::Invalid(issues)),
        (Err(_), _) => Err(error),
    }
}

const JSON_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// Returns `true` if the schema may accept a string.
fn may_be_string(schema: &Schema) -> bool {
    match schema.resolve() {
        Schema::Any
        | Schema::Text(_)
        | Schema::Enum(_)
        | Schema::Literals(_)
        | Schema::Int64
        | Schema::Uint64 => true,
        Schema::AnyOf(schemas) | Schema::OneOf(schemas) => schemas.iter().any(|schema| may_be_string(schema)),
        Schema::Rules(rules) => rules.may_be_string(),
        _ => false,
    }
}

/// Parses JSON. Also returns `true` if an object in it has a duplicate key, of which the last one counts.
fn parse(text: &str) -> serde_json::Result<(Value, bool)> {
    let mut has_duplicates = false;
    let mut json = serde_json::Deserializer::from_str(text);
    let value = ValueSeed { has_duplicates: &mut has_duplicates }.deserialize(&mut json)?;
    json.end()?;
    Ok((value, has_duplicates))
}

/// Deserializes a [`Value`] as `serde_json` does, and detects duplicate keys.
struct ValueSeed<'w> {
    has_duplicates: &'w mut bool,
}

impl ValueSeed<'_> {
    fn reborrow(&mut self) -> ValueSeed<'_> {
        ValueSeed { has_duplicates: self.has_duplicates }
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(self.reborrow())? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self.reborrow())?;
            *self.has_duplicates |= object.insert(key, value).is_some();
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_key_is_detected_at_any_depth() {
        for (text, repeats, value) in [
            (r#"{"a":1,"b":{"a":2}}"#, false, r#"{"a":1,"b":{"a":2}}"#),
            (r#"{"a":1,"a":2}"#, true, r#"{"a":2}"#),
            (r#"{"a":1,"\u0061":2}"#, true, r#"{"a":2}"#),
            (r#"[{"x":{"b":[{"é":1,"é":null}]}}]"#, true, r#"[{"x":{"b":[{"é":null}]}}]"#),
            (r#"{"__proto__":1}"#, false, r#"{"__proto__":1}"#),
        ] {
            let (read, seen) = parse(text).unwrap();
            assert_eq!((read, seen), (serde_json::from_str(value).unwrap(), repeats), "{text}");
        }
    }

    #[test]
    fn values_are_parsed_as_serde_json_does() {
        for text in [
            "null",
            " true ",
            "1",
            "-1",
            "1.5",
            "-0",
            "1e2",
            "1e400",
            "18446744073709551615",
            "\"\\ud83d\\ude00\"",
            "\"\\ud800\"",
            "[1,]",
            "{}x",
            "",
            "01",
            "[[],{}]",
        ] {
            let expected = serde_json::from_str::<Value>(text).ok();
            assert_eq!(parse(text).ok().map(|(value, _)| value), expected, "{text}");
        }
        for depth in [127, 128] {
            let text = "[".repeat(depth) + &"]".repeat(depth);
            assert_eq!(parse(&text).is_ok(), serde_json::from_str::<Value>(&text).is_ok(), "{depth}");
        }
    }
}
