//! Channels, their params, topics and signals.

use serde_json::Value;

use super::addresses;
use super::roots::{Naming, is_foreign};
use super::{Lowered, Lowering};
use crate::breaking::Rule;
use crate::definition::{
    ChannelNode, DeprecatedNode, DynamicAnchors, HistoryNode, IgnoreNode, RetainNode, RetainWord, SchemaNode,
    SignalNode, StreamNode, Target, TopicNode, node, refuse_unknown,
};
use crate::diagnostics::{Code, Diagnostic, Location, closest};
use crate::model::{
    Carries, Channel, Docs, FormerNames, History, Ignore, Param, Retain, RulesId, Scope, Signal, Topic, Type,
    TypeId,
};
use crate::names::{Name, RESULT_TYPE};

/// A channel whose params have no types yet.
pub(crate) struct LoweredChannel {
    pub(crate) channel: Channel,
    /// The schemas of the channel's params, in order.
    pub(crate) params: Vec<RulesId>,
}

impl Lowering<'_> {
    /// Declares every channel of every file, and the types of its payloads.
    pub(super) fn channels_of_all_files(&mut self) {
        for (module, definition) in self.definitions.files.iter().enumerate() {
            let root = Location::root(definition.source).join("channels");
            for (key, value) in &definition.file.channels {
                let location = root.join(key);
                match node::<ChannelNode>(&location, value) {
                    Ok(node) => {
                        let channel = channel(self, key, &node, location, module);
                        self.lowered.channels.extend(channel);
                    }
                    Err(diagnostic) => self.diagnostics.push(diagnostic),
                }
            }
        }
    }
}

fn channel(
    lowering: &mut Lowering<'_>,
    key: &str,
    node: &ChannelNode,
    location: Location,
    module: usize,
) -> Option<LoweredChannel> {
    let index = lowering.lowered.channels.len();
    refuse_unknown(&location, node.unknown.keys(), &ChannelNode::KEYS, lowering.diagnostics);
    let name = identifier(lowering, key, "channel", &location)?;
    let naming = Naming {
        scope: Scope::Channel(index),
        module,
        rust: String::new(),
        typescript: name.pascal.clone(),
        foreign: false,
    };
    let (params, schemas): (Vec<_>, Vec<_>) = node
        .params
        .iter()
        .filter_map(|(key, value)| param(lowering, key, value, &location.join("params").join(key)))
        .unzip();
    let address = addresses::parse(&node.address, &params, &location, lowering.diagnostics);
    let mut topics = Vec::new();
    for (key, value) in &node.topics {
        topics.extend(topic(lowering, key, value, &location.join("topics").join(key), &naming));
    }
    if node.topics.is_empty() {
        lowering.diagnostics.push(
            Diagnostic::at_key(Code::Shape, &location, format!("channel `{key}` has no topics"))
                .help("add at least one topic under `topics`"),
        );
    }
    let mut signals = Vec::new();
    for (key, value) in &node.signals {
        signals.extend(signal(lowering, key, value, &location.join("signals").join(key), &naming));
    }
    let result = node.result.as_ref().and_then(|schema| {
        carried(lowering, schema, None, &location.join("result"), naming.child(RESULT_TYPE))
    });
    let history = history(lowering, node.history.as_ref(), &location.join("history"));
    let docs = to_docs(node.description.clone(), node.deprecated.clone());
    let channel = Channel {
        name,
        docs,
        module,
        address,
        params,
        history,
        topics,
        signals,
        result,
        ignores: ignores(lowering, &node.ignore_breaking, &location),
        releases: Vec::new(),
        location,
    };
    Some(LoweredChannel { channel, params: schemas })
}

/// A param without its type, and its schema.
fn param(
    lowering: &mut Lowering<'_>,
    key: &str,
    value: &Value,
    location: &Location,
) -> Option<(Param, RulesId)> {
    let name = identifier(lowering, key, "param", location)?;
    let value = if value.is_null() { &Value::Bool(true) } else { value };
    let description = match &*lowering.parse(value, location) {
        SchemaNode::Keywords(keywords) => keywords.description.clone(),
        SchemaNode::Bool(_) => None,
    };
    let schema = lowering.schema_at(location, &DynamicAnchors::new());
    Some((Param { name, description, shape: Type::Any }, schema))
}

