//! Messages that were committed: handing them to the logs of this process, and notifying the others.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio_postgres::types::Type;

use super::append::{Outcome, Placed};
use super::connection::{Link, Param, Session};
use super::logs::channel_id;
use super::notices::Notices;
use super::schema::Schema;
use super::tail::{self, TailCommand};
use super::{Entry, Shared};
use crate::clock::from_milliseconds;
use crate::history::{Appended, KeyReused, Log, StoredMessage};
use crate::wire::MessageId;

/// The number of messages that a log may evict before they are deleted from the database, too.
const TRIM_THRESHOLD: usize = 128;

/// Notifies other processes after the commit, and not within: PostgreSQL lets one transaction commit at a time among
/// those that notify, and each would wait for the disk meanwhile.
const NOTIFY: &str = "
    SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, text) FROM unnest($2) AS text
";

/// Messages that a transaction appended.
#[derive(Default)]
pub(super) struct Committed(Vec<CommittedMessage>);

struct CommittedMessage {
    /// The log that the message was for. Its epoch may have ended meanwhile.
    log: Arc<Log>,
    channel: i64,
    epoch: u64,
    message: StoredMessage,
}

impl Committed {
    /// Adds a message where it was stored, unless it was published before.
    pub(super) fn add(&mut self, entry: Entry, placed: &Placed) -> Result<Appended, KeyReused> {
        let Placed { channel, epoch, offset, published, outcome } = *placed;
        let id = MessageId::new(epoch, offset);
        if outcome == Outcome::Stored {
            let published_at = from_milliseconds(published);
            let (log, topic, frame) = (entry.log, entry.topic, entry.frame.stamp(id, published_at));
            let message = StoredMessage { offset, topic, published_at, frame, is_refused: false };
            self.0.push(CommittedMessage { log, channel, epoch, message });
        } else if outcome == Outcome::KeyReused {
            return Err(KeyReused);
        }
        // Subscribers have a turn while this waits for the commit.
        Ok(Appended { id, repeated: outcome == Outcome::Repeated, should_yield: false })
    }

    /// Adds the heads of the messages' channels to the notices for other processes.
    pub(super) fn add_heads(&self, notices: &mut Notices) {
        for CommittedMessage { channel, message, .. } in &self.0 {
            notices.add_head(*channel, message.offset);
        }
    }

    /// Hands the messages to the logs.
    pub(super) async fn deliver(self, link: &Link, shared: &Shared) {
        let (mut behind, mut channels) = (Vec::new(), BTreeSet::new());
        for CommittedMessage { log, channel, epoch, message } in self.0 {
            channels.insert(channel);
            deliver(shared, log, channel, epoch, message, &mut behind);
        }
        if !behind.is_empty() && tail::read(link, shared, &behind).await.is_err() {
            let behind = behind.iter().map(|log| channel_id(log)).collect();
            let _ = shared.tail.send(TailCommand::Read(behind));
        }
        for log in channels.into_iter().filter_map(|channel| shared.logs.find(channel)) {
            shared.trim(&log, TRIM_THRESHOLD);
        }
    }
}

/// Hands a message to the log of its epoch. Adds the log to `behind` if it lacks earlier messages.
fn deliver(
    shared: &Shared,
    log: Arc<Log>,
    channel: i64,
    epoch: u64,
    message: StoredMessage,
    behind: &mut Vec<Arc<Log>>,
) {
    let is_in_epoch = |log: &Arc<Log>| channel_id(log) == channel && log.epoch() == epoch;
    if !is_in_epoch(&log) && !log.is_retired() {
        shared.logs.retire(&log);
    }
    let log = if is_in_epoch(&log) { Some(log) } else { shared.logs.find(channel).filter(is_in_epoch) };
    if let Some(log) = log
        && !shared.logs.deliver(&log, message)
        && !behind.iter().any(|known| Arc::ptr_eq(known, &log))
    {
        behind.push(log);
    }
}

/// Notifies other processes. If the connection fails, they read what changed when they poll.
pub(super) async fn notify(session: Arc<Session>, schema: &Schema, notices: &Notices) {
    let (name, texts) = (schema.notifications(), notices.texts());
    if !texts.is_empty() {
        let params: [Param<'_>; 2] = [(&name, Type::TEXT), (&texts, Type::TEXT_ARRAY)];
        let _ = session.client.query_typed(&schema.qualify(NOTIFY), &params).await;
    }
}
