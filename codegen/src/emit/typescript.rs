//! TypeScript: the types, validators and channels of each definition file.

mod channels;
mod face;
mod pattern;
mod rules;
mod schema_types;
mod types;
mod validators;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use askama::Template;
use serde_json::Value;
pub(crate) use types::expression as typescript_type;

use super::printed::{self, Export, Printed};
use crate::model::visit_types;
use crate::model::{Docs, Model, Type, TypeId};
use crate::outputs::{Style, TypeScript};
use face::Face;

#[derive(Template)]
#[template(path = "index.ts.j2", escape = "none")]
struct Index {
    header: String,
    exports: Vec<String>,
}

/// Prints the files of some modules, and their lines in the index.
pub(super) fn print(
    model: &Model,
    fingerprints: &[String],
    options: &TypeScript,
    modules: &[usize],
) -> Vec<Printed> {
    let with_int64 = find_int64(model);
    let print = |at: &usize| print_module(model, fingerprints, options, *at, &with_int64);
    modules.iter().map(print).collect()
}

fn print_module(
    model: &Model,
    fingerprints: &[String],
    options: &TypeScript,
    at: usize,
    with_int64: &HashSet<TypeId>,
) -> Printed {
    let module = &model.modules[at];
    let header = super::header([module.source.as_str()]);
    let file = self::File { model, at, stem: &module.stem, header, options, with_int64 };
    let mut printed = Printed::default();
    let exported = format!("./{}", module.stem);
    if let Some(text) = types::render(&file) {
        let extension = if options.style == Style::Js { "d.ts" } else { "ts" };
        printed.files.push((format!("{}.types.{extension}", module.stem), text.into()));
        let export = format!("export type * from {};", file.import(&format!("{exported}.types")));
        printed.exports.push(Export { text: export, is_type: true });
    }
    for face in Face::of(options) {
        // Not exported from the index, so that importing a channel does not load several kinds of validators.
        let stem = format!("{}.{}", module.stem, face.suffix());
        printed.files.extend(file.written(&stem, |form| validators::render(&file, face, form)));
    }
    let channels: Vec<_> =
        file.written(&module.stem, |form| channels::render(&file, fingerprints, form)).collect();
    if !channels.is_empty() {
        let export = format!("export * from {};", file.import(&exported));
        printed.exports.push(Export { text: export, is_type: false });
        printed.files.extend(channels);
    }
    printed
}

/// Prints the index from the exports of all modules.
pub(super) fn finish(model: &Model, options: &TypeScript, modules: &[&Printed]) -> Vec<printed::File> {
    let header = super::header(model.modules.iter().map(|module| module.source.as_str()));
    let index = |with_types: bool| {
        let all = modules.iter().flat_map(|printed| &printed.exports);
        let exports = all.filter(|export| with_types || !export.is_type);
        let exports = exports.map(|export| export.text.clone()).collect();
        rendered(&Index { header: header.clone(), exports }).into()
    };
    match options.style {
        Style::Ts => vec![("index.ts".to_owned(), index(true))],
        Style::Js => vec![("index.d.ts".to_owned(), index(true)), ("index.js".to_owned(), index(false))],
    }
}

/// The form of a file: `.ts` has both, the types and the values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Ts,
    Js,
    Declarations,
}

impl Form {
    fn extension(self) -> &'static str {
        match self {
            Self::Ts => "ts",
            Self::Js => "js",
            Self::Declarations => "d.ts",
        }
    }
}

/// Precedes each call, so that bundlers drop constants that a page does not use. The inner calls need it, too: Turbopack
/// keeps them otherwise.
const PURE: &str = "/* @__PURE__ */ ";

/// The types that contain a 64-bit integer, which is a string in JSON.
fn find_int64(model: &Model) -> HashSet<TypeId> {
    let contains = |shape: &Type, found: &HashSet<TypeId>| {
        let mut refers = false;
        visit_types(shape, &mut |id| refers |= found.contains(&id));
        refers || has_int64(shape)
    };
    let mut found = HashSet::new();
    loop {
        let all = (0..model.types.len()).map(TypeId);
        let new: Vec<TypeId> =
            all.filter(|id| !found.contains(id) && contains(&model.get(*id).shape, &found)).collect();
        if new.is_empty() {
            return found;
        }
        found.extend(new);
    }
}

fn has_int64(shape: &Type) -> bool {
    matches!(shape, Type::Int64 | Type::Uint64) || shape.children().into_iter().any(has_int64)
}

/// A definition file that is being rendered.
struct File<'m> {
    model: &'m Model,
    /// Index into [`Model::modules`].
    at: usize,
    stem: &'m str,
    header: String,
    options: &'m TypeScript,
    with_int64: &'m HashSet<TypeId>,
}

