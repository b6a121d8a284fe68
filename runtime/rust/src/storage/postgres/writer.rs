//! The task that appends messages. Each statement contains all messages that are waiting, up to a limit.

use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::connection::{FailureKind, Link, RequestError};
use super::logs::channel_id;
use super::tail::{self, TailCommand};
use super::{AppendError, Entry, Shared, StorageError, beat, from_int8, int8};
use crate::clock::from_milliseconds;
use crate::history::{Appended, Log, StoredMessage};
use crate::storage::queue::Reservation;
use crate::wire::MessageId;

mod locked;

use locked::LockedChannels;

/// The most messages in one transaction, and their approximate bytes.
const MAX_BATCH: usize = 512;
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// How many times to attempt a transaction that fails because of concurrent ones.
const MAX_ATTEMPTS: usize = 5;

/// The number of messages that a log may evict before they are deleted from the database, too.
const TRIM_THRESHOLD: usize = 128;

/// The maximum bytes of a notification. PostgreSQL allows 7,999.
const MAX_NOTICE_BYTES: usize = 7_900;

/// How long to wait for a channel that another transaction has locked. Publishers of other channels wait, too; after
/// that, only those of the locked channel do.
const MAX_LOCK_WAIT_MS: i32 = 100;

const APPEND: &str = r#"
    SELECT channel, epoch, "offset", published, outcome
    FROM fanfare.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, max_wait => $11) ORDER BY n
"#;

/// Notifies other processes after the commit, and not within: PostgreSQL lets one transaction commit at a time among
/// those that notify, and each would wait for the disk meanwhile.
const NOTIFY: &str = "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)";

/// A message to append, whose publisher waits.
pub(super) struct Append {
    pub(super) entry: Entry,
    pub(super) reply: oneshot::Sender<Result<Appended, AppendError>>,
    pub(super) _waiting: Reservation,
    /// Since when it waits because another transaction has locked its channel.
    locked_since: Option<Instant>,
}

impl Append {
    pub(super) fn new(
        entry: Entry,
        waiting: Reservation,
    ) -> (Self, oneshot::Receiver<Result<Appended, AppendError>>) {
        let (reply, outcome) = oneshot::channel();
        (Self { entry, reply, _waiting: waiting, locked_since: None }, outcome)
    }
}

