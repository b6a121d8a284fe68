//! Messages that were published with SQL. The database cannot check payloads, so each reader does.

use std::fmt::Write;

use serde_json::Value;

use crate::channel::ChannelDefinition;
use crate::schema;
use crate::wire::MessageId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Valid,
    /// The definition rejects the payload.
    Invalid,
    /// The definition has no such topic, or it carries text streams.
    NoTopic,
}

/// Checks a message against its definition. Logs an error if subscribers cannot receive it.
pub(super) fn check(definition: &ChannelDefinition, topic: &str, id: MessageId, frame: &str) -> Verdict {
    let parsed = serde_json::from_str::<Value>(frame);
    let channel = parsed.as_ref().ok().and_then(|frame| frame["channel"].as_str()).unwrap_or(definition.name);
    let (verdict, why) =
        match (definition.stored_topic(topic).map(|index| definition.topics.get(index)), &parsed) {
            (None | Some(None), _) => (Verdict::NoTopic, "the channel has no such topic".to_owned()),
            (Some(Some(topic)), parsed) => match (topic.schema(), parsed) {
                (None, _) => (Verdict::NoTopic, "the topic carries text streams, not payloads".to_owned()),
                (Some(_), Err(error)) => {
                    (Verdict::Invalid, format!("the payload is not JSON that servers accept: {error}"))
                }
                (Some(schema), Ok(frame)) => match schema::check(schema, &frame["data"]) {
                    Ok(()) => return Verdict::Valid,
                    Err(issues) => {
                        let mut why = "the payload does not match its definition:".to_owned();
                        for issue in issues {
                            let _ = write!(why, "\n  {issue}");
                        }
                        (Verdict::Invalid, why)
                    }
                },
            },
        };
    tracing::error!(channel, topic, %id, "subscribers cannot receive a message that was published with SQL: {why}");
    verdict
}
