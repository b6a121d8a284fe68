//! Which changes of a definition change the fingerprint of a channel.

use std::collections::HashSet;

use crate::cases::Scratch;

#[test]
fn a_fingerprint_changes_if_a_topic_becomes_a_stream() {
    let payload = fingerprint("story: { payload: { type: string } }");
    let stream = fingerprint("story: { stream: text }");
    assert_ne!(payload, stream);
    assert_eq!(stream, fingerprint("story: { description: In chunks., stream: text }"));
    assert_eq!(stream, fingerprint("story: { stream: text, aliases: [tale], renamed-from: [plot] }"));
    assert_ne!(stream, fingerprint("story: { stream: text, retain: last }"));
    assert_ne!(stream, fingerprint("answer: { stream: text }"));
    assert_ne!(stream, fingerprint("{ story: { stream: text }, answer: { stream: text } }"));
}

#[test]
fn a_fingerprint_changes_with_signals_and_the_result() {
    let plain = fingerprint("story: { stream: text }");
    let with = |rest: &str| fingerprint_of(&format!("topics: {{ story: {{ stream: text }} }}, {rest}"));
    assert_eq!(plain, with("signals: {}"));
    let signal = with("signals: { answer: { payload: { type: string } } }");
    let result = with("result: { type: string }");
    let all = [
        plain,
        signal.clone(),
        result.clone(),
        with("signals: { answer: { payload: { type: string, minLength: 1 } } }"),
        with("signals: { question: { payload: { type: string } } }"),
        with("signals: { answer: { payload: { type: string } }, question: { payload: { type: string } } }"),
        with("result: { type: string, minLength: 1 }"),
        with("signals: { answer: { payload: { type: string } } }, result: { type: string }"),
        fingerprint("story: { stream: text }, answer: { payload: { type: string } }"),
    ];
    let distinct: HashSet<&String> = all.iter().collect();
    assert_eq!(distinct.len(), all.len(), "{all:?}");
    assert_eq!(signal, with("signals: { answer: { description: An answer., payload: { type: string } } }"));
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
        (found("rust/room.rs", "fingerprint: \""), found("typescript/channels.js", "fingerprint: \""));
    assert_eq!(rust, typescript);
    rust
}
