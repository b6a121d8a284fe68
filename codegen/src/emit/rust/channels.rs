//! A channel's type, its topics, its signals and its definition.

use crate::model::{
    AddressPart, BreakingChange, Carries, ChangedPart, Channel, Docs, FormerNames, Model, Param, Release,
    Retain, Scope, Type,
};
use crate::names::{Name, param_table};

use super::tables::group_digits;
use super::{doc_comments, print_deprecated, print_docs, table_path, type_path};

/// The values for the template.
pub(super) struct RenderedChannel {
    pub(super) docs: String,
    pub(super) description: String,
    pub(super) deprecated: String,
    pub(super) address: String,
    pub(super) wire: String,
    pub(super) name: String,
    pub(super) is_static: bool,
    pub(super) params: Vec<RenderedParam>,
    pub(super) topics: Vec<RenderedTopic>,
    pub(super) signals: Vec<RenderedSignal>,
    /// The type that its runs return.
    pub(super) result: String,
    pub(super) result_table: String,
    pub(super) address_parts: Vec<String>,
    pub(super) history_messages: String,
    pub(super) history_seconds: String,
    pub(super) fingerprint: String,
    pub(super) releases: Vec<String>,
}

pub(super) struct RenderedParam {
    pub(super) wire: String,
    pub(super) name: String,
    pub(super) ty: &'static str,
    pub(super) argument: String,
    pub(super) table: String,
}

pub(super) struct RenderedTopic {
    pub(super) index: usize,
    pub(super) wire: String,
    pub(super) method: String,
    pub(super) variant: String,
    pub(super) method_docs: String,
    pub(super) variant_docs: String,
    /// The type that it carries.
    pub(super) ty: String,
    pub(super) definition: String,
}

pub(super) struct RenderedSignal {
    pub(super) index: usize,
    pub(super) wire: String,
    pub(super) method: String,
    pub(super) variant: String,
    pub(super) docs: String,
    pub(super) ty: String,
    pub(super) definition: String,
}

pub(super) fn render(model: &Model, index: usize, fingerprint: &str) -> RenderedChannel {
    let channel = &model.channels[index];
    let scope = Scope::Channel(index);
    let part = |part: &AddressPart| match part {
        AddressPart::Literal(text) => format!("fanfare::AddressPart::Literal({text:?})"),
        AddressPart::Param(index) => format!("fanfare::AddressPart::Param({index})"),
    };
    let topics = channel.topics.iter().enumerate().map(|(index, topic)| {
        let otherwise = format!("The topic `{}`.", topic.name.wire);
        let (ty, carries) = match topic.carries {
            Carries::Payload(id) => {
                (type_path(model, id, scope), format!("Payload(&{})", table_path(model, id, scope)))
            }
            Carries::TextStream => ("fanfare::TextStream".to_owned(), "TextStream".to_owned()),
        };
        let retain = match topic.retain {
            Retain::None => "None".to_owned(),
            Retain::Last => "Last".to_owned(),
            Retain::All => format!("LastN({})", Retain::ALL),
            Retain::Latest(count) => format!("LastN({count})"),
        };
        let content = format!("fanfare::Carries::{carries}, fanfare::Retain::{retain}");
        RenderedTopic {
            index,
            wire: topic.name.wire.clone(),
            method: topic.name.rust(),
            variant: topic.name.rust_type(),
            method_docs: print_docs(&topic.docs, &otherwise, "    "),
            variant_docs: print_docs(&topic.docs, &otherwise, "    "),
            ty,
            definition: render_definition("Topic", &topic.name, &topic.docs, &topic.former, &content),
        }
    });
    let signals = channel.signals.iter().enumerate().map(|(index, signal)| RenderedSignal {
        index,
        wire: signal.name.wire.clone(),
        method: signal.name.rust(),
        variant: signal.name.rust_type(),
        docs: print_docs(&signal.docs, &format!("The signal `{}`.", signal.name.wire), "    "),
        ty: type_path(model, signal.payload, scope),
        definition: render_definition(
            "Signal",
            &signal.name,
            &signal.docs,
            &signal.former,
            &format!("&{}", table_path(model, signal.payload, scope)),
        ),
    });
    let otherwise = format!("The channel `{}`.", channel.name.wire);
    RenderedChannel {
        docs: doc_comments(channel.docs.description.as_deref(), &otherwise, ""),
        description: description(&channel.docs).to_owned(),
        deprecated: print_deprecated(&channel.docs, ""),
        address: channel.template(),
        wire: channel.name.wire.clone(),
        name: channel.name.rust_type(),
        is_static: channel.params.is_empty(),
        params: channel.params.iter().map(render_param).collect(),
        topics: topics.collect(),
        signals: signals.collect(),
        result: channel.result.map_or_else(|| "()".to_owned(), |id| type_path(model, id, scope)),
        result_table: channel
            .result
            .map_or_else(|| "None".to_owned(), |id| format!("Some(&{})", table_path(model, id, scope))),
        address_parts: channel.address.iter().map(part).collect(),
        history_messages: group_digits(&channel.history.messages.to_string()),
        history_seconds: group_digits(&channel.history.age_seconds.to_string()),
        fingerprint: fingerprint.to_owned(),
        releases: channel.releases.iter().map(render_release).collect(),
    }
}

