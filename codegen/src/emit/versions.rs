//! Recognizes modules whose files would be printed as before.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::model::{Carries, Channel, Model, Module, NamedRules, NamedType, RulesId, Scope, Type, TypeId};

/// Identifies what the files of a module are printed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// The versions of the module and of all modules that it imports, directly or through others.
    versions: Vec<u64>,
    /// A hash of the order of their types and rules, which other modules affect.
    order: u64,
}

/// The modules of the latest model, each with a number that changes with its content.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// By the stem of the definition file.
    modules: HashMap<String, (Content, u64)>,
    latest: u64,
    numbers: Numbers,
}

impl Versions {
    /// Returns the key of each module. Two models give equal keys if all files of the module are printed alike.
    pub(super) fn keys(&mut self, model: &Model) -> Vec<Key> {
        let parts = Parts::by_module(model);
        let mut modules = HashMap::new();
        let mut versions = Vec::new();
        let mut imports = Vec::new();
        for (at, parts) in parts.iter().enumerate() {
            let (content, imported) = Content::of(model, at, parts, &mut self.numbers);
            let stem = model.modules[at].stem.clone();
            let version = match self.modules.remove(&stem) {
                Some((before, version)) if before == content => version,
                _ => {
                    self.latest += 1;
                    self.latest
                }
            };
            modules.insert(stem, (content, version));
            versions.push(version);
            imports.push(imported);
        }
        self.modules = modules;
        let key = |at| {
            let reachable = reachable(at, &imports);
            let order = if reachable.len() == 1 { 0 } else { hash_order(model, &reachable, &parts) };
            Key { versions: reachable.into_iter().map(|at| versions[at]).collect(), order }
        };
        (0..versions.len()).map(key).collect()
    }
}

/// The channels, types and rules of a module.
#[derive(Default)]
struct Parts {
    channels: Vec<usize>,
    types: Vec<TypeId>,
    rules: Vec<RulesId>,
}

impl Parts {
    fn by_module(model: &Model) -> Vec<Self> {
        let types = |module| Self { types: model.types_of(module).collect(), ..Self::default() };
        let mut parts: Vec<Self> = (0..model.modules.len()).map(types).collect();
        for (at, channel) in model.channels.iter().enumerate() {
            parts[channel.module].channels.push(at);
        }
        for (at, named) in model.rules.iter().enumerate() {
            parts[named.module].rules.push(RulesId(at));
        }
        parts
    }
}

fn hash_order(model: &Model, modules: &[usize], parts: &[Parts]) -> u64 {
    let mut types: Vec<TypeId> = modules.iter().flat_map(|at| &parts[*at].types).copied().collect();
    let mut rules: Vec<RulesId> = modules.iter().flat_map(|at| &parts[*at].rules).copied().collect();
    types.sort_unstable();
    rules.sort_unstable();
    let mut hasher = DefaultHasher::new();
    for id in types {
        model.get(id).typescript.hash(&mut hasher);
    }
    for id in rules {
        model.rules[id.0].name.hash(&mut hasher);
    }
    hasher.finish()
}

/// The module, then all modules that it imports.
fn reachable(from: usize, imports: &[BTreeSet<usize>]) -> Vec<usize> {
    let mut found = vec![from];
    let mut seen = BTreeSet::from([from]);
    let mut at = 0;
    while let Some(module) = found.get(at) {
        let new: Vec<usize> = imports[*module].iter().copied().filter(|next| seen.insert(*next)).collect();
        found.extend(new);
        at += 1;
    }
    found
}

/// Everything of a module that is printed. Indexes into the model are replaced by numbers that are the same in the next
/// model.
#[derive(Debug, PartialEq)]
struct Content {
    module: Module,
    channels: Vec<Channel>,
    types: Vec<NamedType>,
    rules: Vec<NamedRules>,
}

impl Content {
    /// Returns the content of a module, and the modules that it imports.
    fn of(model: &Model, module: usize, parts: &Parts, numbers: &mut Numbers) -> (Self, BTreeSet<usize>) {
        let mut content = Self {
            module: model.modules[module].clone(),
            channels: parts.channels.iter().map(|at| model.channels[*at].clone()).collect(),
            types: parts.types.iter().map(|id| model.get(*id).clone()).collect(),
            rules: parts.rules.iter().map(|id| model.rules[id.0].clone()).collect(),
        };
        let mut imports = BTreeSet::new();
        let mut renumber = Renumber { model, numbers, imports: &mut imports };
        content.channels.iter_mut().for_each(|channel| renumber.channel(channel));
        for named in &mut content.types {
            named.module = 0;
            if let Scope::Channel(at) = &mut named.scope {
                *at = renumber.numbers.of(&model.channels[*at].name.wire);
            }
            renumber.shape(&mut named.shape);
        }
        for named in &mut content.rules {
            named.module = 0;
            named.rules.references_mut(&mut |id| renumber.rules(id));
        }
        imports.remove(&module);
        (content, imports)
    }
}

/// Replaces the indexes of types and rules, and collects their modules.
struct Renumber<'m> {
    model: &'m Model,
    numbers: &'m mut Numbers,
    imports: &'m mut BTreeSet<usize>,
}

impl Renumber<'_> {
    fn channel(&mut self, channel: &mut Channel) {
        channel.module = 0;
        for param in &mut channel.params {
            self.shape(&mut param.shape);
        }
        for topic in &mut channel.topics {
            if let Carries::Payload(id) = &mut topic.carries {
                self.named(id);
            }
        }
        for signal in &mut channel.signals {
            self.named(&mut signal.payload);
        }
        channel.result.iter_mut().for_each(|id| self.named(id));
    }

    fn shape(&mut self, shape: &mut Type) {
        match shape {
            Type::Named(id) => self.named(id),
            Type::Tagged(tagged) => tagged.cases.iter_mut().for_each(|case| self.named(&mut case.target)),
            Type::Checked(checked) => {
                checked.rules.references_mut(&mut |id| self.rules(id));
                self.shape(&mut checked.shape);
            }
            shape => shape.children_mut().into_iter().for_each(|part| self.shape(part)),
        }
    }

    fn named(&mut self, id: &mut TypeId) {
        let named = self.model.get(*id);
        self.imports.insert(named.module);
        id.0 = self.numbers.of(&named.typescript);
    }

    fn rules(&mut self, id: &mut RulesId) {
        let named = &self.model.rules[id.0];
        self.imports.insert(named.module);
        id.0 = self.numbers.of(&named.name);
    }
}

/// A number for each name, the same in every model.
#[derive(Debug, Default)]
struct Numbers(HashMap<String, usize>);

impl Numbers {
    fn of(&mut self, name: &str) -> usize {
        match self.0.get(name) {
            Some(number) => *number,
            None => {
                self.0.insert(name.to_owned(), self.0.len());
                self.0.len() - 1
            }
        }
    }
}
