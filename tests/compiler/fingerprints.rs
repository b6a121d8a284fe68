//! Which changes of a definition change the fingerprint of a channel.

use std::collections::HashSet;

use crate::cases::Scratch;

#[test]
fn a_fingerprint_changes_when_a_topic_becomes_a_stream() {
    let payload = fingerprint("said: { payload: { type: string } }");
    let stream = fingerprint("said: { stream: text }");
    assert_ne!(payload, stream);
    assert_eq!(stream, fingerprint("said: { description: In chunks., stream: text }"));
    assert_ne!(stream, fingerprint("said: { stream: text, retain: last }"));
    assert_ne!(stream, fingerprint("told: { stream: text }"));
    assert_ne!(stream, fingerprint("{ said: { stream: text }, told: { stream: text } }"));
}

#[test]
fn a_fingerprint_changes_with_signals_and_the_result() {
    let plain = fingerprint("said: { stream: text }");
    let with = |rest: &str| fingerprint_of(&format!("topics: {{ said: {{ stream: text }} }}, {rest}"));
    assert_eq!(plain, with("signals: {}"));
    let signal = with("signals: { told: { payload: { type: string } } }");
    let result = with("result: { type: string }");
    let all = [
        plain,
        signal.clone(),
        result.clone(),
        with("signals: { told: { payload: { type: string, minLength: 1 } } }"),
        with("signals: { asked: { payload: { type: string } } }"),
        with("signals: { told: { payload: { type: string } }, asked: { payload: { type: string } } }"),
        with("result: { type: string, minLength: 1 }"),
        with("signals: { told: { payload: { type: string } } }, result: { type: string }"),
        fingerprint("said: { stream: text }, told: { payload: { type: string } }"),
    ];
    let distinct: HashSet<&String> = all.iter().collect();
    assert_eq!(distinct.len(), all.len(), "{all:?}");
    assert_eq!(signal, with("signals: { told: { description: An answer., payload: { type: string } } }"));
    assert_eq!(result, with("result: { description: A text., type: string }"));
}

/// The fingerprint of a channel with these topics.
fn fingerprint(topics: &str) -> String {
    let topics = if topics.starts_with('{') { topics.to_owned() } else { format!("{{ {topics} }}") };
    fingerprint_of(&format!("topics: {topics}"))
}

/// The fingerprint of a channel. Asserts that it is the same in both languages.
fn fingerprint_of(channel: &str) -> String {
    let folder = Scratch::new("fingerprint");
    let definition = format!("version: 1\nchannels:\n  room: {{ address: room, {channel} }}\n");
    folder.file("channels.yaml", definition.as_bytes());
    let made = fanfare_codegen::generate(folder.path()).unwrap_or_else(|error| panic!("{error}"));
    let found = |path: &str, before: &str| {
        let (_, text) = made.iter().find(|(known, _)| *known == path).expect("a channel is generated");
        let (_, rest) = text.split_once(before).expect("a channel has a fingerprint");
        rest[..16].to_owned()
    };
    let (rust, typescript) =
        (found("rust/room.rs", "fingerprint: \""), found("typescript/channels.ts", "fingerprint: \""));
    assert_eq!(rust, typescript);
    rust
}
