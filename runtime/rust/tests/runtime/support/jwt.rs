//! Tokens of other issuers, and the claims of tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::{Sha256, Sha384, Sha512};

/// Returns a token with the header `{"alg": …}`, signed with that algorithm.
pub(crate) fn sign(algorithm: &str, claims: &Value, key: &str) -> String {
    sign_with(&json!({ "typ": "JWT", "alg": algorithm }), claims, key)
}

/// A token with a header of any kind. It is signed with HS256 unless its `alg` is HS384 or HS512.
pub(crate) fn sign_with(header: &Value, claims: &Value, key: &str) -> String {
    let message = format!("{}.{}", base64(&header.to_string()), base64(&claims.to_string()));
    macro_rules! hmac {
        ($hash:ty) => {{
            let mut mac = Hmac::<$hash>::new_from_slice(key.as_bytes()).unwrap();
            mac.update(message.as_bytes());
            mac.finalize().into_bytes().to_vec()
        }};
    }
    let signature = match header["alg"].as_str() {
        Some("HS384") => hmac!(Sha384),
        Some("HS512") => hmac!(Sha512),
        _ => hmac!(Sha256),
    };
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub(crate) fn base64(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

pub(crate) fn header(token: &str) -> Value {
    part(token, 0)
}

pub(crate) fn claims(token: &str) -> Value {
    part(token, 1)
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
