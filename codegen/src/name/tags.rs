//! Finds the unions whose alternatives differ by a tag.

use serde_json::Value;

use crate::diagnostics::{Code, Diagnostic, Location};
use crate::model::{Alternative, Case, Model, Property, Tagged, Type, Union};
use crate::names::distinct_names_besides;

/// The variant of an open union for the tags that it does not list.
const UNKNOWN_VARIANT: &str = "Unknown";

/// Turns unions of objects with a distinguishing property into tagged unions.
pub(super) fn find(model: &mut Model, diagnostics: &mut Vec<Diagnostic>) {
    for at in 0..model.types.len() {
        let Type::Union(union) = &model.types[at].shape else { continue };
        if let Some(tagged) = tagged(model, union) {
            model.types[at].shape = Type::Tagged(tagged);
        } else if let Some(tag) = repeated_tag(model, union) {
            let message = format!("two alternatives of this union have the tag `{tag}`");
            diagnostics.push(
                Diagnostic::at_key(Code::Overlap, &model.types[at].location, message)
                    .help("give each alternative a tag of its own"),
            );
        } else if union.open {
            diagnostics.push(refuse_open(model, union, &model.types[at].location));
        }
    }
}

fn refuse_open(model: &Model, union: &Union, location: &Location) -> Diagnostic {
    let is_text = |alternative: &Alternative| match model.resolve(&alternative.shape) {
        Type::Enum(_) | Type::Text(_) => true,
        Type::Literals(values) => values.iter().all(Value::is_string),
        _ => false,
    };
    if union.alternatives.iter().all(is_text) {
        let message = format!("`x-open` requires one list of strings, without a `$ref` in `{}`", union.key());
        return Diagnostic::at(Code::CannotBeOpen, location, message)
            .note("an open enum lists its values, and the values behind a `$ref` belong to another type")
            .help("write the strings in an `enum`, or as `const` in each alternative");
    }
    Diagnostic::at(Code::Alternatives, location, "`x-open` requires a union of tagged objects")
        .help("give every alternative a required property with the same name and a distinct `const` string")
}

/// The properties of each alternative, if all of them are objects.
fn objects<'m>(model: &'m Model, union: &'m Union) -> Option<Vec<&'m [Property]>> {
    union
        .alternatives
        .iter()
        .map(|alternative| match (alternative.shape.shape(), model.resolve(&alternative.shape)) {
            (Type::Named(_), Type::Object(object)) => Some(object.properties.as_slice()),
            _ => None,
        })
        .collect()
}

/// A tag of two alternatives, in a union where each alternative has one and not all have the same.
fn repeated_tag(model: &Model, union: &Union) -> Option<String> {
    let objects = objects(model, union)?;
    objects.first()?.iter().find_map(|candidate| {
        let tags: Vec<String> =
            objects.iter().map_while(|properties| tag_value(properties, &candidate.name.wire)).collect();
        let is_tag = tags.len() == objects.len() && tags.iter().any(|tag| *tag != tags[0]);
        let repeated = (1..tags.len()).find(|at| tags[..*at].contains(&tags[*at]));
        repeated.filter(|_| is_tag).map(|at| tags[at].clone())
    })
}

fn tagged(model: &Model, union: &Union) -> Option<Tagged> {
    let objects = objects(model, union)?;
    objects.first()?.iter().find_map(|candidate| {
        let tags: Vec<String> =
            objects.iter().map_while(|properties| tag_value(properties, &candidate.name.wire)).collect();
        let distinct =
            tags.len() == objects.len() && (1..tags.len()).all(|at| !tags[..at].contains(&tags[at]));
        distinct.then(|| {
            let wires: Vec<&str> = tags.iter().map(String::as_str).collect();
            let names = distinct_names_besides(&wires, union.open.then_some(UNKNOWN_VARIANT));
            let cases = union.alternatives.iter().zip(names).filter_map(|(alternative, name)| {
                match alternative.shape {
                    Type::Named(target) => {
                        Some(Case { variant: name.rust_type(), wire: name.wire, target, boxed: false })
                    }
                    _ => None,
                }
            });
            Tagged { tag: candidate.name.wire.clone(), cases: cases.collect(), open: union.open }
        })
    })
}

fn tag_value(properties: &[Property], name: &str) -> Option<String> {
    let property = properties.iter().find(|property| property.name.wire == name)?;
    property.constant().and_then(|value| value.as_str().map(str::to_owned))
}
