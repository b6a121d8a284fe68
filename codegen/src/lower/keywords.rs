//! Checks each keyword of a schema: that it exists in the schema's draft, and that its value makes sense.

use std::collections::HashSet;

use indexmap::IndexMap;
use serde_json::Value;

use super::limits;
use crate::definition::{Dialect, Exclusive, ItemsNode, KEYWORDS, Keywords, SchemaNode};
use crate::diagnostics::{Code, Diagnostic, Location, SourceId, closest};
use crate::model::MAX_INTEGER;

/// The check of a schema's keywords and those of its subschemas.
pub(super) struct Check<'c> {
    pub(super) dialect_at: &'c dyn Fn(&Location) -> Dialect,
    /// The schema was written for other tools too, so that its author may use other keywords on purpose.
    pub(super) is_foreign: bool,
    pub(super) ignored: &'c mut Ignored,
    pub(super) diagnostics: &'c mut Vec<Diagnostic>,
}

/// The unknown keywords that have no effect: the first location of each in a file, and their number.
#[derive(Default)]
pub(super) struct Ignored(IndexMap<(SourceId, String), (Location, HashSet<Location>)>);

impl Ignored {
    fn add(&mut self, key: &str, location: &Location) {
        let entry = self.0.entry((location.source, key.to_owned()));
        entry.or_insert_with(|| (location.clone(), HashSet::new())).1.insert(location.clone());
    }

    /// One warning per keyword and file.
    pub(super) fn warnings(self) -> impl Iterator<Item = Diagnostic> {
        self.0.into_iter().map(|((_, key), (location, locations))| {
            let count = match locations.len() {
                1 => String::new(),
                count => format!(" ({count} times in this file)"),
            };
            let message = format!("`{key}` is not a JSON Schema keyword{count}");
            Diagnostic::at_key(Code::Ignored, &location, message)
                .note("unknown keywords are annotations and have no effect")
                .help("prefix it with `x-` if one of your tools uses it")
        })
    }
}

/// Keywords with schemas that a value need not match.
const OPTIONAL_SCHEMAS: [&str; 9] =
    ["anyOf", "oneOf", "not", "if", "then", "else", "contains", "dependentSchemas", "dependencies"];

impl Check<'_> {
    /// Checks a schema. `required` if every value at this location must match it.
    pub(super) fn node(&mut self, node: &SchemaNode, location: &Location, required: bool, depth: usize) {
        let SchemaNode::Keywords(keywords) = node else { return };
        let dialect = (self.dialect_at)(location);
        let overruled = dialect.reference_stands_alone() && keywords.reference.is_some();
        if !overruled {
            self.unknown(keywords, location);
            check_names(keywords, dialect, location, self.is_foreign, self.diagnostics);
            check_values(keywords, location, self.is_foreign, self.diagnostics);
            let mut found = Vec::new();
            limits::check(keywords, location, &mut found);
            refuse_undeclared(keywords, location, &mut found);
            found.extend(misspelt_required(keywords, location));
            // A schema for other tools may describe a property that no value has, and be used without it.
            let is_error = required && !(self.is_foreign && depth > 0);
            let demoted = found.into_iter().map(|diagnostic| {
                if is_error {
                    diagnostic
                } else {
                    diagnostic.instead_of(Code::Unsatisfiable, Code::NeverMatches)
                }
            });
            self.diagnostics.extend(demoted);
        }
        keywords.parts(&mut |steps, node| {
            let is_optional = steps.first().is_some_and(|step| OPTIONAL_SCHEMAS.contains(step));
            self.node(node, &location.below(steps), required && !is_optional, depth + 1);
        });
    }
}

impl Check<'_> {
    /// Reports misspelt keywords. Counts other unknown ones, which are annotations.
    fn unknown(&mut self, keywords: &Keywords, location: &Location) {
        for key in keywords.unknown.keys().filter(|key| !key.starts_with("x-")) {
            // A leading `$` marks keywords of JSON Schema's core, or of a tool, so it is not a misspelling.
            let is_alike = |name: &&str| name.starts_with('$') || !key.starts_with('$');
            let is_annotation = self.is_foreign || ANNOTATIONS_OF_OTHERS.contains(&key.as_str());
            let near = closest(key, KEYWORDS.iter().map(|keyword| keyword.name).filter(is_alike));
            match near.filter(|_| !is_annotation) {
                Some(near) => self.diagnostics.push(
                    Diagnostic::at_key(
                        Code::UnknownKeyword,
                        &location.join(key),
                        format!("unknown keyword `{key}`"),
                    )
                    .help(format!("did you mean `{near}`?")),
                ),
                None => self.ignored.add(key, &location.join(key)),
            }
        }
    }
}

/// Warns about required properties that are not declared, if another name is similar.
fn misspelt_required(keywords: &Keywords, location: &Location) -> Vec<Diagnostic> {
    let declared = || keywords.properties.iter().flatten().map(|(name, _)| name.as_str());
    let is_required = |name: &str| keywords.required.iter().flatten().any(|required| required == name);
    let required = keywords.required.iter().flatten().enumerate();
    let undeclared = required.filter(|(_, name)| !declared().any(|declared| declared == *name));
    let misspelt = undeclared.filter_map(|(at, name)| {
        let near = closest(name, declared().filter(|near| !is_required(near)))?;
        let message = format!("required property `{name}` is not declared");
        Some(
            Diagnostic::at(Code::UndeclaredRequired, &location.join("required").join(at), message)
                .help(format!("did you mean `{near}`?")),
        )
    });
    misspelt.collect()
}

