//! Converts an AsyncAPI document to a definition.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::documents::Documents;
use super::import_schemas::{Schemas, dialect_of};
use super::messages::{FoundChannel, Message, find_channels};
use super::names::{Taken, adapt};
use super::spelling;
use crate::definition::Dialect;
use crate::diagnostics::{Code, Diagnostic, Location, Report, Sources};
use crate::names::Name;

/// A definition, and where its parts come from.
pub(super) struct Imported {
    pub(super) definition: Value,
    /// The title and version of the document.
    pub(super) title: String,
    pub(super) left_out: Vec<(Location, String)>,
    /// The paths of parts of the definition, with their locations in the document.
    pub(super) origins: HashMap<Vec<String>, Location>,
    pub(super) sources: Sources,
}

/// Imports a document. If it describes a client, its directions are reversed.
pub(super) fn import(documents: Documents, root: &Location, is_client: bool) -> Result<Imported, Report> {
    let version = documents.text(&root.join("asyncapi")).unwrap_or_default();
    let is_version_2 = version.starts_with("2.");
    if !is_version_2 && !version.starts_with("3.") {
        let location =
            if documents.exists(&root.join("asyncapi")) { root.join("asyncapi") } else { root.clone() };
        let diagnostic =
            Diagnostic::at(Code::AsyncApi, &location, "not an AsyncAPI document of version 2 or 3")
                .help("the document must start with a version, such as `asyncapi: 3.0.0`");
        return Err(documents.report(vec![diagnostic]));
    }
    let is_exported = documents.exists(&root.join(spelling::EXPORTED));
    let mut importer = Importer {
        schemas: Schemas::new(documents, is_exported),
        is_version_2,
        is_exported,
        origins: HashMap::new(),
    };
    let channels = importer.document(root, is_client);
    importer.schemas.finish();
    importer.schemas.left_out.sort_by_key(|(location, _)| location.source);
    let Schemas { documents, left_out, defs, placed, .. } = importer.schemas;
    if channels.is_empty() {
        let diagnostic =
            Diagnostic::at_key(Code::AsyncApi, &root.join("channels"), "no channel can be imported")
                .note("a channel needs at least one message that the server sends")
                .help(if is_client {
                    "if the document describes the server, leave out `--client`"
                } else {
                    "if the document describes a client, add `--client`"
                });
        return Err(documents.report(vec![diagnostic]));
    }
    let info = |key: &str| documents.text(&root.join("info").join(key)).unwrap_or_default();
    let title =
        format!("{} {}", info("title"), info("version")).split_whitespace().collect::<Vec<_>>().join(" ");
    let mut definition = json!({ "version": 1, "channels": channels });
    if !defs.is_empty() {
        definition["$defs"] = Value::Object(defs);
    }
    let mut origins = importer.origins;
    origins.extend(placed.into_iter().map(|(location, path)| (path, location)));
    Ok(Imported { definition, title, left_out, origins, sources: documents.sources })
}

struct Importer {
    schemas: Schemas,
    is_version_2: bool,
    /// The document was exported by Fanfare.
    is_exported: bool,
    origins: HashMap<Vec<String>, Location>,
}

impl Importer {
    fn document(&mut self, root: &Location, is_client: bool) -> Map<String, Value> {
        let known = ["asyncapi", "info", "channels", "operations", "components", "defaultContentType"];
        self.schemas.leave_out_members(root, &known);
        let components = root.join("components");
        self.components(&components);
        let found = find_channels(&mut self.schemas, root, self.is_version_2, is_client);
        let mut taken = Taken::default();
        let named: Vec<(String, FoundChannel)> =
            found.into_iter().map(|found| (taken.identifier(&found.name, "channel"), found)).collect();
        // Schemas refer to payloads, so all payloads are known before any is converted.
        let mut planned = Vec::new();
        for (name, found) in named {
            let messages = self.plan(&name, &found);
            let result = ["channels", &name, "result"].map(str::to_owned).to_vec();
            self.schemas.placed.insert(found.location.join(spelling::RESULT), result);
            planned.push((name, found, messages));
        }
        let mut channels = Map::new();
        for (name, found, messages) in planned {
            if let Some(channel) = self.channel(&name, &found, &messages) {
                self.origins.insert(vec!["channels".to_owned(), name.clone()], found.location.clone());
                channels.insert(name, channel);
            }
        }
        self.leave_out_unused_messages(&components);
        channels
    }

