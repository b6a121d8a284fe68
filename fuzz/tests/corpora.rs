//! Replays the committed inputs: some written by hand, and all that the fuzzer found.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use fanfare_fuzz::{MAX_INPUT, TARGETS, Target, bugs};

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let inputs = paths.into_iter().map(|path| {
        let input = fs::read(&path).unwrap();
        (path, input)
    });
    inputs.collect()
}

fn replay(target: &str) {
    let target = Target::find(target).unwrap();
    let inputs = corpus(target.name);
    assert!(inputs.len() >= 8, "expected at least 8 inputs, got {}", inputs.len());
    for (path, input) in inputs {
        assert!(input.len() <= MAX_INPUT, "{} has more than {MAX_INPUT} bytes", path.display());
        // Printed first, so that the output of a failing test ends with its input.
        println!("{}", path.display());
        target.check(&input);
    }
}

#[test]
fn no_channels_share_a_name() {
    replay("addresses");
}

#[test]
fn frames_of_clients_read_back() {
    replay("client-frames");
}

#[test]
fn cursors_read_back_and_ids_keep_their_order() {
    replay("cursors");
}

#[test]
fn definitions_compile_or_are_refused_with_an_error() {
    replay("definitions");
}

#[test]
fn recordings_are_replayed_or_refused() {
    replay("journal");
}

#[test]
fn patterns_match_as_ecma_262_defines() {
    replay("patterns");
}

#[test]
fn payloads_validate_in_linear_time() {
    replay("payloads");
}

#[test]
fn no_request_makes_the_server_fail() {
    replay("requests");
}

#[test]
fn frames_of_the_server_read_back() {
    replay("server-frames");
}

#[test]
fn tokens_grant_only_their_claims() {
    replay("tokens");
}

#[test]
fn each_target_has_inputs_and_each_bug_a_target() {
    for target in &TARGETS {
        assert!(!corpus(target.name).is_empty());
    }
    for bug in &bugs::BUGS {
        assert!(Target::find(bug.target).is_some(), "{}", bug.name);
    }
}

/// Checks that a target fails for an input only while a bug is switched on.
fn assert_detects(bug: &str, target: &str, input: &str) {
    let target = Target::find(target).unwrap();
    target.check(input.as_bytes());
    let installed = bugs::install(bug);
    let outcome = catch_unwind(AssertUnwindSafe(|| target.check(input.as_bytes())));
    drop(installed);
    assert!(outcome.is_err(), "{target} does not detect {bug}", target = target.name);
}

#[test]
fn deliberate_bugs_show() {
    let claims = r#"{"iss":"rt.inngest.com","iat":@900,"exp":@940,"jti":"1","topics":[{"kind":"run","channel":"room:1","name":"any"}],"publish":true}"#;
    assert_detects("token-expiry-ignored", "tokens", &format!("signed\n{{\"alg\":\"HS256\"}}\n{claims}"));
    assert_detects("id-cut-inside-character", "cursors", "0mi9a2k4é-00000002r\n\n");
    assert_detects("colon-not-escaped", "addresses", "\na:b\nc\n\n");
    let requests = "POST publish?channel=room:1&topic=any\nauthorization: Bearer KEY\n\n{\"a\":\r1}\n---\nPOST sse\n\n\
        [{\"kind\":\"sub\",\"ref\":\"1\",\"data\":\"READER\",\"channel\":\"room:1\",\"since\":{\"room:1\":\"start\"}}]";
    assert_detects("event-split-at-carriage-return", "requests", requests);
}
