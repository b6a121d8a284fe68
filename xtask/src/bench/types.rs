//! Generates the types that every contestant compiles: typical of messages, and the same in every run.

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

/// The maximum number of object types: one per topic of each channel.
pub(crate) const MAX_TYPES: usize = AREAS.len() * SUBJECTS.len() * TOPICS.len();
/// The number of types per channel.
pub(crate) const TYPES_PER_CHANNEL: usize = TOPICS.len();

/// The names and schemas of the properties to choose from. `@` is replaced with a type of the same channel.
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

/// A channel with a type for each topic.
pub(crate) struct Channel {
    /// Also the name of the definition file.
    pub(crate) name: String,
    types: Vec<ObjectType>,
}

struct ObjectType {
    name: String,
    topic: &'static str,
    /// Name, schema, and whether it is required.
    properties: Vec<(&'static str, String, bool)>,
}

/// Returns the channels for `count` types, rounded up to a whole channel.
pub(crate) fn generate(count: usize) -> Vec<Channel> {
    let mut random = Random(0x5eed);
    let names = AREAS.iter().flat_map(|area| SUBJECTS.iter().map(move |subject| (area, subject)));
    names
        .take(count.div_ceil(TYPES_PER_CHANNEL))
        .map(|(area, subject)| generate_channel(&format!("{area}{}", capitalise(subject)), &mut random))
        .collect()
}

/// Returns the definition file of a channel.
pub(crate) fn to_yaml(channel: &Channel) -> String {
    let name = &channel.name;
    let mut yaml = format!(
        "version: 1\n\nchannels:\n  {name}:\n    address: {name}:{{id}}\n    params: {{ id: {{ type: string }} }}\n    topics:\n"
    );
    for object in &channel.types {
        let payload = format!("payload: {{ $ref: \"#/$defs/{}\" }}", object.name);
        push_line(&mut yaml, &format!("      {}:\n        {payload}", object.topic));
    }
    push_line(&mut yaml, "\n$defs:");
    for object in &channel.types {
        let required: Vec<_> = object.required().collect();
        push_line(&mut yaml, &format!("  {}:\n    type: object", object.name));
        push_line(&mut yaml, &format!("    required: [{}]\n    properties:", required.join(", ")));
        for (property, schema, _) in &object.properties {
            push_line(&mut yaml, &format!("      {property}: {}", schema.replace('@', "#/$defs/")));
        }
    }
    yaml
}

/// Returns the types of all channels as one JSON Schema document, for the peers.
pub(crate) fn to_json_schema(channels: &[Channel]) -> String {
    let types = channels.iter().flat_map(|channel| &channel.types);
    let definitions: Vec<_> = types.map(to_json_definition).collect();
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

fn generate_channel(name: &str, random: &mut Random) -> Channel {
    let mut types: Vec<ObjectType> = Vec::new();
    for topic in TOPICS {
        let count = 6 + random.below(5);
        let mut properties = Vec::new();
        for at in pick(count, random) {
            let (property, schema) = PROPERTIES[at];
            let other = if types.is_empty() { None } else { types.get(random.below(types.len())) };
            let schema = match other {
                Some(other) => schema.replace('@', &format!("@{}", other.name)),
                None if schema.contains('@') => continue,
                None => schema.to_owned(),
            };
            properties.push((property, schema, random.below(10) < 6));
        }
        types.push(ObjectType {
            name: format!("{}{}", capitalise(name), capitalise(topic)),
            topic,
            properties,
        });
    }
    Channel { name: name.to_owned(), types }
}

/// Picks `count` different properties in the order of [`PROPERTIES`], always including `id`.
fn pick(count: usize, random: &mut Random) -> Vec<usize> {
    let mut others: Vec<usize> = (1..PROPERTIES.len()).collect();
    while others.len() >= count {
        others.remove(random.below(others.len()));
    }
    std::iter::once(0).chain(others).collect()
}

fn to_json_definition(object: &ObjectType) -> String {
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

fn push_line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string never fails");
}

fn capitalise(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A linear congruential generator. Its numbers are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let high = usize::try_from(self.0 >> 33).expect("31 bits fit");
        high % limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_types_is_as_requested() {
        let channels = generate(MAX_TYPES);
        assert_eq!(channels.len(), 100);
        assert_eq!(to_json_schema(&channels).matches("\"properties\"").count(), 1_000);
    }

    #[test]
    fn the_types_are_the_same_in_every_run() {
        assert_eq!(to_json_schema(&generate(50)), to_json_schema(&generate(50)));
    }

    #[test]
    fn a_type_has_between_four_and_ten_properties() {
        for object in generate(200).iter().flat_map(|channel| &channel.types) {
            // The first type of a channel can refer to no other, so it may lack up to two properties.
            assert!((4..=10).contains(&object.properties.len()), "{}", object.name);
        }
    }

    #[test]
    fn references_name_types_of_the_same_channel() {
        let channel = &generate(10)[0];
        let yaml = to_yaml(channel);
        for reference in yaml.split("#/$defs/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(channel.types.iter().any(|object| object.name == name), "{name}");
        }
    }
}
