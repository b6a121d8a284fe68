//! Names of alternatives in issues, such as `null`, `a string` or `an object with "kind": "cat"`.

use super::display::{abbreviate, join, shorten_json};
use super::{Items, Kinds, Literals, Members, Object, Rules, Schema, Tagged};

/// The maximum number of names that a message lists.
const MAX_NAMES: usize = 5;

/// The number of levels of unions inside an alternative that are named alternative by alternative. Unions may share their
/// alternatives, and then the number of names doubles with every level.
const MAX_LEVELS: usize = 2;

/// The name of values that have no other name.
const OTHER: &str = "a value of another schema";

/// An `enum` with more constants than this has one name for all.
const MAX_CONSTANTS: usize = 3;

/// The maximum number of properties in the name of an object.
const MAX_PROPERTIES: usize = 3;

/// Distinct names, in the order of the alternatives, but with `null` first.
#[derive(Default)]
pub(super) struct Names(Vec<String>);

impl Names {
    /// Returns the names of some alternatives, and `null` if it is also allowed.
    pub(super) fn new<A: Alternative>(alternatives: &[&A], allows_null: bool) -> Self {
        let mut names = Self::default();
        if allows_null {
            names.add("null");
        }
        names.add_union(alternatives, MAX_LEVELS + 1);
        names
    }

    /// Returns the names in the message of an alternative that is a union itself.
    pub(super) fn inside<A: Alternative>(alternative: &A) -> Self {
        let mut names = Self::default();
        alternative.add_names(MAX_LEVELS + 1, &mut names);
        names
    }

    fn add(&mut self, name: impl Into<String>) {
        let name = name.into();
        if !self.0.contains(&name) {
            let index = if name == "null" { 0 } else { self.0.len() };
            self.0.insert(index, name);
        }
    }

    /// Adds the names of the alternatives of a union, if `levels` are left.
    fn add_union<'a, A: Alternative + 'a>(
        &mut self,
        alternatives: impl IntoIterator<Item = &'a &'a A>,
        levels: usize,
    ) {
        if levels == 0 {
            return self.add(OTHER);
        }
        for alternative in alternatives {
            alternative.add_names(levels - 1, self);
        }
    }

    fn add_constants(&mut self, constants: &[String]) {
        if constants.len() > MAX_CONSTANTS {
            self.add(format!("one of {} constants", constants.len()));
        } else {
            for constant in constants {
                self.add(constant);
            }
        }
    }

    /// Returns `a string, an integer or null`.
    pub(super) fn list(&self) -> String {
        join(&self.0, MAX_NAMES, "or")
    }

    /// Returns the requirement to be one of these.
    pub(super) fn requirement(&self) -> String {
        if self.0.is_empty() { "is not allowed".to_owned() } else { format!("must be {}", self.list()) }
    }
}

/// An alternative of a union.
pub(super) trait Alternative {
    /// Adds the names of the values that this alternative accepts, and of those of unions inside up to some levels.
    fn add_names(&self, levels: usize, names: &mut Names);
}

impl Alternative for Schema {
    fn add_names(&self, levels: usize, names: &mut Names) {
        match self.resolve() {
            Self::Never => {}
            Self::Literals(literals) => names.add_constants(&short_constants(literals)),
            Self::Enum(texts) => {
                names.add_constants(&texts.iter().map(|text| abbreviate(text)).collect::<Vec<_>>());
            }
            Self::Array(array) => names.add(name_array(plural_of(array.items))),
            Self::Object(object) => names.add(name_object(object)),
            Self::Tagged(tagged) => names.add(name_tagged(tagged)),
            Self::AnyOf(alternatives) | Self::OneOf(alternatives) => {
                names.add_union(*alternatives, levels);
            }
            Self::Rules(rules) => rules.add_names(levels, names),
            schema => names.add(schema.type_name().unwrap_or("any value")),
        }
    }
}

impl Schema {
    /// Returns the name of the values of a schema that is one type of value, such as `a string`.
    pub(super) fn type_name(&self) -> Option<&'static str> {
        match self {
            Self::Null => Some("null"),
            Self::Boolean => Some("a boolean"),
            Self::Integer(_) => Some("an integer"),
            Self::Number(_) => Some("a number"),
            Self::Text(_) => Some("a string"),
            Self::Int64 => Some("a 64-bit integer in a string"),
            Self::Uint64 => Some("an unsigned 64-bit integer in a string"),
            Self::Array(_) | Self::Tuple(_) => Some("an array"),
            Self::Map(_) | Self::Object(_) | Self::Tagged(_) => Some("an object"),
            Self::Any
            | Self::Never
            | Self::Literals(_)
            | Self::Enum(_)
            | Self::AnyOf(_)
            | Self::OneOf(_)
            | Self::Rules(_)
            | Self::Deferred(_) => None,
        }
    }
}

