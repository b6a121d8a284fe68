//! Keys of others who sign tokens: a JSON Web Key Set (RFC 7517) of an issuer.

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

/// The issuer is not asked again sooner, so that tokens with made-up key ids cost it nothing.
const MIN_REFRESH: Duration = Duration::from_secs(10);

/// Keys that the issuer has withdrawn are accepted for that long at most, if it answers.
const MAX_AGE: Duration = Duration::from_secs(300);

/// How long the issuer has to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// No issuer signs with more keys at a time.
const MAX_KEYS: usize = 100;

/// RSA keys below 2,048 bits are not safe, and above 8,192 bits slow to verify with.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// The public keys of an issuer, such as an authentication service, whose tokens a hub accepts beside its own.
///
/// Keys for `EdDSA` (Ed25519), ES256 and RS256 are supported. Each must say in `alg` what it is for; a token with another
/// `alg` is refused. Keys with a `use` other than `sig` are not used for anything.
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

/// Why a key set cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JwksError(String);

/// The keys of an issuer in use.
pub(crate) struct KeySet {
    issuer: String,
    keys: Arc<Keys>,
    fetched: Option<Arc<Fetched>>,
}

type Keys = RwLock<Arc<[PublicKey]>>;

struct Fetched {
    fetch: Arc<Fetch>,
    /// When the issuer was last asked.
    asked: RwLock<Option<Instant>>,
    /// Held while it is.
    asking: Arc<Mutex<()>>,
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
    /// Takes the keys from a text, for an issuer: the claim `iss` of its tokens.
    pub fn from_json(issuer: impl Into<String>, json: impl Into<String>) -> Self {
        Self { issuer: issuer.into(), source: Source::Json(json.into()) }
    }

    /// Takes the keys from a file, which is read once, when the hub is built.
    pub fn from_file(issuer: impl Into<String>, path: impl AsRef<Path>) -> Self {
        Self { issuer: issuer.into(), source: Source::File(path.as_ref().to_owned()) }
    }

    /// Takes the keys from a function, which returns the JSON text, for example of the issuer's `jwks_uri`.
    ///
    /// It is called for the first token of the issuer, for a token with an unknown key id (at most every 10
    /// seconds), and for a token that comes five minutes after the last call. It has 5 seconds; if it fails, the keys
    /// of before are kept. Keys that cannot be used are left out, and the log says why.
    pub fn from_fn<F, A>(issuer: impl Into<String>, fetch: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Result<String, Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        Self { issuer: issuer.into(), source: Source::Fetch(Arc::new(move || Box::pin(fetch()))) }
    }

    /// Reads the keys, as far as they can be read now.
    pub(crate) fn load(&self) -> Result<KeySet, JwksError> {
        let error = |why: String| JwksError(format!("invalid key set of issuer {:?}: {why}", self.issuer));
        let (keys, fetched) = match &self.source {
            Source::Json(json) => (read_all(json).map_err(error)?, None),
            Source::File(path) => {
                let json = std::fs::read_to_string(path)
                    .map_err(|io_error| error(format!("failed to read {}: {io_error}", path.display())))?;
                (read_all(&json).map_err(error)?, None)
            }
            Source::Fetch(fetch) => {
                let fetch = Arc::clone(fetch);
                (
                    Vec::new(),
                    Some(Arc::new(Fetched { fetch, asked: RwLock::default(), asking: Arc::default() })),
                )
            }
        };
        Ok(KeySet { issuer: self.issuer.clone(), keys: Arc::new(RwLock::new(keys.into())), fetched })
    }
}

