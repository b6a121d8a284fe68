//! Makes the types that every contestant compiles: the same at every run, and typical of messages.

use std::fmt::Write;

const AREAS: [&str; 10] = [
    "billing",
    "catalog",
    "delivery",
    "editor",
    "inventory",
    "learning",
    "payroll",
    "planning",
    "support",
    "travel",
];
const SUBJECTS: [&str; 10] =
    ["account", "batch", "document", "invoice", "message", "order", "project", "report", "review", "ticket"];
const TOPICS: [&str; 10] = [
    "created",
    "updated",
    "removed",
    "approved",
    "rejected",
    "shipped",
    "failed",
    "commented",
    "progressed",
    "archived",
];

/// How many object types there are at most: each belongs to one topic of one channel.
pub(crate) const MOST_TYPES: usize = AREAS.len() * SUBJECTS.len() * TOPICS.len();
/// Each channel has as many types.
pub(crate) const TYPES_A_CHANNEL: usize = TOPICS.len();

/// The properties that types are made of, as a name and a schema. `@` stands for a type of the
/// same channel.
const PROPERTIES: [(&str, &str); 16] = [
    ("id", r#"{ "type": "string", "format": "uuid" }"#),
    ("title", r#"{ "type": "string", "minLength": 1, "maxLength": 120 }"#),
    ("createdAt", r#"{ "type": "string", "format": "date-time" }"#),
    ("state", r#"{ "enum": ["draft", "active", "paused", "done"] }"#),
    ("progress", r#"{ "type": "integer", "minimum": 0, "maximum": 100 }"#),
    ("author", r#"{ "type": "string", "format": "email" }"#),
    (
        "tags",
        r#"{ "type": "array", "maxItems": 20, "items": { "type": "string", "minLength": 1, "maxLength": 40 } }"#,
    ),
    ("note", r#"{ "type": ["string", "null"], "maxLength": 500 }"#),
    ("previous", r#"{ "$ref": "@" }"#),
    ("amount", r#"{ "type": "number", "minimum": 0 }"#),
    ("labels", r#"{ "type": "object", "additionalProperties": { "type": "string" } }"#),
    ("isUrgent", r#"{ "type": "boolean" }"#),
    ("code", r#"{ "type": "string", "pattern": "^[A-Z]{3}-[0-9]{4}$" }"#),
    ("attempts", r#"{ "type": "integer", "minimum": 0, "maximum": 1000000 }"#),
    ("related", r#"{ "type": "array", "items": { "$ref": "@" } }"#),
    ("dueOn", r#"{ "type": ["string", "null"], "format": "date" }"#),
];

/// A channel whose every topic carries a type of its own.
pub(crate) struct Channel {
    /// Also the definition file's name.
    pub(crate) name: String,
    types: Vec<ObjectType>,
}

struct ObjectType {
    name: String,
    topic: &'static str,
    /// Name, schema, whether it is required.
    properties: Vec<(&'static str, String, bool)>,
}

/// The channels that have `count` types together.
pub(crate) fn channels(count: usize) -> Vec<Channel> {
    let mut dice = Dice(0x5eed);
    let names = AREAS.iter().flat_map(|area| SUBJECTS.iter().map(move |subject| (area, subject)));
    names
        .take(count.div_ceil(TYPES_A_CHANNEL))
        .map(|(area, subject)| channel(&format!("{area}{}", capitalised(subject)), &mut dice))
        .collect()
}

/// A channel as a definition file.
pub(crate) fn definition(channel: &Channel) -> String {
    let name = &channel.name;
    let mut yaml = format!(
        "version: 1\n\nchannels:\n  {name}:\n    address: {name}:{{id}}\n    params: {{ id: {{ type: string }} }}\n    topics:\n"
    );
    for object in &channel.types {
        let payload = format!("payload: {{ $ref: \"#/$defs/{}\" }}", object.name);
        line(&mut yaml, &format!("      {}:\n        {payload}", object.topic));
    }
    line(&mut yaml, "\n$defs:");
    for object in &channel.types {
        let required: Vec<_> = object.required().collect();
        line(&mut yaml, &format!("  {}:\n    type: object", object.name));
        line(&mut yaml, &format!("    required: [{}]\n    properties:", required.join(", ")));
        for (property, schema, _) in &object.properties {
            line(&mut yaml, &format!("      {property}: {}", schema.replace('@', "#/$defs/")));
        }
    }
    yaml
}

/// All channels' types as one JSON Schema document, for the peers.
pub(crate) fn json_schema(channels: &[Channel]) -> String {
    let types = channels.iter().flat_map(|channel| &channel.types);
    let definitions: Vec<_> = types.map(json_definition).collect();
    format!(
        "{{\n\"$schema\": \"http://json-schema.org/draft-07/schema#\",\n\"definitions\": {{\n{}\n}}\n}}\n",
        definitions.join(",\n")
    )
}

impl ObjectType {
    fn required(&self) -> impl Iterator<Item = &'static str> {
        self.properties.iter().filter(|(_, _, required)| *required).map(|(name, _, _)| *name)
    }
}

fn channel(name: &str, dice: &mut Dice) -> Channel {
    let mut types: Vec<ObjectType> = Vec::new();
    for topic in TOPICS {
        let count = 6 + dice.roll(5);
        let mut properties = Vec::new();
        for at in picked(count, dice) {
            let (property, schema) = PROPERTIES[at];
            let other = if types.is_empty() { None } else { types.get(dice.roll(types.len())) };
            let schema = match other {
                Some(other) => schema.replace('@', &format!("@{}", other.name)),
                None if schema.contains('@') => continue,
                None => schema.to_owned(),
            };
            properties.push((property, schema, dice.roll(10) < 6));
        }
        types.push(ObjectType {
            name: format!("{}{}", capitalised(name), capitalised(topic)),
            topic,
            properties,
        });
    }
    Channel { name: name.to_owned(), types }
}

/// `count` different properties, in their order above. The identity is always one of them.
fn picked(count: usize, dice: &mut Dice) -> Vec<usize> {
    let mut others: Vec<usize> = (1..PROPERTIES.len()).collect();
    while others.len() >= count {
        others.remove(dice.roll(others.len()));
    }
    std::iter::once(0).chain(others).collect()
}

fn json_definition(object: &ObjectType) -> String {
    let properties: Vec<_> = object
        .properties
        .iter()
        .map(|(name, schema, _)| format!("    \"{name}\": {}", schema.replace('@', "#/definitions/")))
        .collect();
    let required: Vec<_> = object.required().map(|name| format!("\"{name}\"")).collect();
    format!(
        "  \"{}\": {{ \"type\": \"object\", \"required\": [{}], \"properties\": {{\n{}\n  }} }}",
        object.name,
        required.join(", "),
        properties.join(",\n")
    )
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string can always be written to");
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Numbers that look random and are the same at every run (a linear congruential generator).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let high = usize::try_from(self.0 >> 33).expect("31 bits fit");
        high % sides
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_types_as_asked_for() {
        let channels = channels(MOST_TYPES);
        assert_eq!(channels.len(), 100);
        assert_eq!(json_schema(&channels).matches("\"properties\"").count(), 1_000);
    }

    #[test]
    fn the_types_are_the_same_at_every_run() {
        assert_eq!(json_schema(&channels(50)), json_schema(&channels(50)));
    }

    #[test]
    fn a_type_has_between_five_and_ten_properties() {
        for object in channels(200).iter().flat_map(|channel| &channel.types) {
            // The first type of a channel has no other to refer to, so that it may miss up to two.
            assert!((4..=10).contains(&object.properties.len()), "{}", object.name);
        }
    }

    #[test]
    fn references_name_types_of_the_same_channel() {
        let channel = &channels(10)[0];
        let yaml = definition(channel);
        for reference in yaml.split("#/$defs/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(channel.types.iter().any(|object| object.name == name), "{name}");
        }
    }
}
