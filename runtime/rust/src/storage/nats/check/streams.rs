//! Checks the streams: their existence, their settings, and the number of shards.

use futures_util::future::join_all;
use serde_json::Value;

use super::super::jetstream::{NO_STREAM, RequestFailure, parse_time};
use super::super::streams::{DEFAULT_SHARDS, MAX_SHARDS, compare};
use super::replicas::Replicas;
use super::servers::Answered;
use super::{Probe, StorageReport, is_nearly_full, json};
use crate::clock::{to_milliseconds, wall_time};
use crate::storage::check::clocks::Clocks;

/// The streams that exist, and those that servers will create.
#[derive(Default)]
pub(super) struct Found {
    pub(super) existing: Vec<Stream>,
    pub(super) missing: Vec<Stream>,
    /// The number of replicas of the streams that exist.
    pub(super) replicas: Option<usize>,
}

/// A stream, which may not exist yet.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) name: String,
    /// The number of the shard, or `None` for the stream of processes and revocations.
    pub(super) shard: Option<usize>,
}

/// Checks the streams that exist. Returns them, and those that servers will create.
pub(super) async fn check(probe: &Probe, servers: &mut Answered, report: &mut StorageReport) -> Found {
    let setup = &probe.setup;
    let mut found = Found::default();
    let mut replicas = Replicas::default();
    let before = report.findings.len();
    let meta = Stream { name: setup.stream("meta"), shard: None };
    let info = ask(probe, &meta, &mut servers.clocks).await;
    let stored = info.as_ref().ok().and_then(Option::as_ref).map(count_shards);
    let shards = match (stored, setup.shards) {
        (Some(None), _) => {
            report.fail(
                "streams",
                format!(
                    "`{}` does not record a number of shards, so it does not belong to Fanfare",
                    meta.name
                ),
                "use another space",
            );
            return found;
        }
        (Some(Some(stored)), Some(set)) if stored != set => {
            report.fail(
                "shards",
                format!("the number of shards is {stored} instead of {set}, and cannot be changed"),
                format!("use another space, or set `.shards({stored})`"),
            );
            stored
        }
        (Some(Some(stored)), _) => stored,
        (None, set) => set.unwrap_or(DEFAULT_SHARDS),
    };
    add(probe, &mut found, &mut replicas, meta, info, report);
    let streams =
        (0..shards).map(|shard| Stream { name: setup.stream(&shard.to_string()), shard: Some(shard) });
    let streams: Vec<Stream> = streams.collect();
    let asked = streams.into_iter().map(async |stream| {
        let mut read = Clocks::default();
        let info = ask(probe, &stream, &mut read).await;
        (stream, info, read)
    });
    for (stream, info, read) in join_all(asked).await {
        servers.clocks.extend(read);
        add(probe, &mut found, &mut replicas, stream, info, report);
    }
    if report.findings.len() == before {
        report.ok("streams", describe(&found, shards));
    }
    check_missing(probe, &found, servers, report).await;
    replicas.report(report);
    found
}

fn describe(found: &Found, shards: usize) -> String {
    let replicas = found.replicas.unwrap_or(1);
    match (found.existing.len(), found.missing.len()) {
        (0, missing) => format!("the first server will create {missing} streams (shards: {shards})"),
        (existing, 0) => {
            format!(
                "{existing} streams exist with the required settings (shards: {shards}, replicas: {replicas})"
            )
        }
        (existing, missing) => {
            format!("{existing} streams exist with the required settings; {missing} are missing")
        }
    }
}

