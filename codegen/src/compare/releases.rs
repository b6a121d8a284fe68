//! The changes since each release that break its pages, for servers.

use std::collections::BTreeMap;

use super::channels;
use super::{Example, Finding};
use crate::breaking::{Pair, Rule};
use crate::compiled::Compiled;
use crate::model::{BreakingChange, ChangedPart, Channel, Release};

/// The length of a value from which on a message does not contain it.
const MAX_VALUE_LENGTH: usize = 120;

/// Adds a release to the channels whose definition differed. `hashes` are those of the current channels, in order, and
/// `released` those of the release, by channel.
pub(crate) fn add(
    new: &mut Compiled,
    hashes: &[String],
    old: &Compiled,
    released: &BTreeMap<String, String>,
) {
    let findings = channels::compare(old, new);
    for (channel, hash) in new.model.channels.iter_mut().zip(hashes) {
        let Some(fingerprint) = released.get(&channel.name.wire).filter(|released| *released != hash) else {
            continue;
        };
        if channel.releases.iter().any(|known| known.fingerprint == *fingerprint) {
            continue;
        }
        let changes = |pair: Pair| -> Vec<BreakingChange> {
            findings.iter().filter_map(|finding| breaking_change(finding, pair, channel)).collect()
        };
        let (breaks_pages, breaks_new_pages) =
            (changes(Pair::OldPageNewServer), changes(Pair::NewPageOldServer));
        let fingerprint = fingerprint.clone();
        channel.releases.push(Release { fingerprint, breaks_pages, breaks_new_pages });
    }
}

/// Returns the change that a finding is about, if it is about this channel and breaks this pair of versions.
fn breaking_change(finding: &Finding, pair: Pair, channel: &Channel) -> Option<BreakingChange> {
    if ![pair, Pair::Both].contains(&finding.rule.pair()) {
        return None;
    }
    let name = &channel.name.wire;
    let part = match finding.subject.split_once('/') {
        Some((subject, part)) if subject == name => Some(part.to_owned()),
        None if finding.subject == *name => None,
        _ => return None,
    };
    let part = match (finding.rule, part) {
        (
            Rule::MessageRefusedByOldPages
            | Rule::MessageRefusedByNewPages
            | Rule::TopicKindChanged
            | Rule::TopicRemoved
            | Rule::TopicAdded,
            Some(topic),
        ) => ChangedPart::Topic(topic),
        (
            Rule::SignalRefusedByNewServer
            | Rule::SignalRefusedByOldServer
            | Rule::SignalRemoved
            | Rule::SignalAdded,
            Some(signal),
        ) => ChangedPart::Signal(signal),
        (Rule::ResultRefusedByOldPages | Rule::ResultRefusedByNewPages, _) => ChangedPart::Result,
        _ => ChangedPart::Channel,
    };
    Some(BreakingChange { part, message: message(finding) })
}

fn message(finding: &Finding) -> String {
    let text = match finding.rule {
        Rule::MessageRefusedByOldPages | Rule::MessageRefusedByNewPages => {
            "the server sends messages that this page refuses"
        }
        Rule::SignalRefusedByNewServer | Rule::SignalRefusedByOldServer => {
            "the server refuses signals that this page sends"
        }
        Rule::ResultRefusedByOldPages | Rule::ResultRefusedByNewPages => {
            "runs return results that this page refuses"
        }
        Rule::TopicKindChanged => "the topic carries text streams for one side, and payloads for the other",
        Rule::TopicRemoved | Rule::TopicAdded => "the server does not have this topic",
        Rule::SignalRemoved | Rule::SignalAdded => "the server does not have this signal",
        Rule::AddressChanged => "the address of the channel has changed",
        Rule::ParamNarrowed | Rule::ParamWidened => {
            "the server refuses names of channels that this page uses"
        }
        _ => "the definition has changed",
    };
    match &finding.example {
        Some(Example::Value { value, issues }) => {
            let value = value.to_string();
            let example =
                if value.len() > MAX_VALUE_LENGTH { String::new() } else { format!(", such as {value}") };
            let issue = issues.first().map(|issue| format!(": {issue}")).unwrap_or_default();
            format!("{text}{example}{issue}")
        }
        Some(Example::Undecided(_)) => text.replacen("the server", "the server possibly", 1),
        Some(Example::TypeChange(_)) | None => text.to_owned(),
    }
}