impl Alternative for Rules {
    fn add_names(&self, levels: usize, names: &mut Names) {
        if let Some(values) = self.values {
            return names.add_constants(&short_constants(values));
        }
        if self.kinds != Kinds::ANY {
            return self.kinds.names().for_each(|(kinds, name)| self.add_name_of_kind(kinds, name, names));
        }
        // Without `type`, rules are named after the only kind that their keywords apply to.
        let of_kinds = [
            (self.number.is_some(), Kinds::NUMBER, "a number"),
            (self.text.is_some(), Kinds::STRING, "a string"),
            (self.array.is_some(), Kinds::ARRAY, "an array"),
            (self.object.is_some(), Kinds::OBJECT, "an object"),
        ];
        let mut of_kinds = of_kinds.into_iter().filter(|(is_used, ..)| *is_used);
        match (of_kinds.next(), of_kinds.next(), self.all_of) {
            (Some((_, kinds, name)), None, _) => self.add_name_of_kind(kinds, name, names),
            (None, None, [_]) => self.all_of().for_each(|only| only.add_names(levels, names)),
            (None, None, []) if !(self.any_of.is_empty() && self.one_of.is_empty()) => {
                names.add_union(self.any_of.iter().chain(self.one_of), levels);
            }
            _ => names.add(OTHER),
        }
    }
}

impl Rules {
    fn add_name_of_kind(&self, kinds: Kinds, name: &'static str, names: &mut Names) {
        match (self.array, self.object) {
            (Some(items), _) if kinds == Kinds::ARRAY => names.add(name_array(plural_of_items(items))),
            (_, Some(members)) if kinds == Kinds::OBJECT => names.add(name_members(members)),
            _ => names.add(name),
        }
    }
}

fn short_constants(literals: &Literals) -> Vec<String> {
    literals.values().iter().map(shorten_json).collect()
}

fn name_array(items: Option<&str>) -> String {
    items.map_or_else(|| "an array".to_owned(), |items| format!("an array of {items}"))
}

/// Returns the plural of the name of a type. Does not look into the type, because types may be recursive.
fn plural_of(schema: &Schema) -> Option<&'static str> {
    match schema.resolve() {
        Schema::Boolean => Some("booleans"),
        Schema::Integer(_) => Some("integers"),
        Schema::Number(_) => Some("numbers"),
        Schema::Text(_) => Some("strings"),
        Schema::Array(_) | Schema::Tuple(_) => Some("arrays"),
        Schema::Map(_) | Schema::Object(_) | Schema::Tagged(_) => Some("objects"),
        _ => None,
    }
}

fn plural_of_items(items: &Items) -> Option<&'static str> {
    let rest = items.rest.filter(|_| items.prefix.is_empty())?;
    let plurals = [
        (Kinds::BOOLEAN, "booleans"),
        (Kinds::INTEGER, "integers"),
        (Kinds::NUMBER, "numbers"),
        (Kinds::STRING, "strings"),
        (Kinds::ARRAY, "arrays"),
        (Kinds::OBJECT, "objects"),
    ];
    plurals.into_iter().find_map(|(kinds, plural)| (rest.kinds == kinds).then_some(plural))
}

fn name_tagged(tagged: &Tagged) -> String {
    match tagged.cases {
        [(case, _)] if !tagged.open => name_with_constant(tagged.tag, &abbreviate(case)),
        _ => name_with_properties(vec![tagged.tag]),
    }
}

fn name_object(object: &Object) -> String {
    let required = object.properties.iter().filter(|property| property.is_required());
    let (names, constants) =
        required.map(|property| (property.name(), (property.name(), constant(property.schema())))).unzip();
    name_required(names, constants)
}

fn constant(schema: &Schema) -> Option<String> {
    match schema.resolve() {
        Schema::Enum([only]) => Some(abbreviate(only)),
        Schema::Literals(literals) => only_constant(literals),
        _ => None,
    }
}

fn name_members(members: &Members) -> String {
    let constants = members.properties.iter().filter(|(name, _)| members.required.contains(name));
    let constants = constants.map(|(name, rules)| (*name, rules.values.and_then(only_constant)));
    name_required(members.required.to_vec(), constants.collect())
}

fn only_constant(literals: &Literals) -> Option<String> {
    match literals.values() {
        [only] => Some(shorten_json(only)),
        _ => None,
    }
}

/// Names an object after its first constant, or after the properties that it must have. The order is alphabetical,
/// because JavaScript does not keep the order of all names.
fn name_required(names: Vec<&str>, constants: Vec<(&str, Option<String>)>) -> String {
    let constants = constants.into_iter().filter_map(|(name, constant)| Some((name, constant?)));
    match constants.min() {
        Some((name, constant)) => name_with_constant(name, &constant),
        None => name_with_properties(names),
    }
}

fn name_with_constant(name: &str, constant: &str) -> String {
    format!("an object with {}: {constant}", abbreviate(name))
}

fn name_with_properties(mut names: Vec<&str>) -> String {
    names.sort_unstable();
    let names: Vec<String> = names.into_iter().map(abbreviate).collect();
    if names.is_empty() {
        "an object".to_owned()
    } else {
        format!("an object with {}", join(&names, MAX_PROPERTIES, "and"))
    }
}
