//! The checks after the faults.

use std::collections::{BTreeMap, BTreeSet};

use super::publish::{Message, Outcome, Written};
use super::reference::{Content, Id, Reference};

/// The number of idempotency keys that a channel remembers.
const KEYS: u64 = 1000;

/// Checks (e): an acknowledged message has its id, and exists once per epoch.
pub(super) fn check_messages(reference: &Reference, messages: &[Message]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut committed: BTreeMap<&str, Vec<(usize, Id)>> = BTreeMap::new();
    for (channel, id, entry) in reference.entries().filter(|(_, _, entry)| !entry.is_copy) {
        if let Content::Message(text) = &entry.content {
            committed.entry(text).or_default().push((channel, id));
        }
    }
    for message in messages {
        let found = committed.remove(message.payload.as_str()).unwrap_or_default();
        for pair in found.windows(2) {
            if let [(_, first), (_, second)] = pair
                && first.epoch == second.epoch
                && second.offset - first.offset < KEYS
            {
                wrong
                    .push(format!("(e) message {} was published as {first} and as {second}", message.number));
            }
        }
        for id in &message.ids {
            // A new epoch takes over ids and keys.
            let is_there = |(channel, known): &(usize, Id)| {
                *channel == message.channel && known.offset == id.offset && known.epoch <= id.epoch
            };
            if !found.iter().any(is_there) {
                wrong.push(format!(
                    "(e) message {} was acknowledged as {id}, which does not exist",
                    message.number
                ));
            }
        }
    }
    for (text, found) in committed {
        wrong.push(format!("(e) no client published {text:?}, which exists as {found:?}"));
    }
    wrong
}

#[derive(Default)]
struct Stream {
    at: (usize, usize),
    starts: usize,
    text: String,
    /// The epoch of each end, and its error.
    ends: Vec<(Id, Option<String>)>,
    is_out_of_order: bool,
    /// The latest epoch with a frame of it.
    epoch: u64,
    /// The epochs with its end.
    ended: BTreeSet<u64>,
}

/// Checks (f): a stream that ended has its end, and its text is the written text. If its process died, other processes
/// end it if a new subscriber would receive it and if they know that the process has ended.
pub(super) fn check_streams(reference: &Reference, written: &[Written], knows_ends: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut streams: BTreeMap<&str, Stream> = BTreeMap::new();
    for (channel, id, entry) in reference.entries() {
        let name = match &entry.content {
            Content::Message(_) => continue,
            Content::Start(stream) | Content::Chunk { stream, .. } | Content::End { stream, .. } => stream,
        };
        let stream = streams.entry(name).or_default();
        stream.at = (channel, entry.topic);
        if !reference.is_latest(channel, stream.epoch) || stream.epoch == 0 {
            stream.epoch = id.epoch;
        }
        if let Content::End { .. } = &entry.content {
            stream.ended.insert(id.epoch);
        }
        if entry.is_copy {
            continue;
        }
        let has_ended = stream.ends.iter().any(|(end, _)| end.epoch == id.epoch);
        match &entry.content {
            Content::Start(_) => stream.starts += 1,
            Content::Chunk { text, .. } => {
                stream.is_out_of_order |= has_ended || stream.starts == 0;
                stream.text.push_str(text);
            }
            Content::End { error, .. } => {
                stream.is_out_of_order |= has_ended || stream.starts == 0;
                stream.ends.push((id, error.clone()));
            }
            Content::Message(_) => {}
        }
    }
    for (name, stream) in &streams {
        let Stream { at, starts, text, ends, is_out_of_order, epoch, ended } = stream;
        let number: Option<usize> = text.split_once('.').and_then(|(number, _)| number.parse().ok());
        if *starts != 1 || *is_out_of_order {
            wrong.push(format!(
                "(f) the frames of stream {name} ({number:?}) are not in order: {starts} starts, {ends:?}"
            ));
        }
        // A new epoch starts with a gap, after which no open text is complete.
        let has_died =
            number.and_then(|number| written.get(number)).is_none_or(|written| written.text().has_died);
        let must_end = !has_died || (knows_ends && reference.retains(*at, *epoch, name));
        if must_end && !ended.contains(epoch) && reference.is_latest(at.0, *epoch) {
            wrong.push(format!(
                "(f) stream {name} ({number:?}) in {at:?} has no end in epoch {epoch}: {ends:?}"
            ));
        }
        let Some(written) = number.and_then(|number| written.get(number)) else { continue };
        let written = written.text();
        if !written.text.starts_with(text.as_str()) {
            wrong.push(format!("(f) stream {name} ({number:?}) has {text:?} instead of {:?}", written.text));
        }
        let is_complete = ends.iter().any(|(_, error)| error.is_none());
        if is_complete && (*text != written.text || matches!(written.outcome, Outcome::Failed(_))) {
            let outcome = &written.outcome;
            wrong
                .push(format!("(f) stream {name} ({number:?}) is complete, but its outcome was {outcome:?}"));
        }
    }
    for (number, written) in written.iter().enumerate() {
        let (id, is_complete) = match written.text().outcome {
            Outcome::Complete(id) => (id, true),
            Outcome::Failed(id) => (id, false),
            Outcome::Writing | Outcome::Broken => continue,
        };
        let mut ends = streams.values().flat_map(|stream| &stream.ends);
        if !ends.any(|(end, error)| *end == id && error.is_none() == is_complete) {
            wrong.push(format!(
                "(f) stream {number} was acknowledged with the end {id}, which does not exist"
            ));
        }
    }
    wrong
}
