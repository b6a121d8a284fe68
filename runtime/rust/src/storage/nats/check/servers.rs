//! Checks the versions of the NATS servers, and that clients can reach them.

use std::collections::BTreeMap;

use async_nats::{ConnectOptions, ServerAddr};
use futures_util::future::join_all;

use super::super::credentials::requires_tls;
use super::super::jetstream::parse_time;
use super::super::versions::{REQUIRED, is_supported};
use super::{ConnectNats, Denied, JetStream, Probe, Setup, StorageError, StorageReport, json};
use crate::clock::{to_milliseconds, wall_time};
use crate::storage::check::clocks::Clocks;

/// The subject on which each server answers with its time and the permissions of the user.
pub(super) const USER_INFO: &str = "$SYS.REQ.USER.INFO";

/// A server that answered.
struct Server {
    id: String,
    name: String,
    version: String,
    /// Its time, and this machine's times before and after the answer, in milliseconds since 1970. `None` if the user
    /// may not ask.
    time: Option<(i64, i64, i64)>,
}

/// The servers that answered.
pub(super) struct Answered {
    pub(super) clocks: Clocks,
    count: usize,
    /// Whether the cluster has no other servers, as far as its servers know.
    is_complete: bool,
}

/// Checks the servers in the URL, and those that they name.
pub(super) async fn check(options: &ConnectNats<'_>, probe: &Probe, report: &mut StorageReport) -> Answered {
    let given: Vec<&str> = options.url.split(',').map(str::trim).collect();
    let scheme = if requires_tls(&given) { "tls://" } else { "nats://" };
    // The addresses that servers name have no scheme.
    let named = probe.jetstream.client.server_info().connect_urls;
    let named: Vec<String> = named.iter().map(|address| format!("{scheme}{address}")).collect();
    let mut all: BTreeMap<(String, u16), &str> = BTreeMap::new();
    for url in given.into_iter().chain(named.iter().map(String::as_str)) {
        if let Ok(address) = url.parse::<ServerAddr>() {
            all.entry((address.host().to_owned(), address.port())).or_insert(url);
        }
    }
    let asked = all.into_iter().map(async |(address, url)| (address, ask(options, &probe.setup, url).await));
    let (mut servers, mut is_complete) = (BTreeMap::new(), !named.is_empty());
    for ((host, port), answer) in join_all(asked).await {
        match answer {
            Ok(server) => drop(servers.insert(server.id.clone(), server)),
            Err(error) => {
                is_complete = false;
                report.warn(
                    "servers",
                    format!("{host}:{port}: {error}"),
                    "start the server; if it runs, correct the URL, or set the server's `client_advertise` to an \
                     address that clients can reach",
                );
            }
        }
    }
    let mut clocks = Clocks::default();
    for server in servers.values() {
        if let Some((time, sent, received)) = server.time {
            clocks.add(&server.name, time, sent, received);
        }
    }
    check_versions(servers.values(), report);
    Answered { clocks, count: servers.len(), is_complete }
}

impl Answered {
    /// Checks that the cluster has a server for each replica of a new stream.
    pub(super) fn check_replicas(&self, replicas: usize, report: &mut StorageReport) {
        let Self { count, is_complete, .. } = *self;
        if count >= replicas {
            return;
        }
        if is_complete {
            report.fail(
                "replicas",
                format!("the cluster has only {count} servers, so streams cannot have {replicas} replicas"),
                "add servers with JetStream to the cluster, or use fewer replicas",
            );
        } else {
            report.warn(
                "replicas",
                format!(
                    "only {count} servers answered, but streams with {replicas} replicas need {replicas}"
                ),
                "list all servers of the cluster in the URL; if there are fewer, add servers with JetStream",
            );
        }
    }
}

fn check_versions<'s>(servers: impl Iterator<Item = &'s Server>, report: &mut StorageReport) {
    let mut by_version: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for server in servers {
        by_version.entry(&server.version).or_default().push(&server.name);
    }
    for (version, names) in &by_version {
        let names = names.join(", ");
        if is_supported(version) {
            report.ok("version", format!("{names}: {version}"));
        } else {
            report.fail(
                "version",
                format!("{names}: {version}, but {REQUIRED}"),
                "update the servers: version 2.11 added expiring messages and batched reads, which the storage uses, \
                 and 2.12 is the oldest version that is tested",
            );
        }
    }
    if by_version.len() > 1 {
        report.warn(
            "version",
            "the servers have different versions",
            "update all servers to the same version",
        );
    }
}

/// Connects to this server only, and reads its version and its time.
async fn ask(options: &ConnectNats<'_>, setup: &Setup, url: &str) -> Result<Server, StorageError> {
    let alone = |options: ConnectOptions| options.ignore_discovered_servers().max_reconnects(1);
    let client = options.credentials.connect_with(vec![url], alone).await?;
    let info = client.server_info();
    let probe = Probe { jetstream: JetStream { client }, setup: setup.clone(), denied: Denied::default() };
    let sent = to_milliseconds(wall_time());
    let answer = probe.ask(USER_INFO, &json!({})).await;
    let received = to_milliseconds(wall_time());
    let time = answer.ok().and_then(|answer| parse_time(answer["server"]["time"].as_str()?));
    Ok(Server {
        id: info.server_id,
        name: if info.server_name.is_empty() { url.to_owned() } else { info.server_name },
        version: info.version,
        time: time.map(|time| (time, sent, received)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_replica_needs_a_server() {
        for (count, is_complete, problems, has_failed) in [
            (3, true, vec![], false),
            (3, false, vec![], false),
            (2, false, vec!["replicas"], false),
            (2, true, vec!["replicas"], true),
        ] {
            let (clocks, mut report) = (Clocks::default(), StorageReport::default());
            Answered { clocks, count, is_complete }.check_replicas(3, &mut report);
            assert_eq!((report.problems(), report.has_failed()), (problems, has_failed));
        }
    }

    #[test]
    fn old_and_mixed_versions_are_reported() {
        let server = |name: &str, version: &str| Server {
            id: name.into(),
            name: name.into(),
            version: version.into(),
            time: None,
        };
        let report_of = |servers: &[Server]| {
            let mut report = StorageReport::default();
            check_versions(servers.iter(), &mut report);
            report
        };
        let report = report_of(&[server("a", "2.12.0"), server("b", "2.12.0")]);
        assert_eq!((report.findings.len(), report.has_failed()), (1, false));
        assert_eq!(report.findings[0].message, "a, b: 2.12.0");
        let report = report_of(&[server("a", "2.12.0"), server("b", "2.11.9")]);
        assert!(report.has_failed());
        assert!(report.problem("version").unwrap().message.starts_with("b: 2.11.9"));
        assert_eq!(report.problems(), ["version", "version"], "{report:?}");
    }
}
