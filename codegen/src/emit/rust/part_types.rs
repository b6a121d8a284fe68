//! The Rust types of the parts of named types, such as the fields of a struct. typify chooses them from JSON Schemas in
//! which every named type has an opaque name, so no text of a user reaches it.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};
use syn::visit_mut::{VisitMut, visit_type_mut};
use syn::{PathArguments, parse_quote};
use typify::{TypeSpace, TypeSpaceImpl, TypeSpaceSettings};

use super::type_path;
use crate::model::{Additional, Integer, MAX_INTEGER, Model, Scope, Text, Type, TypeId};

/// The Rust types of the parts of a scope's types.
pub(super) struct PartTypes(HashMap<TypeId, Vec<syn::Type>>);

impl PartTypes {
    /// Chooses the types of all parts of some types in a scope.
    pub(super) fn choose(model: &Model, scope: Scope, ids: &[TypeId]) -> Self {
        let mut schemas = Schemas { model, scope, paths: BTreeMap::new() };
        let parts: Vec<(TypeId, Vec<Value>)> =
            ids.iter().map(|id| (*id, schemas.parts(model.get(*id).shape.shape()))).collect();
        let mut types = Types::new(schemas.paths);
        let choose = |(id, parts): (TypeId, Vec<Value>)| {
            (id, parts.into_iter().map(|schema| types.choose(schema)).collect())
        };
        Self(parts.into_iter().map(choose).collect())
    }

    /// The types of a struct's fields (the map of undeclared properties is last), of a union's alternatives, or of the
    /// target of an alias.
    pub(super) fn of(&self, id: TypeId) -> &[syn::Type] {
        self.0.get(&id).map_or(&[], Vec::as_slice)
    }
}

/// The schemas of parts, with the Rust paths of the types that they refer to.
struct Schemas<'m> {
    model: &'m Model,
    scope: Scope,
    /// The path of each type, by its name in typify's input.
    paths: BTreeMap<String, String>,
}

impl Schemas<'_> {
    /// Returns the schemas of the parts of a type that have a Rust type of their own.
    fn parts(&mut self, shape: &Type) -> Vec<Value> {
        match shape {
            Type::Object(object) => {
                let fields = object.properties.iter().filter(|property| property.constant().is_none());
                let mut parts: Vec<Value> = fields.map(|property| self.schema(&property.shape)).collect();
                if let Additional::Checked(values) = &object.additional {
                    parts.push(self.map(values));
                }
                parts
            }
            Type::Union(union) => {
                union.alternatives.iter().map(|alternative| self.schema(&alternative.shape)).collect()
            }
            Type::Tagged(tagged) => tagged.cases.iter().map(|case| self.named(case.target)).collect(),
            Type::Enum(_) => Vec::new(),
            shape => vec![self.schema(shape)],
        }
    }

    fn schema(&mut self, shape: &Type) -> Value {
        match shape.shape() {
            Type::Any | Type::Object(_) | Type::Union(_) | Type::Tagged(_) | Type::Checked(_) => json!({}),
            Type::Null => json!({ "type": "null" }),
            Type::Boolean => json!({ "type": "boolean" }),
            Type::Integer(integer) => json!({ "type": "integer", "format": integer_format(integer) }),
            Type::Number(_) => json!({ "type": "number", "format": "double" }),
            Type::Text(Text { format: Some(format), .. }) => {
                self.reference(format!("Format{format:?}"), format!("fanfare::formats::{format:?}"))
            }
            Type::Text(_) | Type::Enum(_) => json!({ "type": "string" }),
            Type::Int64 => self.reference("Int64".to_owned(), "fanfare::Int64".to_owned()),
            Type::Uint64 => self.reference("Uint64".to_owned(), "fanfare::Uint64".to_owned()),
            Type::Literals(values) => literals_schema(values),
            Type::Array(array) => json!({ "type": "array", "items": self.schema(&array.items) }),
            Type::Tuple(items) => {
                let items: Vec<Value> = items.iter().map(|item| self.schema(item)).collect();
                json!({ "type": "array", "items": items, "minItems": items.len(), "maxItems": items.len() })
            }
            Type::Map(values, _) => self.map(values),
            Type::Nullable(inner) => json!({ "oneOf": [self.schema(inner), { "type": "null" }] }),
            Type::Named(id) => self.named(*id),
        }
    }

    fn map(&mut self, values: &Type) -> Value {
        json!({ "type": "object", "additionalProperties": self.schema(values) })
    }

    fn named(&mut self, id: TypeId) -> Value {
        self.reference(format!("T{}", id.0), type_path(self.model, id, self.scope))
    }

    fn reference(&mut self, name: String, path: String) -> Value {
        let reference = json!({ "$ref": format!("#/definitions/{name}") });
        self.paths.insert(name, path);
        reference
    }
}

