//! Tokens: signed grants to subscribe to topics or to publish to them, and to send signals.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::channel::ResolveError;
use crate::metrics;
use crate::wire::{ISSUER_PREFIX, MAX_TOKEN_NAME, MAX_TOKEN_TOPICS};

#[cfg(feature = "jwks")]
mod jwks;
mod jws;
mod key;
mod revoked;

#[cfg(feature = "jwks")]
pub use jwks::Jwks;
#[cfg(feature = "jwks")]
pub(crate) use jwks::{JwksError, KeySet};
use jws::Jws;
pub(crate) use key::SigningKey;
#[cfg(feature = "sqlite")]
pub(crate) use revoked::REVOKED_FOR;
pub(crate) use revoked::Revocations;

/// How long a token lasts unless its maker says otherwise.
pub(crate) const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);

/// The longest that a token may last, whatever a hub is configured to allow.
pub(crate) const MAX_LIFETIME: Duration = Duration::from_secs(86_400);

/// How far the clock of whoever signs a token may be ahead of this one, in seconds.
const MAX_CLOCK_SKEW: u64 = 30;

/// No token is longer; what is, is not worth decoding. The largest the server
/// mints names 64 topics.
const MAX_LENGTH: usize = 64 * 1024;

/// What the server signs with and checks against.
pub(crate) struct Keys {
    pub(crate) signing: SigningKey,
    /// Accepted, and not signed with.
    pub(crate) fallbacks: Vec<SigningKey>,
    /// Public keys of others who sign.
    #[cfg(feature = "jwks")]
    pub(crate) key_sets: Vec<KeySet>,
    /// The issuer of all tokens. Without one, each key is an issuer of its own.
    pub(crate) issuer: Option<String>,
    /// Whom tokens must be for. Without one, tokens for somebody in particular are refused.
    pub(crate) audience: Option<String>,
    /// The longest that a token may last, whoever signs it.
    pub(crate) max_lifetime: Duration,
}

/// One topic that a token names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TopicClaim {
    pub(crate) kind: TopicKind,
    pub(crate) channel: String,
    pub(crate) name: String,
}

/// The one kind of topic there is. Inngest's clients send and expect it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TopicKind {
    Run,
}

/// One signal that a token names.
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
    /// Required: it bounds how long a revocation must be remembered.
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
}

/// Whom a token is for: one name, or several.
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

/// What a token is to say.
#[derive(Clone, Debug)]
pub(crate) struct Wording {
    pub(crate) topics: Vec<TopicClaim>,
    pub(crate) signals: Vec<SignalClaim>,
    pub(crate) publish: bool,
    pub(crate) lifetime: Duration,
    pub(crate) subject: Option<String>,
    /// A random one where there is none.
    pub(crate) id: Option<String>,
}

/// What a token allows, once its signature and time are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Permit {
    pub(crate) id: String,
    pub(crate) subject: Option<String>,
    /// There may be none, where it is for signals only.
    pub(crate) topics: Vec<TopicClaim>,
    pub(crate) signals: Vec<SignalClaim>,
    pub(crate) publish: bool,
    /// When it was made, in seconds since 1970.
    pub(crate) issued: u64,
    /// When it ends, in seconds since 1970.
    pub(crate) expires: u64,
}

/// The token is not one that this server signed, or its time is over. Which of
/// the two is nobody's business but the log's.
#[derive(Debug)]
pub(crate) struct Refused {
    /// One word, to count by.
    pub(crate) reason: &'static str,
    pub(crate) detail: String,
}

impl Refused {
    pub(crate) fn new(reason: &'static str, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// Tells those who run the server, and nobody else.
    pub(crate) fn record(&self) {
        metrics::auth_failed(self.reason);
        tracing::debug!(reason = self.reason, detail = self.detail, "access denied");
    }
}

impl Keys {
    /// Whether a bearer is a signing key, as it stands or hashed.
    pub(crate) fn is_signing_key(&self, bearer: &str) -> bool {
        self.all().fold(false, |found, key| key.is(bearer) | found)
    }

    pub(crate) fn mint(&self, wording: Wording) -> Result<String, TokenError> {
        let Wording { topics, signals, publish, lifetime, subject, id } = wording;
        let count = topics.len() + signals.len();
        if count == 0 {
            return Err(TokenError::NoTopics);
        }
        if count > MAX_TOKEN_TOPICS {
            return Err(TokenError::TooManyTopics(count));
        }
        if lifetime < Duration::from_secs(1) || lifetime > self.max_lifetime {
            return Err(TokenError::Lifetime(lifetime));
        }
        if !id.as_deref().is_none_or(is_name) {
            return Err(TokenError::Id);
        }
        if !subject.as_deref().is_none_or(is_name) {
            return Err(TokenError::Subject);
        }
        let iat = now();
        let jti = id.unwrap_or_else(random_id);
        let claims = Claims {
            iss: self.issuer(&self.signing).into_owned(),
            aud: self.audience.clone().map(Audience::One),
            iat,
            nbf: None,
            exp: iat + lifetime.as_secs(),
            jti,
            sub: subject,
            topics,
            signals,
            publish,
        };
        jws::sign_hs256(self.signing.id(), self.signing.secret(), &claims)
            .map_err(|error| TokenError::Signing(error.to_string()))
    }

