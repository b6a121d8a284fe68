//! Channel descriptors, the arguments of `subscribe` and `useRealtime`.

use std::collections::BTreeSet;

use askama::Template;

use super::face::Face;
use super::types::expression;
use super::validators::Scope;
use super::{File, Form, PURE, key, quoted, rendered};
use crate::model::{
    AddressPart, BreakingChange, Carries, ChangedPart, Channel, Docs, Release, Retain, TypeId,
};

#[derive(Template)]
#[template(path = "channels.ts.j2", escape = "none")]
struct Channels {
    header: String,
    imports: Vec<String>,
    channels: Vec<Descriptor>,
}

#[derive(Template)]
#[template(path = "channels.d.ts.j2", escape = "none")]
struct ChannelTypes {
    header: String,
    imports: Vec<String>,
    channels: Vec<Descriptor>,
}

struct Descriptor {
    docs: String,
    constant: String,
    name: String,
    address: String,
    /// The template literal type of the names.
    name_type: String,
    fingerprint: String,
    releases: Vec<String>,
    params: Vec<Part>,
    topics: Vec<Part>,
    signals: Vec<Part>,
    result: Option<Part>,
}

/// A part of a channel, as a property.
struct Part {
    docs: String,
    name: String,
    value: String,
    value_type: String,
}

pub(super) fn render(file: &File<'_>, fingerprints: &[String], form: Form) -> Option<String> {
    let own = file.model.channels.iter().zip(fingerprints).filter(|(channel, _)| channel.module == file.at);
    let payloads: BTreeSet<_> = own.clone().flat_map(|(channel, _)| channel.carried()).collect();
    let validates = !payloads.is_empty() || own.clone().any(|(channel, _)| !channel.params.is_empty());
    let channels: Vec<Descriptor> =
        own.map(|(channel, fingerprint)| descriptor(file, channel, fingerprint, form)).collect();
    if channels.is_empty() {
        return None;
    }
    let header = file.header.clone();
    let mut imports = Vec::new();
    if form == Form::Declarations {
        let named = used_types(&channels).join(", ");
        imports.push(format!("import type {{ {named} }} from \"fanfare\";"));
        if validates {
            imports.push("import type * as f from \"fanfare/validators\";".to_owned());
        }
        let (own, foreign) = payloads.into_iter().partition(|id| file.model.get(*id).module == file.at);
        imports.extend(file.imports(&foreign, "import type", "", "types"));
        let _: BTreeSet<TypeId> = own;
        if !own.is_empty() {
            imports.push(format!(
                "import type * as t from {};",
                file.import(&format!("./{}.types", file.name()))
            ));
        }
        return Some(rendered(&ChannelTypes { header, imports, channels }));
    }
    imports.push("import { defineChannel } from \"fanfare\";".to_owned());
    if validates {
        imports.push("import * as f from \"fanfare/validators\";".to_owned());
    }
    imports.extend(file.imports(&payloads, "import", "Schema", Face::Plain.suffix()));
    Some(rendered(&Channels { header, imports, channels }))
}

/// The types of the runtime that declarations of channels use.
fn used_types(channels: &[Descriptor]) -> Vec<&'static str> {
    let has_type = |name: &str| {
        channels.iter().any(|channel| {
            let parts = channel.topics.iter().chain(&channel.signals);
            parts.into_iter().any(|part| part.value_type.starts_with(name))
        })
    };
    let used = [
        ("ChannelInstance", channels.iter().any(|channel| channel.params.is_empty())),
        ("ParamChannel", channels.iter().any(|channel| !channel.params.is_empty())),
        ("SignalConfig", has_type("SignalConfig")),
        ("StreamTopicConfig", has_type("StreamTopicConfig")),
        ("TopicConfig", has_type("TopicConfig")),
    ];
    used.into_iter().filter_map(|(name, is_used)| is_used.then_some(name)).collect()
}

