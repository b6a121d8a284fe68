//! Names of channels in the subjects of NATS.

/// Returns `true` if a character of a channel's name needs no encoding in a subject. The others have a meaning in
/// subjects (`.`, `*`, `>`), are not allowed in them, or are `=`, which marks encoded characters.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_')
}

/// Returns the token of a channel's name. Different names have different tokens: `a.b` is `a=2Eb`, and `a=2Eb` is
/// `a=3D2Eb`.
pub(super) fn encode(name: &str) -> String {
    let mut token = String::with_capacity(name.len());
    for byte in name.bytes() {
        if is_plain(byte) {
            token.push(char::from(byte));
        } else {
            token.push_str(&format!("={byte:02X}"));
        }
    }
    token
}

/// Returns the name of a token that [`encode`] returned, or `None` for another token.
pub(super) fn decode(token: &str) -> Option<String> {
    let mut name = Vec::with_capacity(token.len());
    let mut rest = token;
    while let Some(first) = rest.bytes().next() {
        let length = if first == b'=' { 3 } else { 1 };
        let (encoded, after) = rest.split_at_checked(length)?;
        name.push(if first == b'=' { u8::from_str_radix(&encoded[1..], 16).ok()? } else { first });
        rest = after;
    }
    String::from_utf8(name).ok().filter(|name| encode(name) == token)
}

/// Returns the shard of a channel by the hash FNV-1a. The shard must never change, because it stores the channel's
/// messages.
pub(super) fn shard_of(token: &str, shards: usize) -> usize {
    let hash = token.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    usize::try_from(hash % shards.max(1) as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_token_of_its_own() {
        let names = [
            "a.b",
            "a=2Eb",
            "a*",
            "a>",
            "a b",
            "room:1",
            "é",
            "\u{1f600}",
            "a\u{0}",
            "A",
            "a",
            "=",
            "==",
            "$JS",
        ];
        let tokens: Vec<String> = names.iter().map(|name| encode(name)).collect();
        for (name, token) in names.iter().zip(&tokens) {
            assert!(token.bytes().all(|byte| is_plain(byte) || byte == b'='), "{token}");
            assert_eq!(decode(token).as_deref(), Some(*name));
            assert_eq!(tokens.iter().filter(|other| *other == token).count(), 1);
        }
        assert_eq!(encode("room:1"), "room:1");
        for token in ["a.b", "=2", "=zz", "=61", "=2e", "é"] {
            assert_eq!(decode(token), None, "{token}");
        }
    }

    #[test]
    fn shards_are_stable_and_even() {
        assert_eq!((shard_of("room:1", 4), shard_of("room:2", 4), shard_of("", 1)), (3, 2, 0));
        let mut counts = [0_usize; 8];
        for number in 0..8_000 {
            counts[shard_of(&format!("room:{number}"), 8)] += 1;
        }
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
    }
}
