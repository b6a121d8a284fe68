//! Interfaces and type aliases, without run-time imports.

use askama::Template;

use super::super::json_schema::visit_types;
use super::{File, docs, key, literal, quoted, rendered};
use crate::model::{Additional, Enum, Model, NamedType, Object, Tagged, Type};

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
    let docs = docs(named.description.as_deref(), "");
    match named.shape.shape() {
        Type::Object(object) => {
            format!("{docs}export interface {} {}", named.typescript, interface_body(model, object))
        }
        Type::Enum(values) if values.values.iter().any(|value| value.description.is_some()) => {
            format!("{docs}export type {} ={};", named.typescript, described(values))
        }
        shape => format!("{docs}export type {} = {};", named.typescript, expression(model, shape)),
    }
}

/// A union of strings, one per line, with their descriptions.
fn described(values: &Enum) -> String {
    let line = |docs: String, value: &str| format!("\n{docs}  | {value}");
    let mut lines: Vec<String> = values
        .values
        .iter()
        .map(|value| line(docs(value.description.as_deref(), "  "), &quoted(&value.wire)))
        .collect();
    lines.extend(values.open.then(|| line(String::new(), OTHER_STRING)));
    lines.concat()
}

/// Any other string: unlike `string`, it leaves the known ones for completion.
const OTHER_STRING: &str = "(string & {})";

fn interface_body(model: &Model, object: &Object) -> String {
    let mut body = String::from("{\n");
    for property in &object.properties {
        body.push_str(&docs(property.description.as_deref(), "  "));
        let shape = expression(model, &property.shape);
        let (mark, suffix) = if property.required { ("", "") } else { ("?", " | undefined") };
        body.push_str(&format!("  {}{mark}: {shape}{suffix};\n", key(&property.name.wire)));
    }
    if let Additional::Checked(values) = &object.additional {
        // An index signature also covers the declared properties.
        let mut shapes = vec![expression(model, values)];
        shapes.extend(object.properties.iter().map(|property| expression(model, &property.shape)));
        shapes.extend(
            object.properties.iter().any(|property| !property.required).then(|| "undefined".to_owned()),
        );
        let mut distinct: Vec<String> = Vec::new();
        for shape in shapes {
            if !distinct.contains(&shape) {
                distinct.push(shape);
            }
        }
        body.push_str(&format!("  [key: string]: {};\n", distinct.join(" | ")));
    }
    body.push('}');
    body
}

/// A type as an expression.
pub(super) fn expression(model: &Model, shape: &Type) -> String {
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
        Type::Map(values) if refers_to_recursive(model, values) => {
            format!("{{ [key: string]: {} }}", expression(model, values))
        }
        Type::Map(values) => format!("Record<string, {}>", expression(model, values)),
        Type::Object(object) => interface_body(model, object),
        Type::Union(union) => union
            .alternatives
            .iter()
            .map(|alternative| expression(model, &alternative.shape))
            .collect::<Vec<_>>()
            .join(" | "),
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
