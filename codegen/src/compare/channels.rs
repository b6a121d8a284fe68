//! Compares channels, and what they carry.

use std::collections::HashSet;

use super::declared::Declared;
use super::graph::{Builder, Graph, Node, NodeId};
use super::inclusion::{Inclusion, Solver};
use super::{Example, Finding, SourceLocation};
use crate::breaking::Rule;
use crate::compiled::Compiled;
use crate::diagnostics::Location;
use crate::emit;
use crate::model::{
    Additional, AddressPart, Carries, Channel, FormerNames, Kinds, Model, Number, Param, Retain, RulesId,
    Signal, Text, Topic, Type, TypeId, visit_types,
};
use crate::names::Name;
use crate::task::Task;

/// The stack size of a comparison.
const STACK: usize = 256 << 20;

/// Finds everything that breaks pages, servers or tokens, or what is stored.
pub(super) fn compare(old: &Compiled, new: &Compiled) -> Vec<Finding> {
    let mut comparison = Comparison { old, new, findings: Vec::new(), pairs: Vec::new() };
    let hashes = [old, new].map(|compiled| emit::hash_channels(&compiled.model));
    for (at, channel) in new.model.channels.iter().enumerate() {
        match find(&old.model, &channel.name.wire) {
            None => comparison.report(Rule::ChannelAdded, &channel.name.wire, &channel.location),
            Some(before) => {
                comparison.history(&old.model.channels[before], channel);
                comparison.aliases(&old.model.channels[before], channel);
                if hashes[0][before] != hashes[1][at] {
                    comparison.channel(before, at);
                }
            }
        }
    }
    for channel in &old.model.channels {
        if find(&new.model, &channel.name.wire).is_none() {
            comparison.findings.push(Finding::new(Rule::ChannelRemoved, channel.name.wire.clone(), None));
        }
    }
    // A comparison nests as deep as the schemas and values do.
    let finish = || comparison.finish();
    std::thread::scope(|scope| Task::start_with_stack(scope, STACK, &finish).join())
}

fn find(model: &Model, name: &str) -> Option<usize> {
    model.channels.iter().position(|channel| channel.name.wire == name)
}

/// A schema to compare.
enum Schema {
    /// That of a payload or a result, and `true` if its generated types hold declared properties only.
    Rules(RulesId, bool),
    /// The type of a param, whose values are texts.
    Param(Type),
    /// Every value.
    Any,
}

/// A payload, result or param of both definitions.
struct Pair {
    old: Schema,
    new: Schema,
    subject: String,
    location: Location,
    /// The rule if the new schema allows values that the old one does not.
    widened: Rule,
    /// The rules if the new schema does not allow all values of the old one.
    narrowed: Vec<Rule>,
}

struct Comparison<'c> {
    old: &'c Compiled,
    new: &'c Compiled,
    findings: Vec<Finding>,
    pairs: Vec<Pair>,
}

