//! Compares the generated types: code of users that no longer compiles, and a summary of all changes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::emit;
use crate::model::{
    Additional, Enum, Model, NamedType, Object, Property, Tagged, Topic, Type, TypeId, Union, visit_types,
};

/// A change of a generated type.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TypeChange {
    /// The name in TypeScript, such as `PipelineStatus`.
    pub(super) name: String,
    /// Such as ``the property `eta` is new``.
    pub(super) text: String,
    /// Rust code that builds or reads the type no longer compiles.
    pub(super) breaks_rust: bool,
    pub(super) breaks_typescript: bool,
}

/// Finds the changes of all types.
pub(super) fn compare(old: &Model, new: &Model) -> Vec<TypeChange> {
    let by_name = |model: &Model| -> BTreeMap<String, TypeId> {
        let ids = (0..model.types.len()).map(TypeId);
        ids.map(|id| (model.get(id).typescript.clone(), id)).collect()
    };
    let (before, after) = (by_name(old), by_name(new));
    let (sent, received) = (reachable(new, true), reachable(new, false));
    let mut changes = Vec::new();
    for (name, id) in &before {
        let mut types = Types { old, new, name, sent: true, received: true, changes: &mut changes };
        match after.get(name) {
            Some(other) => {
                (types.sent, types.received) = (sent.contains(other), received.contains(other));
                types.compare(old.get(*id), new.get(*other));
            }
            None => types.report("the type is gone".to_owned(), true, true),
        }
    }
    changes
}

/// Returns the types of what the server sends, or of what it receives.
fn reachable(model: &Model, is_sent: bool) -> BTreeSet<TypeId> {
    let mut pending: Vec<TypeId> = Vec::new();
    for channel in &model.channels {
        if is_sent {
            pending.extend(channel.topics.iter().filter_map(Topic::payload).chain(channel.result));
        } else {
            pending.extend(channel.signals.iter().map(|signal| signal.payload));
        }
    }
    let mut found = BTreeSet::new();
    while let Some(id) = pending.pop() {
        if found.insert(id) {
            visit_types(&model.get(id).shape, &mut |target| pending.push(target));
        }
    }
    found
}

/// A type of both versions.
struct Types<'t> {
    old: &'t Model,
    new: &'t Model,
    name: &'t str,
    /// The server sends the type: Rust code builds it, and TypeScript code reads it.
    sent: bool,
    /// The server receives the type: TypeScript code builds it, and Rust code reads it.
    received: bool,
    changes: &'t mut Vec<TypeChange>,
}

