//! Generates Rust items with typify: structs, enums of strings and newtypes. Its input is a JSON Schema in which every
//! type is a definition with an opaque name, so no text of a user reaches it. [`rewrite_item`](super::rewrite_items)
//! then gives the items their names, docs and order.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value, json};
use syn::Item;

use crate::emit::json_schema::visit_types;
use crate::model::{Additional, Enum, Format, Integer, MAX_INTEGER, Model, Object, Text, Type, TypeId};

/// The output of typify, by type.
pub(super) struct TypifyItems {
    /// Structs, enums of strings and newtypes.
    items: HashMap<TypeId, Item>,
    /// The contents of a union's variants, in order, or the target of an alias.
    parts: HashMap<TypeId, Vec<syn::Type>>,
}

impl TypifyItems {
    /// Generates the items of some types.
    pub(super) fn generate(model: &Model, ids: &[TypeId]) -> Self {
        let mut definitions = Map::new();
        let mut settings = typify::TypeSpaceSettings::default();
        settings.with_map_type("::std::collections::BTreeMap");
        let no_impls = || std::iter::empty::<typify::TypeSpaceImpl>();
        let own: BTreeSet<TypeId> = ids.iter().copied().collect();
        let mut others = BTreeSet::new();
        for id in ids {
            visit_types(&model.get(*id).shape, &mut |target| _ = others.insert(target));
        }
        for id in others.difference(&own) {
            definitions.insert(type_key(*id), json!({ "type": "object" }));
            settings.with_replacement(type_key(*id), type_key(*id), no_impls());
        }
        for id in ids.iter().copied() {
            match item_schema(model, id) {
                Some(schema) => _ = definitions.insert(type_key(id), schema),
                None => {
                    definitions.insert(type_key(id), json!({ "type": "object" }));
                    definitions.insert(
                        parts_key(id),
                        members_schema(list_parts(model.get(id).shape.shape()).into_iter().enumerate()),
                    );
                    settings.with_replacement(type_key(id), type_key(id), no_impls());
                }
            }
        }
        for (key, path) in list_runtime_types() {
            definitions.insert(key.clone(), json!({ "type": "object" }));
            settings.with_replacement(key, path, no_impls());
        }
        let mut space = typify::TypeSpace::new(&settings);
        let added = serde_json::from_value(json!({ "definitions": definitions }))
            .map(|root| space.add_root_schema(root));
        debug_assert!(matches!(added, Ok(Ok(_))), "typify refused a canonical schema: {added:?}");
        let file = syn::parse2::<syn::File>(space.to_stream()).map(|file| file.items).unwrap_or_default();
        let mut generated = Self { items: HashMap::new(), parts: HashMap::new() };
        for item in file {
            let name = match &item {
                Item::Struct(item) => item.ident.to_string(),
                Item::Enum(item) => item.ident.to_string(),
                _ => continue,
            };
            if let Some(id) = type_of_key(&name) {
                generated.items.insert(id, item);
            } else if let (Some(id), Item::Struct(item)) = (type_of_parts_key(&name), item) {
                generated.parts.insert(id, item.fields.into_iter().map(|field| field.ty).collect());
            }
        }
        generated
    }

    pub(super) fn item(&self, id: TypeId) -> Option<&Item> {
        self.items.get(&id)
    }

    pub(super) fn parts(&self, id: TypeId) -> &[syn::Type] {
        self.parts.get(&id).map_or(&[], Vec::as_slice)
    }
}

/// The name of a type in typify's input.
fn type_key(id: TypeId) -> String {
    format!("T{}", id.0)
}

pub(super) fn type_of_key(key: &str) -> Option<TypeId> {
    key.strip_prefix('T')?.parse().ok().map(TypeId)
}

/// The name of a struct that only holds the parts of a type.
fn parts_key(id: TypeId) -> String {
    format!("P{}", id.0)
}

fn type_of_parts_key(key: &str) -> Option<TypeId> {
    key.strip_prefix('P')?.parse().ok().map(TypeId)
}

/// The name of a property in typify's input. typify sorts by name, so the number keeps the order.
pub(super) fn member_key(at: usize) -> String {
    format!("m{at:05}")
}

pub(super) fn variant_key(at: usize) -> String {
    format!("M{at:05}")
}

/// Types that the runtime provides, by their name in typify's input.
fn list_runtime_types() -> Vec<(String, String)> {
    let formats =
        Format::ALL.map(|format| (format_key(format), format!("fanfare::formats::{}", format.rust())));
    let integers = ["Int64", "Uint64"].map(|name| (name.to_owned(), format!("fanfare::{name}")));
    formats.into_iter().chain(integers).collect()
}

fn format_key(format: Format) -> String {
    format!("Format{}", format.rust())
}

