//! Tokens in use: how long each may be, by how many connections, and whether it was revoked.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Hub, RatedAction, TooOften};
use crate::history::Inbox;
use crate::metrics::{self, Limit};
use crate::storage::StorageError;
use crate::token::{self, Permit, Refused, Revocations};
use crate::wire::MAX_TOKEN_NAME;

/// A client is told that its token ends at most that long before, in milliseconds.
const LONGEST_NOTICE: u64 = 30_000;

/// The right to read what a token names, for as long as it lasts.
pub(crate) struct Lease {
    usage: Arc<Usage>,
    /// When it ends, in milliseconds since 1970.
    expires: u64,
    /// When the client is to be told that it ends.
    notice_at: u64,
    notice_given: AtomicBool,
}

/// A connection that uses tokens of one id, however many.
pub(crate) struct Usage {
    hub: Hub,
    id: Arc<str>,
    inbox: Arc<Inbox>,
}

/// The connections that use the tokens of each id.
#[derive(Default)]
pub(super) struct Usages {
    inboxes: Mutex<HashMap<Arc<str>, Vec<Arc<Inbox>>>>,
}

/// Why a valid token gives no lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoLease {
    Revoked,
    TooManyConnections,
    TooOften(TooOften),
}

/// What a connection is to do about a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    /// It ends in so many milliseconds.
    Notice(u64),
    Expired,
    Revoked,
}

impl Lease {
    /// When it ends, in milliseconds since 1970.
    pub(crate) fn expires(&self) -> u64 {
        self.expires
    }

    pub(crate) fn usage(&self) -> &Arc<Usage> {
        &self.usage
    }

    /// When there is next something to do about it, in milliseconds since 1970.
    pub(crate) fn due_at(&self) -> u64 {
        if self.notice_given.load(Ordering::Relaxed) { self.expires } else { self.notice_at }
    }

    /// What there is to do about it now. Notice is given once.
    pub(crate) fn due(&self, now: u64) -> Due {
        if self.usage.is_revoked() {
            Due::Revoked
        } else if self.expires <= now {
            Due::Expired
        } else if self.notice_at <= now && !self.notice_given.swap(true, Ordering::Relaxed) {
            Due::Notice(self.expires - now)
        } else {
            Due::Nothing
        }
    }
}

impl Usage {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    fn is_revoked(&self) -> bool {
        self.hub.shared.revocations.contains(&self.id)
    }
}

impl Drop for Usage {
    fn drop(&mut self) {
        self.hub.shared.usages.leave(&self.id, &self.inbox);
    }
}

impl Usages {
    fn enter(&self, id: &Arc<str>, inbox: &Arc<Inbox>, most: usize) -> Result<(), NoLease> {
        let mut inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        let users = inboxes.entry(Arc::clone(id)).or_default();
        if users.len() >= most {
            metrics::limit_reached(Limit::TokenConnections);
            return Err(NoLease::TooManyConnections);
        }
        users.push(Arc::clone(inbox));
        Ok(())
    }

    fn leave(&self, id: &Arc<str>, inbox: &Arc<Inbox>) {
        let mut inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(users) = inboxes.get_mut(id) else { return };
        users.retain(|user| !Arc::ptr_eq(user, inbox));
        if users.is_empty() {
            inboxes.remove(id);
        }
    }

    fn raise_alarm(&self, id: &str) {
        let inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        for inbox in inboxes.get(id).into_iter().flatten() {
            inbox.alarm();
        }
    }
}

impl Hub {
    /// What a token permits: one that is signed, lasts, and is not revoked.
    #[cfg_attr(not(feature = "jwks"), expect(clippy::unused_async, reason = "keys of issuers are fetched"))]
    pub(crate) async fn verify(&self, token: &str) -> Result<Permit, Refused> {
        #[cfg(feature = "jwks")]
        self.keys().refresh_for(token).await;
        let permit = self.keys().verify(token)?;
        if self.shared.revocations.contains(&permit.id) {
            return Err(Refused::new("revoked", "revoked"));
        }
        Ok(permit)
    }

    /// Takes a lease for the connection of an inbox. Where it has others of the
    /// same id already, it shares their usage.
    pub(crate) fn lease(
        &self,
        permit: &Permit,
        inbox: &Arc<Inbox>,
        shared: Option<Arc<Usage>>,
    ) -> Result<Arc<Lease>, NoLease> {
        let usage = match shared {
            Some(usage) => usage,
            None => {
                self.count(RatedAction::Connect, None, Some(permit)).map_err(NoLease::TooOften)?;
                let id: Arc<str> = permit.id.as_str().into();
                self.shared.usages.enter(&id, inbox, self.settings().max_connections_per_token)?;
                Arc::new(Usage { hub: self.clone(), id, inbox: Arc::clone(inbox) })
            }
        };
        // Asked only now: who revokes it from here on finds the inbox.
        if usage.is_revoked() {
            return Err(NoLease::Revoked);
        }
        let expires = permit.expires.saturating_mul(1000);
        let lifetime = permit.expires.saturating_sub(permit.issued).saturating_mul(1000);
        let notice_at = expires.saturating_sub((lifetime / 4).min(LONGEST_NOTICE));
        Ok(Arc::new(Lease { usage, expires, notice_at, notice_given: AtomicBool::new(false) }))
    }

    /// Ends all tokens of an id ([`TokenBuilder::id`](super::TokenBuilder::id)) before their time: they
    /// are refused from now on, and what was subscribed with them ends. Other processes that share the storage
    /// follow within a second. Tokens with this id can be made and used again after two days.
    ///
    /// # Errors
    /// When no token can have the id, or when it could not be stored; in this case the id is
    /// revoked until the server is restarted.
    pub async fn revoke(&self, id: &str) -> Result<(), RevokeError> {
        if !token::is_name(id) {
            return Err(RevokeError::Id);
        }
        // Who holds a stolen token does not get the time that storing takes.
        revoke(&self.shared.revocations, &self.shared.usages, id, Duration::ZERO);
        match self.storage() {
            Some(storage) => storage.engine().revoke(id).await.map_err(RevokeError::Storage),
            None => Ok(()),
        }
    }
}

/// Revokes an id in this process, and has the connections that use it look.
pub(super) fn revoke(revocations: &Revocations, usages: &Usages, id: &str, age: Duration) {
    revocations.add(id, age);
    usages.raise_alarm(id);
    tracing::debug!(id, "revoked");
}

/// Why an id was not revoked for good.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevokeError {
    /// The id is empty or longer than 256 characters.
    Id,
    /// The storage failed. The id is revoked until the server is restarted.
    Storage(StorageError),
}

impl fmt::Display for RevokeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id => write!(formatter, "a token's id must have 1 to {MAX_TOKEN_NAME} characters"),
            Self::Storage(error) => {
                write!(
                    formatter,
                    "failed to store the revocation, which a restart of the server ends: {error}"
                )
            }
        }
    }
}

impl std::error::Error for RevokeError {}
