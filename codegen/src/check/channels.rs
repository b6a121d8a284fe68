//! Channels, their params, topics and signals.

use serde_json::Value;

use super::addresses;
use super::naming::{Naming, is_foreign};
use super::types::Types;
use crate::definition::{
    ChannelNode, HistoryNode, RetainNode, RetainWord, SchemaNode, SignalNode, StreamNode, TopicNode, node,
    refuse_unknown,
};
use crate::diagnostics::{Code, Diagnostic, Place, closest};
use crate::model::{
    Carries, Channel, History, Integer, Param, Retain, Scope, Signal, Text, Topic, Type, TypeId,
};
use crate::names::{Name, RESULT_TYPE};

/// The channels and their locations.
#[derive(Default)]
pub(super) struct Channels {
    pub(super) channels: Vec<Channel>,
    pub(super) places: Vec<Place>,
}

/// Declares every channel of every file, and the types of its payloads.
pub(super) fn declare(types: &mut Types<'_>) -> Channels {
    let mut declared = Channels::default();
    for (module, definition) in types.definitions.files.iter().enumerate() {
        let root = Place::root(definition.source).join("channels");
        for (key, value) in &definition.file.channels {
            let place = root.join(key);
            match node::<ChannelNode>(&place, value.clone()) {
                Ok(node) => {
                    let index = declared.channels.len();
                    if let Some(channel) = channel(types, key, &node, &place, module, index) {
                        declared.channels.push(channel);
                        declared.places.push(place);
                    }
                }
                Err(diagnostic) => types.diagnostics.push(diagnostic),
            }
        }
    }
    declared
}

fn channel(
    types: &mut Types<'_>,
    key: &str,
    node: &ChannelNode,
    place: &Place,
    module: usize,
    index: usize,
) -> Option<Channel> {
    refuse_unknown(place, node.unknown.keys(), &ChannelNode::KEYS, &mut types.diagnostics);
    let name = identifier(types, key, "channel", place)?;
    let naming = Naming {
        scope: Scope::Channel(index),
        module,
        rust: String::new(),
        typescript: name.pascal.clone(),
        foreign: false,
    };
    let mut params = Vec::new();
    for (key, value) in &node.params {
        params.extend(param(types, key, value, &place.join("params").join(key), &naming));
    }
    let address = addresses::parse(&node.address, &params, place, &mut types.diagnostics);
    let mut topics = Vec::new();
    for (key, value) in &node.topics {
        topics.extend(topic(types, key, value, &place.join("topics").join(key), &naming));
    }
    if node.topics.is_empty() {
        types.diagnostics.push(
            Diagnostic::at_key(Code::Shape, place, format!("channel `{key}` has no topics"))
                .help("add at least one topic under `topics`"),
        );
    }
    let mut signals = Vec::new();
    for (key, value) in &node.signals {
        signals.extend(signal(types, key, value, &place.join("signals").join(key), &naming));
    }
    let result = node
        .result
        .clone()
        .and_then(|schema| carried(types, schema, None, &place.join("result"), naming.child(RESULT_TYPE)));
    let history = history(types, node.history.as_ref(), &place.join("history"));
    let description = node.description.clone();
    Some(Channel { name, description, module, address, params, history, topics, signals, result })
}

fn param(types: &mut Types<'_>, key: &str, value: &Value, place: &Place, naming: &Naming) -> Option<Param> {
    let name = identifier(types, key, "param", place)?;
    let value = if value.is_null() { Value::Bool(true) } else { value.clone() };
    let schema = types.parse(value, place);
    let description = super::types::description_of(&schema);
    let shape = types.structure(&schema, place, &naming.child(&name.pascal));
    let shape = match types.behind_aliases(shape).unwrap_or(Type::Any) {
        Type::Any => Type::Text(Text { min_length: Some(1), ..Text::default() }),
        Type::Text(text) => Type::Text(Text { min_length: text.min_length.max(Some(1)), ..text }),
        shape => shape,
    };
    if !matches!(shape, Type::Text(_) | Type::Integer(Integer { .. }) | Type::Enum(_)) {
        types.diagnostics.push(
            Diagnostic::at(
                Code::Address,
                place,
                "a param must be a string, an enum of strings or an integer",
            )
            .help("write `type: string` or `type: integer`"),
        );
    }
    Some(Param { name, description, shape })
}

fn topic(types: &mut Types<'_>, key: &str, value: &Value, place: &Place, naming: &Naming) -> Option<Topic> {
    let node: TopicNode = match node(place, value.clone()) {
        Ok(node) => node,
        Err(diagnostic) => {
            types.diagnostics.push(diagnostic);
            return None;
        }
    };
    refuse_unknown(place, node.unknown.keys(), &TopicNode::KEYS, &mut types.diagnostics);
    let name = identifier(types, key, "topic", place)?;
    refuse_both_or_neither(key, &node, place, &mut types.diagnostics);
    let carries = match (node.payload, node.stream) {
        (Some(schema), _) => {
            let (place, naming) = (place.join("payload"), naming.child(&name.pascal));
            Carries::Payload(carried(types, schema, node.description.as_deref(), &place, naming)?)
        }
        (None, Some(StreamNode::Text)) => Carries::TextStream,
        (None, None) => return None,
    };
    let retain = match node.retain {
        None => Retain::None,
        Some(RetainNode::Word(RetainWord::Last)) => Retain::Last,
        Some(RetainNode::Word(RetainWord::All)) => Retain::All,
        Some(RetainNode::Latest(count)) => {
            if !(1..=10_000).contains(&count) {
                types.diagnostics.push(Diagnostic::at(
                    Code::Limit,
                    &place.join("retain"),
                    "`retain` must be from 1 to 10,000",
                ));
            }
            Retain::Latest(count)
        }
    };
    Some(Topic { name, description: node.description, retain, carries })
}

