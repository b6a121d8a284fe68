//! Tokens: signed grants to subscribe to topics, to publish to them, or to send signals.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::channel::ResolveError;
use crate::wire::{ISSUER_PREFIX, MAX_GRANT_ENTRIES, MAX_TOKEN_NAME};

#[cfg(feature = "jwks")]
mod jwks;
mod jws;
mod key;
mod revocations;

#[cfg(feature = "jwks")]
pub use jwks::Jwks;
#[cfg(feature = "jwks")]
pub(crate) use jwks::{JwksError, KeySet};
use jws::Jws;
pub(crate) use key::SigningKey;
#[cfg(feature = "client")]
pub(crate) use key::hashed_bearer;
#[cfg(any(feature = "nats", feature = "postgres", feature = "sqlite"))]
pub(crate) use revocations::REVOKED_FOR;
pub(crate) use revocations::Revocations;

/// The default lifetime of a token.
pub(crate) const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);

/// The maximum lifetime of a token, whatever the hub's configuration.
pub(crate) const MAX_LIFETIME: Duration = Duration::from_secs(86_400);

/// How far the clock of a token's issuer may be ahead of this server's, in seconds.
const MAX_CLOCK_SKEW: u64 = 30;

/// Longer tokens are rejected before they are decoded. The longest that a hub mints has 64 topics.
const MAX_LENGTH: usize = 64 * 1024;

/// The maximum number of characters in the detail of an error.
const MAX_DETAIL: usize = 200;

/// The keys that sign and verify tokens.
pub(crate) struct Keys {
    pub(crate) signing: SigningKey,
    /// Keys that are accepted, but do not sign.
    pub(crate) accepted: Vec<SigningKey>,
    /// The public keys of other issuers.
    #[cfg(feature = "jwks")]
    pub(crate) key_sets: Vec<KeySet>,
    /// The issuer of all tokens. If `None`, each key is an issuer of its own.
    pub(crate) issuer: Option<String>,
    /// The audience that tokens must have. If `None`, tokens with an audience are rejected.
    pub(crate) audience: Option<String>,
    /// The maximum lifetime of a token.
    pub(crate) max_lifetime: Duration,
}

/// A topic that a token grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TopicClaim {
    pub(crate) kind: TopicKind,
    pub(crate) channel: String,
    pub(crate) name: String,
}

/// The only kind of topic. Inngest's clients send and expect it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TopicKind {
    Run,
}

/// A signal that a token grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SignalClaim {
    pub(crate) channel: String,
    pub(crate) name: String,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aud: Option<Audience>,
    /// Required, because it bounds how long a revocation must be remembered.
    iat: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<u64>,
    exp: u64,
    jti: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    topics: Vec<TopicClaim>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    signals: Vec<SignalClaim>,
    #[serde(default)]
    publish: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    admin: bool,
}

/// The audience of a token: one name, or several.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn includes(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Several(several) => several.iter().any(|one| one == name),
        }
    }
}

/// The content of a token to mint.
#[derive(Clone, Debug)]
pub(crate) struct TokenSpec {
    pub(crate) topics: Vec<TopicClaim>,
    pub(crate) signals: Vec<SignalClaim>,
    pub(crate) publish: bool,
    /// Allows the admin routes, and nothing else.
    pub(crate) admin: bool,
    pub(crate) lifetime: Duration,
    pub(crate) subject: Option<String>,
    /// Random if `None`.
    pub(crate) id: Option<String>,
}

/// What a token or a session grants, after verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VerifiedGrant {
    pub(crate) id: String,
    pub(crate) subject: Option<String>,
    /// Empty if only signals are granted.
    pub(crate) topics: Vec<TopicClaim>,
    pub(crate) signals: Vec<SignalClaim>,
    pub(crate) publish: bool,
    /// Allows the admin routes, and nothing else.
    pub(crate) admin: bool,
    /// In seconds since 1970.
    pub(crate) issued: u64,
    /// In seconds since 1970.
    pub(crate) expires: u64,
}

/// Why a token or a key is not valid. Only the log and the metrics contain it: clients do not learn the reason.
#[derive(Debug)]
pub(crate) struct AuthError {
    /// The label of the metric.
    pub(crate) reason: &'static str,
    pub(crate) detail: String,
}

impl AuthError {
    /// The reason of a request without a token.
    pub(crate) const MISSING: &str = "missing";

    /// Truncates the detail, because it can quote claims of the token.
    pub(crate) fn new(reason: &'static str, detail: impl Into<String>) -> Self {
        let detail: String = detail.into();
        Self { reason, detail: detail.chars().take(MAX_DETAIL).collect() }
    }

    pub(crate) fn missing() -> Self {
        Self::new(Self::MISSING, "no token")
    }

