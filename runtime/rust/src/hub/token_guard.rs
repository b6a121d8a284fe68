//! Tokens in use: how long each lasts, how many connections use it, and whether it was revoked.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Hub, RatedAction, SubscribeError};
use crate::history::Inbox;
use crate::metrics::{self, Limit};
use crate::storage::StorageError;
use crate::token::{self, AuthError, Revocations, VerifiedGrant};
use crate::wire::MAX_TOKEN_NAME;

/// A client is notified at most this long before its token expires, in milliseconds.
const MAX_NOTICE: u64 = 30_000;

/// A token that a subscription uses.
pub(crate) struct TokenGuard {
    token_use: Arc<TokenUse>,
    subject: Option<Box<str>>,
    /// In milliseconds since 1970.
    expires: u64,
    /// When to notify the client that the token is about to expire, in milliseconds since 1970.
    notice_at: u64,
    notice_given: AtomicBool,
}

/// One connection's use of the tokens with one id. Counts as one, however many tokens share the id.
pub(crate) struct TokenUse {
    hub: Hub,
    id: Arc<str>,
    inbox: Arc<Inbox>,
}

/// The connections that use the tokens of each id.
#[derive(Default)]
pub(super) struct TokenUses {
    inboxes: Mutex<HashMap<Arc<str>, Vec<Arc<Inbox>>>>,
}

/// What a connection must do about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenStatus {
    Valid,
    /// Notify the client that the token expires in this many milliseconds.
    Expiring(u64),
    Expired,
    Revoked,
}

impl TokenGuard {
    /// Returns when the token expires, in milliseconds since 1970.
    pub(crate) fn expires(&self) -> u64 {
        self.expires
    }

    pub(crate) fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    pub(crate) fn token_use(&self) -> &Arc<TokenUse> {
        &self.token_use
    }

    /// Returns when to call [`check`](Self::check) next, in milliseconds since 1970.
    pub(crate) fn next_check_at(&self) -> u64 {
        if self.notice_given.load(Ordering::Relaxed) { self.expires } else { self.notice_at }
    }

    /// Returns the token's status. [`TokenStatus::Expiring`] is returned once.
    pub(crate) fn check(&self, now: u64) -> TokenStatus {
        if self.token_use.is_revoked() {
            TokenStatus::Revoked
        } else if self.expires <= now {
            TokenStatus::Expired
        } else if self.notice_at <= now && !self.notice_given.swap(true, Ordering::Relaxed) {
            TokenStatus::Expiring(self.expires - now)
        } else {
            TokenStatus::Valid
        }
    }
}

impl TokenUse {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    fn is_revoked(&self) -> bool {
        self.hub.shared.revocations.contains(&self.id)
    }
}

impl Drop for TokenUse {
    fn drop(&mut self) {
        self.hub.shared.token_uses.remove(&self.id, &self.inbox);
    }
}

impl TokenUses {
    fn add(&self, id: &Arc<str>, inbox: &Arc<Inbox>, max: usize) -> Result<(), SubscribeError> {
        let mut inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        let users = inboxes.entry(Arc::clone(id)).or_default();
        if users.len() >= max {
            metrics::limit_reached(Limit::TokenConnections);
            return Err(SubscribeError::TooManyConnections);
        }
        users.push(Arc::clone(inbox));
        Ok(())
    }

    fn remove(&self, id: &Arc<str>, inbox: &Arc<Inbox>) {
        let mut inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(users) = inboxes.get_mut(id) else { return };
        users.retain(|user| !Arc::ptr_eq(user, inbox));
        if users.is_empty() {
            inboxes.remove(id);
        }
    }

    /// Wakes the connections that use tokens with an id.
    fn raise_alarm(&self, id: &str) {
        let inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        for inbox in inboxes.get(id).into_iter().flatten() {
            inbox.alarm();
        }
    }
}