impl Types<'_> {
    fn report(&mut self, text: String, breaks_rust: bool, breaks_typescript: bool) {
        let name = self.name.to_owned();
        self.changes.push(TypeChange { name, text, breaks_rust, breaks_typescript });
    }

    fn compare(&mut self, old: &NamedType, new: &NamedType) {
        if old.rust != new.rust || old.wrapper != new.wrapper || is_newtype(old) != is_newtype(new) {
            self.report(format!("the Rust type `{}` is declared differently", new.rust), true, false);
        }
        match (old.shape.shape(), new.shape.shape()) {
            (Type::Object(old), Type::Object(new)) => self.objects(old, new),
            (Type::Enum(old), Type::Enum(new)) => self.enums(old, new),
            (Type::Tagged(old), Type::Tagged(new)) => self.tagged(old, new),
            (Type::Union(old), Type::Union(new)) => self.unions(old, new),
            (old, new) => self.parts("", old, new),
        }
        if let (Type::Checked(before), Type::Checked(after)) = (&old.shape, &new.shape)
            && emit::rules_json(self.old, &before.rules) != emit::rules_json(self.new, &after.rules)
        {
            self.report("its rules changed".to_owned(), false, false);
        }
    }

    fn objects(&mut self, old: &Object, new: &Object) {
        let find = |properties: &[Property], name: &str| {
            properties.iter().position(|property| property.name.wire == name)
        };
        for property in &old.properties {
            let name = &property.name.wire;
            match find(&new.properties, name) {
                Some(at) => self.property(property, &new.properties[at]),
                None => {
                    self.report(format!("the property `{name}` is gone"), property.constant().is_none(), true)
                }
            }
        }
        for property in &new.properties {
            let name = &property.name.wire;
            match find(&old.properties, name) {
                Some(_) => {}
                None if property.required => {
                    let (rust, typescript) = (self.sent && property.constant().is_none(), self.received);
                    self.report(format!("the property `{name}` is new and required"), rust, typescript);
                }
                None => self.report(format!("the property `{name}` is new"), false, false),
            }
        }
        let arguments = |one: &Object, other: &Object| -> Vec<String> {
            let required = one.properties.iter().filter(|property| is_argument(property));
            let shared = required.filter(|property| {
                find(&other.properties, &property.name.wire)
                    .is_some_and(|at| is_argument(&other.properties[at]))
            });
            shared.map(|property| property.name.wire.clone()).collect()
        };
        if self.sent && arguments(old, new) != arguments(new, old) {
            self.report("the arguments of `new` have another order".to_owned(), true, false);
        }
        match (&old.additional, &new.additional) {
            (Additional::Checked(before), Additional::Checked(after)) => {
                self.parts("undeclared properties: ", before, after);
            }
            (before, after) if std::mem::discriminant(before) != std::mem::discriminant(after) => {
                let is_field = |additional: &Additional| matches!(additional, Additional::Checked(_));
                let breaks = is_field(before) || is_field(after);
                self.report("undeclared properties are handled differently".to_owned(), breaks, breaks);
            }
            _ => {}
        }
    }

    fn property(&mut self, old: &Property, new: &Property) {
        let name = &new.name.wire;
        if old.name.rust() != new.name.rust() || old.constant().is_some() != new.constant().is_some() {
            self.report(format!("the property `{name}` has another field in Rust"), true, false);
        }
        match (old.required, new.required) {
            (true, false) => self.report(format!("the property `{name}` is now optional"), true, self.sent),
            (false, true) => {
                self.report(format!("the property `{name}` is now required"), true, self.received)
            }
            _ => {}
        }
        self.parts(&format!("`{name}`: "), &old.shape, &new.shape);
    }

    /// Compares types without names of their own.
    fn parts(&mut self, label: &str, old: &Type, new: &Type) {
        let rust = [emit::rust_type(self.old, old), emit::rust_type(self.new, new)];
        let typescript = [emit::typescript_type(self.old, old), emit::typescript_type(self.new, new)];
        let (breaks_rust, breaks_typescript) = (rust[0] != rust[1], typescript[0] != typescript[1]);
        if breaks_typescript {
            let [before, after] = typescript;
            self.report(format!("{label}`{before}` is now `{after}`"), breaks_rust, true);
        } else if breaks_rust {
            let [before, after] = rust;
            self.report(format!("{label}`{before}` is now `{after}` in Rust"), true, false);
        } else {
            let [before, after] = [emit::type_json(self.old, old), emit::type_json(self.new, new)];
            for text in changed_keywords(&before, &after) {
                self.report(format!("{label}{text}"), false, false);
            }
        }
    }

    fn enums(&mut self, old: &Enum, new: &Enum) {
        for value in &old.values {
            let name = &value.wire;
            match new.values.iter().find(|other| other.wire == *name) {
                None => self.report(format!("the value \"{name}\" is gone"), true, true),
                Some(other) if other.variant != value.variant => {
                    self.report(format!("the variant of \"{name}\" is now `{}`", other.variant), true, false);
                }
                Some(_) => {}
            }
        }
        for value in &new.values {
            if old.values.iter().all(|other| other.wire != value.wire) {
                let is_listed = !new.open;
                self.report(
                    format!("the value \"{}\" is new", value.wire),
                    self.received && is_listed,
                    self.sent && is_listed,
                );
            }
        }
        self.openness(old.open, new.open);
    }

    fn openness(&mut self, old: bool, new: bool) {
        match (old, new) {
            (false, true) => self.report("it is now open".to_owned(), true, self.sent),
            (true, false) => self.report("it is no longer open".to_owned(), true, self.received),
            _ => {}
        }
    }

    fn tagged(&mut self, old: &Tagged, new: &Tagged) {
        if old.tag != new.tag {
            self.report(format!("the tag is now `{}`", new.tag), true, true);
        }
        for case in &old.cases {
            let tag = &case.wire;
            match new.cases.iter().find(|other| other.wire == *tag) {
                None => self.report(format!("the case \"{tag}\" is gone"), true, true),
                Some(other) => {
                    let names =
                        [&self.old.get(case.target).typescript, &self.new.get(other.target).typescript];
                    if case.variant != other.variant || names[0] != names[1] {
                        let text = format!("the type of the case \"{tag}\" is now `{}`", names[1]);
                        self.report(text, true, names[0] != names[1]);
                    }
                }
            }
        }
        for case in &new.cases {
            if old.cases.iter().all(|other| other.wire != case.wire) {
                let is_listed = !new.open;
                self.report(
                    format!("the case \"{}\" is new", case.wire),
                    self.received && is_listed,
                    self.sent && is_listed,
                );
            }
        }
        self.openness(old.open, new.open);
    }

    fn unions(&mut self, old: &Union, new: &Union) {
        let names = |union: &Union| -> Vec<String> {
            union.alternatives.iter().map(|alternative| alternative.variant.clone()).collect()
        };
        let (before, after) = (names(old), names(new));
        for name in before.iter().filter(|name| !after.contains(name)) {
            self.report(format!("the alternative `{name}` is gone"), true, true);
        }
        for name in after.iter().filter(|name| !before.contains(name)) {
            self.report(format!("the alternative `{name}` is new"), self.received, self.sent);
        }
        for alternative in &old.alternatives {
            let same = new.alternatives.iter().find(|other| other.variant == alternative.variant);
            if let Some(other) = same {
                self.parts(&format!("`{}`: ", alternative.variant), &alternative.shape, &other.shape);
            }
        }
    }
}

/// Returns `true` for a property that is an argument of `new`.
fn is_argument(property: &Property) -> bool {
    property.required && property.constant().is_none()
}

/// Returns the keywords that differ, such as `` `maximum` is 200, was 100 ``.
fn changed_keywords(old: &Value, new: &Value) -> Vec<String> {
    let (Some(before), Some(after)) = (old.as_object(), new.as_object()) else { return Vec::new() };
    let keywords: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    keywords
        .into_iter()
        .filter(|keyword| before.get(*keyword) != after.get(*keyword))
        .map(|keyword| match (before.get(keyword), after.get(keyword)) {
            (Some(before), Some(after)) if is_short(before) && is_short(after) => {
                format!("`{keyword}` is {after}, was {before}")
            }
            (None, Some(after)) if is_short(after) => format!("`{keyword}` is {after}, was not set"),
            (Some(before), None) if is_short(before) => format!("`{keyword}` is not set, was {before}"),
            _ => format!("`{keyword}` changed"),
        })
        .collect()
}

fn is_short(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

fn is_newtype(named: &NamedType) -> bool {
    emit::is_newtype(named.shape.shape())
}
