//! Connections for transactions.
//!
//! They are [`Link`]s and not those of a pool's library, because a link prepares the tables, checks that the database is
//! still the same one, and reports the storage's health whenever it connects.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connection::{Database, Link};

/// Connections that one transaction each uses at a time.
pub(super) struct Pool {
    database: Arc<Database>,
    /// The unused ones. The one that was used last is used next, so that as few as possible are opened.
    unused: Mutex<Vec<Arc<Link>>>,
    permits: Arc<Semaphore>,
}

/// A connection that no other transaction uses until this is dropped.
pub(super) struct PooledLink {
    pool: Arc<Pool>,
    link: Arc<Link>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Pool {
    pub(super) fn new(database: Arc<Database>, max: usize) -> Self {
        let permits = Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)));
        Self { database, unused: Mutex::default(), permits }
    }

    /// Waits until a connection is unused. Those that have waited longest are first.
    pub(super) async fn take(self: &Arc<Self>) -> PooledLink {
        // Fails only if the semaphore is closed, and nothing closes it.
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        let unused = self.unused.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let link = unused.unwrap_or_else(|| Arc::new(Link::new(Arc::clone(&self.database))));
        PooledLink { pool: Arc::clone(self), link, _permit: permit }
    }
}

impl Deref for PooledLink {
    type Target = Link;

    fn deref(&self) -> &Link {
        &self.link
    }
}

impl Drop for PooledLink {
    fn drop(&mut self) {
        let mut unused = self.pool.unused.lock().unwrap_or_else(PoisonError::into_inner);
        unused.push(Arc::clone(&self.link));
    }
}
