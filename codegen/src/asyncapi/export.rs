//! Prints a model as an AsyncAPI document.

use serde_json::{Map, Value, json};

use super::export_schemas::Schemas;
use super::spelling;
use crate::definition::Definitions;
use crate::diagnostics::{Location, Sources};
use crate::model::{Carries, Channel, Docs, FormerNames, History, Model, Param, Retain, Type};

/// A document, and what it says less precisely than the definitions.
pub(super) struct Exported {
    pub(super) document: Value,
    pub(super) left_out: Vec<(Location, String)>,
}

/// Exports a model and the schemas of its definitions.
pub(super) fn export(
    model: &Model,
    definitions: &Definitions,
    sources: &Sources,
    title: &str,
    version: &str,
) -> Exported {
    let mut schemas = Schemas::new(definitions, sources);
    for channel in &model.channels {
        place_schemas(channel, &mut schemas);
    }
    schemas.declare_definitions();
    let mut channels = Map::new();
    let mut operations = Map::new();
    for channel in &model.channels {
        let name = &channel.name.wire;
        channels.insert(name.clone(), print_channel(channel, &mut schemas));
        let topics = channel.topics.iter().map(|topic| topic.name.wire.clone()).collect();
        operations.insert(format!("{name}.send"), print_operation("send", name, topics));
        let signals: Vec<String> =
            channel.signals.iter().map(|signal| signal_key(channel, &signal.name.wire)).collect();
        if !signals.is_empty() {
            operations.insert(format!("{name}.receive"), print_operation("receive", name, signals));
        }
    }
    let (components, left_out) = schemas.finish();
    let mut document = json!({
        "asyncapi": "3.0.0",
        "info": { "title": title, "version": version },
        "defaultContentType": "application/json",
        spelling::EXPORTED: 1,
        "channels": channels,
        "operations": operations,
    });
    if !components.is_empty() {
        document["components"] = json!({ "schemas": components });
    }
    Exported { document, left_out }
}

/// The key of a signal among the messages of its channel.
fn signal_key(channel: &Channel, signal: &str) -> String {
    let is_taken = channel.topics.iter().any(|topic| topic.name.wire == signal);
    if is_taken { format!("{signal}-signal") } else { signal.to_owned() }
}

/// Declares where the document has the schemas of a channel.
fn place_schemas(channel: &Channel, schemas: &mut Schemas<'_>) {
    let name = channel.name.wire.as_str();
    let own = ["channels", name];
    for topic in &channel.topics {
        let location = channel.location.below(&["topics", &topic.name.wire, "payload"]);
        schemas.place(location, &[own.as_slice(), &["messages", &topic.name.wire, "payload"]].concat());
    }
    for signal in &channel.signals {
        let location = channel.location.below(&["signals", &signal.name.wire, "payload"]);
        let key = signal_key(channel, &signal.name.wire);
        schemas.place(location, &[own.as_slice(), &["messages", &key, "payload"]].concat());
    }
    for param in &channel.params {
        let location = channel.location.below(&["params", &param.name.wire]);
        schemas
            .place(location, &[own.as_slice(), &["parameters", &param.name.wire, spelling::SCHEMA]].concat());
    }
    schemas.place(channel.location.join("result"), &[own.as_slice(), &[spelling::RESULT]].concat());
}