fn descriptor(file: &File<'_>, channel: &Channel, fingerprint: &str, form: Form) -> Descriptor {
    // JavaScript is not read for its docs: editors show those of the declarations.
    let docs = |docs: &Docs, indent: &str| {
        if form == Form::Js { String::new() } else { super::docs(docs, indent) }
    };
    let scope = Scope { model: file.model, lazily: |_| false, is_typed: form == Form::Ts };
    let params = channel.params.iter().map(|param| Part {
        docs: docs(&Docs { description: param.description.clone(), deprecated: None }, "    "),
        name: key(&param.name.wire),
        value: scope.expression(&param.shape, "    "),
        value_type: format!("f.Validator<{}>", expression(file.model, &param.shape)),
    });
    let topics = channel.topics.iter().map(|topic| {
        let retain = match topic.retain {
            Retain::None => String::new(),
            Retain::Last => ", retain: \"last\"".to_owned(),
            Retain::All => ", retain: \"all\"".to_owned(),
            Retain::Latest(count) => format!(", retain: {count}"),
        };
        let (carries, value_type) = match topic.carries {
            Carries::Payload(id) => (
                format!("payload: {}", payload(file, id)),
                format!("TopicConfig<{}>", payload_type(file, id)),
            ),
            Carries::TextStream => ("stream: \"text\"".to_owned(), "StreamTopicConfig".to_owned()),
        };
        let value = format!("{{ {carries}{retain} }}");
        Part { docs: docs(&topic.docs, "    "), name: key(&topic.name.wire), value, value_type }
    });
    let signals = channel.signals.iter().map(|signal| Part {
        docs: docs(&signal.docs, "    "),
        name: key(&signal.name.wire),
        value: format!("{{ payload: {} }}", payload(file, signal.payload)),
        value_type: format!("SignalConfig<{}>", payload_type(file, signal.payload)),
    });
    Descriptor {
        docs: docs(&channel.docs, ""),
        constant: channel.name.camel.clone(),
        name: quoted(&channel.name.wire),
        address: quoted(&channel.template()),
        name_type: name_type(channel),
        fingerprint: quoted(fingerprint),
        releases: channel.releases.iter().map(release).collect(),
        params: params.collect(),
        topics: topics.collect(),
        signals: signals.collect(),
        result: channel.result.map(|id| Part {
            docs: String::new(),
            name: "result".to_owned(),
            value: payload(file, id),
            value_type: payload_type(file, id),
        }),
    }
}

/// The type of the names of a channel: `` `pipeline:${string}` ``.
fn name_type(channel: &Channel) -> String {
    if channel.params.is_empty() {
        return quoted(&channel.template());
    }
    let parts = channel.address.iter().map(|part| match part {
        AddressPart::Literal(text) => text.replace('\\', "\\\\").replace('`', "\\`").replace('$', "\\$"),
        AddressPart::Param(_) => "${string}".to_owned(),
    });
    format!("`{}`", parts.collect::<String>())
}

/// Renders a release and the changes since then, as a property.
fn release(release: &Release) -> String {
    let change = |BreakingChange { part, message }: &BreakingChange| {
        let part = match part {
            ChangedPart::Topic(name) => format!("topic: {}, ", quoted(name)),
            ChangedPart::Signal(name) => format!("signal: {}, ", quoted(name)),
            ChangedPart::Channel | ChangedPart::Result => String::new(),
        };
        format!("\n      {{ {part}message: {} }},", quoted(message))
    };
    let changes: String = release.breaks_new_pages.iter().map(change).collect();
    let end = if changes.is_empty() { "" } else { "\n    " };
    format!("{}: [{changes}{end}]", quoted(&release.fingerprint))
}

fn payload(file: &File<'_>, id: TypeId) -> String {
    format!("{PURE}f.payload({}Schema)", file.model.get(id).typescript)
}

fn payload_type(file: &File<'_>, id: TypeId) -> String {
    let named = file.model.get(id);
    let prefix = if named.module == file.at { "t." } else { "" };
    file.validator_type(id, &format!("{prefix}{}", named.typescript))
}
