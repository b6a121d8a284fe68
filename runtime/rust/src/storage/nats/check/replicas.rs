//! Checks that the replicas of the streams have everything that their leaders have.

use std::collections::BTreeMap;

use serde_json::Value;

use super::StorageReport;

/// The replicas of all streams.
#[derive(Default)]
pub(super) struct Replicas {
    /// The names of the streams on each server with a problem.
    by_problem: BTreeMap<(String, Problem), Vec<String>>,
    without_leader: Vec<String>,
    without_majority: Vec<String>,
    /// The streams that are on fewer servers than their settings require, with both numbers.
    incomplete: Vec<(String, u64, u64)>,
    /// The streams that only one server of a cluster stores.
    single: Vec<String>,
    current: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Problem {
    Offline,
    Behind,
}

impl Replicas {
    /// Adds the replicas of a stream.
    pub(super) fn add(&mut self, stream: &str, info: &Value) {
        let cluster = &info["cluster"];
        // A server that belongs to no cluster leads its streams.
        if cluster["name"].as_str().is_none_or(str::is_empty) {
            return;
        }
        if cluster["leader"].as_str().is_none_or(str::is_empty) {
            self.without_leader.push(stream.to_owned());
        }
        let replicas: Vec<&Value> = cluster["replicas"].as_array().into_iter().flatten().collect();
        let mut offline = 0;
        for replica in &replicas {
            let problem = if replica["offline"] == true {
                offline += 1;
                Problem::Offline
            } else if replica["current"] == false {
                Problem::Behind
            } else {
                self.current += 1;
                continue;
            };
            let server = replica["name"].as_str().unwrap_or("a server").to_owned();
            self.by_problem.entry((server, problem)).or_default().push(stream.to_owned());
        }
        let (set, stored) = (info["config"]["num_replicas"].as_u64().unwrap_or(1), replicas.len() as u64 + 1);
        // Lagging replicas count, because they store new messages, too.
        if (stored - offline) * 2 <= stored.max(set) {
            self.without_majority.push(stream.to_owned());
        }
        if stored < set {
            self.incomplete.push((stream.to_owned(), stored, set));
        }
        if set == 1 {
            self.single.push(stream.to_owned());
        }
    }

    pub(super) fn report(&self, report: &mut StorageReport) {
        let before = report.findings.len();
        for stream in &self.without_leader {
            report.fail(
                "replicas",
                format!("`{stream}` has no leader"),
                "start the servers that store it: a majority of its replicas must run",
            );
        }
        if !self.without_majority.is_empty() {
            report.fail(
                "replicas",
                format!(
                    "most replicas of {} are offline or missing, so nothing can be published",
                    list(&self.without_majority)
                ),
                "start the servers that store these streams",
            );
        }
        for ((server, problem), streams) in &self.by_problem {
            let streams = list(streams);
            match problem {
                Problem::Offline => report.warn(
                    "replicas",
                    format!("{server} is offline, and stores {streams}"),
                    "start the server: until then, these streams have one replica fewer",
                ),
                Problem::Behind => report.warn(
                    "replicas",
                    format!("{server} does not have the latest messages of {streams}"),
                    "wait until it has caught up before you stop another server; check its disk and its network",
                ),
            }
        }
        for (stream, stored, set) in &self.incomplete {
            report.warn(
                "replicas",
                format!("`{stream}` is on {stored} servers instead of {set}"),
                "add servers with JetStream to the cluster",
            );
        }
        if !self.single.is_empty() {
            report.warn(
                "replicas",
                format!("only one server of the cluster stores {}", list(&self.single)),
                "run `nats stream edit --replicas=3` for each of these streams, and set `.replicas(3)` in the servers",
            );
        }
        if report.findings.len() == before && self.current > 0 {
            report.ok("replicas", format!("all {} replicas are up to date with their leaders", self.current));
        }
    }
}

fn list(streams: &[String]) -> String {
    match streams {
        [first] => format!("`{first}`"),
        [first, _] => format!("`{first}` and 1 more stream"),
        [first, ..] => format!("`{first}` and {} more streams", streams.len() - 1),
        [] => "no stream".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn replicas_that_lag_or_are_missing_are_reported() {
        let mut replicas = Replicas::default();
        let info = |leader: &str, others: &Value| {
            json!({
                "config": { "num_replicas": 3 },
                "cluster": { "name": "c", "leader": leader, "replicas": others },
            })
        };
        let current = json!({ "name": "b", "current": true });
        replicas.add("s-0", &info("a", &json!([current, { "name": "c", "current": false, "lag": 7 }])));
        replicas
            .add("s-1", &info("a", &json!([current, { "name": "c", "current": false, "offline": true }])));
        replicas.add("s-2", &info("", &json!([current])));
        let offline = ["b", "c"].map(|name| json!({ "name": name, "current": false, "offline": true }));
        replicas.add("s-3", &info("a", &json!(offline)));
        let behind = ["d", "e"].map(|name| json!({ "name": name, "current": false, "lag": 7 }));
        replicas.add("s-4", &info("a", &json!(behind)));
        let mut report = StorageReport::default();
        replicas.report(&mut report);
        let messages: Vec<&str> = report.findings.iter().map(|finding| &*finding.message).collect();
        assert_eq!(
            messages,
            [
                "`s-2` has no leader",
                "most replicas of `s-3` are offline or missing, so nothing can be published",
                "b is offline, and stores `s-3`",
                "c is offline, and stores `s-1` and 1 more stream",
                "c does not have the latest messages of `s-0`",
                "d does not have the latest messages of `s-4`",
                "e does not have the latest messages of `s-4`",
                "`s-2` is on 2 servers instead of 3",
            ]
        );
        assert!(report.has_failed());
    }
}
