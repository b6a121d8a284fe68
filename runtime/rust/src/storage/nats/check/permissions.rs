//! Checks the permissions of the user: tries the requests that servers send, except those that change something.

use futures_util::future::join_all;
use serde_json::Value;

use super::streams::{Found, Stream};
use super::{Probe, StorageReport, json, servers};

/// Tries the requests and subscriptions that servers need for the streams.
pub(super) async fn check(probe: &Probe, found: &Found, report: &mut StorageReport) {
    let all: Vec<&Stream> = found.existing.iter().chain(&found.missing).collect();
    let space = &*probe.setup.space;
    let mut subscriptions = Vec::new();
    for stream in &all {
        let subject = match stream.shard {
            None => format!("{space}-live.meta.revoked.*"),
            Some(shard) => format!("{space}-live.{shard}.>"),
        };
        if let Ok(subscription) = probe.jetstream.client.subscribe(subject).await {
            subscriptions.push(subscription);
        }
    }
    join_all(
        all.iter().flat_map(|stream| subjects(space, stream)).map(|subject| probe.send_unstored(subject)),
    )
    .await;
    join_all(found.existing.iter().map(async |stream| {
        // No stream has this subject, so there is nothing to read.
        let request = json!({ "last_by_subj": format!("{space}.check") });
        let _ = probe.ask(format!("$JS.API.STREAM.MSG.GET.{}", stream.name), &request).await;
        let request = json!({ "seq": 1, "next_by_subj": format!("{space}.check"), "batch": 1 });
        let _ = probe.ask(format!("$JS.API.DIRECT.GET.{}", stream.name), &request).await;
    }))
    .await;
    drop(subscriptions);
    let is_allowed = probe.denied.report(space, report);
    let may_change = check_changes(probe, found, report).await;
    if is_allowed && may_change {
        report.ok("permissions", "the user may read, write and subscribe");
    }
}

/// Returns the subjects to which servers publish for a stream.
fn subjects(space: &str, stream: &Stream) -> [String; 2] {
    match stream.shard {
        None => ["process", "revoked"].map(|kind| format!("{space}.meta.{kind}.check")),
        Some(shard) => ["log", "checkpoint"].map(|kind| format!("{space}.{shard}.{kind}.check")),
    }
}

/// Looks up the permissions to create and purge streams, which cannot be tried, in the user's list of permissions.
/// Returns `true` if nothing is denied.
async fn check_changes(probe: &Probe, found: &Found, report: &mut StorageReport) -> bool {
    let Ok(answer) = probe.ask(servers::USER_INFO, &json!({})).await else { return true };
    let publish = &answer["data"]["permissions"]["publish"];
    let purged = found.existing.iter().map(|stream| format!("$JS.API.STREAM.PURGE.{}", stream.name));
    let created = found.missing.iter().map(|stream| format!("$JS.API.STREAM.CREATE.{}", stream.name));
    let denied: Vec<String> =
        purged.chain(created).filter(|subject| !allows(publish, subject)).map(|s| format!("`{s}`")).collect();
    if denied.is_empty() {
        return true;
    }
    report.fail(
        "permissions",
        format!("the user may not publish to {}", denied.join(", ")),
        "allow it to publish to `$JS.API.>`",
    );
    false
}

/// Returns whether permissions allow a subject. Without a list, everything is allowed.
fn allows(permissions: &Value, subject: &str) -> bool {
    let contains = |list: &Value| {
        list.as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .any(|pattern| matches(pattern, subject))
    };
    let (allowed, denied) = (&permissions["allow"], &permissions["deny"]);
    !contains(denied) && (allowed.as_array().is_none_or(Vec::is_empty) || contains(allowed))
}

/// Returns whether a subject without wildcards matches a pattern.
fn matches(pattern: &str, subject: &str) -> bool {
    // A permission may be limited to a queue group, whose name follows the pattern.
    let pattern = pattern.split_whitespace().next().unwrap_or_default();
    let mut tokens = subject.split('.');
    for expected in pattern.split('.') {
        match (expected, tokens.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (expected, Some(token)) if expected == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_patterns() {
        for pattern in ["a.b.c", "a.*.c", "a.>", ">", "*.*.*", "a.b.c queue"] {
            assert!(matches(pattern, "a.b.c"), "{pattern}");
        }
        for pattern in ["a.b", "a.b.c.>", "a.b.c.d", "b.>", "*.*", "a.b.*.*", "a.b.cc"] {
            assert!(!matches(pattern, "a.b.c"), "{pattern}");
        }
        assert!(allows(&json!(null), "a.b"));
        assert!(allows(&json!({ "deny": ["b.>"] }), "a.b"));
        assert!(!allows(&json!({ "allow": ["b.>"] }), "a.b"));
        assert!(!allows(&json!({ "allow": ["a.>"], "deny": ["a.b"] }), "a.b"));
    }
}
