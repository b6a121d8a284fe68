//! Interfaces and type aliases, without run-time imports.

use askama::Template;
use indexmap::IndexSet;

use super::{File, docs, key, literal, quoted, rendered};
use crate::model::visit_types;
use crate::model::{Additional, Enum, Model, NamedType, Object, Property, Tagged, Type, Union};

#[derive(Template)]
#[template(path = "types.ts.j2", escape = "none")]
struct Types {
    header: String,
    imports: Vec<String>,
    declarations: Vec<String>,
}

pub(super) fn render(file: &File<'_>) -> Option<String> {
    let declarations: Vec<String> =
        file.types().map(|id| declaration(file.model, file.model.get(id))).collect();
    let imports = file.imports(&file.foreign(), "import type", "", "types");
    (!declarations.is_empty())
        .then(|| rendered(&Types { header: file.header.clone(), imports, declarations }))
}

pub(super) fn declaration(model: &Model, named: &NamedType) -> String {
    let docs = docs(&named.docs, "");
    match named.shape.shape() {
        Type::Object(object) => {
            format!("{docs}export interface {} {}", named.typescript, interface_body(model, object))
        }
        Type::Enum(values) if values.values.iter().any(|value| !value.docs.is_empty()) => {
            format!("{docs}export type {} ={};", named.typescript, described(values))
        }
        shape => format!("{docs}export type {} = {};", named.typescript, expression(model, shape)),
    }
}

/// A union of strings, one per line, with their descriptions.
fn described(values: &Enum) -> String {
    let line = |docs: String, value: &str| format!("\n{docs}  | {value}");
    let mut lines: Vec<String> =
        values.values.iter().map(|value| line(docs(&value.docs, "  "), &quoted(&value.wire))).collect();
    lines.extend(values.open.then(|| line(String::new(), OTHER_STRING)));
    lines.concat()
}

/// Any other string: unlike `string`, it leaves the known ones for completion.
const OTHER_STRING: &str = "(string & {})";

fn interface_body(model: &Model, object: &Object) -> String {
    let mut body = String::from("{\n");
    for property in &object.properties {
        body.push_str(&docs(&property.docs, "  "));
        let shape = expression(model, &property.shape);
        let (mark, suffix) = if property.required { ("", "") } else { ("?", " | undefined") };
        body.push_str(&format!("  {}{mark}: {shape}{suffix};\n", key(&property.name.wire)));
    }
    if let Additional::Checked(values) = &object.additional {
        // An index signature also covers the declared properties with the prefixes.
        let covered: Vec<&Property> =
            object.properties.iter().filter(|property| may_have_prefix(property, &object.prefixes)).collect();
        let mut shapes = vec![expression(model, values)];
        shapes.extend(covered.iter().map(|property| expression(model, &property.shape)));
        shapes.extend(covered.iter().any(|property| !property.required).then(|| "undefined".to_owned()));
        body.push_str(&format!("  [key: {}]: {};\n", key_type(&object.prefixes), union(shapes)));
    }
    body.push('}');
    body
}

fn may_have_prefix(property: &Property, prefixes: &[String]) -> bool {
    prefixes.is_empty() || prefixes.iter().any(|prefix| property.name.wire.starts_with(prefix))
}

/// The type of names that start with one of the prefixes, if there are any.
fn key_type(prefixes: &[String]) -> String {
    if prefixes.is_empty() { "string".to_owned() } else { prefix_types(prefixes) }
}

/// The type of texts that start with one of the prefixes.
pub(super) fn prefix_types(prefixes: &[String]) -> String {
    let escaped = prefixes.iter().map(|prefix| {
        let prefix = prefix.replace('\\', "\\\\").replace('`', "\\`").replace('$', "\\$");
        format!("`{prefix}${{string}}`")
    });
    escaped.collect::<Vec<_>>().join(" | ")
}

/// A union of types without repetitions. Any JSON value includes all others.
fn union(shapes: impl IntoIterator<Item = String>) -> String {
    let distinct: IndexSet<String> = shapes.into_iter().collect();
    if distinct.contains("unknown") {
        return "unknown".to_owned();
    }
    distinct.into_iter().collect::<Vec<_>>().join(" | ")
}

/// A type as an expression.
pub(crate) fn expression(model: &Model, shape: &Type) -> String {
    match shape.shape() {
        Type::Any | Type::Checked(_) => "unknown".to_owned(),
        Type::Null => "null".to_owned(),
        Type::Boolean => "boolean".to_owned(),
        Type::Integer(_) | Type::Number(_) => "number".to_owned(),
        Type::Text(_) => "string".to_owned(),
        Type::Int64 | Type::Uint64 => "bigint".to_owned(),
        Type::Enum(Enum { values, open }) => {
            let mut names: Vec<String> = values.iter().map(|value| quoted(&value.wire)).collect();
            names.extend(open.then(|| OTHER_STRING.to_owned()));
            names.join(" | ")
        }
        Type::Literals(values) => {
            values.iter().map(|value| literal(value, "; ")).collect::<Vec<_>>().join(" | ")
        }
        Type::Array(array) if !array.prefix.is_empty() => {
            let required = array.required();
            let mut items: Vec<String> = array
                .prefix
                .iter()
                .enumerate()
                .map(|(at, item)| match expression(model, item) {
                    item if at < required => item,
                    item => format!("({item} | undefined)?"),
                })
                .collect();
            let rest = array.rest.iter().map(|rest| match expression(model, rest) {
                rest if rest.contains('|') => format!("...({rest})[]"),
                rest => format!("...{rest}[]"),
            });
            items.extend(rest);
            format!("[{}]", items.join(", "))
        }
        Type::Array(array) => match expression(model, &array.items) {
            items if items.contains('|') => format!("({items})[]"),
            items => format!("{items}[]"),
        },
        Type::Tuple(items) => {
            format!("[{}]", items.iter().map(|item| expression(model, item)).collect::<Vec<_>>().join(", "))
        }
        // An alias can refer to itself in the members of a type, but not in the arguments of another alias.
        Type::Map(values, prefixes) if refers_to_recursive(model, values) => {
            format!("{{ [key: {}]: {} }}", key_type(prefixes), expression(model, values))
        }
        Type::Map(values, prefixes) => {
            format!("Record<{}, {}>", key_type(prefixes), expression(model, values))
        }
        Type::Object(object) => interface_body(model, object),
        Type::Union(Union { alternatives, .. }) => {
            union(alternatives.iter().map(|alternative| expression(model, &alternative.shape)))
        }
        Type::Tagged(tagged) => self::tagged(model, tagged),
        Type::Nullable(inner) => format!("{} | null", expression(model, inner)),
        Type::Named(id) => model.get(*id).typescript.clone(),
    }
}

fn refers_to_recursive(model: &Model, shape: &Type) -> bool {
    let mut found = false;
    visit_types(shape, &mut |id| found |= model.get(id).recursive);
    found
}

fn tagged(model: &Model, tagged: &Tagged) -> String {
    let mut cases: Vec<String> =
        tagged.cases.iter().map(|case| model.get(case.target).typescript.clone()).collect();
    if tagged.open {
        cases.push(format!("{{ {}: string & {{}}; [key: string]: unknown }}", key(&tagged.tag)));
    }
    cases.join(" | ")
}
