//! Names what needs a name: turns shapes into the model's types.

mod parts;
mod rules;
mod tags;
mod variants;

use std::collections::HashSet;

use crate::diagnostics::{Code, Diagnostic, Location};
use crate::infer::{Infer, Inferred};
use crate::lower::{LoweredChannel, LoweredSchema, Naming, Roots};
use crate::model::{
    Channel, Checked, Integer, Model, Module, NamedType, Notes, Rules, RulesId, Scope, Text, Type, TypeId,
    Wrapper, visit_types,
};
use crate::names::{Name, RESERVED_TYPE_NAMES};

/// Builds the model of lowered definitions.
pub(crate) fn name(
    schemas: &[LoweredSchema],
    roots: Roots,
    channels: Vec<LoweredChannel>,
    modules: Vec<Module>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Model {
    let mut namer = Namer {
        infer: Infer::new(schemas),
        schemas,
        roots,
        root_types: Vec::new(),
        model: Model::new(modules),
        taken: HashSet::new(),
        diagnostics,
    };
    for at in 0..namer.roots.all.len() {
        namer.reserve_root(at);
    }
    let channels = channels.into_iter().map(|channel| namer.channel(channel)).collect();
    let mut at = 0;
    while at < namer.root_types.len() {
        namer.convert(at);
        at += 1;
    }
    namer.model.channels = channels;
    namer.number_rules();
    namer.diagnostics.extend(namer.infer.warnings());
    tags::find(&mut namer.model, namer.diagnostics);
    share_types(&mut namer.model);
    namer.model.index(|_| true);
    namer.model
}

/// Moves the types of a channel that others refer to, such as another channel, to the root module in Rust. There they have
/// the name that is unique in the project.
fn share_types(model: &mut Model) {
    loop {
        let mut shared = HashSet::new();
        for named in &model.types {
            visit_types(&named.shape, &mut |id| {
                let target = model.get(id).scope;
                if target != Scope::Root && target != named.scope {
                    shared.insert(id);
                }
            });
        }
        if shared.is_empty() {
            return;
        }
        for id in shared {
            let named = &mut model.types[id.0];
            named.scope = Scope::Root;
            named.rust = named.typescript.clone();
        }
    }
}

/// The length beyond which a title is the better name.
const MAX_NAME_LENGTH: usize = 50;

struct Namer<'s, 'd> {
    infer: Infer<'s>,
    schemas: &'s [LoweredSchema],
    roots: Roots,
    /// The types of the roots so far.
    root_types: Vec<TypeId>,
    model: Model,
    /// The names so far, in lower case.
    taken: HashSet<(Option<Scope>, String)>,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl Namer<'_, '_> {
    /// The type of a schema that others refer to.
    fn root(&mut self, schema: RulesId) -> TypeId {
        let at = self.roots.position(schema, self.schemas);
        if at == self.root_types.len() {
            self.reserve_root(at);
        }
        self.root_types[at]
    }

    fn reserve_root(&mut self, at: usize) {
        let root = &self.roots.all[at];
        let schema = &self.schemas[root.schema.0];
        let (naming, otherwise) = (root.naming.clone(), root.description.clone());
        let id = self.reserve(&schema.location, &naming, &schema.rules.notes);
        let docs = &mut self.model.types[id.0].docs;
        docs.description = docs.description.take().or(otherwise);
        self.root_types.push(id);
    }

    /// The name of a part: its title, if the name that its location suggests is long.
    fn naming_of(&self, notes: &Notes, naming: &Naming) -> Naming {
        let title = notes.title.as_deref().and_then(Name::new).map(|name| name.rust_type());
        match title {
            Some(title)
                if naming.typescript.len() > MAX_NAME_LENGTH
                    && title.len() <= MAX_NAME_LENGTH
                    && !self.is_taken(naming.scope, &title, &title) =>
            {
                Naming { rust: title.clone(), typescript: title, ..naming.clone() }
            }
            _ => naming.clone(),
        }
    }

    /// Adds a type to the model. Until it is converted, its shape is a reference to itself.
    fn reserve(&mut self, location: &Location, naming: &Naming, notes: &Notes) -> TypeId {
        let id = TypeId(self.model.types.len());
        let (rust, typescript) = self.names(naming);
        self.model.types.push(NamedType {
            rust,
            typescript,
            scope: naming.scope,
            module: naming.module,
            docs: notes.docs.clone(),
            shape: Type::Named(id),
            recursive: false,
            wrapper: Wrapper::None,
            is_closed_on_purpose: notes.closed || naming.foreign,
            location: location.clone(),
        });
        id
    }

    /// The names of a new type in Rust and TypeScript. Resolves collisions for foreign schemas; others are reported later.
    fn names(&mut self, naming: &Naming) -> (String, String) {
        let (mut rust, mut typescript) = (naming.rust.clone(), naming.typescript.clone());
        let mut count = 2;
        while naming.foreign && self.is_taken(naming.scope, &rust, &typescript) {
            rust = format!("{}{count}", naming.rust);
            typescript = format!("{}{count}", naming.typescript);
            count += 1;
        }
        self.taken.extend(claimed_names(naming.scope, &rust, &typescript));
        (rust, typescript)
    }

    fn is_taken(&self, scope: Scope, rust: &str, typescript: &str) -> bool {
        let is_reserved = |name: &str| RESERVED_TYPE_NAMES.contains(&name);
        let names = claimed_names(scope, rust, typescript);
        is_reserved(rust) || is_reserved(typescript) || names.iter().any(|name| self.taken.contains(name))
    }

    /// Converts the shape of a root.
    fn convert(&mut self, at: usize) {
        let root = &self.roots.all[at];
        let (naming, schemas) = (root.naming.clone(), self.schemas);
        let schema = &schemas[root.schema.0];
        let Some(inferred) = self.infer.schema(root.schema) else { return };
        let Inferred { shape, exact } = &*inferred;
        let rules = Some(&schema.rules).filter(|_| !*exact || shape.is_untyped());
        let shape = self.shape(shape, rules, &naming);
        let shape = match shape {
            Type::Nullable(inner) if is_nominal(&inner) => {
                let id = self.reserve(&schema.location, &naming.child("Value"), &schema.rules.notes);
                self.model.types[id.0].shape = *inner;
                Type::Nullable(Box::new(Type::Named(id)))
            }
            shape => shape,
        };
        let id = self.root_types[at];
        self.model.types[id.0].shape = self.checked(shape, rules);
    }

    /// Adds the rules that decide which values of a type are valid.
    fn checked(&mut self, shape: Type, rules: Option<&Rules>) -> Type {
        let Some(rules) = rules else { return shape };
        let shape = match shape {
            Type::Checked(checked) => checked.shape,
            shape => shape,
        };
        if shape == Type::Any && *rules != Rules::never() {
            self.warn_of_any(&rules.notes);
        }
        Type::Checked(Box::new(Checked { shape, rules: rules.clone() }))
    }

    fn warn_of_any(&mut self, notes: &Notes) {
        let Some(location) = &notes.location else { return };
        let message = "this schema becomes any JSON value in Rust and TypeScript";
        self.diagnostics.push(
            Diagnostic::at(Code::LostType, location, message)
                .note("values are still checked; the schema allows values of every kind")
                .help("add a `type`"),
        );
    }

    /// The types of a channel's params.
    fn channel(&mut self, lowered: LoweredChannel) -> Channel {
        let LoweredChannel { mut channel, params } = lowered;
        for (param, schema) in channel.params.iter_mut().zip(params) {
            let location = &self.schemas[schema.0].location;
            let Some(shape) = self.param(schema) else { continue };
            param.shape = match shape {
                Type::Any => Type::Text(Text { min_length: Some(1), ..Text::default() }),
                Type::Text(text) => Type::Text(Text { min_length: text.min_length.max(Some(1)), ..text }),
                shape => shape,
            };
            if !matches!(param.shape, Type::Text(_) | Type::Integer(Integer { .. }) | Type::Enum(_)) {
                let message = "a param must be a string, an enum of strings or an integer";
                self.diagnostics.push(
                    Diagnostic::at(Code::Address, location, message)
                        .help("write `type: string` or `type: integer`"),
                );
            }
        }
        channel
    }

    /// The type of a param, which has no name of its own: `Null` if a param cannot have it, `None` if its schema refers to
    /// itself.
    fn param(&mut self, schema: RulesId) -> Option<Type> {
        let inferred = self.infer.expanded_schema(schema)?;
        if !inferred.exact || inferred.shape.is_untyped() {
            return Some(Type::Null);
        }
        let (rust, typescript) = (String::new(), String::new());
        let naming = Naming { scope: Scope::Root, module: 0, rust, typescript, foreign: false };
        Some(self.shape(&inferred.shape, None, &naming))
    }
}

/// Returns `true` for types that are declared in Rust and therefore need a name.
pub(crate) fn is_nominal(shape: &Type) -> bool {
    matches!(shape.shape(), Type::Object(_) | Type::Enum(_) | Type::Union(_) | Type::Tagged(_))
}

/// The lower-case names of a type in Rust and TypeScript, and of its validator.
fn claimed_names(scope: Scope, rust: &str, typescript: &str) -> [(Option<Scope>, String); 3] {
    let typescript = typescript.to_lowercase();
    let validator = format!("{typescript}schema");
    [(Some(scope), rust.to_lowercase()), (None, typescript), (None, validator)]
}
