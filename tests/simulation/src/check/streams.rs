//! Rule (d), for text streams.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Facts, Plans};
use crate::interpret::text;
use crate::plan::Node;

/// The content of a stream, as its readers receive it.
#[derive(Default)]
struct Read<'m> {
    run: &'m str,
    text: String,
    starts: usize,
    /// Whether the stream was complete, once per end.
    ends: Vec<bool>,
}

impl Facts<'_> {
    pub(super) fn check_streams(&mut self, plans: &Plans) {
        let mut streams: BTreeMap<&str, Read<'_>> = BTreeMap::new();
        let mut wrong = Vec::new();
        for message in self.messages.iter().filter(|message| message.topic == "draft") {
            let data = message.data.as_str().unwrap_or_default();
            let id = if message.kind == "chunk" { &message.stream } else { data };
            let stream = streams.entry(id).or_default();
            stream.run = &message.run;
            if message.kind != "datastream-start" && (stream.starts != 1 || !stream.ends.is_empty()) {
                wrong.push(format!("(d) {} of stream {id} is not between its start and end", message.kind));
            }
            match message.kind.as_str() {
                "datastream-start" => stream.starts += 1,
                "chunk" => stream.text.push_str(data),
                _ => stream.ends.push(message.error.is_none()),
            }
        }
        let texts = plans.iter().flat_map(|(run, plan)| {
            let mut texts = Vec::new();
            collect(run, plan, "", &mut texts);
            texts
        });
        let texts: Vec<String> = texts.collect();
        for (id, Read { run, text, starts, ends }) in streams {
            if starts != 1 || ends.len() != 1 {
                wrong.push(format!(
                    "(d) stream {id} of {run} started {starts} times and ended {} times",
                    ends.len()
                ));
            }
            let is_complete = ends.first() == Some(&true);
            let is_planned =
                |planned: &String| *planned == text || (!is_complete && planned.starts_with(&text));
            if !texts.iter().any(is_planned) {
                wrong.push(format!(
                    "(d) readers of stream {id} of {run} have {text:?}, complete: {is_complete}"
                ));
            }
        }
        self.violations.append(&mut wrong);
    }
}

/// Collects the texts that the streams of a plan write.
fn collect(run: &str, node: &Arc<Node>, path: &str, texts: &mut Vec<String>) {
    if let Node::Stream(chunks, _) = &**node {
        texts.push(text(run, path, *chunks).concat());
    }
    for (index, inner) in node.inner().into_iter().enumerate() {
        collect(run, inner, &format!("{path}.{index}"), texts);
    }
}
