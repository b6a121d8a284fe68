//! A message that waits to be appended.

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{AppendError, Entry};
use crate::history::Appended;
use crate::storage::queue::Reservation;

/// A message to append, whose publisher waits.
pub(super) struct Append {
    pub(super) entry: Entry,
    pub(super) reply: oneshot::Sender<Result<Appended, AppendError>>,
    /// The time since which it has been waiting.
    pub(super) since: Instant,
    /// `None` if the storage itself appends the message.
    _waiting: Option<Reservation>,
}

impl Append {
    pub(super) fn new(
        entry: Entry,
        waiting: Option<Reservation>,
    ) -> (Self, oneshot::Receiver<Result<Appended, AppendError>>) {
        let (reply, outcome) = oneshot::channel();
        (Self { entry, reply, since: Instant::now(), _waiting: waiting }, outcome)
    }
}
