//! Validators: each type as a schema of the runtime, of zod, or of zod/mini.

use std::collections::BTreeSet;

use askama::Template;

use super::face::Face;
use super::rules;
use super::schema_types::SchemaTypes;
use super::{File, Form, PURE, key, literal, number, quoted, rendered};
use crate::emit::json_schema::visit_rules;
use crate::model::visit_types;
use crate::model::{
    Additional, Array, Enum, Format, Integer, MAX_INTEGER, Model, Number, Object, Tagged, Text, Type, TypeId,
};

#[derive(Template)]
#[template(path = "validators.ts.j2", escape = "none")]
struct Validators {
    header: String,
    imports: Vec<String>,
    statements: Vec<String>,
}

pub(super) fn render(file: &File<'_>, face: Face, form: Form) -> Option<String> {
    let ids = in_order_of_use(file);
    let rules = rules::constants(file, form);
    if ids.is_empty() && rules.is_empty() {
        return None;
    }
    let mut imports = Vec::new();
    if form != Form::Js && !ids.is_empty() {
        imports.extend(face.package().map(|package| format!("import type * as z from \"{package}\";")));
    }
    let is_type = form == Form::Declarations || (form == Form::Ts && ids.is_empty());
    if form != Form::Js || !ids.is_empty() || rules.iter().any(|rules| rules.contains("f.automaton(")) {
        let keyword = if is_type { "import type" } else { "import" };
        imports.push(format!("{keyword} * as f from \"fanfare/{}\";", face.suffix()));
    }
    let schemas = file.foreign();
    match form {
        Form::Declarations if face == Face::Plain => {}
        Form::Declarations => imports.extend(file.imports(&schemas, "import type", "Schema", face.suffix())),
        Form::Ts | Form::Js => {
            imports.extend(file.imports(&schemas, "import", "Schema", face.suffix()));
            imports.extend(rules::imports(file, face.suffix()));
        }
    }
    let states_types =
        form == Form::Ts || face == Face::Plain || ids.iter().any(|id| file.model.get(*id).recursive);
    if form != Form::Js && !ids.is_empty() && states_types {
        let types = file.import(&format!("./{}.types", file.name()));
        imports.push(format!("import type * as t from {types};"));
    }
    let validators = ids.into_iter().map(|id| validator(file, id, face, form));
    let statements = rules.into_iter().chain(validators).collect();
    Some(rendered(&Validators { header: file.header.clone(), imports, statements }))
}

fn validator(file: &File<'_>, id: TypeId, face: Face, form: Form) -> String {
    let named = file.model.get(id);
    let lazily = |target: TypeId| refers_back(file, target);
    let types = SchemaTypes { model: file.model, face, lazily };
    let name = format!("{}Schema", named.typescript);
    let output = format!("t.{}", named.typescript);
    let stated = match face {
        Face::Plain => Some(file.validator_type(id, &output)),
        Face::Zod | Face::Mini => named.recursive.then(|| types.of_recursive(&output)),
    };
    if form == Form::Declarations {
        let stated = stated.unwrap_or_else(|| types.of(&named.shape, ""));
        return format!("export declare const {name}: {stated};");
    }
    let scope = Scope { model: file.model, lazily, is_typed: form == Form::Ts };
    let value = scope.expression(&named.shape, "");
    let value = if named.recursive { format!("{PURE}f.lazy(() => {value})") } else { value };
    match (form, stated) {
        (Form::Js | Form::Declarations, _) => format!("export const {name} = {value};"),
        (Form::Ts, Some(stated)) => format!("export const {name}: {stated} = {value};"),
        (Form::Ts, None) => format!("export const {name} = {value} satisfies z.core.$ZodType<{output}>;"),
    }
}

/// Returns `true` if the target's file imports this one, so that the target may not be initialized yet.
fn refers_back(file: &File<'_>, target: TypeId) -> bool {
    let module = file.model.get(target).module;
    module != file.at && reaches(file.model, module, file.at)
}

fn reaches(model: &Model, from: usize, to: usize) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        let mut imported = Vec::new();
        for named in model.types.iter().filter(|named| named.module == module) {
            visit_types(&named.shape, &mut |target| imported.push(model.get(target).module));
            visit_rules(&named.shape, &mut |rules| {
                rules.references(false, &mut |id| imported.push(model.rules[id.0].module));
            });
        }
        for named in model.rules.iter().filter(|named| named.module == module) {
            named.rules.references(false, &mut |id| imported.push(model.rules[id.0].module));
        }
        open.extend(imported.into_iter().filter(|next| seen.insert(*next)));
    }
    seen.contains(&to)
}

