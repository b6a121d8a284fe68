//! The public keys of other issuers, as a JSON Web Key Set (RFC 7517).

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::jws::Jws;

/// The minimum time between fetches, so that tokens with invented key ids do not load the issuer.
const MIN_REFRESH: Duration = Duration::from_secs(10);

/// How long a key that the issuer has withdrawn may be accepted, if fetching works.
const MAX_AGE: Duration = Duration::from_secs(300);

/// How long a fetch may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// More keys than any issuer uses at a time.
const MAX_KEYS: usize = 100;

/// RSA keys below 2,048 bits are not safe, and keys above 8,192 bits are slow.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// The public keys of an issuer, such as an authentication service, whose tokens a hub accepts in addition to its own.
///
/// Keys for `EdDSA` (Ed25519), ES256 and RS256 are supported. Each key must have an `alg`, and tokens with another
/// `alg` are rejected. Keys with a `use` other than `sig` are ignored.
///
/// ```
/// use fanfare::Jwks;
///
/// let keys = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"1",
///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// let jwks = Jwks::from_json("https://auth.example.com", keys);
/// # let _: Jwks = jwks;
/// ```
#[derive(Clone)]
pub struct Jwks {
    issuer: String,
    source: Source,
}

#[derive(Clone)]
enum Source {
    Json(String),
    File(PathBuf),
    Fetch(Arc<Fetch>),
}

type Fetch = dyn Fn() -> Fetching + Send + Sync;
type Fetching = Pin<Box<dyn Future<Output = Result<String, Box<dyn Error + Send + Sync>>> + Send>>;

/// Why a key set is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JwksError(String);

/// The loaded keys of an issuer.
pub(crate) struct KeySet {
    issuer: String,
    keys: Arc<Keys>,
    fetcher: Option<Arc<Fetcher>>,
}

type Keys = RwLock<Arc<[PublicKey]>>;

struct Fetcher {
    fetch: Arc<Fetch>,
    /// When the last fetch ended.
    fetched_at: RwLock<Option<Instant>>,
    /// Held during a fetch.
    fetching: Arc<Mutex<()>>,
}

#[derive(Debug)]
struct PublicKey {
    id: Option<String>,
    key: Key,
}

#[derive(Debug)]
enum Key {
    Ed25519(Vec<u8>),
    /// The uncompressed point.
    P256(Vec<u8>),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

impl Jwks {
    /// Creates a key set from JSON, for an issuer: the claim `iss` of its tokens.
    pub fn from_json(issuer: impl Into<String>, json: impl Into<String>) -> Self {
        Self { issuer: issuer.into(), source: Source::Json(json.into()) }
    }

    /// Creates a key set from a file, which is read once, when the hub is built.
    pub fn from_file(issuer: impl Into<String>, path: impl AsRef<Path>) -> Self {
        Self { issuer: issuer.into(), source: Source::File(path.as_ref().to_owned()) }
    }

    /// Creates a key set from a function that returns the JSON, for example by fetching the issuer's `jwks_uri`.
    ///
    /// The function is called for the first token of the issuer, for a token with an unknown key id (at most every 10
    /// seconds), and for a token that arrives five minutes or more after the last call. It may take 5 seconds. If it
    /// fails, the previous keys remain. Keys that are not valid are ignored, and the log says why.
    pub fn from_fn<F, A>(issuer: impl Into<String>, fetch: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Result<String, Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        Self { issuer: issuer.into(), source: Source::Fetch(Arc::new(move || Box::pin(fetch()))) }
    }