impl KeySet {
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Asks the issuer for its keys if they may be others by now, for a token that is about to be verified.
    pub(crate) async fn refresh_for(&self, kid: Option<&str>) {
        let Some(fetched) = &self.fetched else { return };
        // Whoever has a key that is known waits for nobody who makes one up.
        if self.is_current(fetched, kid) {
            return;
        }
        let asking = Arc::clone(&fetched.asking).lock_owned().await;
        if self.is_current(fetched, kid) {
            return;
        }
        let (fetched, issuer, keys) = (Arc::clone(fetched), self.issuer.clone(), Arc::clone(&self.keys));
        // A task of its own, because a client that hangs up ends only its request.
        let fetching = tokio::spawn(async move {
            fetched.fetch_keys(&issuer, &keys).await;
            // Only now, so that whoever comes meanwhile waits.
            *fetched.asked.write().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            drop(asking);
        });
        // It fails only if the server is about to end.
        let _ = fetching.await;
    }

    /// Whether the issuer need not be asked for a key.
    fn is_current(&self, fetched: &Fetched, kid: Option<&str>) -> bool {
        let keys = self.keys();
        let is_known = match kid {
            Some(kid) => keys.iter().any(|key| key.id.as_deref() == Some(kid)),
            // Any of them may have signed it.
            None => !keys.is_empty(),
        };
        let max_age = if is_known { MAX_AGE } else { MIN_REFRESH };
        let asked = *fetched.asked.read().unwrap_or_else(PoisonError::into_inner);
        asked.is_some_and(|asked| asked.elapsed() < max_age)
    }

    /// Whether one of the keys made the signature.
    pub(super) fn verifies(&self, jws: &Jws<'_>) -> bool {
        let kid = jws.header.kid.as_deref();
        let named = |key: &&PublicKey| kid.is_none_or(|kid| key.id.as_deref() == Some(kid));
        self.keys().iter().filter(named).any(|key| key.key.verifies(jws))
    }

