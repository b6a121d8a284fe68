//! The shapes of the types, by typify: it is given a canonical JSON Schema in which every type is a definition with
//! an opaque name, so nothing that a user writes can reach it.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use syn::Item;

use crate::model::{Additional, Enum, Format, Integer, Model, Object, Text, Type, TypeId};

/// The items that typify made, by the type they are for.
pub(super) struct Shapes(HashMap<TypeId, Item>);

impl Shapes {
    pub(super) fn of(model: &Model) -> Self {
        let mut definitions = Map::new();
        let mut settings = typify::TypeSpaceSettings::default();
        settings.with_map_type("::std::collections::BTreeMap");
        let no_impls = || std::iter::empty::<typify::TypeSpaceImpl>();
        for id in (0..model.types.len()).map(TypeId) {
            match definition(model, id) {
                Some(schema) => _ = definitions.insert(type_key(id), schema),
                None => {
                    definitions.insert(type_key(id), json!({ "type": "object" }));
                    settings.with_replacement(type_key(id), type_key(id), no_impls());
                }
            }
        }
        for (key, path) in runtime_types() {
            definitions.insert(key.clone(), json!({ "type": "object" }));
            settings.with_replacement(key, path, no_impls());
        }
        let mut space = typify::TypeSpace::new(&settings);
        let added = serde_json::from_value(json!({ "definitions": definitions })).map(|root| space.add_root_schema(root));
        debug_assert!(matches!(added, Ok(Ok(_))), "typify refused a canonical schema: {added:?}");
        let file = syn::parse2::<syn::File>(space.to_stream()).map(|file| file.items).unwrap_or_default();
        let items = file.into_iter().filter_map(|item| {
            let id = match &item {
                Item::Struct(item) => type_of_key(&item.ident.to_string()),
                Item::Enum(item) => type_of_key(&item.ident.to_string()),
                _ => None,
            };
            id.map(|id| (id, item))
        });
        Self(items.collect())
    }

    pub(super) fn get(&self, id: TypeId) -> Option<&Item> {
        self.0.get(&id)
    }
}

/// The name under which typify knows a type.
fn type_key(id: TypeId) -> String {
    format!("T{}", id.0)
}

pub(super) fn type_of_key(key: &str) -> Option<TypeId> {
    key.strip_prefix('T')?.parse().ok().map(TypeId)
}

/// The name under which typify knows a property or a variant: in this spelling it keeps their order.
pub(super) fn member_key(at: usize) -> String {
    format!("m{at:05}")
}

pub(super) fn variant_key(at: usize) -> String {
    format!("M{at:05}")
}

/// Types that the runtime provides, by the name under which typify knows them.
fn runtime_types() -> Vec<(String, String)> {
    let formats = Format::ALL.map(|format| (format_key(format), format!("fanfare::formats::{}", format.rust())));
    let integers = ["Int64", "Uint64"].map(|name| (name.to_owned(), format!("fanfare::{name}")));
    formats.into_iter().chain(integers).collect()
}

fn format_key(format: Format) -> String {
    format!("Format{}", format.rust())
}

/// The schema of a named type that is a struct, an enum of strings or a newtype. Others are not typify's.
fn definition(model: &Model, id: TypeId) -> Option<Value> {
    match &model.get(id).shape {
        Type::Object(object) => Some(self::object(object)),
        Type::Enum(Enum { values, .. }) => Some(json!({ "type": "string", "enum": (0..values.len()).map(variant_key).collect::<Vec<_>>() })),
        shape if super::types::is_newtype(shape) => Some(json!({ "type": "string", "minLength": 1 })),
        shape @ (Type::Array(_) | Type::Map(_)) if model.get(id).recursive => Some(schema(shape)),
        _ => None,
    }
}

/// All properties are required here: what is optional is decided by the model alone.
fn object(object: &Object) -> Value {
    let mut properties = Map::new();
    for (at, property) in object.properties.iter().enumerate().filter(|(_, property)| property.constant().is_none()) {
        properties.insert(member_key(at), schema(&property.shape));
    }
    if let Additional::Checked(values) = &object.additional {
        properties.insert(member_key(object.properties.len()), json!({ "type": "object", "additionalProperties": schema(values) }));
    }
    let required: Vec<&String> = properties.keys().collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

fn schema(shape: &Type) -> Value {
    match shape {
        Type::Any | Type::Object(_) | Type::Union(_) | Type::Tagged(_) => json!({}),
        Type::Null => json!({ "type": "null" }),
        Type::Boolean => json!({ "type": "boolean" }),
        Type::Integer(integer) => json!({ "type": "integer", "format": width(integer) }),
        Type::Number(_) => json!({ "type": "number", "format": "double" }),
        Type::Text(Text { format: Some(format), .. }) => json!({ "$ref": format!("#/definitions/{}", format_key(*format)) }),
        Type::Text(_) | Type::Enum(_) => json!({ "type": "string" }),
        Type::Int64 => json!({ "$ref": "#/definitions/Int64" }),
        Type::Uint64 => json!({ "$ref": "#/definitions/Uint64" }),
        Type::Literals(values) => literals(values),
        Type::Array(array) => json!({ "type": "array", "items": schema(&array.items) }),
        Type::Tuple(items) => {
            let items: Vec<Value> = items.iter().map(schema).collect();
            json!({ "type": "array", "items": items, "minItems": items.len(), "maxItems": items.len() })
        }
        Type::Map(values) => json!({ "type": "object", "additionalProperties": schema(values) }),
        Type::Nullable(inner) => json!({ "oneOf": [schema(inner), { "type": "null" }] }),
        Type::Named(id) => json!({ "$ref": format!("#/definitions/{}", type_key(*id)) }),
    }
}

/// The narrowest integer type that holds all allowed values.
pub(super) fn width(integer: &Integer) -> &'static str {
    let fits = |least: i64, most: i64| integer.minimum >= least && integer.maximum <= most;
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

/// Literals of one kind have that kind's type; which of them are allowed is a rule.
fn literals(values: &[Value]) -> Value {
    let all = |is: fn(&Value) -> bool| values.iter().all(is);
    let whole = |value: &Value| value.as_f64().is_some_and(|number| number.fract() == 0.0);
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
