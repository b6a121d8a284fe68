//! What a fingerprint tells apart, and what it does not.

use crate::cases::Scratch;

#[test]
fn a_fingerprint_changes_when_a_topic_becomes_a_stream() {
    let payload = fingerprint("said: { payload: { type: string } }");
    let stream = fingerprint("said: { stream: text }");
    assert_ne!(payload, stream);
    assert_eq!(stream, fingerprint("said: { description: In pieces., stream: text }"));
    assert_ne!(stream, fingerprint("said: { stream: text, retain: last }"));
    assert_ne!(stream, fingerprint("told: { stream: text }"));
    assert_ne!(stream, fingerprint("{ said: { stream: text }, told: { stream: text } }"));
}

/// The fingerprint of a channel with these topics, which is the same in both languages.
fn fingerprint(topics: &str) -> String {
    let folder = Scratch::new("fingerprint");
    let topics = if topics.starts_with('{') { topics.to_owned() } else { format!("{{ {topics} }}") };
    let definition = format!("version: 1\nchannels:\n  room: {{ address: room, topics: {topics} }}\n");
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
