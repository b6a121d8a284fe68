//! Rule (d), for messages in the history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Facts, Plans};
use crate::file::Message;
use crate::plan::Node;

impl Facts<'_> {
    pub(super) fn check_messages(&mut self, plans: &Plans) {
        let mut wrong = Vec::new();
        let mut heads: BTreeMap<&str, i64> = BTreeMap::new();
        let mut by_data: BTreeMap<&str, Vec<&Message>> = BTreeMap::new();
        for message in self.messages {
            let head = heads.entry(&message.channel).or_default();
            if message.offset != *head + 1 {
                let (channel, offset) = (&message.channel, message.offset);
                wrong.push(format!("(d) in {channel}, offset {offset} follows {head}"));
            }
            *head = message.offset;
            if let Some(data) = message.data.as_str().filter(|_| message.kind == "data") {
                by_data.entry(data).or_default().push(message);
            }
        }
        for (data, messages) in by_data.iter().filter(|(_, messages)| messages.len() > 1) {
            wrong.push(format!("(d) {data:?} is in the history {} times", messages.len()));
        }
        let durable = self.observed.published.iter().map(|((run, path), id)| (format!("{run}{path}"), id));
        let hub_published = self.observed.hub_published.iter().map(|(data, id)| (data.clone(), id));
        for (data, id) in durable.chain(hub_published) {
            if !by_data.get(data.as_str()).is_some_and(|found| found.iter().any(|found| found.id == *id)) {
                wrong.push(format!("(d) {data:?} was published as {id}, but is not in the history"));
            }
        }
        for (run, plan) in plans {
            self.check_order(run, plan, String::new(), &mut wrong);
        }
        self.violations.append(&mut wrong);
        self.check_events();
    }

    /// Returns the ids of messages published in a node, and checks that they are in the order of its calls.
    fn check_order(
        &self,
        run: &str,
        node: &Arc<Node>,
        path: String,
        wrong: &mut Vec<String>,
    ) -> BTreeSet<String> {
        let mut ids: BTreeSet<String> = BTreeSet::new();
        for (index, inner) in node.inner().into_iter().enumerate() {
            let later = self.check_order(run, inner, format!("{path}.{index}"), wrong);
            if matches!(&**node, Node::Sequence(_))
                && let (Some(last), Some(first)) = (ids.last(), later.first())
                && last > first
            {
                wrong.push(format!("(d) {run}{path}.{index} published {first} after {last}"));
            }
            ids.extend(later);
        }
        ids.extend(self.observed.published.get(&(run.to_owned(), path)).cloned());
        ids
    }

    /// Checks that a run has one final event and publishes nothing durably after it.
    fn check_events(&mut self) {
        let mut wrong = Vec::new();
        for run in self.runs.values() {
            let of_run = self.messages.iter().filter(|message| message.run == run.id);
            let mut last = None;
            // Streams that a run left open end after its final event.
            for message in of_run.filter(|message| !matches!(message.topic.as_str(), "progress" | "draft")) {
                let status = message.data["status"].as_str().unwrap_or("message");
                if let Some(last) = last {
                    wrong.push(format!("(f) {} has a {status} after its {last}", run.id));
                }
                last = Some(status).filter(|status| !matches!(*status, "running" | "message"));
            }
            if last != Some(run.state.as_str()) && run.state != "halted" {
                wrong.push(format!("(d) {} is {}, but its last event is {last:?}", run.id, run.state));
            }
        }
        self.violations.append(&mut wrong);
    }
}
