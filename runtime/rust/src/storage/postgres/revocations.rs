//! Following the revocations by other processes.

use std::sync::PoisonError;
use std::time::Duration;

use tokio_postgres::types::Type;

use super::connection::{Link, RequestError};
use super::{OnRevoked, Shared, from_int8};

/// The listener for revocations, and how far it has received them.
pub(super) struct Followed {
    listener: Option<OnRevoked>,
    /// The id of the latest revocation that the hub has received.
    latest: i64,
}

impl Followed {
    pub(super) fn new(latest: i64) -> Self {
        Self { listener: None, latest }
    }

    pub(super) fn set_listener(&mut self, listener: OnRevoked) {
        self.listener = Some(listener);
    }
}

/// Returns the revocations after the one with the id `after`, each with the time since then, and the latest id.
pub(super) async fn read(link: &Link, after: i64) -> Result<(Vec<(String, Duration)>, i64), RequestError> {
    let sql =
        "SELECT id, token, greatest(fanfare.now_ms() - at, 0) FROM fanfare.revoked WHERE id > $1 ORDER BY id";
    let rows = link.query(sql, &[(&after, Type::INT8)]).await?;
    let latest = rows.last().map_or(after, |row| row.get(0));
    let revoked = rows.iter().map(|row| (row.get(1), Duration::from_millis(from_int8(row.get(2)))));
    Ok((revoked.collect(), latest))
}

impl Shared {
    /// Hands the hub the revocations by other processes.
    pub(super) async fn read_revocations(&self, link: &Link) -> Result<(), RequestError> {
        let after = {
            let followed = self.revocations.lock().unwrap_or_else(PoisonError::into_inner);
            if followed.listener.is_none() {
                return Ok(());
            }
            followed.latest
        };
        let (revoked, latest) = read(link, after).await?;
        let mut followed = self.revocations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(on_revoked) = &followed.listener {
            for (id, age) in &revoked {
                on_revoked(id, *age);
            }
        }
        followed.latest = followed.latest.max(latest);
        Ok(())
    }
}