fn topic(
    lowering: &mut Lowering<'_>,
    key: &str,
    value: &Value,
    location: &Location,
    naming: &Naming,
) -> Option<Topic> {
    let node: TopicNode = match node(location, value) {
        Ok(node) => node,
        Err(diagnostic) => {
            lowering.diagnostics.push(diagnostic);
            return None;
        }
    };
    refuse_unknown(location, node.unknown.keys(), &TopicNode::KEYS, lowering.diagnostics);
    let name = identifier(lowering, key, "topic", location)?;
    refuse_both_or_neither(key, &node, location, lowering.diagnostics);
    let carries = match (node.payload, node.stream) {
        (Some(schema), _) => {
            let (location, naming) = (location.join("payload"), naming.child(&name.pascal));
            Carries::Payload(carried(lowering, &schema, node.description.as_deref(), &location, naming)?)
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
                lowering.diagnostics.push(Diagnostic::at(
                    Code::Limit,
                    &location.join("retain"),
                    "`retain` must be from 1 to 10,000",
                ));
            }
            Retain::Latest(count)
        }
    };
    let former = FormerNames { aliases: node.aliases, renamed_from: node.renamed_from };
    check_former_names(lowering, &former, "topic", location);
    let ignores = ignores(lowering, &node.ignore_breaking, location);
    Some(Topic { name, docs: to_docs(node.description, node.deprecated), retain, carries, former, ignores })
}

/// Reports a topic unless it has exactly one of `payload` and `stream`.
fn refuse_both_or_neither(
    key: &str,
    node: &TopicNode,
    location: &Location,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if node.payload.is_some() && node.stream.is_some() {
        let message = format!("topic `{key}` has both a `payload` and a `stream`");
        diagnostics.push(
            Diagnostic::at_key(Code::Shape, &location.join("stream"), message)
                .related(&location.join("payload"), "the payload")
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
            Diagnostic::at_key(Code::Shape, location, message)
                .help("add `payload: …` for messages, or `stream: text` for text streams"),
        );
    }
}

fn signal(
    lowering: &mut Lowering<'_>,
    key: &str,
    value: &Value,
    location: &Location,
    naming: &Naming,
) -> Option<Signal> {
    let node: SignalNode = match node(location, value) {
        Ok(node) => node,
        Err(diagnostic) => {
            lowering.diagnostics.push(diagnostic);
            return None;
        }
    };
    refuse_unknown(location, node.unknown.keys(), &SignalNode::KEYS, lowering.diagnostics);
    let name = identifier(lowering, key, "signal", location)?;
    let former = FormerNames { aliases: node.aliases, renamed_from: node.renamed_from };
    check_former_names(lowering, &former, "signal", location);
    let ignores = ignores(lowering, &node.ignore_breaking, location);
    let (location, naming) = (location.join("payload"), naming.child(&name.pascal));
    let payload = carried(lowering, &node.payload, node.description.as_deref(), &location, naming)?;
    Some(Signal { name, docs: to_docs(node.description, node.deprecated), payload, former, ignores })
}

fn to_docs(description: Option<String>, deprecated: Option<DeprecatedNode>) -> Docs {
    Docs { description, deprecated: deprecated.and_then(DeprecatedNode::note) }
}

fn check_former_names(lowering: &mut Lowering<'_>, former: &FormerNames, what: &str, location: &Location) {
    for (key, at, name) in former.keyed() {
        identifier(lowering, name, what, &location.join(key).join(at));
    }
}

