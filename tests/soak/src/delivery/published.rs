//! Whether each publish that was answered is in the order once, and whether texts are whole.

use super::order::{At, Channel, Order, TOPICS, What};
use super::publisher::{Answered, Ending, Written};
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// What became of text streams.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Streams {
    ended: usize,
    broken_off: usize,
    failed: usize,
    pieces: usize,
    left_open: usize,
}

impl fmt::Display for Streams {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ended, broken_off, failed, pieces, left_open } = self;
        write!(
            formatter,
            "{pieces} pieces of {} text streams ({ended} ended, {broken_off} broken off, {failed} failed, \
             {left_open} without an end)",
            ended + broken_off + failed
        )
    }
}

/// Checks that each answered message is where the answer says. Without a file, what was published just before a kill may
/// be known to nobody.
pub(super) fn judge_messages<'a>(
    answered: &'a [Answered],
    order: &'a Order,
    is_kept: bool,
) -> impl Iterator<Item = String> + 'a {
    answered.iter().filter_map(move |answered| {
        let Answered { channel, topic, number, at } = answered;
        let found = order.channels[*channel].get(&at.epoch).and_then(|epoch| epoch.find(at.offset));
        match found {
            Some((of, entry)) if of == *topic && entry.what == What::Message(*number) => None,
            None if !is_kept => None,
            found => Some(format!(
                "number {number} on {} was answered with {at}, where {:?} is",
                TOPICS[*topic].name,
                found.map(|(_, entry)| &entry.what)
            )),
        }
    })
}

/// A text stream as the order has it.
#[derive(Clone, Debug, Default)]
struct Found {
    text: String,
    pieces: usize,
    /// Where it ends, and whether it says that the text is not complete.
    end: Option<(At, bool)>,
}

/// Checks the texts of all streams, and that those end whose server can end them.
pub(super) fn judge_streams(written: &[Written], order: &Order, is_kept: bool) -> (Streams, Vec<String>) {
    let (mut streams, mut faults) = (Streams::default(), Vec::new());
    let found: Vec<_> = order.channels.iter().map(streams_of).collect();
    for written in written {
        match written.ending {
            Ending::Ended(_) => streams.ended += 1,
            Ending::Failed => streams.failed += 1,
            Ending::BrokenOff => streams.broken_off += 1,
        }
        let tag = written.text.split_inclusive(']').next().unwrap_or_default();
        let all = found[written.channel].get(&(written.topic, tag.to_owned()));
        let fault = |what: String| format!("the text {tag} on {}: {what}", TOPICS[written.topic].name);
        let Some(all) = all else {
            if is_kept && matches!(written.ending, Ending::Ended(_)) {
                faults.push(fault("was answered, and is nowhere".into()));
            }
            continue;
        };
        // A copy of the file may have less of it under other ids.
        let longest = all.iter().max_by_key(|found| (found.text.len(), found.end.is_some()));
        streams.pieces += longest.map_or(0, |found| found.pieces);
        for found in all {
            let is_whole = found.text == written.text;
            if !written.text.starts_with(&found.text) {
                faults.push(fault(format!("{:?} is no beginning of {:?}", found.text, written.text)));
            }
            if matches!(found.end, Some((_, false))) && !is_whole {
                faults.push(fault(format!("ends as if complete after {:?}", found.text)));
            }
        }
        let ends: Vec<(At, bool)> = all.iter().filter_map(|found| found.end).collect();
        streams.left_open += usize::from(ends.is_empty());
        match written.ending {
            Ending::Ended(at) if is_kept && !ends.contains(&(at, false)) => {
                faults.push(fault(format!("was answered with {at}, and its ends are {ends:?}")));
            }
            _ if ends.is_empty() && written.has_run => {
                faults.push(fault(format!("has no end, though its server runs: {:?}", written.ending)));
            }
            _ => {}
        }
    }
    (streams, faults)
}

/// The text streams of a channel by topic and the number in brackets with which each text begins. One that a copy of
/// the file has is there once for each epoch.
fn streams_of(channel: &Channel) -> HashMap<(usize, String), Vec<Found>> {
    let mut streams: HashMap<(usize, String), Vec<Found>> = HashMap::new();
    for (life, epoch) in channel {
        for (topic, entries) in epoch.topics.iter().enumerate() {
            let mut found: BTreeMap<&str, Found> = BTreeMap::new();
            for entry in entries {
                match &entry.what {
                    What::Message(_) => {}
                    What::Start(stream) => {
                        found.insert(stream, Found::default());
                    }
                    What::Piece { stream, text } => {
                        let stream = found.entry(stream).or_default();
                        stream.text.push_str(text);
                        stream.pieces += 1;
                    }
                    What::End { stream, is_failed } => {
                        let at = At { epoch: *life, offset: entry.offset };
                        found.entry(stream).or_default().end = Some((at, *is_failed));
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