impl Comparison<'_> {
    fn report(&mut self, rule: Rule, subject: &str, location: &Location) {
        let location = SourceLocation::new(&self.new.report.sources, location);
        self.findings.push(Finding::new(rule, subject.to_owned(), Some(location)));
    }

    /// Compares how much is stored.
    fn history(&mut self, old: &Channel, new: &Channel) {
        let (before, after) = (old.history, new.history);
        if after.messages < before.messages || after.age_seconds < before.age_seconds {
            self.report(Rule::HistoryReduced, &new.name.wire, &new.location);
        }
        for topic in &new.topics {
            let before = old.topics.iter().find(|before| before.name.wire == topic.name.wire);
            if before.is_some_and(|before| retained(topic.retain) < retained(before.retain)) {
                self.report(
                    Rule::RetainReduced,
                    &subject(new, &topic.name.wire),
                    &topic_location(new, topic),
                );
            }
        }
    }

    /// Reports names of topics and signals that pages of earlier definitions use, and that no longer work.
    fn aliases(&mut self, old: &Channel, new: &Channel) {
        for alias in old.topics.iter().flat_map(|topic| &topic.former.aliases) {
            if !new.topics.iter().any(|topic| is_called(&topic.name, &topic.former, alias)) {
                self.report(Rule::TopicRemoved, &subject(new, alias), &new.location);
            }
        }
        for alias in old.signals.iter().flat_map(|signal| &signal.former.aliases) {
            if !new.signals.iter().any(|signal| is_called(&signal.name, &signal.former, alias)) {
                self.report(Rule::SignalRemoved, &subject(new, alias), &new.location);
            }
        }
    }

    fn channel(&mut self, old_index: usize, new_index: usize) {
        let (old, new) = (self.old, self.new);
        let (before, after) = (&old.model.channels[old_index], &new.model.channels[new_index]);
        self.address(before, after);
        for topic in &after.topics {
            let is_new = before.topics.iter().all(|before| before.name.wire != topic.name.wire);
            if is_new {
                let location = topic_location(after, topic);
                self.report(Rule::TopicAdded, &subject(after, &topic.name.wire), &location);
            }
        }
        for topic in &before.topics {
            let name = &topic.name.wire;
            match after.topics.iter().find(|topic| is_called(&topic.name, &topic.former, name)) {
                Some(same) => self.topic(topic, same, after),
                None => self.report(Rule::TopicRemoved, &subject(after, name), &after.location),
            }
        }
        for signal in &after.signals {
            let is_new = before.signals.iter().all(|before| before.name.wire != signal.name.wire);
            if is_new {
                let location = signal_location(after, signal);
                self.report(Rule::SignalAdded, &subject(after, &signal.name.wire), &location);
            }
        }
        for signal in &before.signals {
            let name = &signal.name.wire;
            match after.signals.iter().find(|signal| is_called(&signal.name, &signal.former, name)) {
                Some(same) => self.signal(signal, same, after),
                None => self.report(Rule::SignalRemoved, &subject(after, name), &after.location),
            }
        }
        if before.result.is_some() || after.result.is_some() {
            self.pairs.push(Pair {
                old: before.result.map_or(Schema::Any, |id| payload(old, id)),
                new: after.result.map_or(Schema::Any, |id| payload(new, id)),
                subject: subject(after, "result"),
                location: after.location.join("result"),
                widened: Rule::ResultRefusedByOldPages,
                narrowed: vec![Rule::ResultRefusedByNewPages, Rule::StoredResultRefused],
            });
        }
    }

    /// Compares addresses. Params may have new names.
    fn address(&mut self, before: &Channel, after: &Channel) {
        let is_same = before.address.len() == after.address.len()
            && before.address.iter().zip(&after.address).all(|parts| match parts {
                (AddressPart::Literal(one), AddressPart::Literal(other)) => one == other,
                (AddressPart::Param(_), AddressPart::Param(_)) => true,
                _ => false,
            });
        if !is_same {
            self.report(Rule::AddressChanged, &after.name.wire, &after.location.join("address"));
            return;
        }
        let params = |channel: &Channel| -> Vec<usize> {
            let param = |part: &AddressPart| match part {
                AddressPart::Param(at) => Some(*at),
                AddressPart::Literal(_) => None,
            };
            channel.address.iter().filter_map(param).collect()
        };
        for (old, new) in params(before).into_iter().zip(params(after)) {
            let (old, new): (&Param, &Param) = (&before.params[old], &after.params[new]);
            self.pairs.push(Pair {
                old: Schema::Param(old.shape.clone()),
                new: Schema::Param(new.shape.clone()),
                subject: subject(after, &new.name.wire),
                location: after.location.join("params").join(&new.name.wire),
                widened: Rule::ParamWidened,
                narrowed: vec![Rule::ParamNarrowed],
            });
        }
    }

    fn topic(&mut self, before: &Topic, topic: &Topic, channel: &Channel) {
        let (subject, location) = (subject(channel, &topic.name.wire), topic_location(channel, topic));
        match (before.carries, topic.carries) {
            (Carries::TextStream, Carries::TextStream) => {}
            (Carries::Payload(old), Carries::Payload(new)) => self.pairs.push(Pair {
                old: payload(self.old, old),
                new: payload(self.new, new),
                subject,
                location: location.join("payload"),
                widened: Rule::MessageRefusedByOldPages,
                narrowed: vec![Rule::MessageRefusedByNewPages, Rule::StoredMessageRefused],
            }),
            _ => self.report(Rule::TopicKindChanged, &subject, &location),
        }
    }

    fn signal(&mut self, before: &Signal, signal: &Signal, channel: &Channel) {
        self.pairs.push(Pair {
            old: payload(self.old, before.payload),
            new: payload(self.new, signal.payload),
            subject: subject(channel, &signal.name.wire),
            location: signal_location(channel, signal).join("payload"),
            widened: Rule::SignalRefusedByOldServer,
            narrowed: vec![Rule::SignalRefusedByNewServer, Rule::StoredSignalRefused],
        });
    }

    /// Compares the schemas of all pairs.
    fn finish(&self) -> Vec<Finding> {
        let mut findings = self.findings.clone();
        let mut graph = Graph::default();
        let mut ids = Vec::new();
        let mut builder = Builder::new(&mut graph, &self.old.schemas);
        ids.extend(self.pairs.iter().map(|pair| builder.add_schema(&pair.old)));
        let mut builder = Builder::new(&mut graph, &self.new.schemas);
        ids.extend(self.pairs.iter().map(|pair| builder.add_schema(&pair.new)));
        let mut declared = Declared::default();
        let schemas = self.pairs.iter().map(|pair| &pair.old).chain(self.pairs.iter().map(|pair| &pair.new));
        for (at, schema) in schemas.enumerate() {
            let has_fields = matches!(schema, Schema::Rules(_, true));
            ids.push(if has_fields { declared.of(&mut graph, ids[at]) } else { ids[at] });
        }
        let ids = graph.merge(&ids);
        let mut solver = Solver::new(&graph);
        let count = self.pairs.len();
        for (at, pair) in self.pairs.iter().enumerate() {
            let [old, new] =
                [0, count].map(|from| Schemas { all: ids[from + at], declared: ids[2 * count + from + at] });
            let location = SourceLocation::new(&self.new.report.sources, &pair.location);
            let finding = |rule: Rule, example: &Example| Finding {
                example: Some(example.clone()),
                ..Finding::new(rule, pair.subject.clone(), Some(location.clone()))
            };
            let directions = [(new, old, std::slice::from_ref(&pair.widened)), (old, new, &pair.narrowed)];
            for (inner, outer, rules) in directions {
                match solver.explain(inner, outer) {
                    Verdict::Compatible => {}
                    Verdict::DeclaredOnly(example) => {
                        findings.push(finding(Rule::UndeclaredPropertyRefused, &example));
                    }
                    Verdict::Breaking(example) => {
                        findings.extend(rules.iter().map(|rule| finding(*rule, &example)));
                    }
                }
            }
        }
        findings
    }
}