    /// Declares the schemas of the components, and records what else is left out.
    fn components(&mut self, components: &Location) {
        let known =
            ["schemas", "messages", "parameters", "channels", "operations", "replies", "messageTraits"];
        self.schemas.leave_out_members(components, &known);
        let schemas = components.join("schemas");
        for key in self.schemas.documents.keys(&schemas) {
            let location = schemas.join(&key);
            let (location, dialect) = match self.schema_of(&location, None) {
                Ok(found) => found,
                Err(reason) => {
                    self.schemas.leave_out(&location, reason);
                    continue;
                }
            };
            let name = self.schemas.documents.text(&location.join(spelling::NAME)).unwrap_or(key);
            if Name::new(&name).is_some() {
                self.schemas.declare(&name, &location, dialect);
            }
        }
    }

    /// Returns the location of a schema and its draft, or why it cannot be read. In version 3, an object with `schemaFormat`
    /// contains the schema.
    fn schema_of(&self, location: &Location, format: Option<String>) -> Result<(Location, Dialect), String> {
        let documents = &self.schemas.documents;
        let own = documents.text(&location.join("schemaFormat")).filter(|_| !self.is_version_2);
        let location = if own.is_some() { location.join("schema") } else { location.clone() };
        match own.or(format) {
            None => Ok((location, Dialect::Draft7)),
            Some(format) => match dialect_of(&format) {
                Some(dialect) => Ok((location, dialect)),
                None => Err(format!("the schema format `{format}` is not JSON Schema")),
            },
        }
    }

    /// Decides the names of a channel's topics and signals.
    fn plan(&mut self, channel: &str, found: &FoundChannel) -> Vec<Planned> {
        let mut taken = Taken::default();
        let mut planned = Vec::new();
        for (is_signal, message) in
            found.messages.iter().filter(|message| message.is_sent).map(|message| (false, message)).chain(
                found.messages.iter().filter(|message| message.is_received).map(|message| (true, message)),
            )
        {
            let location = match self.schemas.documents.follow(&message.location) {
                Ok(location) => location,
                Err(reason) => {
                    self.schemas.leave_out(&message.location, reason);
                    continue;
                }
            };
            let wanted = self.name_of(message, &location);
            let camel = Name::new(&wanted).map(|name| name.pascal).unwrap_or_default();
            let name = if is_signal && taken.has(&wanted) && !self.is_exported {
                taken.identifier(&format!("send{camel}"), "message")
            } else {
                taken.identifier(&wanted, "message")
            };
            let group = if is_signal { "signals" } else { "topics" };
            let path = ["channels", channel, group, &name].map(str::to_owned).to_vec();
            self.origins.insert(path.clone(), message.location.clone());
            let payload = self.payload(&location);
            if let Ok(Some((payload, _))) = &payload {
                let path = [path, vec!["payload".to_owned()]].concat();
                self.origins.insert(path.clone(), payload.clone());
                // A message of several channels has one payload; references name the first.
                self.schemas.placed.entry(payload.clone()).or_insert(path);
            }
            planned.push(Planned { name, is_signal, location, payload });
        }
        planned
    }

    /// Returns the name of a message: its `name`, its key, its id or its title.
    fn name_of(&mut self, message: &Message, location: &Location) -> String {
        let own = self.field(location, "name").or_else(|| message.key.clone());
        let own = own.or_else(|| self.field(location, "messageId"));
        let component = (message.location != *location)
            .then(|| location.pointer.segments().last().map(|last| (*last).to_owned()));
        own.or(component.flatten())
            .or_else(|| self.field(location, "title"))
            .unwrap_or_else(|| message.otherwise.clone())
    }

