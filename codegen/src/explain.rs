//! Prints what a stage of the compiler makes of one payload, to find out why it has its type.

use std::fmt::Write as _;

use crate::breaking::Rule;
use crate::diagnostics::Code;
use crate::emit;
use crate::infer::Infer;
use crate::lower::LoweredSchema;
use crate::model::{Channel, Model, RulesId, Topic, TypeId};

/// A stage of the compiler whose result can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The schemas in the terms of draft 2020-12.
    Lower,
    /// The types, before they have names.
    Infer,
    /// The types with their names in Rust and TypeScript.
    Name,
}

impl std::str::FromStr for Stage {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "lower" => Ok(Self::Lower),
            "infer" => Ok(Self::Infer),
            "name" => Ok(Self::Name),
            _ => Err(format!("unknown stage `{name}`: the stages are `lower`, `infer` and `name`")),
        }
    }
}

/// Explains the code of a diagnostic, or the rule of a breaking change.
pub(crate) fn code(name: &str) -> Option<String> {
    if let Some(code) = Code::ALL.iter().find(|code| code.as_str().eq_ignore_ascii_case(name)) {
        let reported = if code.is_warning() { "a warning of `fanfare lint`" } else { "an error" };
        let (name, text) = (code.as_str(), code.explanation());
        return Some(format!("{name}, {reported}\n\n{text}\n{}\n", code.help()));
    }
    let rule = Rule::ALL.iter().find(|rule| rule.id().eq_ignore_ascii_case(name))?;
    Some(format!("{}: {}\n\n{}\n\n{}\n", rule.id(), rule.description(), rule.advice(), rule.help()))
}

/// Returns the type of a payload: of a topic, of a signal, or of a run's result.
pub(crate) fn find<'c>(channels: impl Iterator<Item = &'c Channel>, payload: &str) -> Option<TypeId> {
    let (channel, part) = payload.split_once('/')?;
    let channel = channels.into_iter().find(|candidate| candidate.name.wire == channel)?;
    let topic = channel.topics.iter().find(|topic| topic.name.wire == part).and_then(Topic::payload);
    let signal = channel.signals.iter().find(|signal| signal.name.wire == part).map(|signal| signal.payload);
    topic.or(signal).or(channel.result.filter(|_| part == "result"))
}

/// Prints the schema of a payload, and those that it refers to.
pub(crate) fn lowered(schemas: &[LoweredSchema], root: RulesId) -> String {
    let mut text = String::new();
    for id in reachable(schemas, root) {
        let schema = &schemas[id.0];
        let json = emit::schema_json(&schema.rules, &|id| format!("#{}", id.0));
        let _ = writeln!(text, "#{} {}\n{json:#}\n", id.0, location(schema));
    }
    text
}

/// Prints the shape of a payload, and those of the schemas that it refers to.
pub(crate) fn inferred(schemas: &[LoweredSchema], root: RulesId) -> String {
    let mut infer = Infer::new(schemas);
    let mut text = String::new();
    for id in reachable(schemas, root) {
        let schema = &schemas[id.0];
        let Some(inferred) = infer.schema(id) else { continue };
        let exact = if inferred.exact { "" } else { " (rules decide)" };
        let _ = writeln!(text, "#{} {}\n{}{exact}\n", id.0, location(schema), inferred.shape);
    }
    text
}

/// Prints the named types of a payload.
pub(crate) fn named(model: &Model, root: TypeId) -> String {
    emit::describe_types(model, root)
}

fn reachable(schemas: &[LoweredSchema], root: RulesId) -> Vec<RulesId> {
    let mut found = vec![root];
    let mut at = 0;
    while let Some(id) = found.get(at).copied() {
        let mut targets = Vec::new();
        schemas[id.0].rules.references(false, &mut |id| targets.push(id));
        for target in targets {
            if !found.contains(&target) {
                found.push(target);
            }
        }
        at += 1;
    }
    found
}

fn location(schema: &LoweredSchema) -> String {
    format!("{:?}", schema.location.pointer)
}