/// A schema, and the one for the values that generated types can hold.
#[derive(Clone, Copy)]
struct Schemas {
    all: NodeId,
    declared: NodeId,
}

/// Whether the values of one schema are valid under another.
enum Verdict {
    Compatible,
    /// All are but some with undeclared properties, such as this one.
    DeclaredOnly(Example),
    Breaking(Example),
}

impl Builder<'_> {
    fn add_schema(&mut self, schema: &Schema) -> NodeId {
        match schema {
            Schema::Rules(id, _) => self.add(*id),
            Schema::Param(shape) => self.push(param_node(shape)),
            Schema::Any => self.push(Node::default()),
        }
    }
}

impl Solver<'_> {
    fn explain(&mut self, inner: Schemas, outer: Schemas) -> Verdict {
        let Some(example) = self.counterexample(inner.all, outer.all) else { return Verdict::Compatible };
        if inner.declared == inner.all {
            return Verdict::Breaking(example);
        }
        match self.counterexample(inner.declared, outer.all) {
            None => Verdict::DeclaredOnly(example),
            Some(Example::Undecided(_)) => Verdict::Breaking(example),
            Some(typical) => Verdict::Breaking(typical),
        }
    }

    /// Returns `None` if every value of one schema is valid under another.
    fn counterexample(&mut self, inner: NodeId, outer: NodeId) -> Option<Example> {
        match self.includes(inner, outer) {
            Inclusion::Proved => None,
            Inclusion::Refuted(value) => {
                let issues = self.validator().issues(outer, &value);
                Some(Example::Value { value, issues: issues.iter().map(ToString::to_string).collect() })
            }
            Inclusion::Undecided(keyword) => Some(Example::Undecided(keyword)),
        }
    }
}

