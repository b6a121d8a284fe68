//! Findings that the definitions ignore until a date.

use super::Finding;
use crate::model::{Channel, Ignore, Model};

/// Removes the findings that the definitions ignore, and marks those that they no longer ignore. Returns the number of
/// removed ones. `today` is a date such as `2026-12-31`.
pub(super) fn apply(findings: &mut Vec<Finding>, model: &Model, today: &str) -> usize {
    let count = findings.len();
    findings.retain_mut(|finding| {
        let until = ignores_of(model, &finding.subject)
            .filter(|ignore| ignore.rule == finding.rule)
            .map(|ignore| ignore.until.as_str())
            .max();
        // Dates in this form are in the order of their texts.
        let is_ignored = until.is_some_and(|until| today <= until);
        finding.ignored_until = until.map(str::to_owned);
        !is_ignored
    });
    count - findings.len()
}

/// Returns what is ignored at a channel, or at a part of one and its channel.
fn ignores_of<'m>(model: &'m Model, subject: &str) -> impl Iterator<Item = &'m Ignore> {
    let (name, part) = subject.split_once('/').map_or((subject, None), |(name, part)| (name, Some(part)));
    let channel = model.channels.iter().find(|channel| channel.name.wire == name);
    let part = channel.zip(part).into_iter().flat_map(|(channel, part)| ignores_of_part(channel, part));
    channel.into_iter().flat_map(|channel| &channel.ignores).chain(part)
}

fn ignores_of_part<'m>(channel: &'m Channel, part: &str) -> impl Iterator<Item = &'m Ignore> {
    let topic = channel.topics.iter().find(|topic| topic.name.wire == part);
    let signal = channel.signals.iter().find(|signal| signal.name.wire == part);
    let topic = topic.into_iter().flat_map(|topic| &topic.ignores);
    topic.chain(signal.into_iter().flat_map(|signal| &signal.ignores))
}