    /// Checks the signature of a token, and then what it says of itself.
    pub(crate) fn verify(&self, token: &str) -> Result<Permit, Refused> {
        if token.len() > MAX_LENGTH {
            return Err(Refused::new("malformed", "the token is longer than 64 KiB"));
        }
        let jws = Jws::read(token)?;
        let named = |key: &&SigningKey| jws.header.kid.as_deref().is_none_or(|kid| kid == key.id());
        if let Some(key) = self.all().filter(named).find(|key| jws.is_signed_with_hs256(key.secret())) {
            return self.permit(&jws.payload, &self.issuer(key));
        }
        #[cfg(feature = "jwks")]
        if let Some(set) = self.key_set_for(&jws).filter(|set| set.verifies(&jws)) {
            return self.permit(&jws.payload, set.issuer());
        }
        Err(Refused::new("signature", "signed with an unknown key or another algorithm"))
    }

    /// Gets the keys that a token may be signed with, if they have to be asked for.
    #[cfg(feature = "jwks")]
    pub(crate) async fn refresh_for(&self, token: &str) {
        if token.len() <= MAX_LENGTH
            && let Ok(jws) = Jws::read(token)
            && let Some(set) = self.key_set_for(&jws)
        {
            set.refresh_for(jws.header.kid.as_deref()).await;
        }
    }

    /// The keys of the issuer that a token names. Whether the issuer signed it is not known yet.
    #[cfg(feature = "jwks")]
    fn key_set_for(&self, jws: &Jws<'_>) -> Option<&KeySet> {
        if jws.header.alg == jws::HS256 || self.key_sets.is_empty() {
            return None;
        }
        let claims: Claims = serde_json::from_slice(&jws.payload).ok()?;
        self.key_sets.iter().find(|set| set.issuer() == claims.iss)
    }

    /// What the claims permit that a key of the issuer signed.
    fn permit(&self, claims: &[u8], issuer: &str) -> Result<Permit, Refused> {
        let claims: Claims = serde_json::from_slice(claims)
            .map_err(|error| Refused::new("malformed", format!("invalid claims: {error}")))?;
        self.check(&claims, issuer, now())?;
        let Claims { jti: id, sub: subject, topics, signals, publish, iat, exp: expires, .. } = claims;
        Ok(Permit { id, subject, topics, signals, publish, issued: iat, expires })
    }

    fn check(&self, claims: &Claims, issuer: &str, now: u64) -> Result<(), Refused> {
        if claims.iss != issuer {
            return Err(Refused::new("issuer", "the key does not belong to the issuer"));
        }
        match (&self.audience, &claims.aud) {
            (None, None) => {}
            (Some(name), Some(audience)) if audience.includes(name) => {}
            _ => return Err(Refused::new("audience", "the token is for another audience")),
        }
        if claims.exp <= now && !bug!(ExpiryIgnored) {
            return Err(Refused::new("expired", "expired"));
        }
        if claims.iat.max(claims.nbf.unwrap_or(0)) > now.saturating_add(MAX_CLOCK_SKEW) {
            return Err(Refused::new("premature", "issued in the future, or not valid yet"));
        }
        if claims.exp.saturating_sub(claims.iat) > self.max_lifetime.as_secs() {
            return Err(Refused::new("lifetime", "the lifetime exceeds the maximum"));
        }
        if claims.topics.is_empty() && claims.signals.is_empty() {
            return Err(Refused::new("malformed", "no topics and no signals"));
        }
        if !is_name(&claims.jti) {
            return Err(Refused::new("malformed", "`jti` must have 1 to 256 characters"));
        }
        Ok(())
    }

    /// The issuer of the tokens that a key signs.
    fn issuer(&self, key: &SigningKey) -> Cow<'_, str> {
        match &self.issuer {
            Some(issuer) => Cow::Borrowed(issuer),
            None => Cow::Owned(format!("{ISSUER_PREFIX}{}", key.id())),
        }
    }

    fn all(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.signing).chain(&self.fallbacks)
    }
}

/// An id that no other token has.
pub(crate) fn random_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Whether a text may be the subject or the id of a token.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().nth(MAX_TOKEN_NAME).is_none()
}

/// Seconds since 1970, as tokens count them.
pub(crate) fn now() -> u64 {
    since_1970().as_secs()
}

/// Milliseconds since 1970.
pub(crate) fn now_in_milliseconds() -> u64 {
    u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Why no token could be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// The grant names no topic and no signal.
    NoTopics,
    /// The grant names more topics and signals than a token may.
    TooManyTopics(usize),
    /// No definition has a channel, topic or signal of the grant.
    Unknown(ResolveError),
    /// The token would last less than a second, or more than a day or what the hub allows.
    Lifetime(Duration),
    /// The subject is empty or longer than 256 characters.
    Subject,
    /// The id is empty or longer than 256 characters.
    Id,
    /// The token could not be signed.
    Signing(String),
}

impl fmt::Display for TokenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTopics => formatter.write_str("a token needs at least one topic or signal"),
            Self::TooManyTopics(count) => write!(
                formatter,
                "a token grants at most {MAX_TOKEN_TOPICS} topics and signals, not {count}: mint several tokens"
            ),
            Self::Unknown(error) => error.fmt(formatter),
            Self::Lifetime(lifetime) => {
                write!(
                    formatter,
                    "a token lasts from one second to one day, or to `HubBuilder::max_token_lifetime`, not {lifetime:?}"
                )
            }
            Self::Subject => {
                write!(formatter, "a token's subject must have 1 to {MAX_TOKEN_NAME} characters")
            }
            Self::Id => write!(formatter, "a token's id must have 1 to {MAX_TOKEN_NAME} characters"),
            Self::Signing(error) => write!(formatter, "failed to sign the token: {error}"),
        }
    }
}

impl std::error::Error for TokenError {}