/// Renders a release and the changes since then, as an expression.
fn render_release(release: &Release) -> String {
    let change = |BreakingChange { part, message }: &BreakingChange| {
        let part = match part {
            ChangedPart::Channel => "Channel".to_owned(),
            ChangedPart::Topic(name) => format!("Topic({name:?})"),
            ChangedPart::Signal(name) => format!("Signal({name:?})"),
            ChangedPart::Result => "Result".to_owned(),
        };
        let indent = " ".repeat(16);
        format!(
            "{indent}fanfare::BreakingChange {{\n{indent}    part: fanfare::ChangedPart::{part},\n{indent}    message: {message:?},\n{indent}}},\n"
        )
    };
    let changes: String = release.breaks_pages.iter().map(change).collect();
    let changes = if changes.is_empty() { "&[]".to_owned() } else { format!("&[\n{changes}            ]") };
    let fingerprint = &release.fingerprint;
    format!(
        "fanfare::Release {{\n            fingerprint: {fingerprint:?},\n            changes: {changes},\n        }}"
    )
}

fn description(docs: &Docs) -> &str {
    docs.description.as_deref().unwrap_or_default().trim()
}

/// Renders the definition of a topic or a signal.
fn render_definition(kind: &str, name: &Name, docs: &Docs, former: &FormerNames, content: &str) -> String {
    let definition = format!("fanfare::{kind}Definition::new({:?}, {content})", name.wire);
    let FormerNames { aliases, renamed_from } = former;
    let mut fields = String::new();
    let description = description(docs);
    if !description.is_empty() {
        fields.push_str(&format!("description: {description:?}, "));
    }
    for (field, names) in [("aliases", aliases), ("renamed_from", renamed_from)] {
        if !names.is_empty() {
            fields.push_str(&format!("{field}: &{names:?}, "));
        }
    }
    if fields.is_empty() {
        definition
    } else {
        format!("fanfare::{kind}Definition {{ {fields}..{definition} }}")
    }
}

fn render_param(param: &Param) -> RenderedParam {
    let name = param.name.rust();
    let (ty, argument) = match &param.shape {
        Type::Integer(_) => ("i64", format!("&{name}")),
        _ => ("impl std::convert::AsRef<str>", format!("&{name}.as_ref()")),
    };
    RenderedParam {
        wire: param.name.wire.clone(),
        table: format!("schemas::{}", param_table(&param.name)),
        ty,
        argument,
        name,
    }
}

/// Returns the tables of a channel's params.
pub(super) fn param_tables(channel: &Channel) -> Vec<(String, Type)> {
    channel.params.iter().map(|param| (param_table(&param.name), param.table_shape())).collect()
}