    /// Loads the keys, except those that are fetched later.
    pub(crate) fn load(&self) -> Result<KeySet, JwksError> {
        let error = |why: String| JwksError(format!("invalid key set of issuer {:?}: {why}", self.issuer));
        let (keys, fetcher) = match &self.source {
            Source::Json(json) => (parse_all(json).map_err(error)?, None),
            Source::File(path) => {
                let json = std::fs::read_to_string(path)
                    .map_err(|io_error| error(format!("failed to read {}: {io_error}", path.display())))?;
                (parse_all(&json).map_err(error)?, None)
            }
            Source::Fetch(fetch) => {
                let fetch = Arc::clone(fetch);
                (
                    Vec::new(),
                    Some(Arc::new(Fetcher {
                        fetch,
                        fetched_at: RwLock::default(),
                        fetching: Arc::default(),
                    })),
                )
            }
        };
        Ok(KeySet { issuer: self.issuer.clone(), keys: Arc::new(RwLock::new(keys.into())), fetcher })
    }
}

impl KeySet {
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Fetches the issuer's keys again if they may have changed. Call it before verifying a token.
    pub(crate) async fn refresh_for(&self, kid: Option<&str>) {
        let Some(fetcher) = &self.fetcher else { return };
        // Check before locking, so that tokens with a known key do not wait for a fetch.
        if self.is_current(fetcher, kid) {
            return;
        }
        let guard = Arc::clone(&fetcher.fetching).lock_owned().await;
        if self.is_current(fetcher, kid) {
            return;
        }
        let (fetcher, issuer, keys) = (Arc::clone(fetcher), self.issuer.clone(), Arc::clone(&self.keys));
        // Spawn a task, so that a client that disconnects does not cancel the fetch.
        let task = tokio::spawn(async move {
            fetcher.fetch_keys(&issuer, &keys).await;
            // Set it after the fetch, so that concurrent calls wait for the result.
            *fetcher.fetched_at.write().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            drop(guard);
        });
        // Fails only while the runtime shuts down.
        let _ = task.await;
    }

    /// Returns `true` if the keys need not be fetched for a key id.
    fn is_current(&self, fetcher: &Fetcher, kid: Option<&str>) -> bool {
        let keys = self.keys();
        let is_known = match kid {
            Some(kid) => keys.iter().any(|key| key.id.as_deref() == Some(kid)),
            // Without a key id, any key may have signed the token.
            None => !keys.is_empty(),
        };
        let max_age = if is_known { MAX_AGE } else { MIN_REFRESH };
        let fetched_at = *fetcher.fetched_at.read().unwrap_or_else(PoisonError::into_inner);
        fetched_at.is_some_and(|fetched_at| fetched_at.elapsed() < max_age)
    }

    /// Returns `true` if one of the keys made the signature.
    pub(super) fn verifies(&self, jws: &Jws<'_>) -> bool {
        let kid = jws.header.kid.as_deref();
        let named = |key: &&PublicKey| kid.is_none_or(|kid| key.id.as_deref() == Some(kid));
        self.keys().iter().filter(named).any(|key| key.key.verifies(jws))
    }

    fn keys(&self) -> Arc<[PublicKey]> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Fetcher {
    async fn fetch_keys(&self, issuer: &str, keys: &Keys) {
        let fetching = AssertUnwindSafe(async { (self.fetch)().await }).catch_unwind();
        let parsed = match tokio::time::timeout(TIMEOUT, fetching).await {
            Ok(Ok(Ok(json))) => parse(&json),
            Ok(Ok(Err(error))) => Err(error.to_string()),
            Ok(Err(_)) => Err("the function passed to `Jwks::from_fn` panicked".into()),
            Err(_) => Err(format!(
                "the function passed to `Jwks::from_fn` took more than {} seconds",
                TIMEOUT.as_secs()
            )),
        };
        match parsed {
            Ok((new, unusable)) => {
                for why in unusable {
                    tracing::warn!(issuer, "ignoring an unusable key of the issuer: {why}");
                }
                *keys.write().unwrap_or_else(PoisonError::into_inner) = new.into();
            }
            Err(error) => tracing::warn!(
                issuer,
                error,
                "failed to fetch the issuer's keys; continuing with the previous ones"
            ),
        }
    }
}

impl Key {
    fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "EdDSA",
            Self::P256(_) => "ES256",
            Self::Rsa { .. } => "RS256",
        }
    }