/// The types that typify chooses.
struct Types {
    space: TypeSpace,
    chosen: HashMap<Value, syn::Type>,
}

impl Types {
    /// Prepares typify for schemas that refer to these types by name.
    fn new(paths: BTreeMap<String, String>) -> Self {
        let mut settings = TypeSpaceSettings::default();
        settings.with_map_type("::std::collections::BTreeMap");
        for (name, path) in &paths {
            settings.with_replacement(name, path, std::iter::empty::<TypeSpaceImpl>());
        }
        let mut space = TypeSpace::new(&settings);
        let definitions: Result<Vec<_>, _> =
            paths.into_keys().map(|name| Ok((name, serde_json::from_value(json!({}))?))).collect();
        let added = definitions.map_err(|error: serde_json::Error| error.to_string());
        let added = added.and_then(|types| space.add_ref_types(types).map_err(|error| error.to_string()));
        debug_assert!(added.is_ok(), "typify refused a replaced type: {added:?}");
        Self { space, chosen: HashMap::new() }
    }

    fn choose(&mut self, schema: Value) -> syn::Type {
        if let Some(known) = self.chosen.get(&schema) {
            return known.clone();
        }
        let chosen = self.ask_typify(schema.clone());
        debug_assert!(chosen.is_some(), "typify refused {schema}");
        let mut chosen = chosen.unwrap_or_else(|| parse_quote!(fanfare::Value));
        ShortenPaths.visit_type_mut(&mut chosen);
        self.chosen.insert(schema, chosen.clone());
        chosen
    }

    fn ask_typify(&mut self, schema: Value) -> Option<syn::Type> {
        let id = self.space.add_type(&serde_json::from_value(schema).ok()?).ok()?;
        syn::parse2(self.space.get_type(&id).ok()?.ident()).ok()
    }
}

/// Shortens the full paths that typify prints.
struct ShortenPaths;

impl VisitMut for ShortenPaths {
    fn visit_type_mut(&mut self, ty: &mut syn::Type) {
        visit_type_mut(self, ty);
        let syn::Type::Path(typed) = ty else { return };
        let Some(last) = typed.path.segments.last() else { return };
        let path: Vec<String> = typed.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        *ty = match (path.join("::").as_str(), &last.arguments) {
            ("std::string::String", _) => parse_quote!(String),
            ("serde_json::Value", _) => parse_quote!(fanfare::Value),
            ("std::vec::Vec", PathArguments::AngleBracketed(arguments)) => parse_quote!(Vec #arguments),
            ("std::option::Option", PathArguments::AngleBracketed(arguments)) => {
                parse_quote!(Option #arguments)
            }
            ("serde_json::Map" | "std::collections::BTreeMap", PathArguments::AngleBracketed(arguments)) => {
                parse_quote!(std::collections::BTreeMap #arguments)
            }
            _ => return,
        };
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

/// Returns a part's type as text, to compare it with another one.
pub(crate) fn rust_type(model: &Model, shape: &Type) -> String {
    let of = |shape: &Type| rust_type(model, shape);
    match shape.shape() {
        Type::Any | Type::Object(_) | Type::Union(_) | Type::Tagged(_) | Type::Checked(_) => {
            "Value".to_owned()
        }
        Type::Null => "()".to_owned(),
        Type::Boolean => "bool".to_owned(),
        Type::Integer(integer) => integer_type(integer_format(integer)),
        Type::Number(_) => "f64".to_owned(),
        Type::Text(text) => text.format.map_or_else(|| "String".to_owned(), |format| format!("{format:?}")),
        Type::Enum(_) => "String".to_owned(),
        Type::Int64 => "Int64".to_owned(),
        Type::Uint64 => "Uint64".to_owned(),
        Type::Literals(values) => rust_literals(values),
        Type::Array(array) => format!("Vec<{}>", of(&array.items)),
        Type::Tuple(items) => format!("({})", items.iter().map(of).collect::<Vec<_>>().join(", ")),
        Type::Map(values, _) => format!("BTreeMap<String, {}>", of(values)),
        Type::Nullable(inner) => format!("Option<{}>", of(inner)),
        Type::Named(id) => model.get(*id).rust.clone(),
    }
}

/// Returns the type of literals as text.
fn rust_literals(values: &[Value]) -> String {
    let schema = literals_schema(values);
    match schema["type"].as_str() {
        Some("string") => "String",
        Some("integer") => "i64",
        Some("number") => "f64",
        Some("boolean") => "bool",
        Some("null") => "()",
        _ => "Value",
    }
    .to_owned()
}

/// Returns the Rust type of an integer's `format`.
fn integer_type(format: &str) -> String {
    format.replace("uint", "u").replace("int", "i")
}
