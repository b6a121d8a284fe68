//! Payloads: validation takes linear time, and types can hold all values that their schemas accept.

use fanfare::schema::{Schema, accepts, check as check_schema};
use fanfare::{DecodeError, Payload, TopicDefinition, TypedChannel, decode};
use serde_json::Value;

use super::schemas;
use crate::definitions::channels::{self, room};
use crate::expand::expand;

/// Reads a letter that selects the schema, two bytes that select a random schema, and JSON.
pub(crate) fn check(input: &[u8]) {
    let Some((&[choice, high, low], rest)) = input.split_first_chunk::<3>() else { return };
    let Some(text) = expand(rest) else { return };
    let Ok(value) = serde_json::from_str::<Value>(&text) else { return };
    match choice {
        b'l' => check_type::<channels::Rung1>(&text),
        b'o' => check_type::<channels::Order>(&text),
        b'r' => check_type::<channels::Ruled>(&text),
        b't' => check_type::<channels::Texts>(&text),
        b'1' => check_type::<channels::Numbers>(&text),
        b'?' => check_verdict(schemas::schema(u16::from_be_bytes([high, low])), &value),
        _ => {}
    }
    let topics = room::Room::DEFINITION.topics;
    let chosen = topics.iter().find(|topic| topic.name.starts_with(char::from(choice)));
    if let Some(schema) = chosen.and_then(TopicDefinition::schema) {
        check_verdict(schema, &value);
    }
}

/// Checks that `accepts` and `check` agree, and that a refused value has issues.
fn check_verdict(schema: &'static Schema, value: &Value) {
    let issues = check_schema(schema, value);
    assert_eq!(accepts(schema, value), issues.is_ok(), "{schema:?} and {value}");
    if let Err(issues) = issues {
        assert!(!issues.is_empty(), "refused without an issue: {value}");
        let bytes: usize = issues.iter().map(|issue| issue.to_string().len()).sum();
        assert!(bytes < 1 << 20, "the issues have {bytes} bytes");
    }
}

/// Checks that a type holds each value that its schema accepts, that reading in one pass gives what reading through a
/// tree gives, and that its JSON is accepted again.
fn check_type<T: Payload>(text: &str) {
    let write = |payload: T| serde_json::to_string(&payload).expect("a payload is JSON");
    let written = decode::<T>(text.as_bytes()).map(write);
    let through_tree = serde_json::from_str::<Value>(text)
        .ok()
        .filter(|value| accepts(T::SCHEMA, value))
        .and_then(|value| T::from_value(value).ok())
        .map(write);
    assert_eq!(written.as_ref().ok(), through_tree.as_ref(), "in one pass, and through a tree: {text}");
    match written {
        Ok(written) => {
            if let Err(error) = decode::<T>(written.as_bytes()) {
                panic!("{text} is accepted, but is refused when written as {written}: {error}");
            }
        }
        Err(DecodeError::Shape(mismatch)) => panic!("accepted, but the type cannot hold it: {mismatch:?}"),
        Err(_) => {}
    }
}

/// Returns the path and rule of each issue of a payload for a topic of the channel `room`, or `None` if it has none.
pub(crate) fn issues(topic: &str, text: &str) -> Option<Vec<String>> {
    let topics = room::Room::DEFINITION.topics;
    let schema = topics.iter().find(|found| found.name == topic).and_then(TopicDefinition::schema);
    let Some(schema) = schema else { return Some(vec!["no topic".into()]) };
    let Ok(value) = serde_json::from_str::<Value>(text) else { return Some(vec!["not JSON".into()]) };
    let issues = check_schema(schema, &value).err()?;
    Some(issues.iter().map(|issue| format!("{} {}", issue.path, issue.rule)).collect())
}