    fn verifies(&self, jws: &Jws<'_>) -> bool {
        if jws.header.alg != self.algorithm() {
            return false;
        }
        let verified = match self {
            Self::Ed25519(key) => {
                UnparsedPublicKey::new(&signature::ED25519, key).verify(jws.signed, &jws.signature)
            }
            Self::P256(key) => UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, key)
                .verify(jws.signed, &jws.signature),
            Self::Rsa { n, e } => RsaPublicKeyComponents { n, e }.verify(
                &signature::RSA_PKCS1_2048_8192_SHA256,
                jws.signed,
                &jws.signature,
            ),
        };
        verified.is_ok()
    }
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    /// The private part, which must be absent.
    d: Option<Value>,
}

/// Parses a key set. Fails if a key is not valid, or if there is none.
fn parse_all(json: &str) -> Result<Vec<PublicKey>, String> {
    match parse(json)? {
        (keys, unusable) if unusable.is_empty() && !keys.is_empty() => Ok(keys),
        (_, unusable) if unusable.is_empty() => Err("it has no key for signatures".into()),
        (_, unusable) => Err(unusable.join("; ")),
    }
}

/// Parses a key set. Returns its valid keys, and what is wrong with the others.
fn parse(json: &str) -> Result<(Vec<PublicKey>, Vec<String>), String> {
    let JwkSet { keys: jwks } =
        serde_json::from_str(json).map_err(|error| format!("it is not a JSON Web Key Set: {error}"))?;
    if jwks.len() > MAX_KEYS {
        return Err(format!("it has more than {MAX_KEYS} keys"));
    }
    let (mut keys, mut unusable) = (Vec::new(), Vec::new());
    for (index, jwk) in jwks.into_iter().enumerate() {
        // Issuers publish keys for encryption in the same set.
        if jwk.get("use").is_some_and(|purpose| purpose != "sig") {
            continue;
        }
        let name = match jwk.get("kid").and_then(Value::as_str) {
            Some(kid) => format!("key {kid:?}"),
            None => format!("key {index}"),
        };
        match serde_json::from_value(jwk).map_err(|error| error.to_string()).and_then(parse_key) {
            Ok(key) => keys.push(key),
            Err(why) => unusable.push(format!("{name}: {why}")),
        }
    }
    Ok((keys, unusable))
}

fn parse_key(jwk: Jwk) -> Result<PublicKey, String> {
    let Jwk { kty, alg, kid, crv, x, y, n, e, d } = jwk;
    if d.is_some() {
        return Err("private key: provide the public part only".into());
    }
    let alg = alg.ok_or("missing `alg`: use EdDSA, ES256 or RS256")?;
    let bytes = |name: &str, text: Option<String>| {
        let text = text.ok_or_else(|| format!("missing `{name}`"))?;
        URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("`{name}` is not base64url without padding"))
    };
    let bytes_32 = |name: &str, text: Option<String>| {
        bytes(name, text).and_then(|bytes| match bytes.len() {
            32 => Ok(bytes),
            length => Err(format!("`{name}` has {length} bytes, not 32")),
        })
    };
    let key = match (alg.as_str(), kty.as_str(), crv.as_deref()) {
        ("EdDSA", "OKP", Some("Ed25519")) => Key::Ed25519(bytes_32("x", x)?),
        ("ES256", "EC", Some("P-256")) => Key::P256([vec![4], bytes_32("x", x)?, bytes_32("y", y)?].concat()),
        ("RS256", "RSA", _) => {
            let strip = |bytes: Vec<u8>| bytes.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
            let (n, e) = (strip(bytes("n", n)?), strip(bytes("e", e)?));
            if !RSA_BYTES.contains(&n.len()) {
                return Err(format!("the key has {} bits, not 2048 to 8192", n.len() * 8));
            }
            if e.len() > 4 || e.last().is_none_or(|last| last % 2 == 0) {
                return Err("`e` is not an RSA exponent".into());
            }
            Key::Rsa { n, e }
        }
        _ => {
            let crv = crv.map_or(String::new(), |crv| format!(" and crv {crv:?}"));
            return Err(format!(
                "alg {alg:?} with kty {kty:?}{crv} is not supported: use EdDSA, ES256 or RS256"
            ));
        }
    };
    Ok(PublicKey { id: kid, key })
}

impl fmt::Debug for Jwks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Jwks").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl fmt::Display for JwksError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