/// Sorts constants so that each precedes its use. Recursive types are resolved lazily.
fn in_order_of_use(file: &File<'_>) -> Vec<TypeId> {
    let mut placed = BTreeSet::new();
    let mut order = Vec::new();
    for root in file.types() {
        let mut open = vec![(root, false)];
        while let Some((id, ready)) = open.pop() {
            if ready {
                order.push(id);
            } else if placed.insert(id) {
                open.push((id, true));
                let mut targets = Vec::new();
                if !file.model.get(id).recursive {
                    visit_types(&file.model.get(id).shape, &mut |target| targets.push(target));
                }
                let own =
                    |target: &TypeId| file.model.get(*target).module == file.at && !placed.contains(target);
                open.extend(targets.into_iter().rev().filter(own).map(|target| (target, false)));
            }
        }
    }
    order
}

/// The context of an expression.
pub(super) struct Scope<'m, L: Fn(TypeId) -> bool> {
    pub(super) model: &'m Model,
    /// Returns `true` for types that must be resolved lazily.
    pub(super) lazily: L,
    /// The expression may contain TypeScript's syntax.
    pub(super) is_typed: bool,
}

impl<L: Fn(TypeId) -> bool> Scope<'_, L> {
    /// The validator of a shape, for a line that starts with `indent`.
    pub(super) fn expression(&self, shape: &Type, indent: &str) -> String {
        match shape {
            Type::Any => format!("{PURE}f.json()"),
            Type::Null => format!("{PURE}f.null()"),
            Type::Boolean => format!("{PURE}f.boolean()"),
            Type::Integer(integer) => call("f.int", None, &integer_rules(integer)),
            Type::Number(number) => call("f.number", None, &number_rules(number)),
            Type::Text(text) => call("f.string", None, &text_rules(text)),
            Type::Int64 => format!("{PURE}f.int64()"),
            Type::Uint64 => format!("{PURE}f.uint64()"),
            Type::Enum(Enum { values, open }) => {
                let names: Vec<String> = values.iter().map(|value| quoted(&value.wire)).collect();
                format!("{PURE}f.{}([{}])", if *open { "openEnum" } else { "enum" }, names.join(", "))
            }
            Type::Literals(values) => match values.as_slice() {
                [value] => format!("{PURE}f.literal({})", literal(value, ", ")),
                values => {
                    format!(
                        "{PURE}f.literals([{}])",
                        values.iter().map(|value| literal(value, ", ")).collect::<Vec<_>>().join(", ")
                    )
                }
            },
            Type::Array(array) if !array.prefix.is_empty() => {
                let required = array.required();
                let items = array.prefix.iter().enumerate().map(|(at, item)| {
                    let item = self.expression(item, indent);
                    if at < required { item } else { format!("{PURE}f.optional({item})") }
                });
                let items = items.collect::<Vec<_>>().join(", ");
                let tuple = match &array.rest {
                    Some(rest) => format!("{PURE}f.tuple([{items}], {})", self.expression(rest, indent)),
                    None => format!("{PURE}f.tuple([{items}])"),
                };
                if *array.items == Type::Any { format!("{PURE}f.unchanged({tuple})") } else { tuple }
            }
            Type::Array(array) => {
                call("f.array", Some(self.expression(&array.items, indent)), &array_rules(array))
            }
            Type::Tuple(items) => format!("{PURE}f.tuple({})", self.list(items.iter(), indent)),
            Type::Map(values, prefixes) => {
                format!("{PURE}f.record({}{})", self.expression(values, indent), prefixes_argument(prefixes))
            }
            Type::Object(object) => self.object(object, indent),
            Type::Union(union) => {
                let function = if union.exactly_one { "f.xor" } else { "f.union" };
                format!(
                    "{PURE}{function}({})",
                    self.list(union.alternatives.iter().map(|alternative| &alternative.shape), indent)
                )
            }
            Type::Tagged(tagged) => self.tagged(tagged, indent),
            Type::Nullable(inner) => format!("{PURE}f.nullable({})", self.expression(inner, indent)),
            Type::Named(id) if (self.lazily)(*id) => {
                format!("{PURE}f.lazy(() => {}Schema)", self.model.get(*id).typescript)
            }
            Type::Named(id) => format!("{}Schema", self.model.get(*id).typescript),
            Type::Checked(checked) => format!(
                "{PURE}f.checked({}, {})",
                self.expression(&checked.shape, indent),
                match checked.rules.only_reference() {
                    Some(id) => rules::constant(self.model, id),
                    None => rules::expression(self.model, &checked.rules, indent, self.is_typed),
                }
            ),
        }
    }

    fn list<'t>(&self, shapes: impl Iterator<Item = &'t Type>, indent: &str) -> String {
        format!("[{}]", shapes.map(|shape| self.expression(shape, indent)).collect::<Vec<_>>().join(", "))
    }

    fn object(&self, object: &Object, indent: &str) -> String {
        let inner = format!("{indent}  ");
        let mut shape = String::from("{");
        for property in &object.properties {
            let value = self.expression(&property.shape, &inner);
            let value = if property.required { value } else { format!("{PURE}f.optional({value})") };
            shape.push_str(&format!("\n{inner}{}: {value},", key(&property.name.wire)));
        }
        shape.push_str(&if object.properties.is_empty() { "}".to_owned() } else { format!("\n{indent}}}") });
        match &object.additional {
            Additional::Ignored => format!("{PURE}f.object({shape})"),
            Additional::Refused => format!("{PURE}f.strictObject({shape})"),
            Additional::Checked(values) => {
                let prefixes = prefixes_argument(&object.prefixes);
                format!(
                    "{PURE}f.catchall({PURE}f.object({shape}), {}{prefixes})",
                    self.expression(values, indent)
                )
            }
        }
    }

    fn tagged(&self, tagged: &Tagged, indent: &str) -> String {
        let function = if tagged.open { "f.openDiscriminatedUnion" } else { "f.discriminatedUnion" };
        let mut cases = String::new();
        for case in &tagged.cases {
            cases.push_str(&format!(
                "\n{indent}  {}: {},",
                key(&case.wire),
                self.expression(&Type::Named(case.target), indent)
            ));
        }
        format!("{PURE}{function}({}, {{{cases}\n{indent}}})", quoted(&tagged.tag))
    }
}

