//! Payloads that arrive as text: read with care for what must not be changed or lost.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::schema::{self, Issue, Schema};

/// A payload that its schema accepts, and how it is written.
pub(super) enum Payload<'b> {
    Verbatim(&'b str),
    Rewritten(Value),
    Text(&'b str),
}

impl Payload<'_> {
    pub(super) fn write(&self, text: &mut Vec<u8>) -> serde_json::Result<()> {
        match self {
            Self::Verbatim(json) => text.extend_from_slice(json.as_bytes()),
            Self::Rewritten(value) => serde_json::to_writer(text, value)?,
            Self::Text(string) => serde_json::to_writer(text, string)?,
        }
        Ok(())
    }
}

/// Why text is not a payload.
pub(super) enum Refusal {
    NotJson(String),
    Invalid(Vec<Issue>),
}

/// Reads a payload for a topic with this schema.
pub(super) fn read<'b>(schema: &Schema, body: &'b [u8]) -> Result<Payload<'b>, Refusal> {
    let text = std::str::from_utf8(body).map_err(|error| Refusal::NotJson(error.to_string()))?;
    let refused = match parse(text) {
        Ok((value, repeats_a_key)) => match schema::check(schema, &value) {
            Ok(()) if repeats_a_key => return Ok(Payload::Rewritten(value)),
            Ok(()) => return Ok(Payload::Verbatim(text.trim_matches(JSON_SPACE))),
            Err(issues) => Refusal::Invalid(issues),
        },
        Err(error) => Refusal::NotJson(error.to_string()),
    };
    if !may_be_string(schema) {
        return Err(refused);
    }
    match (schema::check(schema, text), &refused) {
        (Ok(()), _) => Ok(Payload::Text(text)),
        (Err(issues), Refusal::NotJson(_)) => Err(Refusal::Invalid(issues)),
        (Err(_), _) => Err(refused),
    }
}

const JSON_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// Whether some string could be accepted.
fn may_be_string(schema: &Schema) -> bool {
    match schema {
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

/// Parses JSON, and tells whether an object in it has a key twice. The last one counts.
fn parse(text: &str) -> serde_json::Result<(Value, bool)> {
    let mut repeats_a_key = false;
    let mut json = serde_json::Deserializer::from_str(text);
    let value = Watchful { repeats_a_key: &mut repeats_a_key }.deserialize(&mut json)?;
    json.end()?;
    Ok((value, repeats_a_key))
}

/// Reads a [`Value`] as `serde_json` does, and watches for keys that come twice.
struct Watchful<'w> {
    repeats_a_key: &'w mut bool,
}

impl Watchful<'_> {
    fn again(&mut self) -> Watchful<'_> {
        Watchful { repeats_a_key: self.repeats_a_key }
    }
}

impl<'de> DeserializeSeed<'de> for Watchful<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Watchful<'_> {
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
        while let Some(item) = items.next_element_seed(self.again())? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self.again())?;
            *self.repeats_a_key |= object.insert(key, value).is_some();
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_key_is_seen_at_any_depth() {
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
    fn what_is_read_is_what_serde_json_reads() {
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