impl Hub {
    /// Verifies a token: its signature, its lifetime, and that it is not revoked.
    #[cfg_attr(not(feature = "jwks"), expect(clippy::unused_async, reason = "keys of issuers are fetched"))]
    pub(crate) async fn verify(&self, token: &str) -> Result<VerifiedGrant, AuthError> {
        #[cfg(feature = "jwks")]
        self.keys().refresh_for(token).await;
        let grant = self.keys().verify(token)?;
        if self.shared.revocations.contains(&grant.id) {
            return Err(AuthError::revoked());
        }
        Ok(grant)
    }

    /// Uses a token on the connection of an inbox. `shared` is the connection's use of another token with the same
    /// id, if it has one.
    pub(crate) fn use_token(
        &self,
        grant: &VerifiedGrant,
        inbox: &Arc<Inbox>,
        shared: Option<Arc<TokenUse>>,
    ) -> Result<Arc<TokenGuard>, SubscribeError> {
        let token_use = match shared {
            Some(token_use) => token_use,
            None => {
                self.check_rate(RatedAction::Connect, None, Some(grant))
                    .map_err(SubscribeError::RateLimited)?;
                let id: Arc<str> = grant.id.as_str().into();
                self.shared.token_uses.add(&id, inbox, self.settings().max_connections_per_token)?;
                Arc::new(TokenUse { hub: self.clone(), id, inbox: Arc::clone(inbox) })
            }
        };
        // Check only after the inbox is registered: a revocation from here on wakes the connection.
        if token_use.is_revoked() {
            return Err(SubscribeError::Unauthorized(AuthError::revoked()));
        }
        let expires = grant.expires.saturating_mul(1000);
        let lifetime = grant.expires.saturating_sub(grant.issued).saturating_mul(1000);
        let notice_at = expires.saturating_sub((lifetime / 4).min(MAX_NOTICE));
        let (subject, notice_given) = (grant.subject.as_deref().map(Into::into), AtomicBool::new(false));
        Ok(Arc::new(TokenGuard { token_use, subject, expires, notice_at, notice_given }))
    }

    /// Revokes all tokens with an id ([`TokenBuilder::id`](super::TokenBuilder::id)) before they expire. They are
    /// rejected from now on, and the subscriptions that use them end. Other processes that share the storage follow
    /// within a second. After two days, new tokens with this id are valid again. In [`Memory`](crate::Memory), the
    /// id stays revoked only until the server restarts.
    ///
    /// # Errors
    /// Returns an error if the id is not valid, or if the storage fails. In the latter case the id stays revoked only
    /// until the server restarts.
    pub async fn revoke(&self, id: &str) -> Result<(), RevokeError> {
        if !token::is_valid_name(id) {
            return Err(RevokeError::InvalidId);
        }
        // Revoke before storing, so that a stolen token is not valid for longer.
        revoke(&self.shared.revocations, &self.shared.token_uses, id, Duration::ZERO);
        self.storage().revoke(id).await.map_err(RevokeError::Storage)
    }
}

/// Revokes an id in this process, and wakes the connections that use it so that they check their tokens.
pub(super) fn revoke(revocations: &Revocations, token_uses: &TokenUses, id: &str, age: Duration) {
    revocations.add(id, age);
    token_uses.raise_alarm(id);
    tracing::debug!(id, "revoked");
}

/// An error from [`Hub::revoke`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevokeError {
    /// The id is empty or longer than 256 characters.
    InvalidId,
    /// The storage failed. The id stays revoked until the server restarts.
    Storage(StorageError),
}

impl fmt::Display for RevokeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidId => write!(formatter, "a token's id must have 1 to {MAX_TOKEN_NAME} characters"),
            Self::Storage(error) => {
                write!(
                    formatter,
                    "failed to store the revocation, so it lasts only until the server restarts: {error}"
                )
            }
        }
    }
}

impl std::error::Error for RevokeError {}