pub(super) struct Writer {
    link: Link,
    shared: Arc<Shared>,
    appends: mpsc::UnboundedReceiver<Append>,
    /// The first message of the next batch. It has an idempotency key that the last batch contained, too.
    next: Option<Append>,
    locked: LockedChannels,
    /// A notification that is being sent.
    notifying: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Writer {
    pub(super) fn new(link: Link, shared: Arc<Shared>, appends: mpsc::UnboundedReceiver<Append>) -> Self {
        Self { link, shared, appends, next: None, locked: LockedChannels::default(), notifying: None }
    }

    /// Appends messages until the storage is dropped.
    pub(super) async fn run(mut self) {
        while let Some(work) = self.next_work().await {
            let batch = match work {
                Work::Append(first) => {
                    // Publishers that have just been answered often publish again. Their messages belong in this batch;
                    // otherwise half of the publishers would wait while the messages of the others are committed.
                    tokio::task::yield_now().await;
                    self.collect(first)
                }
                Work::RetryLocked => self.locked.take_unlocked(&self.link).await,
            };
            if !batch.is_empty() {
                self.append(batch).await;
            }
        }
        if let Some(notifying) = self.notifying.take() {
            notifying.await;
        }
        // On the connection that reports, so that it follows a report that is under way.
        beat::unregister(&self.shared.link, self.shared.owner).await;
    }

    /// Waits for work, and sends the notification meanwhile. Returns `None` once everything is written.
    async fn next_work(&mut self) -> Option<Work> {
        if let Some(next) = self.next.take() {
            return Some(Work::Append(next));
        }
        loop {
            let retry_at = self.locked.retry_at();
            let is_closed = self.appends.is_closed() && self.appends.is_empty();
            if is_closed && retry_at.is_none() {
                return None;
            }
            tokio::select! {
                biased;
                () = async { tokio::time::sleep_until(retry_at.unwrap_or_else(Instant::now)).await },
                    if retry_at.is_some() => return Some(Work::RetryLocked),
                () = async { if let Some(notifying) = &mut self.notifying { notifying.await } },
                    if self.notifying.is_some() => self.notifying = None,
                append = self.appends.recv(), if !is_closed => if let Some(append) = append {
                    return Some(Work::Append(append));
                },
            }
        }
    }

    /// Returns a message and those that are waiting after it, without those of locked channels.
    fn collect(&mut self, first: Append) -> Vec<Append> {
        let (mut bytes, mut keys, mut batch) = (0, HashSet::new(), Vec::new());
        let mut next = Some(first);
        while let Some(append) = next {
            next = None;
            if let Some(append) = self.locked.divert(append) {
                if key_of(&append).is_some_and(|key| !keys.insert(key)) {
                    self.next = Some(append);
                    break;
                }
                bytes += append.entry.frame.len();
                batch.push(append);
            }
            if batch.len() < MAX_BATCH && bytes < MAX_BATCH_BYTES {
                next = self.appends.try_recv().ok();
            }
        }
        batch
    }

    /// Appends messages in one transaction. If the database rejects it, appends each message in its own transaction, so
    /// that none fails because of another. Messages of locked channels wait apart.
    async fn append(&mut self, batch: Vec<Append>) {
        match Arrays::new(&batch).append(&self.link).await {
            Ok(rows) => self.finish(batch, &rows).await,
            Err(failure) if failure.kind == FailureKind::Locked => {
                let count = batch.len();
                let rest = self.locked.set_apart(&self.link, batch).await;
                if rest.len() == count {
                    self.append_each(rest).await;
                } else if !rest.is_empty() {
                    Box::pin(self.append(rest)).await;
                }
            }
            Err(failure) if failure.kind == FailureKind::RolledBack && batch.len() > 1 => {
                self.append_each(batch).await;
            }
            Err(failure) => {
                for append in batch {
                    let _ = append.reply.send(Err(failure.error.clone().into()));
                }
            }
        }
    }

    /// Appends each message in its own transaction.
    async fn append_each(&mut self, batch: Vec<Append>) {
        for append in batch {
            // An earlier message of the batch may have found its channel locked.
            if let Some(append) = self.locked.divert(append) {
                Box::pin(self.append(vec![append])).await;
            }
        }
    }

    /// Hands committed messages to their logs, and notifies publishers and other processes.
    async fn finish(&mut self, batch: Vec<Append>, rows: &[Row]) {
        if rows.len() != batch.len() {
            let error = StorageError::new("the database did not return one row per appended message");
            for append in batch {
                let _ = append.reply.send(Err(error.clone().into()));
            }
            return;
        }
        let (mut heads, mut behind, mut replies) = (BTreeMap::new(), Vec::new(), Vec::new());
        for (Append { entry, reply, .. }, row) in batch.into_iter().zip(rows) {
            let (channel, epoch, offset) = (row.get(0), from_int8(row.get(1)), from_int8(row.get(2)));
            let id = MessageId::new(epoch, offset);
            let outcome: &str = row.get(4);
            if outcome == "stored" {
                heads.insert(channel, offset);
                let published_at = from_milliseconds(row.get(3));
                let (log, topic, frame) = (entry.log, entry.topic, entry.frame.stamp(id, published_at));
                let message = StoredMessage { offset, topic, published_at, frame, is_refused: false };
                self.deliver(log, channel, epoch, message, &mut behind);
            }
            let appended = if outcome == "reused" {
                Err(AppendError::KeyReused)
            } else {
                // Subscribers had a turn while this waited for the commit.
                Ok(Appended { id, repeated: outcome == "repeated", should_yield: false })
            };
            replies.push((reply, appended));
        }
        self.notify(&heads);
        if !behind.is_empty() && tail::read(&self.link, &self.shared, &behind).await.is_err() {
            let behind = behind.iter().map(|log| channel_id(log)).collect();
            let _ = self.shared.tail.send(TailCommand::Read(behind));
        }
        for (reply, appended) in replies {
            let _ = reply.send(appended);
        }
        for log in heads.keys().filter_map(|channel| self.shared.logs.find(*channel)) {
            self.shared.trim(&log, TRIM_THRESHOLD);
        }
    }

    /// Hands a committed message to the log of its epoch. Adds the log to `behind` if it lacks earlier messages.
    fn deliver(
        &self,
        log: Arc<Log>,
        channel: i64,
        epoch: u64,
        message: StoredMessage,
        behind: &mut Vec<Arc<Log>>,
    ) {
        let is_in_epoch = |log: &Arc<Log>| channel_id(log) == channel && log.epoch() == epoch;
        if !is_in_epoch(&log) && !log.is_retired() {
            self.shared.logs.retire(&log);
        }
        let log =
            if is_in_epoch(&log) { Some(log) } else { self.shared.logs.find(channel).filter(is_in_epoch) };
        if let Some(log) = log
            && !self.shared.logs.deliver(&log, message)
            && !behind.iter().any(|known| Arc::ptr_eq(known, &log))
        {
            behind.push(log);
        }
    }

    /// Starts to notify other processes of the channels' new heads.
    fn notify(&mut self, heads: &BTreeMap<i64, u64>) {
        let mut notices: Vec<String> = Vec::new();
        for (channel, head) in heads {
            let item = format!("{channel}:{head}");
            match notices.last_mut().filter(|notice| notice.len() + item.len() < MAX_NOTICE_BYTES) {
                Some(notice) => *notice = format!("{notice},{item}"),
                None => notices.push(item),
            }
        }
        // If there is no connection or it fails, other processes read the messages when they poll. The future must not wait
        // for anything that appending uses, because it makes no progress meanwhile.
        let (Some(session), earlier) = (self.link.open_session(), self.notifying.take()) else { return };
        let database = Arc::clone(&self.link.database);
        self.notifying = Some(Box::pin(async move {
            if let Some(earlier) = earlier {
                earlier.await;
            }
            let name = database.schema.notifications();
            for notice in &notices {
                let params = [(&name as _, Type::TEXT), (notice as _, Type::TEXT)];
                let _ = session.client.query_typed(&database.schema.qualify(NOTIFY), &params).await;
            }
        }));
    }
}

enum Work {
    Append(Append),
    /// Attempt the messages of locked channels again.
    RetryLocked,
}

/// Returns the idempotency key of a message with its channel.
fn key_of(append: &Append) -> Option<(i64, [u8; 16])> {
    append.entry.key.map(|key| (channel_id(&append.entry.log), key.hash))
}

/// The arguments of the SQL function.
#[derive(Default)]
struct Arrays<'b> {
    ids: Vec<i64>,
    names: Vec<&'b str>,
    definitions: Vec<&'b str>,
    epochs: Vec<i64>,
    heads: Vec<i64>,
    channel_of: Vec<i32>,
    topics: Vec<&'b str>,
    frames: Vec<&'b str>,
    keys: Vec<Option<&'b [u8]>>,
    contents: Vec<Option<&'b [u8]>>,
}