/// Asks for the state of a stream. Returns `None` if it does not exist.
async fn ask(probe: &Probe, stream: &Stream, clocks: &mut Clocks) -> Result<Option<Value>, RequestFailure> {
    let sent = to_milliseconds(wall_time());
    let answer = probe.ask(format!("$JS.API.STREAM.INFO.{}", stream.name), &json!({})).await;
    let received = to_milliseconds(wall_time());
    match answer {
        Ok(info) => {
            // The leader answers.
            let time = info["ts"].as_str().and_then(parse_time);
            if let (Some(leader), Some(time)) = (info["cluster"]["leader"].as_str(), time) {
                clocks.add(leader, time, sent, received);
            }
            Ok(Some(info))
        }
        Err(RequestFailure::Rejected { code: NO_STREAM, .. }) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn count_shards(info: &Value) -> Option<usize> {
    let count = info["config"]["metadata"]["fanfare.shards"].as_str()?.parse().ok()?;
    (1..=MAX_SHARDS).contains(&count).then_some(count)
}

/// Adds a stream to those that exist or are missing, and compares its settings.
fn add(
    probe: &Probe,
    found: &mut Found,
    replicas: &mut Replicas,
    stream: Stream,
    info: Result<Option<Value>, RequestFailure>,
    report: &mut StorageReport,
) {
    let info = match info {
        Ok(Some(info)) => info,
        Ok(None) => return found.missing.push(stream),
        Err(failure) => {
            report.fail(
                "streams",
                format!("`{}` has no leader or does not answer: {}", stream.name, failure.into_error()),
                "start the servers that store it: a majority of its replicas must run",
            );
            return;
        }
    };
    let config = &info["config"];
    let needed = match stream.shard {
        None => probe.setup.meta_config(),
        Some(shard) => probe.setup.shard_config(shard),
    };
    if let Err(error) = compare(&probe.setup, &needed, config) {
        report.fail(
            "streams",
            error.to_string(),
            "change the setting with `nats stream edit`, or the option of your servers",
        );
    }
    check_settings(&stream.name, config, &info["state"], report);
    found.replicas = config["num_replicas"].as_u64().and_then(|number| usize::try_from(number).ok());
    replicas.add(&stream.name, &info);
    found.existing.push(stream);
}

/// Checks settings with which servers start, but lose messages, or cannot publish or delete them.
fn check_settings(name: &str, config: &Value, state: &Value, report: &mut StorageReport) {
    for (setting, effect) in [
        ("sealed", "nothing can be published"),
        ("deny_purge", "old messages cannot be deleted"),
        ("no_ack", "publishing fails"),
    ] {
        if config[setting] == true {
            report.fail("streams", format!("`{name}` has `{setting}`: {effect}"), "remove the setting");
        }
    }
    if config["storage"] != "file" {
        report.warn(
            "streams",
            format!("`{name}` is in memory: its messages are lost when the servers restart"),
            "use another space: servers create its streams with files",
        );
    }
    if config["persist_mode"] == "async" {
        report.warn(
            "streams",
            format!("`{name}` confirms messages before they are written: a server that is killed loses some"),
            "use another space: servers create its streams without `persist_mode`",
        );
    }
    if let Some(max) = config["max_bytes"].as_u64() {
        let used = state["bytes"].as_u64().unwrap_or(0);
        if is_nearly_full(used, max) {
            report.warn(
                "streams",
                format!("`{name}` uses {used} of {max} bytes: once it is full, it deletes messages that channels need"),
                "raise `max_bytes` of the stream, or remove it",
            );
        }
    }
}

/// Checks that servers can create the missing streams.
async fn check_missing(probe: &Probe, found: &Found, servers: &Answered, report: &mut StorageReport) {
    if found.missing.is_empty() {
        return;
    }
    if !found.existing.is_empty() {
        for missing in &found.missing {
            report.warn(
                "streams",
                format!("`{}` was deleted: its channels lose their history", missing.name),
                "start a server, which creates it again; running servers do so within seconds",
            );
        }
    }
    if let Some(replicas @ 2..) = probe.setup.replicas.or(found.replicas) {
        if probe.jetstream.client.server_info().cluster.is_some() {
            servers.check_replicas(replicas, report);
        } else {
            report.fail(
                "replicas",
                format!("the server is not part of a cluster, so streams cannot have {replicas} replicas"),
                "connect the servers with `cluster { … }` in their configuration, or use one replica",
            );
        }
    }
    let request = json!({ "subject": format!("{}.>", probe.setup.space) });
    let Ok(answer) = probe.ask("$JS.API.STREAM.NAMES", &request).await else { return };
    let names = answer["streams"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let own: Vec<&str> = found.existing.iter().map(|stream| &*stream.name).collect();
    for other in names.filter(|name| !own.contains(name)) {
        report.fail(
            "streams",
            format!("the stream `{other}` has subjects of the space `{}`", probe.setup.space),
            "use another space, or change the subjects of that stream",
        );
    }
}