    /// Returns a text of a message or of its traits. In version 2 traits replace it, later the message is first.
    fn field(&mut self, message: &Location, key: &str) -> Option<String> {
        let own = self.schemas.documents.text(&message.join(key));
        if own.is_some() && !self.is_version_2 {
            return own;
        }
        let count = self.schemas.documents.value(&message.join("traits")).as_array().map_or(0, Vec::len);
        let traits = (0..count).rev().filter_map(|index| {
            let location = self.schemas.documents.follow(&message.join("traits").join(index)).ok()?;
            self.schemas.documents.text(&location.join(key))
        });
        let from_traits = traits.collect::<Vec<_>>().into_iter().next();
        from_traits.or(own)
    }

    /// Returns the location of a message's payload and its draft.
    fn payload(&mut self, message: &Location) -> Result<Option<(Location, Dialect)>, String> {
        let payload = message.join("payload");
        if !self.schemas.documents.exists(&payload) {
            return Ok(None);
        }
        let format = self.field(message, "schemaFormat");
        let wrapped = self.schemas.documents.follow(&payload)?;
        let is_wrapped = self.schemas.documents.exists(&wrapped.join("schemaFormat"));
        self.schema_of(if is_wrapped { &wrapped } else { &payload }, format).map(Some)
    }

    fn channel(&mut self, name: &str, found: &FoundChannel, messages: &[Planned]) -> Option<Value> {
        let mut channel = Map::new();
        let documents = &self.schemas.documents;
        let texts = ["description", "summary", "title"].map(|key| documents.text(&found.location.join(key)));
        if let Some(description) = texts.into_iter().flatten().next() {
            channel.insert("description".to_owned(), json!(description));
        }
        self.copy(&found.location, "deprecated", spelling::DEPRECATED, &mut channel);
        let known =
            ["address", "messages", "parameters", "description", "summary", "title", "subscribe", "publish"];
        self.schemas.leave_out_members(&found.location, &known);
        let mut topics = Map::new();
        let mut signals = Map::new();
        for message in messages {
            if let Some(value) = self.message(message) {
                let group = if message.is_signal { &mut signals } else { &mut topics };
                group.insert(message.name.clone(), value);
            }
        }
        if topics.is_empty() {
            self.schemas.leave_out(
                &found.location,
                "the server sends no messages on this channel; a channel needs at least one topic",
            );
            return None;
        }
        self.address(name, found, &mut channel);
        if let Some(history) =
            self.schemas.documents.value(&found.location.join(spelling::HISTORY)).as_object()
        {
            channel.insert("history".to_owned(), Value::Object(history.clone()));
        }
        channel.insert("topics".to_owned(), Value::Object(topics));
        if !signals.is_empty() {
            channel.insert("signals".to_owned(), Value::Object(signals));
        }
        let result = found.location.join(spelling::RESULT);
        if self.schemas.documents.exists(&result) {
            let schema = self.schemas.convert(&result, Dialect::Draft7);
            channel.insert("result".to_owned(), schema);
        }
        Some(Value::Object(channel))
    }

    fn address(&mut self, name: &str, found: &FoundChannel, channel: &mut Map<String, Value>) {
        let written = found.address.clone().unwrap_or_default();
        let mut address = adapt(&written, name);
        if self.is_exported {
            address.text.clone_from(&written);
            address.changes.clear();
        }
        if !address.changes.is_empty() {
            let location = found.location.join("address");
            let location =
                if self.schemas.documents.exists(&location) { location } else { found.location.clone() };
            let reasons = address.changes.join("; ");
            let change = if written.is_empty() {
                format!("the channel has no address; it becomes `{}`", address.text)
            } else {
                format!("the address `{written}` becomes `{}`: {reasons}", address.text)
            };
            self.schemas.leave_out(&location, change);
        }
        channel.insert("address".to_owned(), json!(address.text));
        let mut params = Map::new();
        for (name, own) in address.params {
            let location = found.location.join("parameters").join(&name);
            let schema = if self.schemas.documents.exists(&location) {
                self.param(&location)
            } else {
                json!({ "type": "string" })
            };
            params.insert(own, schema);
        }
        if !params.is_empty() {
            channel.insert("params".to_owned(), Value::Object(params));
        }
    }