    pub(crate) fn wrong_purpose() -> Self {
        Self::new("purpose", "the token is not for this route")
    }

    pub(crate) fn revoked() -> Self {
        Self::new("revoked", "the token is revoked")
    }
}

impl Keys {
    /// Returns keys with one signing key and the defaults of a hub.
    #[cfg(feature = "client")]
    pub(crate) fn new(signing: SigningKey) -> Self {
        Self {
            signing,
            accepted: Vec::new(),
            #[cfg(feature = "jwks")]
            key_sets: Vec::new(),
            issuer: None,
            audience: None,
            max_lifetime: MAX_LIFETIME,
        }
    }

    /// Returns `true` if a bearer is the signing key or an accepted signing key, plain or hashed.
    pub(crate) fn is_backend_key(&self, bearer: &str) -> bool {
        // Compare with all keys, so that the time does not reveal which one matches.
        self.hmac_keys().fold(false, |found, key| key.matches(bearer) | found)
    }

    /// Signs a token.
    pub(crate) fn mint(&self, spec: TokenSpec) -> Result<String, TokenError> {
        let TokenSpec { topics, signals, publish, admin, lifetime, subject, id } = spec;
        let count = topics.len() + signals.len();
        if count == 0 && !admin {
            return Err(TokenError::EmptyGrant);
        }
        if count > MAX_GRANT_ENTRIES {
            return Err(TokenError::GrantTooLarge(count));
        }
        if lifetime < Duration::from_secs(1) || lifetime > self.max_lifetime {
            return Err(TokenError::InvalidLifetime(lifetime));
        }
        if !id.as_deref().is_none_or(is_valid_name) {
            return Err(TokenError::InvalidId);
        }
        if !subject.as_deref().is_none_or(is_valid_name) {
            return Err(TokenError::InvalidSubject);
        }
        let iat = now_in_seconds();
        let jti = id.unwrap_or_else(random_id);
        let claims = Claims {
            iss: self.issuer_of(&self.signing).into_owned(),
            aud: self.audience.clone().map(Audience::One),
            iat,
            nbf: None,
            exp: iat + lifetime.as_secs(),
            jti,
            sub: subject,
            topics,
            signals,
            publish,
            admin,
        };
        jws::sign_hs256(self.signing.id(), self.signing.secret(), &claims)
            .map_err(|error| TokenError::Signing(error.to_string()))
    }

    /// Verifies the signature of a token, and then its claims.
    pub(crate) fn verify(&self, token: &str) -> Result<VerifiedGrant, AuthError> {
        if token.len() > MAX_LENGTH {
            return Err(AuthError::new("malformed", "the token is longer than 64 KiB"));
        }
        let jws = Jws::parse(token)?;
        let named = |key: &&SigningKey| jws.header.kid.as_deref().is_none_or(|kid| kid == key.id());
        if let Some(key) = self.hmac_keys().filter(named).find(|key| jws.is_signed_with_hs256(key.secret())) {
            return self.verify_claims(&jws.payload, &self.issuer_of(key));
        }
        #[cfg(feature = "jwks")]
        if let Some(set) = self.key_set_for(&jws).filter(|set| set.verifies(&jws)) {
            return self.verify_claims(&jws.payload, set.issuer());
        }
        Err(AuthError::new(
            "signature",
            "the token is signed with an unknown key or an unsupported algorithm",
        ))
    }

    /// Fetches the keys of a token's issuer if necessary.
    #[cfg(feature = "jwks")]
    pub(crate) async fn refresh_for(&self, token: &str) {
        if token.len() <= MAX_LENGTH
            && let Ok(jws) = Jws::parse(token)
            && let Some(set) = self.key_set_for(&jws)
        {
            set.refresh_for(jws.header.kid.as_deref()).await;
        }
    }

    /// Returns the keys of the issuer that a token names. The signature is not verified yet.
    #[cfg(feature = "jwks")]
    fn key_set_for(&self, jws: &Jws<'_>) -> Option<&KeySet> {
        if jws.header.alg == jws::HS256 || self.key_sets.is_empty() {
            return None;
        }
        let claims: Claims = serde_json::from_slice(&jws.payload).ok()?;
        self.key_sets.iter().find(|set| set.issuer() == claims.iss)
    }

    /// Checks claims that a key of an issuer signed.
    fn verify_claims(&self, claims: &[u8], issuer: &str) -> Result<VerifiedGrant, AuthError> {
        let claims: Claims = serde_json::from_slice(claims)
            .map_err(|error| AuthError::new("malformed", format!("invalid claims: {error}")))?;
        self.check(&claims, issuer, now_in_seconds())?;
        let Claims { jti: id, sub: subject, topics, signals, publish, admin, iat, exp: expires, .. } = claims;
        Ok(VerifiedGrant { id, subject, topics, signals, publish, admin, issued: iat, expires })
    }

