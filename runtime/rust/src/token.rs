//! Tokens: signed grants to subscribe to topics, or to publish to them.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::wire::MAX_TOKEN_TOPICS;

mod key;

pub(crate) use key::SigningKey;

/// How long a token lasts unless its maker says otherwise.
pub(crate) const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);

/// The longest that a token may last.
pub(crate) const MAX_LIFETIME: Duration = Duration::from_secs(86_400);

/// No token is longer; what is, is not worth decoding. The largest the server
/// mints names 64 topics.
const MAX_LENGTH: usize = 64 * 1024;

/// What the server signs with and checks against.
pub(crate) struct Keys {
    /// The first signs; all of them are accepted.
    pub(crate) signing: SigningKey,
    pub(crate) fallback: Option<SigningKey>,
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

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    iat: u64,
    exp: u64,
    jti: String,
    topics: Vec<TopicClaim>,
    #[serde(default)]
    publish: bool,
}

/// What a token allows, once its signature and time are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Permit {
    pub(crate) topics: Vec<TopicClaim>,
    pub(crate) publish: bool,
    /// When it ends, in seconds since 1970.
    pub(crate) expires: u64,
}

/// The token is not one that this server signed, or its time is over. Which of
/// the two is nobody's business but the log's.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) String);

impl Keys {
    /// Whether a bearer is the signing key, as it stands or hashed.
    pub(crate) fn is_signing_key(&self, bearer: &str) -> bool {
        let fallback = self.fallback.as_ref().is_some_and(|key| key.is(bearer));
        self.signing.is(bearer) | fallback
    }

    pub(crate) fn mint(
        &self,
        topics: Vec<TopicClaim>,
        publish: bool,
        lifetime: Duration,
    ) -> Result<String, TokenError> {
        if topics.is_empty() {
            return Err(TokenError::NoTopics);
        }
        if topics.len() > MAX_TOKEN_TOPICS {
            return Err(TokenError::TooManyTopics(topics.len()));
        }
        if lifetime < Duration::from_secs(1) || lifetime > MAX_LIFETIME {
            return Err(TokenError::Lifetime(lifetime));
        }
        let iat = now();
        let jti = format!("{:032x}", rand::random::<u128>());
        let exp = iat + lifetime.as_secs();
        let claims = Claims { iss: self.issuer.clone(), iat, exp, jti, topics, publish };
        let key = EncodingKey::from_secret(self.signing.secret());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
            .map_err(|error| TokenError::Signing(error.to_string()))
    }

    pub(crate) fn verify(&self, token: &str) -> Result<Permit, Refused> {
        let first = verify_with(&self.signing, &self.issuer, token);
        match (first, &self.fallback) {
            (Err(_), Some(fallback)) => verify_with(fallback, &self.issuer, token),
            (result, _) => result,
        }
    }
}

fn verify_with(key: &SigningKey, issuer: &str, token: &str) -> Result<Permit, Refused> {
    if token.len() > MAX_LENGTH {
        return Err(Refused("longer than any token".into()));
    }
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = 0;
    validation.validate_nbf = true;
    validation.set_issuer(&[issuer]);
    validation.set_required_spec_claims(&["exp", "iss"]);
    let key = DecodingKey::from_secret(key.secret());
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation)
        .map_err(|error| Refused(error.to_string()))?
        .claims;
    // The library still accepts a token in the second in which it ends.
    if claims.exp <= now() {
        return Err(Refused("expired".into()));
    }
    if claims.topics.is_empty() {
        return Err(Refused("no topics".into()));
    }
    Ok(Permit { topics: claims.topics, publish: claims.publish, expires: claims.exp })
}

/// Seconds since 1970, as tokens count them.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Why no token could be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// The grant names no topic.
    NoTopics,
    /// The grant names more topics than a token may.
    TooManyTopics(usize),
    /// No definition knows the channel or topic.
    Unknown {
        /// The channel's name.
        channel: String,
        /// The topic's name.
        topic: String,
    },
    /// The token would last less than a second or more than a day.
    Lifetime(Duration),
    /// The token could not be signed.
    Signing(String),
}

impl fmt::Display for TokenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTopics => formatter.write_str("a token needs at least one topic"),
            Self::TooManyTopics(count) => write!(
                formatter,
                "a token names at most {MAX_TOKEN_TOPICS} topics, this one {count}: make several"
            ),
            Self::Unknown { channel, topic } => {
                write!(formatter, "no definition knows the topic {topic:?} of a channel named {channel:?}")
            }
            Self::Lifetime(lifetime) => {
                write!(formatter, "a token lasts from a second to a day, not {lifetime:?}")
            }
            Self::Signing(error) => write!(formatter, "the token could not be signed: {error}"),
        }
    }
}

impl std::error::Error for TokenError {}
