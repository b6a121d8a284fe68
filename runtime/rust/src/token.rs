//! Tokens: signed grants to subscribe to topics or to publish to them, and to send signals.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode_header};
use serde::{Deserialize, Serialize};

use crate::channel::ResolveError;
use crate::metrics;
use crate::wire::{MAX_TOKEN_NAME, MAX_TOKEN_TOPICS};

mod key;
mod revoked;

pub(crate) use key::SigningKey;
#[cfg(feature = "sqlite")]
pub(crate) use revoked::REVOKED_FOR;
pub(crate) use revoked::Revocations;

/// How long a token lasts unless its maker says otherwise.
pub(crate) const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);

/// The longest that a token may last.
pub(crate) const MAX_LIFETIME: Duration = Duration::from_secs(86_400);

/// No token is longer; what is, is not worth decoding. The largest the server
/// mints names 64 topics.
const MAX_LENGTH: usize = 64 * 1024;

/// What the server signs with and checks against.
pub(crate) struct Keys {
    pub(crate) signing: SigningKey,
    /// Accepted, and not signed with.
    pub(crate) fallbacks: Vec<SigningKey>,
    pub(crate) issuer: String,
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
    iat: u64,
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
        tracing::debug!(reason = self.reason, detail = self.detail, "refused");
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
        if lifetime < Duration::from_secs(1) || lifetime > MAX_LIFETIME {
            return Err(TokenError::Lifetime(lifetime));
        }
        if !id.as_deref().is_none_or(is_name) {
            return Err(TokenError::Id);
        }
        if !subject.as_deref().is_none_or(is_name) {
            return Err(TokenError::Subject);
        }
        let iat = now();
        let jti = id.unwrap_or_else(|| format!("{:032x}", rand::random::<u128>()));
        let exp = iat + lifetime.as_secs();
        let claims =
            Claims { iss: self.issuer.clone(), iat, exp, jti, sub: subject, topics, signals, publish };
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(self.signing.id().to_owned());
        let key = EncodingKey::from_secret(self.signing.secret());
        jsonwebtoken::encode(&header, &claims, &key).map_err(|error| TokenError::Signing(error.to_string()))
    }

    pub(crate) fn verify(&self, token: &str) -> Result<Permit, Refused> {
        if token.len() > MAX_LENGTH {
            return Err(Refused::new("malformed", "longer than any token"));
        }
        let header = decode_header(token).map_err(|error| Refused::new("malformed", error.to_string()))?;
        if header.crit.is_some() {
            return Err(Refused::new("malformed", "a header says that more must be understood than is"));
        }
        let named = |key: &&SigningKey| header.kid.as_deref().is_none_or(|kid| kid == key.id());
        let mut refused = Refused::new("signature", "signed with another key");
        for key in self.all().filter(named) {
            match verify_with(key, &self.issuer, token) {
                Err(other) => refused = other,
                permit => return permit,
            }
        }
        Err(refused)
    }

    fn all(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.signing).chain(&self.fallbacks)
    }
}

fn verify_with(key: &SigningKey, issuer: &str, token: &str) -> Result<Permit, Refused> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = 0;
    validation.validate_exp = !bug!(ExpiryIgnored);
    validation.validate_nbf = true;
    validation.set_issuer(&[issuer]);
    validation.set_required_spec_claims(&["exp", "iss"]);
    let key = DecodingKey::from_secret(key.secret());
    let claims =
        jsonwebtoken::decode::<Claims>(token, &key, &validation).map_err(|error| refused(&error))?.claims;
    // The library still accepts a token in the second in which it ends.
    if claims.exp <= now() && !bug!(ExpiryIgnored) {
        return Err(Refused::new("expired", "expired"));
    }
    if claims.topics.is_empty() && claims.signals.is_empty() {
        return Err(Refused::new("malformed", "no topics and no signals"));
    }
    if !is_name(&claims.jti) {
        return Err(Refused::new("malformed", "no id to revoke it by"));
    }
    let Claims { jti: id, sub: subject, topics, signals, publish, iat, exp: expires, .. } = claims;
    Ok(Permit { id, subject, topics, signals, publish, issued: iat, expires })
}

fn refused(error: &jsonwebtoken::errors::Error) -> Refused {
    let reason = match error.kind() {
        ErrorKind::ExpiredSignature => "expired",
        ErrorKind::InvalidSignature => "signature",
        ErrorKind::InvalidIssuer => "issuer",
        _ => "malformed",
    };
    Refused::new(reason, error.to_string())
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
    /// The token would last less than a second or more than a day.
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
                "a token names at most {MAX_TOKEN_TOPICS} topics and signals, this one {count}: make several"
            ),
            Self::Unknown(error) => error.fmt(formatter),
            Self::Lifetime(lifetime) => {
                write!(formatter, "a token lasts from a second to a day, not {lifetime:?}")
            }
            Self::Subject => write!(formatter, "a token's subject has 1 to {MAX_TOKEN_NAME} characters"),
            Self::Id => write!(formatter, "a token's id has 1 to {MAX_TOKEN_NAME} characters"),
            Self::Signing(error) => write!(formatter, "the token could not be signed: {error}"),
        }
    }
}

impl std::error::Error for TokenError {}