/// Reports a topic unless it has exactly one of `payload` and `stream`.
fn refuse_both_or_neither(key: &str, node: &TopicNode, place: &Place, diagnostics: &mut Vec<Diagnostic>) {
    if node.payload.is_some() && node.stream.is_some() {
        let message = format!("topic `{key}` has both a `payload` and a `stream`");
        diagnostics.push(
            Diagnostic::at_key(Code::Shape, &place.join("stream"), message)
                .related(&place.join("payload"), "the payload")
                .note("a topic carries either payloads or text streams")
                .help("keep one of them, and move the other to a separate topic"),
        );
    }
    // A misspelt key is already reported as unknown.
    let is_misspelt =
        |key: &String| closest(key, TopicNode::KEYS).is_some_and(|meant| TopicNode::CARRIED.contains(&meant));
    if node.payload.is_none() && node.stream.is_none() && !node.unknown.keys().any(is_misspelt) {
        let message = format!("topic `{key}` has neither a `payload` nor a `stream`");
        diagnostics.push(
            Diagnostic::at_key(Code::Shape, place, message)
                .help("add `payload: …` for messages, or `stream: text` for text streams"),
        );
    }
}

fn signal(types: &mut Types<'_>, key: &str, value: &Value, place: &Place, naming: &Naming) -> Option<Signal> {
    let node: SignalNode = match node(place, value.clone()) {
        Ok(node) => node,
        Err(diagnostic) => {
            types.diagnostics.push(diagnostic);
            return None;
        }
    };
    refuse_unknown(place, node.unknown.keys(), &SignalNode::KEYS, &mut types.diagnostics);
    let name = identifier(types, key, "signal", place)?;
    let (place, naming) = (place.join("payload"), naming.child(&name.pascal));
    let payload = carried(types, node.payload, node.description.as_deref(), &place, naming)?;
    Some(Signal { name, description: node.description, payload })
}

/// The type of a payload or a result.
fn carried(
    types: &mut Types<'_>,
    schema: Value,
    description: Option<&str>,
    place: &Place,
    naming: Naming,
) -> Option<TypeId> {
    let naming = Naming { foreign: is_foreign(&schema), ..naming };
    types.namings.insert(place.clone(), naming.clone());
    let what = place.pointer.segments().last().copied().unwrap_or("payload");
    if schema == Value::Bool(false) {
        types.diagnostics.push(
            Diagnostic::at(Code::Unsatisfiable, place, "no value satisfies the schema `false`")
                .help(format!("describe the values of the {what}")),
        );
    }
    let parsed = types.parse(schema, place);
    match &parsed {
        SchemaNode::Keywords(keywords)
            if keywords.reference.is_some()
                && keywords.assertions().len() == 1
                && !types.resources.are_dynamic(place) =>
        {
            let target = keywords.reference.as_deref().unwrap_or_default();
            match types.reference(target, &place.join("$ref")) {
                Type::Named(id) => Some(id),
                _ => None,
            }
        }
        _ => {
            let id = types.declare(parsed, place, naming);
            types.by_place.insert(place.clone(), id);
            let described = &mut types.model.types[id.0].description;
            *described = described.take().or_else(|| description.map(str::to_owned));
            Some(id)
        }
    }
}

const DEFAULT_HISTORY: History = History { messages: 100, age_seconds: 300 };

fn history(types: &mut Types<'_>, node: Option<&HistoryNode>, place: &Place) -> History {
    let Some(node) = node else { return DEFAULT_HISTORY };
    refuse_unknown(place, node.unknown.keys(), &HistoryNode::KEYS, &mut types.diagnostics);
    let messages = node.messages.unwrap_or(DEFAULT_HISTORY.messages);
    if !(1..=1_000_000).contains(&messages) {
        types.diagnostics.push(Diagnostic::at(
            Code::Limit,
            &place.join("messages"),
            "`messages` must be from 1 to 1,000,000",
        ));
    }
    let age_seconds = node.age.as_deref().map_or(Some(DEFAULT_HISTORY.age_seconds), seconds);
    if age_seconds.is_none() {
        types.diagnostics.push(
            Diagnostic::at(Code::Limit, &place.join("age"), "invalid `age`")
                .help("write a whole number and a unit, such as `30s`, `10m`, `2h` or `7d` (at most 365d)"),
        );
    }
    History { messages, age_seconds: age_seconds.unwrap_or(DEFAULT_HISTORY.age_seconds) }
}

fn seconds(age: &str) -> Option<u64> {
    let unit = age.chars().last()?;
    let count: u64 = age[..age.len() - unit.len_utf8()].parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    count.checked_mul(seconds).filter(|total| (1..=365 * 86_400).contains(total))
}

/// Checks the name of a channel, param, topic or signal, which appears in code and in addresses.
fn identifier(types: &mut Types<'_>, key: &str, what: &str, place: &Place) -> Option<Name> {
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let name = Name::new(key).filter(|_| plain);
    if name.is_none() {
        types.diagnostics.push(
            Diagnostic::at_key(Code::BadName, place, format!("invalid {what} name `{key}`"))
                .help("use an ASCII letter, followed by ASCII letters, digits, `-` or `_`"),
        );
    }
    name
}
