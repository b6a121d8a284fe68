//! Tokens with any header and any claims. Signs without the library that the server uses, so that a bug in it is found.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Returns a token with this header and these claims, signed with HMAC-SHA-256.
pub(crate) fn sign(key: &str, header: &str, claims: &str) -> String {
    let content = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = hmac(key.as_bytes(), content.as_bytes());
    format!("{content}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// HMAC-SHA-256 of RFC 2104, for keys that are not longer than a block.
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    assert!(key.len() <= 64, "longer keys are hashed first");
    let pad = |byte: u8| -> Vec<u8> {
        let padded = key.iter().copied().chain(std::iter::repeat(0)).take(64);
        padded.map(|key| key ^ byte).collect()
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
}

/// Returns the seconds since 1970.
pub(crate) fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since_1970.unwrap_or_default().as_secs()
}

/// `@1000` in a text means now.
const NOW: u64 = 1000;

/// Replaces each `@1060` in a text by the time 60 seconds from now, and each `@940` by the time 60 seconds ago. So
/// inputs stay valid, and a mutation of a number is another time.
pub(crate) fn fill_in_times(text: &str) -> String {
    let mut parts = text.split('@');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.len() - part.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
        let (number, rest) = part.split_at(digits);
        let time = number.parse::<u64>().ok().and_then(|number| (now() - NOW).checked_add(number));
        filled += &time.map_or_else(|| format!("@{number}"), |time| time.to_string());
        filled += rest;
    }
    filled
}
