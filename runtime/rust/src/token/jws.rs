//! JSON Web Signature in its compact form (RFC 7515): `<header>.<payload>.<signature>`.
//!
//! Parsing verifies nothing. To verify, the caller chooses the algorithm by the key, and the header's `alg` must be
//! exactly that one: a token cannot choose how it is verified.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use sha2::Sha256;

use super::AuthError;

/// HMAC with SHA-256: `alg` of the tokens that the hub signs.
pub(super) const HS256: &str = "HS256";

/// A parsed token, not verified yet.
pub(super) struct Jws<'t> {
    pub(super) header: Header,
    /// The part of the token that is signed.
    pub(super) signed: &'t [u8],
    pub(super) payload: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

/// The members of a header that verification uses.
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    #[serde(default)]
    pub(super) kid: Option<String>,
    /// Whether the header requires extensions. None is supported.
    #[serde(default, deserialize_with = "is_present")]
    crit: bool,
}

#[derive(Serialize)]
struct SignedHeader<'k> {
    typ: &'static str,
    alg: &'static str,
    kid: &'k str,
}

impl<'t> Jws<'t> {
    /// Parses a token. Accepts base64url without padding only, so that each token has one spelling.
    pub(super) fn parse(token: &'t str) -> Result<Self, AuthError> {
        let malformed = |detail: &str| AuthError::new("malformed", detail);
        let (signed, signature) = token.rsplit_once('.').ok_or_else(|| malformed("not a compact JWS"))?;
        let (header, payload) = signed.split_once('.').ok_or_else(|| malformed("not a compact JWS"))?;
        let decode = |part: &str| {
            URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed("a part is not base64url without padding"))
        };
        let header: Header = serde_json::from_slice(&decode(header)?)
            .map_err(|error| AuthError::new("malformed", format!("invalid header: {error}")))?;
        if header.crit {
            return Err(malformed("the header has `crit`, and no extension is supported"));
        }
        let (payload, signature) = (decode(payload)?, decode(signature)?);
        Ok(Self { header, signed: signed.as_bytes(), payload, signature })
    }

    /// Returns `true` if an HMAC key made the signature. Compares in constant time.
    pub(super) fn is_signed_with_hs256(&self, secret: &[u8]) -> bool {
        self.header.alg == HS256 && hs256(secret, self.signed).verify_slice(&self.signature).is_ok()
    }
}

/// Signs claims.
pub(super) fn sign_hs256(
    kid: &str,
    secret: &[u8],
    claims: &impl Serialize,
) -> Result<String, serde_json::Error> {
    let header = serde_json::to_vec(&SignedHeader { typ: "JWT", alg: HS256, kid })?;
    let mut token = URL_SAFE_NO_PAD.encode(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims)?, &mut token);
    let signature = hs256(secret, token.as_bytes()).finalize().into_bytes();
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

fn hs256(secret: &[u8], signed: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("an HMAC key may have any length");
    mac.update(signed);
    mac
}

fn is_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first example of RFC 7515, appendix A.1.
    const TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
        dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const KEY: &str =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

    #[test]
    fn the_example_of_the_rfc_is_verified() {
        let key = URL_SAFE_NO_PAD.decode(KEY).unwrap();
        let jws = Jws::parse(TOKEN).ok().unwrap();
        assert!(jws.is_signed_with_hs256(&key));
        assert!(!jws.is_signed_with_hs256(&key[1..]));
        assert!(jws.payload.starts_with(br#"{"iss":"joe","#));
    }

    #[test]
    fn what_is_signed_is_verified() {
        let token = sign_hs256("7", b"secret", &serde_json::json!({ "sub": "ada" })).unwrap();
        let jws = Jws::parse(&token).ok().unwrap();
        assert_eq!(jws.header.kid.as_deref(), Some("7"));
        assert!(jws.is_signed_with_hs256(b"secret") && !jws.is_signed_with_hs256(b"Secret"));
        assert_eq!(jws.payload, br#"{"sub":"ada"}"#);
    }

    #[test]
    fn a_token_has_one_spelling() {
        // The last character of a 32-byte signature has two unused bits, which must be zero.
        let loose = format!("{}l", &TOKEN[..TOKEN.len() - 1]);
        let wrong =
            [loose, format!("{TOKEN}="), format!("{TOKEN}."), format!(" {TOKEN}"), TOKEN.replace('-', "+")];
        for token in wrong.iter().map(String::as_str).chain(["", ".", "..", "a.b", "a.b.c.d", "é.é.é"]) {
            assert!(Jws::parse(token).is_err(), "{token}");
        }
    }
}
