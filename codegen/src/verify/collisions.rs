//! Reports name collisions in generated code, and names that are reserved for it.

use std::collections::{HashMap, HashSet};

use crate::diagnostics::{Code, Diagnostic, Location};
use crate::model::{Channel, Model, Scope, Type};
use crate::names::{
    INHERITED_NAMES, RESERVED_TYPE_NAMES, TYPESCRIPT_KEYWORDS, alternative_table, param_table, table,
};

/// Methods of a generated channel. Topics and signals cannot have these names, nor those of [`INHERITED_NAMES`].
const RESERVED_ACCESSORS: [&str; 12] = [
    "name",
    "topics",
    "then",
    "new",
    "channel",
    "from_channel",
    "grant",
    "grant_signals",
    "params",
    "definition",
    "fingerprint",
    "length",
];

/// Modules that would shadow paths of generated code, and its root file.
const RESERVED_CHANNELS: [&str; 7] = ["channels", "fanfare", "schemas", "rules", "std", "core", "alloc"];

/// Type names that the Rust module of a channel uses or declares, besides the channel's own.
const RESERVED_CHANNEL_TYPES: [&str; 7] = ["Box", "None", "Option", "Some", "String", "Topic", "Vec"];

/// Names that the generated TypeScript file of a channel imports.
const RESERVED_CONSTANTS: [&str; 2] = ["defineChannel", "f"];

/// Reports every collision of names in a model.
pub(super) fn check(model: &Model, diagnostics: &mut Vec<Diagnostic>) {
    let mut findings = Findings { diagnostics, reported: HashSet::new() };
    check_types(model, &mut findings);
    check_channels(&model.channels, &mut findings);
}

struct Findings<'r> {
    diagnostics: &'r mut Vec<Diagnostic>,
    /// Pairs that are reported already: names that collide in one language mostly collide in the other too.
    reported: HashSet<(Location, Location)>,
}

impl Findings<'_> {
    fn collision(&mut self, name: &str, language: &str, location: &Location, first: &Location) {
        if self.reported.insert((first.clone(), location.clone())) {
            self.diagnostics.push(
                Diagnostic::at_key(
                    Code::NameCollision,
                    location,
                    format!("name collision: two items would both be called `{name}` in {language}"),
                )
                .related(first, "the other item")
                .help("rename one of them"),
            );
        }
    }
}

/// The names so far, with their locations.
struct Taken<'p>(HashMap<String, &'p Location>);

impl<'p> Taken<'p> {
    fn new() -> Self {
        Self(HashMap::new())
    }

    fn take(&mut self, name: String, location: &'p Location, language: &str, findings: &mut Findings<'_>) {
        match self.0.get(&name) {
            None => {
                self.0.insert(name, location);
            }
            Some(first) if *first == location => {}
            Some(first) => findings.collision(&name, language, location, first),
        }
    }
}

fn check_types(model: &Model, findings: &mut Findings<'_>) {
    let alternatives = alternative_tables(model);
    let mut rust: HashMap<String, Taken<'_>> = HashMap::new();
    let mut typescript = Taken::new();
    let signal_places: Vec<Location> =
        model.channels.iter().map(|channel| channel.location.join("signals")).collect();
    for (index, channel) in model.channels.iter().enumerate() {
        let location = &channel.location;
        let mut taken = Taken::new();
        taken.take(channel.name.pascal.clone(), location, "Rust", findings);
        taken.take("Topic".to_owned(), location, "Rust", findings);
        if !channel.signals.is_empty() {
            taken.take("Signal".to_owned(), &signal_places[index], "Rust", findings);
        }
        // No type is spelled like a table, so one list holds both.
        for param in &channel.params {
            taken.take(format!("static {}", param_table(&param.name)), location, "Rust", findings);
        }
        rust.insert(scope_key(Scope::Channel(index)), taken);
    }
    for named in &model.types {
        let location = &named.location;
        if RESERVED_TYPE_NAMES.contains(&named.rust.as_str())
            || RESERVED_TYPE_NAMES.contains(&named.typescript.as_str())
        {
            findings.diagnostics.push(
                Diagnostic::at_key(
                    Code::ReservedName,
                    location,
                    format!("`{}` is reserved for generated code and cannot name a type", named.rust),
                )
                .help("choose another name"),
            );
        }
        rust.entry(scope_key(named.scope)).or_insert_with(Taken::new).take(
            named.rust.clone(),
            location,
            "Rust",
            findings,
        );
        rust.entry(scope_key(named.scope)).or_insert_with(Taken::new).take(
            format!("static {}", table(&named.rust)),
            location,
            "Rust",
            findings,
        );
        typescript.take(named.typescript.clone(), location, "TypeScript", findings);
        typescript.take(format!("{}Schema", named.typescript), location, "TypeScript", findings);
    }
    for (scope, name, location) in &alternatives {
        rust.entry(scope_key(*scope)).or_insert_with(Taken::new).take(
            name.clone(),
            location,
            "Rust",
            findings,
        );
    }
}