impl<'b> Arrays<'b> {
    fn new(batch: &'b [Append]) -> Self {
        // Ordered by name, because all transactions must lock channels in one order.
        let key_of = |log: &'b Log| (log.channel().name(), channel_id(log), log.epoch());
        let logs: BTreeMap<(&str, i64, u64), &Log> =
            batch.iter().map(|append| (key_of(&append.entry.log), &*append.entry.log)).collect();
        let mut arrays = Self::default();
        for ((_, channel, epoch), log) in &logs {
            arrays.ids.push(*channel);
            arrays.names.push(log.channel().name());
            arrays.definitions.push(log.channel().definition().fingerprint);
            arrays.epochs.push(int8(*epoch));
            arrays.heads.push(int8(log.head()));
        }
        let positions: BTreeMap<(&str, i64, u64), i32> = logs.keys().copied().zip(1..).collect();
        for Append { entry: Entry { log, topic, frame, key }, .. } in batch {
            arrays.channel_of.push(positions.get(&key_of(log)).copied().unwrap_or(0));
            arrays.topics.push(log.channel().definition().log_topic(*topic).name);
            arrays.frames.push(frame.as_str());
            arrays.keys.push(key.as_ref().map(|key| &key.hash[..]));
            arrays.contents.push(key.as_ref().map(|key| &key.content_hash[..]));
        }
        arrays
    }

    /// Appends the messages. Repeats that if concurrent transactions prevented it.
    async fn append(&self, link: &Link) -> Result<Vec<Row>, RequestError> {
        let params = [
            (&self.ids as _, Type::INT8_ARRAY),
            (&self.names as _, Type::TEXT_ARRAY),
            (&self.definitions as _, Type::TEXT_ARRAY),
            (&self.epochs as _, Type::INT8_ARRAY),
            (&self.heads as _, Type::INT8_ARRAY),
            (&self.channel_of as _, Type::INT4_ARRAY),
            (&self.topics as _, Type::TEXT_ARRAY),
            (&self.frames as _, Type::TEXT_ARRAY),
            (&self.keys as _, Type::BYTEA_ARRAY),
            (&self.contents as _, Type::BYTEA_ARRAY),
            (&MAX_LOCK_WAIT_MS as _, Type::INT4),
        ];
        for _ in 1..MAX_ATTEMPTS {
            match link.query(APPEND, &params).await {
                Err(failure) if failure.kind == FailureKind::Conflict => {}
                outcome => return outcome,
            }
        }
        link.query(APPEND, &params).await
    }
}