/// Reports required properties that `additionalProperties: false` rejects.
fn refuse_undeclared(keywords: &Keywords, location: &Location, diagnostics: &mut Vec<Diagnostic>) {
    if !matches!(keywords.additional_properties.as_deref(), Some(SchemaNode::Bool(false)))
        || keywords.pattern_properties.is_some()
    {
        return;
    }
    let declares =
        |key: &str| keywords.properties.as_ref().is_some_and(|declared| declared.contains_key(key));
    for (at, key) in keywords.required.iter().flatten().enumerate().filter(|(_, key)| !declares(key)) {
        diagnostics.push(
            Diagnostic::at(
                Code::Unsatisfiable,
                &location.join("required").join(at),
                format!("property `{key}` is required but not allowed"),
            )
            .note("`additionalProperties: false` rejects undeclared properties")
            .help(format!("declare `{key}` under `properties`")),
        );
    }
}

fn check_names(
    keywords: &Keywords,
    dialect: Dialect,
    location: &Location,
    is_foreign: bool,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for key in keywords.idle().into_iter().map(|keyword| keyword.name) {
        diagnostics.push(
            Diagnostic::at_key(
                Code::BindsNothing,
                &location.join(key),
                format!("`{key}` has no effect for this `type`"),
            )
            .help("remove it, or correct the `type`"),
        );
    }
    for keyword in keywords.set() {
        if let Some(help) = dialect.refuses(keyword) {
            let key = keyword.name;
            let message = format!("`{key}` is not a keyword of {}", dialect.name());
            let code = if is_foreign { Code::Ignored } else { Code::UnsupportedKeyword };
            diagnostics.push(Diagnostic::at_key(code, &location.join(key), message).help(help));
        }
    }
    let exclusive = [
        ("exclusiveMinimum", "minimum", keywords.exclusive_minimum),
        ("exclusiveMaximum", "maximum", keywords.exclusive_maximum),
    ];
    for (key, inclusive, value) in exclusive {
        let help = match (value, dialect) {
            (Some(Exclusive::Limit(_)), Dialect::Draft4) => format!("write `{inclusive}` and `{key}: true`"),
            (Some(Exclusive::Flag(_)), newer) if newer > Dialect::Draft4 => {
                format!("write the limit itself instead of `{inclusive}`")
            }
            _ => continue,
        };
        let message = format!("this value of `{key}` is not allowed in {}", dialect.name());
        diagnostics.push(Diagnostic::at(Code::UnsupportedKeyword, &location.join(key), message).help(help));
    }
    if dialect == Dialect::Draft2020 && matches!(keywords.items, Some(ItemsNode::First(_))) {
        let message = format!("`items` cannot be a list in {}", dialect.name());
        diagnostics.push(
            Diagnostic::at_key(Code::UnsupportedKeyword, &location.join("items"), message)
                .help("write `prefixItems`"),
        );
    }
}

/// Annotations that editors, forms and other formats use.
const ANNOTATIONS_OF_OTHERS: [&str; 13] = [
    "id",
    "example",
    "enumNames",
    "tsType",
    "xml",
    "discriminator",
    "externalDocs",
    "options",
    "links",
    "media",
    "name",
    "names",
    "order",
];

fn check_values(
    keywords: &Keywords,
    location: &Location,
    is_foreign: bool,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let lists = [("allOf", &keywords.all_of), ("anyOf", &keywords.any_of), ("oneOf", &keywords.one_of)];
    for (key, _) in lists.iter().filter(|(_, nodes)| nodes.as_ref().is_some_and(Vec::is_empty)) {
        let message = format!("`{key}` requires at least one schema");
        diagnostics.push(Diagnostic::at(Code::Unsatisfiable, &location.join(key), message));
    }
    if keywords.multiple_of.is_some_and(|divisor| divisor <= 0.0) {
        let message = "`multipleOf` must be greater than 0";
        diagnostics.push(Diagnostic::at(Code::Limit, &location.join("multipleOf"), message));
    }
    let values = keywords.enumeration.iter().flatten().enumerate();
    let values = values.map(|(at, value)| (value, location.join("enum").join(at)));
    for (value, location) in
        values.chain(keywords.constant.iter().map(|value| (value, location.join("const"))))
    {
        if contains_large_integer(value) {
            let message = "integer outside ±(2^53−1), which JavaScript cannot represent exactly";
            diagnostics
                .push(Diagnostic::at(Code::IntegerRange, &location, message).help("write it as a string"));
        }
    }
    if !is_foreign && keywords.deprecated.as_ref().is_some_and(|value| !value.is_boolean()) {
        diagnostics.push(
            Diagnostic::at(
                Code::Shape,
                &location.join("deprecated"),
                "`deprecated` of a schema must be true or false",
            )
            .help("say in `description` what to use instead"),
        );
    }
    let of_properties = location.join("patternProperties");
    let patterns = keywords.pattern.iter().map(|pattern| (pattern, location.join("pattern")));
    let of_names = keywords.pattern_properties.iter().flatten();
    for (pattern, location) in patterns.chain(of_names.map(|(key, _)| (key, of_properties.join(key)))) {
        match limits::with_unicode(pattern) {
            Ok(_) => diagnostics.extend(limits::posix_class(pattern, &location)),
            Err(error) => diagnostics.push(limits::refused_pattern(pattern, &error, &location)),
        }
    }
    if let Some(diagnostic) =
        keywords.format.as_deref().and_then(|format| limits::unchecked_format(format, is_foreign, location))
    {
        diagnostics.push(diagnostic);
    }
}

fn contains_large_integer(value: &Value) -> bool {
    match value {
        Value::Number(number) if !number.is_f64() => {
            number.as_i64().is_none_or(|number| number.abs() > MAX_INTEGER)
        }
        Value::Array(items) => items.iter().any(contains_large_integer),
        Value::Object(object) => object.values().any(contains_large_integer),
        _ => false,
    }
}