fn print_channel(channel: &Channel, schemas: &mut Schemas<'_>) -> Value {
    let mut members = Map::new();
    members.insert("address".to_owned(), json!(channel.template()));
    push_docs(&mut members, &channel.docs);
    if !channel.params.is_empty() {
        let params = channel.params.iter().map(|param| {
            let location = channel.location.below(&["params", &param.name.wire]);
            (param.name.wire.clone(), print_param(param, schemas.convert(&location)))
        });
        members.insert("parameters".to_owned(), Value::Object(params.collect()));
    }
    let mut messages = Map::new();
    for topic in &channel.topics {
        let name = &topic.name.wire;
        let mut message = Map::new();
        message.insert("name".to_owned(), json!(name));
        push_docs(&mut message, &topic.docs);
        match topic.carries {
            Carries::Payload(_) => {
                let location = channel.location.below(&["topics", name, "payload"]);
                message.insert("payload".to_owned(), to_object(schemas.convert(&location)));
            }
            Carries::TextStream => {
                message.insert("payload".to_owned(), json!({ "type": "string" }));
                message.insert(spelling::STREAM.to_owned(), json!("text"));
            }
        }
        let retain = match topic.retain {
            Retain::None => None,
            Retain::Last => Some(json!("last")),
            Retain::All => Some(json!("all")),
            Retain::Latest(count) => Some(json!(count)),
        };
        message.extend(retain.map(|retain| (spelling::RETAIN.to_owned(), retain)));
        push_former_names(&mut message, &topic.former);
        messages.insert(name.clone(), Value::Object(message));
    }
    for signal in &channel.signals {
        let name = &signal.name.wire;
        let mut message = Map::new();
        message.insert("name".to_owned(), json!(name));
        push_docs(&mut message, &signal.docs);
        let location = channel.location.below(&["signals", name, "payload"]);
        message.insert("payload".to_owned(), to_object(schemas.convert(&location)));
        push_former_names(&mut message, &signal.former);
        messages.insert(signal_key(channel, name), Value::Object(message));
    }
    members.insert("messages".to_owned(), Value::Object(messages));
    members.insert("bindings".to_owned(), json!({ "ws": { "method": "GET", "bindingVersion": "0.1.0" } }));
    members.insert(spelling::HISTORY.to_owned(), print_history(channel.history));
    if channel.result.is_some() {
        members.insert(spelling::RESULT.to_owned(), schemas.convert(&channel.location.join("result")));
    }
    Value::Object(members)
}

/// Prints a parameter. AsyncAPI's parameters are strings, so the schema is an extension.
fn print_param(param: &Param, schema: Value) -> Value {
    let mut members = Map::new();
    push_text(&mut members, "description", param.description.as_deref());
    if let Type::Enum(values) = &param.shape
        && !values.open
    {
        let values: Vec<&str> = values.values.iter().map(|value| value.wire.as_str()).collect();
        members.insert("enum".to_owned(), json!(values));
    }
    if !schema.is_null() {
        members.insert(spelling::SCHEMA.to_owned(), schema);
    }
    Value::Object(members)
}

/// Returns a schema as an object, because AsyncAPI has no `payload: true`.
fn to_object(schema: Value) -> Value {
    match schema {
        Value::Bool(true) => json!({}),
        schema => schema,
    }
}

fn print_history(history: History) -> Value {
    let units = [(86_400, 'd'), (3600, 'h'), (60, 'm'), (1, 's')];
    let unit = units.into_iter().find(|(seconds, _)| history.age_seconds.is_multiple_of(*seconds));
    let (seconds, unit) = unit.unwrap_or((1, 's'));
    json!({ "messages": history.messages, "age": format!("{}{unit}", history.age_seconds / seconds) })
}

fn print_operation(action: &str, channel: &str, messages: Vec<String>) -> Value {
    let reference = |message: String| json!({ "$ref": spelling::print_pointer(["channels", channel, "messages", &message]) });
    json!({
        "action": action,
        "channel": { "$ref": spelling::print_pointer(["channels", channel]) },
        "messages": messages.into_iter().map(reference).collect::<Vec<_>>(),
    })
}

fn push_former_names(message: &mut Map<String, Value>, former: &FormerNames) {
    for (key, names) in [(spelling::ALIASES, &former.aliases), (spelling::RENAMED_FROM, &former.renamed_from)]
    {
        if !names.is_empty() {
            message.insert(key.to_owned(), json!(names));
        }
    }
}

fn push_docs(members: &mut Map<String, Value>, docs: &Docs) {
    push_text(members, "description", docs.description.as_deref());
    let deprecated =
        docs.deprecated.as_deref().map(|note| if note.is_empty() { json!(true) } else { json!(note) });
    members.extend(deprecated.map(|deprecated| (spelling::DEPRECATED.to_owned(), deprecated)));
}

fn push_text(members: &mut Map<String, Value>, key: &str, text: Option<&str>) {
    members.extend(text.map(|text| (key.to_owned(), json!(text))));
}