/// The last argument of validators whose names start with one of the prefixes, if there are any.
fn prefixes_argument(prefixes: &[String]) -> String {
    let prefixes: Vec<String> = prefixes.iter().map(|prefix| quoted(prefix)).collect();
    if prefixes.is_empty() { String::new() } else { format!(", [{}]", prefixes.join(", ")) }
}

/// `f.string({ minLength: 1 })`, `f.array(f.boolean())`.
fn call(function: &str, argument: Option<String>, rules: &[(&str, String)]) -> String {
    let rules: Vec<String> = rules.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let rules = (!rules.is_empty()).then(|| format!("{{ {} }}", rules.join(", ")));
    let arguments: Vec<String> = argument.into_iter().chain(rules).collect();
    format!("{PURE}{function}({})", arguments.join(", "))
}

fn integer_rules(integer: &Integer) -> Vec<(&'static str, String)> {
    let mut rules = Vec::new();
    if integer.minimum != -MAX_INTEGER {
        rules.push(("minimum", integer.minimum.to_string()));
    }
    if integer.maximum != MAX_INTEGER {
        rules.push(("maximum", integer.maximum.to_string()));
    }
    rules.extend(integer.multiple_of.map(|divisor| ("multipleOf", float(divisor))));
    rules
}

fn number_rules(number: &Number) -> Vec<(&'static str, String)> {
    let limits = [
        ("minimum", number.minimum),
        ("maximum", number.maximum),
        ("exclusiveMinimum", number.exclusive_minimum),
        ("exclusiveMaximum", number.exclusive_maximum),
        ("multipleOf", number.multiple_of),
    ];
    limits.into_iter().filter_map(|(name, limit)| limit.map(|limit| (name, float(limit)))).collect()
}

fn text_rules(text: &Text) -> Vec<(&'static str, String)> {
    let mut rules = Vec::new();
    rules.extend(text.min_length.map(|length| ("minLength", length.to_string())));
    rules.extend(text.max_length.map(|length| ("maxLength", length.to_string())));
    rules.extend(text.pattern.as_ref().map(|pattern| ("pattern", super::pattern::expression(pattern))));
    rules.extend(text.format.map(|format| ("format", format!("f.{}", format_name(format)))));
    rules
}

/// The name of a format in the modules for validators: `dateTime` for `date-time`.
fn format_name(format: Format) -> &'static str {
    match format {
        Format::DateTime => "dateTime",
        format => format.name(),
    }
}

fn array_rules(array: &Array) -> Vec<(&'static str, String)> {
    let mut rules = Vec::new();
    rules.extend(array.min_items.map(|count| ("minItems", count.to_string())));
    rules.extend(array.max_items.map(|count| ("maxItems", count.to_string())));
    rules
}

fn float(value: f64) -> String {
    number(&serde_json::json!(value))
}
