//! Channel descriptors, the arguments of `subscribe` and `useRealtime`.

use std::collections::BTreeSet;

use askama::Template;

use super::validators::{Face, Scope};
use super::{File, docs, key, quoted, rendered};
use crate::model::{BreakingChange, Carries, ChangedPart, Channel, Docs, Release, Retain, TypeId};

#[derive(Template)]
#[template(path = "channels.ts.j2", escape = "none")]
struct Channels {
    header: String,
    /// `true` if any value is validated, so that the validators are imported.
    validates: bool,
    imports: Vec<String>,
    channels: Vec<Descriptor>,
}

struct Descriptor {
    docs: String,
    constant: String,
    name: String,
    address: String,
    fingerprint: String,
    releases: Vec<String>,
    params: Vec<RenderedParam>,
    topics: Vec<RenderedTopic>,
    signals: Vec<RenderedSignal>,
    /// The validator of the result of its runs, or an empty string.
    result: String,
}

struct RenderedParam {
    docs: String,
    name: String,
    validator: String,
}

struct RenderedTopic {
    docs: String,
    name: String,
    carries: String,
    retain: String,
}

struct RenderedSignal {
    docs: String,
    name: String,
    payload: String,
}

pub(super) fn render(file: &File<'_>, fingerprints: &[String]) -> Option<String> {
    let own = file.model.channels.iter().zip(fingerprints).filter(|(channel, _)| channel.module == file.at);
    let payloads: BTreeSet<_> = own.clone().flat_map(|(channel, _)| channel.carried()).collect();
    let validates = !payloads.is_empty() || own.clone().any(|(channel, _)| !channel.params.is_empty());
    let channels: Vec<Descriptor> =
        own.map(|(channel, fingerprint)| descriptor(file, channel, fingerprint)).collect();
    let imports = file.imports(&payloads, "import", "Schema", Face::Mini.suffix());
    let header = file.header.clone();
    (!channels.is_empty()).then(|| rendered(&Channels { header, validates, imports, channels }))
}

fn descriptor(file: &File<'_>, channel: &Channel, fingerprint: &str) -> Descriptor {
    let scope = Scope { model: file.model, lazily: |_| false };
    let params = channel.params.iter().map(|param| RenderedParam {
        docs: docs(&Docs { description: param.description.clone(), deprecated: None }, "    "),
        name: key(&param.name.wire),
        validator: scope.expression(&param.shape, "    "),
    });
    let topics = channel.topics.iter().map(|topic| RenderedTopic {
        docs: docs(&topic.docs, "    "),
        name: key(&topic.name.wire),
        carries: match topic.carries {
            Carries::Payload(id) => format!("payload: {}", payload(file, id)),
            Carries::TextStream => "stream: \"text\"".to_owned(),
        },
        retain: match topic.retain {
            Retain::None => String::new(),
            Retain::Last => ", retain: \"last\"".to_owned(),
            Retain::All => ", retain: \"all\"".to_owned(),
            Retain::Latest(count) => format!(", retain: {count}"),
        },
    });
    let signals = channel.signals.iter().map(|signal| RenderedSignal {
        docs: docs(&signal.docs, "    "),
        name: key(&signal.name.wire),
        payload: payload(file, signal.payload),
    });
    Descriptor {
        docs: docs(&channel.docs, ""),
        constant: channel.name.camel.clone(),
        name: quoted(&channel.name.wire),
        address: quoted(&channel.template()),
        fingerprint: quoted(fingerprint),
        releases: channel.releases.iter().map(release).collect(),
        params: params.collect(),
        topics: topics.collect(),
        signals: signals.collect(),
        result: channel.result.map_or_else(String::new, |id| payload(file, id)),
    }
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
    format!("f.payload({}Schema)", file.model.get(id).typescript)
}
