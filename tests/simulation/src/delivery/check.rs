//! The checks once all is calm.

use std::collections::{BTreeMap, BTreeSet};

use super::publish::{Message, Outcome, Written};
use super::reference::{Id, Reference, What};

/// How many keys a channel remembers.
const KEYS: u64 = 1000;

/// (e) A message that was answered is there under its id, and once per epoch.
pub(super) fn check_messages(reference: &Reference, messages: &[Message]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut committed: BTreeMap<&str, Vec<(usize, Id)>> = BTreeMap::new();
    for (channel, id, entry) in reference.entries().filter(|(_, _, entry)| !entry.is_copy) {
        if let What::Message(text) = &entry.what {
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
            // A new epoch takes over ids, and keys.
            let is_there = |(channel, known): &(usize, Id)| {
                *channel == message.channel && known.offset == id.offset && known.epoch <= id.epoch
            };
            if !found.iter().any(is_there) {
                wrong
                    .push(format!("(e) message {} was answered with {id}, and is not there", message.number));
            }
        }
    }
    for (text, found) in committed {
        wrong.push(format!("(e) nobody published {text:?}, which is {found:?}"));
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
    /// The latest epoch that has a frame of it.
    epoch: u64,
    /// The epochs that have its end, or took it over.
    ended: BTreeSet<u64>,
}

/// (f) A stream that ended has its end, and the text is what was written. If its process died, others end it as long as
/// a new subscriber would get it, and if they know that the process has ended.
pub(super) fn check_streams(reference: &Reference, written: &[Written], knows_ends: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut streams: BTreeMap<&str, Stream> = BTreeMap::new();
    for (channel, id, entry) in reference.entries() {
        let name = match &entry.what {
            What::Message(_) => continue,
            What::Start(stream) | What::Piece { stream, .. } | What::End { stream, .. } => stream,
        };
        let stream = streams.entry(name).or_default();
        stream.at = (channel, entry.topic);
        if !reference.is_latest(channel, stream.epoch) || stream.epoch == 0 {
            stream.epoch = id.epoch;
        }
        if let What::End { .. } = &entry.what {
            stream.ended.insert(id.epoch);
        }
        if entry.is_copy {
            continue;
        }
        let has_ended = stream.ends.iter().any(|(end, _)| end.epoch == id.epoch);
        match &entry.what {
            What::Start(_) => stream.starts += 1,
            What::Piece { text, .. } => {
                stream.is_out_of_order |= has_ended || stream.starts == 0;
                stream.text.push_str(text);
            }
            What::End { error, .. } => {
                stream.is_out_of_order |= has_ended || stream.starts == 0;
                stream.ends.push((id, error.clone()));
            }
            What::Message(_) => {}
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
        // A new epoch begins with a gap, after which no text that was open is complete.
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
            wrong.push(format!("(f) stream {name} ({number:?}) has {text:?} in place of {:?}", written.text));
        }
        let is_complete = ends.iter().any(|(_, error)| error.is_none());
        if is_complete && (*text != written.text || matches!(written.outcome, Outcome::Failed(_))) {
            let outcome = &written.outcome;
            wrong.push(format!("(f) stream {name} ({number:?}) is complete, and was {outcome:?}"));
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
            wrong.push(format!("(f) stream {number} was answered with the end {id}, which is not there"));
        }
    }
    wrong
}