/// Returns the schema of a named type that is a struct, an enum of strings or a newtype. typify generates no others.
fn item_schema(model: &Model, id: TypeId) -> Option<Value> {
    match model.get(id).shape.shape() {
        Type::Object(object) => Some(object_schema(object)),
        Type::Enum(Enum { values, .. }) => {
            Some(json!({ "type": "string", "enum": (0..values.len()).map(variant_key).collect::<Vec<_>>() }))
        }
        shape if is_newtype(shape) => Some(json!({ "type": "string", "minLength": 1 })),
        _ => None,
    }
}

/// Returns `true` for a named string with rules. It becomes a newtype, which cannot hold an invalid value.
pub(super) fn is_newtype(shape: &Type) -> bool {
    let only_format =
        |text: &Text| text.format.is_some() && Text { format: text.format, ..Text::default() } == *text;
    matches!(shape, Type::Text(text) if !text.is_plain() && !only_format(text))
}

fn object_schema(object: &Object) -> Value {
    let properties =
        object.properties.iter().enumerate().filter(|(_, property)| property.constant().is_none());
    let others = match &object.additional {
        Additional::Checked(values) => Some((object.properties.len(), Type::Map(values.clone()))),
        _ => None,
    };
    members_schema(properties.map(|(at, property)| (at, property.shape.clone())).chain(others))
}

/// All members are required here, because the model decides which are optional.
fn members_schema(members: impl Iterator<Item = (usize, Type)>) -> Value {
    let properties: Map<String, Value> =
        members.map(|(at, shape)| (member_key(at), part_schema(&shape))).collect();
    let required: Vec<&String> = properties.keys().collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

fn list_parts(shape: &Type) -> Vec<Type> {
    match shape {
        Type::Union(union) => {
            union.alternatives.iter().map(|alternative| alternative.shape.clone()).collect()
        }
        Type::Tagged(tagged) => tagged.cases.iter().map(|case| Type::Named(case.target)).collect(),
        shape => vec![shape.clone()],
    }
}

fn part_schema(shape: &Type) -> Value {
    match shape.shape() {
        Type::Any | Type::Object(_) | Type::Union(_) | Type::Tagged(_) | Type::Checked(_) => json!({}),
        Type::Null => json!({ "type": "null" }),
        Type::Boolean => json!({ "type": "boolean" }),
        Type::Integer(integer) => json!({ "type": "integer", "format": integer_format(integer) }),
        Type::Number(_) => json!({ "type": "number", "format": "double" }),
        Type::Text(Text { format: Some(format), .. }) => {
            json!({ "$ref": format!("#/definitions/{}", format_key(*format)) })
        }
        Type::Text(_) | Type::Enum(_) => json!({ "type": "string" }),
        Type::Int64 => json!({ "$ref": "#/definitions/Int64" }),
        Type::Uint64 => json!({ "$ref": "#/definitions/Uint64" }),
        Type::Literals(values) => literals_schema(values),
        Type::Array(array) => json!({ "type": "array", "items": part_schema(&array.items) }),
        Type::Tuple(items) => {
            let items: Vec<Value> = items.iter().map(part_schema).collect();
            json!({ "type": "array", "items": items, "minItems": items.len(), "maxItems": items.len() })
        }
        Type::Map(values) => json!({ "type": "object", "additionalProperties": part_schema(values) }),
        Type::Nullable(inner) => json!({ "oneOf": [part_schema(inner), { "type": "null" }] }),
        Type::Named(id) => json!({ "$ref": format!("#/definitions/{}", type_key(*id)) }),
    }
}

/// Returns the `format` of the narrowest integer type that holds all allowed values.
fn integer_format(integer: &Integer) -> &'static str {
    let fits = |min: i64, max: i64| integer.minimum >= min && integer.maximum <= max;
    if fits(0, u8::MAX.into()) {
        "uint8"
    } else if fits(0, u16::MAX.into()) {
        "uint16"
    } else if fits(0, u32::MAX.into()) {
        "uint32"
    } else if fits(0, i64::MAX) {
        "uint64"
    } else if fits(i8::MIN.into(), i8::MAX.into()) {
        "int8"
    } else if fits(i16::MIN.into(), i16::MAX.into()) {
        "int16"
    } else if fits(i32::MIN.into(), i32::MAX.into()) {
        "int32"
    } else {
        "int64"
    }
}

/// Literals of one kind have that kind's type. A rule restricts the values.
fn literals_schema(values: &[Value]) -> Value {
    let all = |is: fn(&Value) -> bool| values.iter().all(is);
    #[expect(clippy::cast_precision_loss, reason = "2^53−1 is exact")]
    let whole = |value: &Value| {
        value.as_f64().is_some_and(|number| number.fract() == 0.0 && number.abs() <= MAX_INTEGER as f64)
    };
    if all(Value::is_string) {
        json!({ "type": "string" })
    } else if all(whole) {
        json!({ "type": "integer", "format": "int64" })
    } else if all(Value::is_number) {
        json!({ "type": "number", "format": "double" })
    } else if all(Value::is_boolean) {
        json!({ "type": "boolean" })
    } else if all(Value::is_null) {
        json!({ "type": "null" })
    } else {
        json!({})
    }
}
