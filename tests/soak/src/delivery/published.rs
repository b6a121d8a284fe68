//! Checks that each acknowledged publish is in the order once, and that texts are complete.

use super::order::{Channel, Content, Order, TOPICS};
use super::publisher::{Answered, Ending, Written};
use crate::log::MessageId;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// The outcomes of text streams.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Streams {
    ended: usize,
    aborted: usize,
    failed: usize,
    chunks: usize,
    left_open: usize,
}

impl fmt::Display for Streams {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ended, aborted, failed, chunks, left_open } = self;
        write!(
            formatter,
            "{chunks} chunks of {} text streams ({ended} ended, {aborted} aborted, {failed} failed, \
             {left_open} without an end)",
            ended + aborted + failed
        )
    }
}

/// Checks that each acknowledged message has the acknowledged id. Without a file, messages published just before a kill
/// may be lost.
pub(super) fn judge_messages<'a>(
    answered: &'a [Answered],
    order: &'a Order,
    is_kept: bool,
) -> impl Iterator<Item = String> + 'a {
    answered.iter().filter_map(move |answered| {
        let Answered { channel, topic, number, at } = answered;
        let found = order.channels[*channel].get(&at.epoch).and_then(|epoch| epoch.find(at.offset));
        match found {
            Some((of, entry)) if of == *topic && entry.content == Content::Message(*number) => None,
            None if !is_kept => None,
            found => Some(format!(
                "number {number} on {} was acknowledged as {at}, which is {:?}",
                TOPICS[*topic].name,
                found.map(|(_, entry)| &entry.content)
            )),
        }
    })
}

/// A text stream in the order.
#[derive(Clone, Debug, Default)]
struct Found {
    text: String,
    chunks: usize,
    /// The id of its end, and whether it ended as incomplete.
    end: Option<(MessageId, bool)>,
    /// Whether its end was followed by another end or by a chunk.
    continues: bool,
}

/// Checks the texts of all streams. Without a storage, also checks that the streams of servers that kept running have
/// an end.
pub(super) fn judge_streams(written: &[Written], order: &Order, is_kept: bool) -> (Streams, Vec<String>) {
    let (mut streams, mut violations) = (Streams::default(), Vec::new());
    let found: Vec<_> = order.channels.iter().map(streams_of).collect();
    for written in written {
        match written.ending {
            Ending::Ended(_) => streams.ended += 1,
            Ending::Failed => streams.failed += 1,
            Ending::Aborted => streams.aborted += 1,
        }
        let tag = written.text.split_inclusive(']').next().unwrap_or_default();
        let all = found[written.channel].get(&(written.topic, tag.to_owned()));
        let violation =
            |content: String| format!("the text {tag} on {}: {content}", TOPICS[written.topic].name);
        let Some(all) = all else {
            if is_kept && matches!(written.ending, Ending::Ended(_)) {
                violations.push(violation("was acknowledged, but is not in the order".into()));
            }
            continue;
        };
        // A copy of the file may contain a part of it with other ids.
        let longest = all.iter().max_by_key(|found| (found.text.len(), found.end.is_some()));
        streams.chunks += longest.map_or(0, |found| found.chunks);
        for found in all {
            let is_whole = found.text == written.text;
            if !written.text.starts_with(&found.text) {
                violations.push(violation(format!("{:?} is not a prefix of {:?}", found.text, written.text)));
            }
            if found.continues {
                violations.push(violation(format!("continues after its end: {:?}", found.text)));
            }
            if matches!(found.end, Some((_, false))) && !is_whole {
                violations.push(violation(format!("ends as complete after {:?}", found.text)));
            }
        }
        let ends: Vec<(MessageId, bool)> = all.iter().filter_map(|found| found.end).collect();
        streams.left_open += usize::from(ends.is_empty());
        match written.ending {
            Ending::Ended(at) if is_kept && !ends.contains(&(at, false)) => {
                violations.push(violation(format!("was acknowledged as {at}, but its ends are {ends:?}")));
            }
            // Other servers end the text streams in a storage, which is checked before the servers are stopped.
            _ if ends.is_empty() && !is_kept && written.has_run => {
                let (ending, server) = (written.ending, written.server);
                violations.push(violation(format!(
                    "has no end, although server {server} ran until it was {ending:?}: {all:?}"
                )));
            }
            _ => {}
        }
    }
    (streams, violations)
}

/// Returns the text streams of a channel by topic and by the number in brackets at the start of each text. A stream
/// that a copy of the file contains has one entry per epoch.
fn streams_of(channel: &Channel) -> HashMap<(usize, String), Vec<Found>> {
    let mut streams: HashMap<(usize, String), Vec<Found>> = HashMap::new();
    for (number, epoch) in channel {
        for (topic, entries) in epoch.topics.iter().enumerate() {
            let mut found: BTreeMap<&str, Found> = BTreeMap::new();
            for entry in entries {
                match &entry.content {
                    Content::Message(_) => {}
                    Content::Start(stream) => {
                        found.insert(stream, Found::default());
                    }
                    Content::Chunk { stream, text } => {
                        let stream = found.entry(stream).or_default();
                        stream.continues |= stream.end.is_some();
                        stream.text.push_str(text);
                        stream.chunks += 1;
                    }
                    Content::End { stream, is_failed } => {
                        let at = MessageId { epoch: *number, offset: entry.offset };
                        let stream = found.entry(stream).or_default();
                        stream.continues |= stream.end.is_some();
                        stream.end = Some((at, *is_failed));
                    }
                }
            }
            for found in found.into_values() {
                let tag = found.text.split_inclusive(']').next().unwrap_or_default().to_owned();
                streams.entry((topic, tag)).or_default().push(found);
            }
        }
    }
    streams
}