    fn keys(&self) -> Arc<[PublicKey]> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Fetched {
    async fn fetch_keys(&self, issuer: &str, keys: &Keys) {
        let fetching = AssertUnwindSafe(async { (self.fetch)().await }).catch_unwind();
        let read = match tokio::time::timeout(TIMEOUT, fetching).await {
            Ok(Ok(Ok(json))) => read(&json),
            Ok(Ok(Err(error))) => Err(error.to_string()),
            Ok(Err(_)) => Err("the fetch function panicked".into()),
            Err(_) => Err("the fetch function timed out".into()),
        };
        match read {
            Ok((new, unusable)) => {
                for why in unusable {
                    tracing::warn!(issuer, "ignoring an unusable key of the issuer: {why}");
                }
                *keys.write().unwrap_or_else(PoisonError::into_inner) = new.into();
            }
            Err(error) => tracing::warn!(issuer, error, "failed to fetch the issuer's keys"),
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
struct Set {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Written {
    kty: String,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    /// The private part.
    d: Option<Value>,
}

/// The keys, each of which must be usable.
fn read_all(json: &str) -> Result<Vec<PublicKey>, String> {
    match read(json)? {
        (keys, unusable) if unusable.is_empty() && !keys.is_empty() => Ok(keys),
        (_, unusable) if unusable.is_empty() => Err("no key for signatures".into()),
        (_, unusable) => Err(unusable.join("; ")),
    }
}

/// The keys that are usable, and what is wrong with the others.
fn read(json: &str) -> Result<(Vec<PublicKey>, Vec<String>), String> {
    let Set { keys: written } =
        serde_json::from_str(json).map_err(|error| format!("not a JSON Web Key Set: {error}"))?;
    if written.len() > MAX_KEYS {
        return Err(format!("more than {MAX_KEYS} keys"));
    }
    let (mut keys, mut unusable) = (Vec::new(), Vec::new());
    for (index, written) in written.into_iter().enumerate() {
        // Issuers publish keys for encryption in the same set.
        if written.get("use").is_some_and(|purpose| purpose != "sig") {
            continue;
        }
        let name = match written.get("kid").and_then(Value::as_str) {
            Some(kid) => format!("key {kid:?}"),
            None => format!("key {index}"),
        };
        match serde_json::from_value(written).map_err(|error| error.to_string()).and_then(read_key) {
            Ok(key) => keys.push(key),
            Err(why) => unusable.push(format!("{name}: {why}")),
        }
    }
    Ok((keys, unusable))
}

fn read_key(written: Written) -> Result<PublicKey, String> {
    let Written { kty, alg, kid, crv, x, y, n, e, d } = written;
    if d.is_some() {
        return Err("private key: provide the public part only".into());
    }
    let alg = alg.ok_or("missing `alg`: use EdDSA, ES256 or RS256")?;
    let bytes = |name: &str, text: Option<String>| {
        let text = text.ok_or_else(|| format!("missing `{name}`"))?;
        URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("`{name}` is not base64url without padding"))
    };
    let of_32_bytes = |name: &str, text: Option<String>| {
        bytes(name, text).and_then(|bytes| match bytes.len() {
            32 => Ok(bytes),
            length => Err(format!("`{name}` has {length} bytes, not 32")),
        })
    };
    let key = match (alg.as_str(), kty.as_str(), crv.as_deref()) {
        ("EdDSA", "OKP", Some("Ed25519")) => Key::Ed25519(of_32_bytes("x", x)?),
        ("ES256", "EC", Some("P-256")) => {
            Key::P256([vec![4], of_32_bytes("x", x)?, of_32_bytes("y", y)?].concat())
        }
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
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;

    use super::*;

    /// Keys and tokens that Node made.
    fn examples() -> (Vec<Value>, Vec<String>) {
        let examples: Value = serde_json::from_str(include_str!("jwks/examples.json")).unwrap();
        let tokens = serde_json::from_value(examples["tokens"].clone()).unwrap();
        (examples["keys"].as_array().unwrap().clone(), tokens)
    }

    fn set(keys: &[Value]) -> Result<KeySet, JwksError> {
        Jwks::from_json("issuer", json!({ "keys": keys }).to_string()).load()
    }

    fn verifies(set: &KeySet, token: &str) -> bool {
        set.verifies(&Jws::read(token).ok().unwrap())
    }

    #[test]
    fn each_algorithm_is_verified_with_its_own_key_only() {
        let (keys, tokens) = examples();
        let all = set(&keys).ok().unwrap();
        for (index, token) in tokens.iter().enumerate() {
            assert!(verifies(&all, token), "{token}");
            let others: Vec<_> = keys.iter().filter(|key| **key != keys[index]).cloned().collect();
            assert!(!verifies(&set(&others).ok().unwrap(), token));
            let (rest, signature) = token.rsplit_once('.').unwrap();
            assert!(!verifies(&all, &format!("{rest}A.{signature}")) && !verifies(&all, &format!("{rest}.")));
            // The public key as the secret of HS256 is the oldest trick.
            let secret = keys[index].to_string();
            let forged = super::super::jws::sign_hs256("eddsa", secret.as_bytes(), &json!({})).unwrap();
            assert!(!verifies(&all, &forged));
        }
    }

    #[test]
    fn a_key_that_does_not_fit_is_refused_with_a_reason() {
        let (keys, _) = examples();
        let [ed, ec, rsa] = &keys[..] else { panic!("{keys:?}") };
        let with = |key: &Value, name: &str, value: Value| {
            let mut key = key.clone();
            key[name] = value;
            key
        };
        let short = URL_SAFE_NO_PAD.encode([0xff; 128]);
        for (key, reason) in [
            (with(ed, "alg", json!(null)), "key \"eddsa\": missing `alg`: use EdDSA, ES256 or RS256"),
            (
                with(ed, "alg", json!("ES256")),
                "alg \"ES256\" with kty \"OKP\" and crv \"Ed25519\" is not supported",
            ),
            (with(ed, "crv", json!("X25519")), "is not supported"),
            (with(ed, "x", json!("AAAA")), "`x` has 3 bytes, not 32"),
            (with(ed, "x", json!(null)), "missing `x`"),
            (with(ed, "d", json!("AAAA")), "private key"),
            (with(ec, "y", json!("?")), "`y` is not base64url without padding"),
            (with(ec, "crv", json!("P-384")), "is not supported"),
            (with(rsa, "alg", json!("PS256")), "is not supported"),
            (with(rsa, "alg", json!("none")), "is not supported"),
            (with(rsa, "n", json!(short)), "the key has 1024 bits, not 2048 to 8192"),
            (with(rsa, "e", json!("AA")), "`e` is not an RSA exponent"),
            (json!({ "kty": "oct", "alg": "HS256", "k": "AAAA" }), "key 0: alg \"HS256\""),
            (json!(7), "key 0: invalid type"),
            (with(ed, "use", json!("enc")), "no key for signatures"),
        ] {
            let error = set(&[key]).err().unwrap().to_string();
            assert!(error.starts_with("invalid key set of issuer \"issuer\": "), "{error}");
            assert!(error.contains(reason), "{error}");
        }
        assert!(set(&[with(ed, "use", json!("enc")), rsa.clone()]).is_ok());
        for json in ["", "[]", "{}", r#"{"keys":7}"#, r#"{"keys":[]}"#] {
            assert!(Jwks::from_json("issuer", json).load().is_err(), "{json}");
        }
        let missing = Jwks::from_file("issuer", "/nowhere/keys.json").load().err().unwrap();
        assert!(missing.to_string().contains("failed to read /nowhere/keys.json"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_issuer_is_asked_again_for_an_unknown_key_but_not_for_every_token() {
        let asked = Arc::new(AtomicUsize::new(0));
        let (keys, tokens) = examples();
        let count = Arc::clone(&asked);
        let set = Jwks::from_fn("issuer", move || {
            // The second answer fails, and keeps what was; the third has one more key.
            let answer = match count.fetch_add(1, Ordering::Relaxed) {
                0 => Ok(json!({ "keys": [keys[0]] }).to_string()),
                1 => Err("down".into()),
                _ => Ok(json!({ "keys": [keys[0], keys[1]] }).to_string()),
            };
            async move { answer }
        });
        let set = set.load().ok().unwrap();
        let ask = async |kid: &str, times| {
            for _ in 0..5 {
                set.refresh_for(Some(kid)).await;
            }
            assert_eq!(asked.load(Ordering::Relaxed), times, "{kid}");
        };
        ask("eddsa", 1).await;
        ask("made up", 1).await;
        tokio::time::advance(MIN_REFRESH).await;
        ask("eddsa", 1).await;
        ask("es256", 2).await;
        assert!(verifies(&set, &tokens[0]) && !verifies(&set, &tokens[1]));
        tokio::time::advance(MIN_REFRESH).await;
        ask("es256", 3).await;
        assert!(verifies(&set, &tokens[1]));
        tokio::time::advance(MAX_AGE).await;
        ask("eddsa", 4).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_issuer_that_does_not_answer_delays_only_tokens_with_unknown_keys() {
        let (keys, _) = examples();
        let asked = Arc::new(AtomicUsize::new(0));
        let set = Jwks::from_fn("issuer", move || {
            let is_first = asked.fetch_add(1, Ordering::Relaxed) == 0;
            let answer = json!({ "keys": [keys[0]] }).to_string();
            async move {
                if !is_first {
                    std::future::pending::<()>().await;
                }
                Ok(answer)
            }
        });
        let set = set.load().ok().unwrap();
        set.refresh_for(Some("eddsa")).await;
        tokio::time::advance(MIN_REFRESH).await;
        let began = Instant::now();
        let ((), known) = tokio::join!(set.refresh_for(Some("made up")), async {
            set.refresh_for(Some("eddsa")).await;
            began.elapsed()
        });
        assert_eq!((known, began.elapsed()), (Duration::ZERO, TIMEOUT));
    }
}