    fn param(&mut self, location: &Location) -> Value {
        let Ok(location) = self.schemas.documents.follow(location) else {
            return json!({ "type": "string" });
        };
        let schema = location.join(if self.is_version_2 { "schema" } else { spelling::SCHEMA });
        if self.schemas.documents.exists(&schema) {
            self.schemas.leave_out_members(&location, &["schema", "description", "enum"]);
            let description = self.schemas.documents.text(&location.join("description"));
            let mut param = self.schemas.convert(&schema, Dialect::Draft7);
            if let (Some(description), Value::Object(keywords)) = (description, &mut param) {
                keywords.entry("description").or_insert(json!(description));
            }
            return param;
        }
        self.schemas.leave_out_members(&location, &["enum", "default", "description", "examples"]);
        let mut param = json!({ "type": "string" });
        for key in ["description", "enum", "default", "examples"] {
            if self.schemas.documents.exists(&location.join(key)) {
                param[key] = self.schemas.documents.value(&location.join(key)).clone();
            }
        }
        param
    }

    fn message(&mut self, message: &Planned) -> Option<Value> {
        let location = &message.location;
        let known = [
            "payload",
            "schemaFormat",
            "name",
            "title",
            "summary",
            "description",
            "messageId",
            "traits",
            "contentType",
        ];
        self.schemas.leave_out_members(location, &known);
        self.leave_out_traits(location);
        let content = self.field(location, "contentType").filter(|content| !content.contains("json"));
        if let Some(content) = content {
            self.schemas
                .leave_out(&location.join("contentType"), format!("payloads are JSON, not `{content}`"));
        }
        let mut value = Map::new();
        let description = self.field(location, "description").or_else(|| self.field(location, "summary"));
        if let Some(description) = description {
            value.insert("description".to_owned(), json!(description));
        }
        for (key, extension) in spelling::OF_MESSAGES {
            self.copy(location, key, extension, &mut value);
        }
        if let Some(stream) = self.schemas.documents.text(&location.join(spelling::STREAM)) {
            value.insert("stream".to_owned(), json!(stream));
            return Some(Value::Object(value));
        }
        let payload = match &message.payload {
            Ok(Some((payload, dialect))) => self.schemas.convert(payload, *dialect),
            Ok(None) => {
                self.schemas.leave_out(location, "the message declares no payload; any value is accepted");
                json!(true)
            }
            Err(reason) => {
                self.schemas.leave_out(location, format!("the message is left out: {reason}"));
                return None;
            }
        };
        value.insert("payload".to_owned(), payload);
        Some(Value::Object(value))
    }

    /// Copies the value of an extension, if there is one.
    fn copy(&self, location: &Location, key: &str, extension: &str, to: &mut Map<String, Value>) {
        let value = self.schemas.documents.value(&location.join(extension));
        if !value.is_null() {
            to.insert(key.to_owned(), value.clone());
        }
    }

    fn leave_out_traits(&mut self, message: &Location) {
        let count = self.schemas.documents.value(&message.join("traits")).as_array().map_or(0, Vec::len);
        for index in 0..count {
            match self.schemas.documents.follow(&message.join("traits").join(index)) {
                Ok(location) => {
                    let known = [
                        "name",
                        "title",
                        "summary",
                        "description",
                        "messageId",
                        "schemaFormat",
                        "contentType",
                    ];
                    self.schemas.leave_out_members(&location, &known);
                }
                Err(reason) => self.schemas.leave_out(&message.join("traits").join(index), reason),
            }
        }
    }

    fn leave_out_unused_messages(&mut self, components: &Location) {
        let messages = components.join("messages");
        for key in self.schemas.documents.keys(&messages) {
            let location = messages.join(&key);
            let used = self.origins.values().any(|origin| *origin == location)
                || self.origins.values().any(|origin| origin.ancestor(location.pointer.depth()) == location)
                || self.is_followed(&location);
            if !used {
                self.schemas.leave_out(&location, "no channel has this message");
            }
        }
    }

    fn is_followed(&mut self, location: &Location) -> bool {
        let origins: Vec<Location> = self.origins.values().cloned().collect();
        origins
            .iter()
            .any(|origin| self.schemas.documents.follow(origin).is_ok_and(|target| target == *location))
    }
}

/// A topic or a signal with its name.
struct Planned {
    name: String,
    is_signal: bool,
    location: Location,
    payload: Result<Option<(Location, Dialect)>, String>,
}
