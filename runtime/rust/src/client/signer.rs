//! Tokens without a hub, for tools.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::token::{
    AuthError, DEFAULT_LIFETIME, Keys, SignalClaim, SigningKey, TokenError, TokenSpec, TopicClaim, TopicKind,
    read_claims,
};

/// Signs and verifies tokens with the signing key of a server. It does not know the server's definitions, so it does
/// not check that channels, topics and signals exist.
pub struct TokenSigner {
    keys: Keys,
}

/// The content of a token to sign. [`Default`] grants nothing and lasts 60 seconds.
#[derive(Clone, Debug)]
pub struct TokenContents {
    /// Channels and topics to subscribe to, or to publish to if [`publish`](Self::publish) is true.
    pub topics: Vec<(String, String)>,
    /// Channels and the signals that may be sent to runs on them.
    pub signals: Vec<(String, String)>,
    /// Allows publishing to the topics, in place of subscribing to them.
    pub publish: bool,
    /// Allows the admin routes, and nothing else.
    pub admin: bool,
    /// From one second to one day.
    pub lifetime: Duration,
    /// The subject, such as the id of a user, in 1 to 256 characters.
    pub subject: Option<String>,
    /// The id by which the token is revoked, in 1 to 256 characters. Random if `None`.
    pub id: Option<String>,
}

impl Default for TokenContents {
    fn default() -> Self {
        Self {
            topics: Vec::new(),
            signals: Vec::new(),
            publish: false,
            admin: false,
            lifetime: DEFAULT_LIFETIME,
            subject: None,
            id: None,
        }
    }
}

/// The content of a token that is not verified.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct UnverifiedToken {
    /// The algorithm that it names.
    pub algorithm: String,
    /// The id of the key that it names.
    pub key_id: Option<String>,
    /// The claims.
    pub claims: Value,
}

/// An error of a [`TokenSigner`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignerError {
    /// The signing key has less than 32 bytes.
    WeakKey,
    /// The text is not a token, for this reason.
    Malformed(String),
    /// The token is not valid, for this reason.
    Invalid(String),
}

impl TokenSigner {
    /// Creates a signer with the signing key.
    ///
    /// # Errors
    /// Returns [`SignerError::WeakKey`] if the key has less than 32 bytes.
    pub fn new(signing_key: &str) -> Result<Self, SignerError> {
        let signing = SigningKey::new(signing_key).map_err(|_| SignerError::WeakKey)?;
        Ok(Self { keys: Keys::new(signing) })
    }

    /// Sets the issuer, if the server sets one ([`HubBuilder::issuer`](crate::HubBuilder::issuer)).
    #[must_use]
    pub fn issuer(mut self, issuer: Option<String>) -> Self {
        self.keys.issuer = issuer;
        self
    }

    /// Sets the audience, if the server sets one ([`HubBuilder::audience`](crate::HubBuilder::audience)).
    #[must_use]
    pub fn audience(mut self, audience: Option<String>) -> Self {
        self.keys.audience = audience;
        self
    }

    /// Signs a token.
    ///
    /// # Errors
    /// Returns an error if the grant is empty or too large, or if the lifetime, the subject or the id is out of range.
    pub fn sign(&self, contents: TokenContents) -> Result<String, TokenError> {
        let TokenContents { topics, signals, publish, admin, lifetime, subject, id } = contents;
        let topic = |(channel, name)| TopicClaim { kind: TopicKind::Run, channel, name };
        let signal = |(channel, name)| SignalClaim { channel, name };
        self.keys.mint(TokenSpec {
            topics: topics.into_iter().map(topic).collect(),
            signals: signals.into_iter().map(signal).collect(),
            publish,
            admin,
            lifetime,
            subject,
            id,
        })
    }

    /// Checks a token as a server with this key does. Whether it is revoked is not known.
    ///
    /// # Errors
    /// Returns [`SignerError::Invalid`] with the reason if a server with this key refuses the token.
    pub fn verify(&self, token: &str) -> Result<(), SignerError> {
        self.keys.verify(token).map(drop).map_err(|error| SignerError::Invalid(error.detail))
    }
}

impl UnverifiedToken {
    /// Reads a token, and verifies nothing.
    ///
    /// # Errors
    /// Returns [`SignerError::Malformed`] if the text is not a token.
    pub fn read(token: &str) -> Result<Self, SignerError> {
        let malformed = |error: AuthError| SignerError::Malformed(error.detail);
        let (algorithm, key_id, claims) = read_claims(token).map_err(malformed)?;
        Ok(Self { algorithm, key_id, claims })
    }
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenSigner(…)")
    }
}

impl fmt::Display for SignerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WeakKey => {
                formatter.write_str("the signing key is too short: it must have at least 32 bytes")
            }
            Self::Malformed(why) => write!(formatter, "the text is not a token: {why}"),
            Self::Invalid(why) => write!(formatter, "the token is not valid: {why}"),
        }
    }
}

impl std::error::Error for SignerError {}