/// Returns the schema of a payload or a result.
fn payload(compiled: &Compiled, id: TypeId) -> Schema {
    let (mut pending, mut seen) = (vec![id], HashSet::new());
    let (mut has_rules, mut keeps_all) = (false, false);
    while let Some(id) = pending.pop() {
        if seen.insert(id) {
            let shape = &compiled.model.get(id).shape;
            visit_parts(shape, &mut |part| match part {
                Type::Checked(_) => has_rules = true,
                Type::Any | Type::Map(..) | Type::Literals(_) => keeps_all = true,
                Type::Object(object) => keeps_all |= matches!(object.additional, Additional::Checked(_)),
                _ => {}
            });
            visit_types(shape, &mut |target| pending.push(target));
        }
    }
    // Rules may declare properties of values that a type without fields holds.
    Schema::Rules(compiled.schema_of(id), !(has_rules && keeps_all))
}

/// Calls `found` for a type and its parts, except named types.
fn visit_parts(shape: &Type, found: &mut dyn FnMut(&Type)) {
    found(shape);
    shape.children().into_iter().for_each(|part| visit_parts(part, found));
}

/// Returns the values of a param, as JSON.
fn param_node(shape: &Type) -> Node {
    match shape.shape() {
        Type::Integer(integer) => Node {
            kinds: Kinds::INTEGER,
            number: Number {
                #[expect(clippy::cast_precision_loss, reason = "within ±(2^53−1)")]
                minimum: Some(integer.minimum as f64),
                #[expect(clippy::cast_precision_loss, reason = "within ±(2^53−1)")]
                maximum: Some(integer.maximum as f64),
                multiple_of: integer.multiple_of,
                ..Number::default()
            },
            ..Node::default()
        },
        Type::Enum(values) if !values.open => Node {
            kinds: Kinds::STRING,
            values: Some(values.values.iter().map(|value| value.wire.as_str().into()).collect()),
            ..Node::default()
        },
        Type::Text(text) => Node {
            kinds: Kinds::STRING,
            text: Text { min_length: Some(text.min_length.unwrap_or(0).max(1)), ..text.clone() },
            ..Node::default()
        },
        _ => {
            let text = Text { min_length: Some(1), ..Text::default() };
            Node { kinds: Kinds::STRING, text, ..Node::default() }
        }
    }
}

fn subject(channel: &Channel, part: &str) -> String {
    format!("{}/{part}", channel.name.wire)
}

fn topic_location(channel: &Channel, topic: &Topic) -> Location {
    channel.location.join("topics").join(&topic.name.wire)
}

fn signal_location(channel: &Channel, signal: &Signal) -> Location {
    channel.location.join("signals").join(&signal.name.wire)
}

/// Returns `true` if clients can use a name for a topic or a signal.
fn is_called(name: &Name, former: &FormerNames, wanted: &String) -> bool {
    name.wire == *wanted || former.aliases.contains(wanted)
}

/// Returns how many messages a topic retains.
fn retained(retain: Retain) -> u32 {
    match retain {
        Retain::None => 0,
        Retain::Last => 1,
        Retain::All => Retain::ALL,
        Retain::Latest(count) => count,
    }
}