impl File<'_> {
    /// Returns the files of the chosen style, by path.
    fn written(
        &self,
        stem: &str,
        render: impl Fn(Form) -> Option<String>,
    ) -> impl Iterator<Item = printed::File> {
        let forms: &[Form] = match self.options.style {
            Style::Ts => &[Form::Ts],
            Style::Js => &[Form::Js, Form::Declarations],
        };
        forms
            .iter()
            .filter_map(move |form| Some((format!("{stem}.{}", form.extension()), render(*form)?.into())))
    }

    /// The types declared in this file, in the order of declaration.
    fn types(&self) -> impl Iterator<Item = TypeId> {
        self.model.types_of(self.at)
    }

    /// The file's own name, without its folder.
    fn name(&self) -> &str {
        self.stem.rsplit('/').next().unwrap_or(self.stem)
    }

    /// The string literal to import a file with.
    fn import(&self, path: &str) -> String {
        let extension = match self.options.style {
            Style::Js => ".js",
            Style::Ts => self.options.imports.text(),
        };
        quoted(&format!("{path}{extension}"))
    }

    /// Import statements for types of other files.
    fn imports(&self, targets: &BTreeSet<TypeId>, keyword: &str, suffix: &str, kind: &str) -> Vec<String> {
        let mut by_module: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for named in targets.iter().map(|id| self.model.get(*id)) {
            by_module.entry(named.module).or_default().push(format!("{}{suffix}", named.typescript));
        }
        by_module
            .into_iter()
            .map(|(module, names)| {
                let path = relative(self.stem, &self.model.modules[module].stem);
                format!(
                    "{keyword} {{ {} }} from {};",
                    names.join(", "),
                    self.import(&format!("{path}.{kind}"))
                )
            })
            .collect()
    }

    /// The types of other files that those of this file refer to.
    fn foreign(&self) -> BTreeSet<TypeId> {
        let mut targets = BTreeSet::new();
        for id in self.types() {
            visit_types(&self.model.get(id).shape, &mut |target| {
                if self.model.get(target).module != self.at {
                    targets.insert(target);
                }
            });
        }
        targets
    }

    /// The type of a channel's validator, given the name of its output.
    fn validator_type(&self, id: TypeId, output: &str) -> String {
        if self.with_int64.contains(&id) {
            format!("f.Validator<{output}, f.Wire<{output}>>")
        } else {
            format!("f.Validator<{output}>")
        }
    }
}

/// The relative path from one file to another.
fn relative(from: &str, to: &str) -> String {
    let from: Vec<&str> = from.split('/').collect();
    let to: Vec<&str> = to.split('/').collect();
    let shared =
        from.iter().zip(&to).take_while(|(a, b)| a == b).count().min(from.len() - 1).min(to.len() - 1);
    let up = from.len() - 1 - shared;
    let prefix = if up == 0 { "./".to_owned() } else { "../".repeat(up) };
    prefix + &to[shared..].join("/")
}

/// Renders a template. A template only joins strings, so rendering cannot fail.
fn rendered(template: &impl Template) -> String {
    let text = template.render().unwrap_or_default();
    format!("{}\n", text.trim_end())
}

/// A doc comment, or nothing.
fn docs(docs: &Docs, indent: &str) -> String {
    let description = docs.description.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let deprecated = docs.deprecated.as_ref().map(|note| format!("@deprecated {}", note.trim()));
    let text = description.into_iter().chain(deprecated.as_deref()).collect::<Vec<_>>().join("\n");
    if text.is_empty() {
        return text;
    }
    let text = text.replace("*/", "*\\/");
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    match lines.as_slice() {
        [line] => format!("{indent}/** {line} */\n"),
        lines => {
            let body: String =
                lines.iter().map(|line| format!("{indent} * {line}").trim_end().to_owned() + "\n").collect();
            format!("{indent}/**\n{body}{indent} */\n")
        }
    }
}

/// Returns the names and the TypeScript of a type, and of all types that it refers to.
pub(super) fn describe_types(model: &Model, root: TypeId) -> String {
    let mut ids = vec![root];
    let mut at = 0;
    while let Some(id) = ids.get(at).copied() {
        visit_types(&model.get(id).shape, &mut |target| {
            if !ids.contains(&target) {
                ids.push(target);
            }
        });
        at += 1;
    }
    let describe = |id: TypeId| {
        let named = model.get(id);
        format!("// Rust: {}\n{}\n\n", named.rust, types::declaration(model, named))
    };
    ids.into_iter().map(describe).collect()
}

/// A string literal.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// A property name, quoted unless it is an identifier.
fn key(name: &str) -> String {
    let identifier = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$');
    match name {
        "__proto__" => "[\"__proto__\"]".to_owned(),
        _ if identifier => name.to_owned(),
        _ => quoted(name),
    }
}

/// A JSON value as an expression or a literal type, with a separator between the members of an object. `__proto__` is a
/// computed key, because a plain one would set the prototype.
fn literal(value: &Value, separator: &str) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| literal(item, separator)).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}: {}", key(name), literal(value, separator)))
                .collect();
            format!("{{ {} }}", members.join(separator))
        }
        other => number(other),
    }
}

/// A number as in JavaScript; `true`, `false` and `null` unchanged.
fn number(value: &Value) -> String {
    let text = value.to_string();
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}