/// The tables of alternatives without a type of their own, with their locations.
fn alternative_tables(model: &Model) -> Vec<(Scope, String, Location)> {
    let mut tables = Vec::new();
    for named in &model.types {
        let Type::Union(union) = named.shape.shape() else { continue };
        for (at, alternative) in union.alternatives.iter().enumerate() {
            if !matches!(alternative.shape, Type::Named(_)) {
                let name = format!("static {}", alternative_table(&named.rust, &alternative.variant));
                tables.push((named.scope, name, named.location.join(union.key()).join(at)));
            }
        }
    }
    tables
}

fn scope_key(scope: Scope) -> String {
    match scope {
        Scope::Root => String::new(),
        Scope::Channel(index) => index.to_string(),
    }
}

fn check_channels(channels: &[Channel], findings: &mut Findings<'_>) {
    let mut taken = Taken::new();
    for channel in channels {
        let location = &channel.location;
        if TYPESCRIPT_KEYWORDS.contains(&channel.name.camel.as_str())
            || RESERVED_CONSTANTS.contains(&channel.name.camel.as_str())
            || RESERVED_CHANNELS.contains(&channel.name.snake.as_str())
            || RESERVED_CHANNEL_TYPES.contains(&channel.name.pascal.as_str())
        {
            findings.diagnostics.push(reserved("channel", &channel.name.wire, location));
        }
        taken.take(channel.name.snake.clone(), location, "Rust", findings);
        taken.take(channel.name.camel.clone(), location, "TypeScript", findings);
        check_accessors(channel, location, findings);
        check_former_names(channel, location, findings);
        let params: Vec<_> = channel.params.iter().map(|param| &param.name).collect();
        let locations: Vec<_> = params.iter().map(|name| location.join("params").join(&name.wire)).collect();
        let mut taken = Taken::new();
        for (name, location) in params.iter().zip(&locations) {
            taken.take(name.snake.clone(), location, "Rust", findings);
        }
    }
}

/// Checks topics and signals, which become methods of the same type.
fn check_accessors(channel: &Channel, location: &Location, findings: &mut Findings<'_>) {
    let topics = channel.topics.iter().map(|topic| ("topic", "topics", &topic.name));
    let signals = channel.signals.iter().map(|signal| ("signal", "signals", &signal.name));
    let accessors: Vec<_> = topics
        .chain(signals)
        .map(|(what, group, name)| (what, name, location.join(group).join(&name.wire)))
        .collect();
    let mut taken = Taken::new();
    for (what, name, location) in &accessors {
        if is_reserved_accessor(&name.wire) || is_reserved_accessor(&name.snake) {
            findings.diagnostics.push(reserved(what, &name.wire, location));
        }
        taken.take(name.snake.clone(), location, "Rust", findings);
    }
}

/// Checks the earlier names of topics and signals, which are names on the wire only.
fn check_former_names(channel: &Channel, location: &Location, findings: &mut Findings<'_>) {
    let topics = channel.topics.iter().map(|topic| ("topic", "topics", &topic.name, &topic.former));
    let signals = channel.signals.iter().map(|signal| ("signal", "signals", &signal.name, &signal.former));
    let items: Vec<_> = topics.chain(signals).collect();
    let mut taken: HashMap<&str, Location> = HashMap::new();
    for (_, group, name, _) in &items {
        taken.entry(&name.wire).or_insert_with(|| location.join(group).join(&name.wire));
    }
    for (what, group, current, former) in items {
        for (key, at, name) in former.keyed() {
            let location = location.join(group).join(&current.wire).join(key).join(at);
            if is_reserved_accessor(name) {
                findings.diagnostics.push(reserved(what, name, &location));
            }
            let Some(first) = taken.get(name.as_str()) else {
                taken.insert(name, location);
                continue;
            };
            findings.diagnostics.push(
                Diagnostic::at(
                    Code::NameCollision,
                    &location,
                    format!("the channel has the name `{name}` already"),
                )
                .related(first, "the other one")
                .note("the names of topics and signals differ, including their earlier names")
                .help("remove one of them"),
            );
        }
    }
}

fn is_reserved_accessor(name: &str) -> bool {
    RESERVED_ACCESSORS.contains(&name) || INHERITED_NAMES.contains(&name)
}

fn reserved(what: &str, name: &str, location: &Location) -> Diagnostic {
    Diagnostic::at_key(
        Code::ReservedName,
        location,
        format!("`{name}` is reserved for generated code and cannot name a {what}"),
    )
    .help("choose another name")
}
