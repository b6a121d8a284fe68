//! Messages that were committed: handing them to the logs of this process, and notifying the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::connection::{Database, Link, Session};
use super::logs::channel_id;
use super::notices::Notices;
use super::tail::{self, TailCommand};
use super::{Entry, Shared, from_int8};
use crate::clock::from_milliseconds;
use crate::history::{Appended, KeyReused, Log, StoredMessage};
use crate::wire::MessageId;

/// The number of messages that a log may evict before they are deleted from the database, too.
const TRIM_THRESHOLD: usize = 128;

/// Notifies other processes after the commit, and not within: PostgreSQL lets one transaction commit at a time among
/// those that notify, and each would wait for the disk meanwhile.
const NOTIFY: &str = "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)";

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
    /// Adds a message with the row that appending it returned, unless it was published before.
    pub(super) fn add(&mut self, entry: Entry, row: &Row) -> Result<Appended, KeyReused> {
        let (channel, epoch, offset) = (row.get(0), from_int8(row.get(1)), from_int8(row.get(2)));
        let id = MessageId::new(epoch, offset);
        let outcome: &str = row.get(4);
        if outcome == "stored" {
            let published_at = from_milliseconds(row.get(3));
            let (log, topic, frame) = (entry.log, entry.topic, entry.frame.stamp(id, published_at));
            let message = StoredMessage { offset, topic, published_at, frame };
            self.0.push(CommittedMessage { log, channel, epoch, message });
        } else if outcome == "reused" {
            return Err(KeyReused);
        }
        // Subscribers have a turn while this waits for the commit.
        Ok(Appended { id, repeated: outcome == "repeated", should_yield: false })
    }

    /// Hands the messages to the logs, and returns the notices for other processes.
    pub(super) async fn deliver(self, link: &Link, shared: &Shared) -> Notices {
        let (mut heads, mut behind) = (BTreeMap::new(), Vec::new());
        for CommittedMessage { log, channel, epoch, message } in self.0 {
            heads.insert(channel, message.offset);
            deliver(shared, log, channel, epoch, message, &mut behind);
        }
        if !behind.is_empty() && tail::read(link, shared, &behind).await.is_err() {
            let behind = behind.iter().map(|log| channel_id(log)).collect();
            let _ = shared.tail.send(TailCommand::Read(behind));
        }
        for log in heads.keys().filter_map(|channel| shared.logs.find(*channel)) {
            shared.trim(&log, TRIM_THRESHOLD);
        }
        let mut notices = Notices::default();
        notices.add_heads(&heads);
        notices
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
pub(super) async fn notify(session: &Session, database: &Database, notices: &Notices) {
    let (name, sql) = (database.schema.notifications(), database.schema.qualify(NOTIFY));
    for notice in notices.texts() {
        let _ = session.client.query_typed(&sql, &[(&name, Type::TEXT), (notice, Type::TEXT)]).await;
    }
}