/// The breaking changes that are accepted at a channel, a topic or a signal.
fn ignores(lowering: &mut Lowering<'_>, nodes: &[IgnoreNode], location: &Location) -> Vec<Ignore> {
    let mut ignores = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        let location = location.join("ignore-breaking").join(at);
        let diagnostics = &mut *lowering.diagnostics;
        refuse_unknown(&location, node.unknown.keys(), &IgnoreNode::KEYS, diagnostics);
        if node.reason.trim().is_empty() {
            let message = "the reason is empty";
            diagnostics.push(
                Diagnostic::at(Code::Shape, &location.join("reason"), message)
                    .help("write why the change breaks nobody"),
            );
        }
        if !fanfare_schema::Format::Date.accepts(&node.until) {
            let message = format!("`{}` is not a date", node.until);
            diagnostics.push(
                Diagnostic::at(Code::Shape, &location.join("until"), message)
                    .help("write the year, the month and the day, such as `2026-12-31`"),
            );
        }
        let ids = || Rule::ALL.iter().map(|rule| rule.id());
        match Rule::ALL.iter().find(|rule| rule.id() == node.rule) {
            Some(rule) => ignores.push(Ignore { rule: *rule, until: node.until.clone() }),
            None => {
                let message = format!("unknown rule `{}`", node.rule);
                let help = closest(&node.rule, ids()).map_or_else(
                    || "`fanfare breaking` prints the rule of each finding in brackets".to_owned(),
                    |nearest| format!("did you mean `{nearest}`?"),
                );
                diagnostics.push(Diagnostic::at(Code::Shape, &location.join("rule"), message).help(help));
            }
        }
    }
    ignores
}

/// The type of a payload or a result.
fn carried(
    lowering: &mut Lowering<'_>,
    schema: &Value,
    description: Option<&str>,
    location: &Location,
    naming: Naming,
) -> Option<TypeId> {
    let naming = Naming { foreign: is_foreign(schema), ..naming };
    lowering.lowered.roots.namings.insert(location.clone(), naming.clone());
    let what = location.pointer.segments().last().copied().unwrap_or("payload");
    if *schema == Value::Bool(false) {
        lowering.diagnostics.push(
            Diagnostic::at(Code::Unsatisfiable, location, "no value satisfies the schema `false`")
                .help(format!("describe the values of the {what}")),
        );
    }
    let node = lowering.parse(schema, location);
    match &*node {
        SchemaNode::Keywords(keywords)
            if keywords.reference.is_some()
                && keywords.assertions().len() == 1
                && !lowering.resources.are_dynamic(location) =>
        {
            let reference = keywords.reference.as_deref().unwrap_or_default();
            let target =
                lowering.target(reference, &location.join("$ref")).and_then(Target::into_location)?;
            let schema = lowering.schema_at(&target, &DynamicAnchors::new());
            let Lowered { schemas, roots, .. } = &mut lowering.lowered;
            Some(TypeId(roots.position(schema, schemas)))
        }
        _ => Some(lowering.declare(location, naming, description.map(str::to_owned))),
    }
}

const DEFAULT_HISTORY: History = History { messages: 100, age_seconds: 300 };

fn history(lowering: &mut Lowering<'_>, node: Option<&HistoryNode>, location: &Location) -> History {
    let Some(node) = node else { return DEFAULT_HISTORY };
    refuse_unknown(location, node.unknown.keys(), &HistoryNode::KEYS, lowering.diagnostics);
    let messages = node.messages.unwrap_or(DEFAULT_HISTORY.messages);
    if !(1..=1_000_000).contains(&messages) {
        lowering.diagnostics.push(Diagnostic::at(
            Code::Limit,
            &location.join("messages"),
            "`messages` must be from 1 to 1,000,000",
        ));
    }
    let age_seconds = node.age.as_deref().map_or(Some(DEFAULT_HISTORY.age_seconds), seconds);
    if age_seconds.is_none() {
        lowering.diagnostics.push(
            Diagnostic::at(Code::Limit, &location.join("age"), "invalid `age`")
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
fn identifier(lowering: &mut Lowering<'_>, key: &str, what: &str, location: &Location) -> Option<Name> {
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let name = Name::new(key).filter(|_| plain);
    if name.is_none() {
        lowering.diagnostics.push(
            Diagnostic::at_key(Code::BadName, location, format!("invalid {what} name `{key}`"))
                .help("use an ASCII letter, followed by ASCII letters, digits, `-` or `_`"),
        );
    }
    name
}