    fn check(&self, claims: &Claims, issuer: &str, now: u64) -> Result<(), AuthError> {
        if claims.iss != issuer {
            return Err(AuthError::new(
                "issuer",
                "the token names an issuer that the key does not belong to",
            ));
        }
        match (&self.audience, &claims.aud) {
            (None, None) => {}
            (Some(name), Some(audience)) if audience.includes(name) => {}
            _ => return Err(AuthError::new("audience", "the token is for another audience")),
        }
        if claims.exp <= now && !bug!(TokenExpiryIgnored) {
            return Err(AuthError::new("expired", "the token has expired"));
        }
        if claims.iat.max(claims.nbf.unwrap_or(0)) > now.saturating_add(MAX_CLOCK_SKEW) {
            return Err(AuthError::new(
                "not_yet_valid",
                "the token was issued in the future, or is not valid yet",
            ));
        }
        if claims.exp.saturating_sub(claims.iat) > self.max_lifetime.as_secs() {
            return Err(AuthError::new("lifetime", "the lifetime exceeds the maximum"));
        }
        let is_empty = claims.topics.is_empty() && claims.signals.is_empty();
        if claims.admin && (!is_empty || claims.publish) {
            return Err(AuthError::new(
                "malformed",
                "an admin token grants topics, signals or publishing, too",
            ));
        }
        if is_empty && !claims.admin {
            return Err(AuthError::new("malformed", "the token grants no topics and no signals"));
        }
        if !is_valid_name(&claims.jti) {
            return Err(AuthError::new("malformed", "`jti` must have 1 to 256 characters"));
        }
        Ok(())
    }

    /// Returns the issuer of the tokens that a key signs.
    fn issuer_of(&self, key: &SigningKey) -> Cow<'_, str> {
        match &self.issuer {
            Some(issuer) => Cow::Borrowed(issuer),
            None => Cow::Owned(format!("{ISSUER_PREFIX}{}", key.id())),
        }
    }

    /// Iterates over the signing key and the accepted signing keys.
    fn hmac_keys(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.signing).chain(&self.accepted)
    }
}

/// Returns the algorithm, the key id and the claims of a token. Verifies nothing.
#[cfg(feature = "client")]
pub(crate) fn read_claims(token: &str) -> Result<(String, Option<String>, serde_json::Value), AuthError> {
    let jws = Jws::parse(token)?;
    let claims = serde_json::from_slice(&jws.payload)
        .map_err(|error| AuthError::new("malformed", format!("invalid claims: {error}")))?;
    Ok((jws.header.alg, jws.header.kid, claims))
}

/// Returns a unique id.
pub(crate) fn random_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Returns `true` if a text can be the subject or the id of a token.
pub(crate) fn is_valid_name(text: &str) -> bool {
    !text.is_empty() && text.chars().nth(MAX_TOKEN_NAME).is_none()
}

/// Returns the time in seconds since 1970, as in the claims of tokens.
pub(crate) fn now_in_seconds() -> u64 {
    since_1970().as_secs()
}

/// Returns the time in milliseconds since 1970.
pub(crate) fn now_in_milliseconds() -> u64 {
    u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// An error from [`TokenBuilder::mint`](crate::TokenBuilder::mint).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// The grant has no topic and no signal.
    EmptyGrant,
    /// The grant has more than 64 topics and signals together: this many.
    GrantTooLarge(usize),
    /// A channel, topic or signal of the grant is not defined.
    Unknown(ResolveError),
    /// The lifetime is less than a second, or more than a day or the hub's `max_token_lifetime`.
    InvalidLifetime(Duration),
    /// The subject is empty or longer than 256 characters.
    InvalidSubject,
    /// The id is empty or longer than 256 characters.
    InvalidId,
    /// The token could not be signed.
    Signing(String),
}

impl fmt::Display for TokenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyGrant => formatter.write_str("the grant is empty: grant at least one topic or signal"),
            Self::GrantTooLarge(count) => write!(
                formatter,
                "the grant has {count} topics and signals, and a token has at most {MAX_GRANT_ENTRIES}: mint several tokens"
            ),
            Self::Unknown(error) => error.fmt(formatter),
            Self::InvalidLifetime(lifetime) => {
                write!(
                    formatter,
                    "invalid lifetime {lifetime:?}: a token lasts between one second and `HubBuilder::max_token_lifetime`, \
                     by default one day"
                )
            }
            Self::InvalidSubject => {
                write!(formatter, "a token's subject must have 1 to {MAX_TOKEN_NAME} characters")
            }
            Self::InvalidId => write!(formatter, "a token's id must have 1 to {MAX_TOKEN_NAME} characters"),
            Self::Signing(error) => write!(formatter, "failed to sign the token: {error}"),
        }
    }
}

impl std::error::Error for TokenError {}
