//! The signing key, plain and hashed.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// HS256 is only as strong as its key, and a token allows guessing the key offline.
const MIN_LENGTH: usize = 32;

pub(crate) struct SigningKey {
    secret: String,
    /// The `kid` of its tokens.
    id: String,
    /// The digest of the key. Digests have one length, so comparing them does not reveal the key's.
    plain: [u8; 32],
    /// The digest of the hashed form, if the key has one.
    hashed: Option<[u8; 32]>,
}

/// The key is too short to sign with.
#[derive(Debug)]
pub(crate) struct WeakKey;

impl SigningKey {
    pub(crate) fn new(secret: &str) -> Result<Self, WeakKey> {
        if secret.len() < MIN_LENGTH {
            return Err(WeakKey);
        }
        let plain = digest(secret);
        let hashed = hashed_form(secret).map(|form| digest(&form));
        let mut id = format!("{:x}", Sha256::digest(format!("kid:{secret}")));
        id.truncate(16);
        Ok(Self { secret: secret.into(), id, plain, hashed })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn secret(&self) -> &[u8] {
        self.secret.as_bytes()
    }

    /// Returns `true` if a bearer is this key. Takes constant time.
    pub(crate) fn matches(&self, bearer: &str) -> bool {
        let bearer = digest(bearer);
        let plain = bearer.ct_eq(&self.plain);
        let hashed = bearer.ct_eq(&self.hashed.unwrap_or(self.plain));
        (plain | hashed).into()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKey(…)")
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Returns the bearer that a client sends: the hashed form of the key, if it has one.
#[cfg(feature = "client")]
pub(crate) fn hashed_bearer(secret: &str) -> String {
    hashed_form(secret).unwrap_or_else(|| secret.to_owned())
}

/// Returns the form that Inngest's SDK sends: the prefix `signkey-<env>-`, and the hash of the bytes that the rest is
/// the hexadecimal form of.
///
/// Returns `None` if the rest is not hexadecimal. The SDK would hash what it can decode, possibly nothing at all, and
/// the hash of nothing is public.
fn hashed_form(secret: &str) -> Option<String> {
    let (prefix, key) = split_prefix(secret);
    let bytes = decode_hex(key)?;
    Some(format!("{prefix}{:x}", Sha256::digest(bytes)))
}

fn split_prefix(secret: &str) -> (&str, &str) {
    let prefix = secret.strip_prefix("signkey-").and_then(|rest| {
        let (environment, key) = rest.split_once('-')?;
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let known = !environment.is_empty() && environment.bytes().all(is_word);
        known.then_some(secret.len() - key.len())
    });
    secret.split_at(prefix.unwrap_or(0))
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let bytes = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
        _ => None,
    });
    bytes.collect::<Option<Vec<u8>>>().filter(|bytes| !bytes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "signkey-test-00112233445566778899aabbccddeeff";

    #[test]
    fn a_key_matches_plain_and_hashed() {
        let key = SigningKey::new(KEY).unwrap();
        assert!(key.matches(KEY));
        // createHash("sha256").update("00112233445566778899aabbccddeeff", "hex")
        let hash = "a8faed6abbf35c12a4b26e40f6feb19d736d90045c83b9f9a31f638d323e6811";
        let hashed = hashed_form(KEY).unwrap();
        assert_eq!(hashed, format!("signkey-test-{hash}"));
        assert!(key.matches(&hashed));
        for other in ["", "signkey-test-", &KEY[13..], &hashed[13..], &KEY.to_uppercase()] {
            assert!(!key.matches(other), "{other}");
        }
    }

    #[test]
    fn a_key_that_is_not_hexadecimal_has_no_hashed_form() {
        for key in ["signkey-test-nothexnothexnothexnothexnothex", "signkey-test-001", "signkey-test-"] {
            assert_eq!(hashed_form(key), None, "{key}");
        }
        assert!(SigningKey::new("signkey-test-").is_err());
    }
}
