//! Appends messages. While messages wait for a channel, one task appends them, and the next block has all of them.
//!
//! A block names the sequence of the channel's last block, and the stream's leader rejects it if another block is the
//! last. So all processes see one order without missing messages, and a block that is sent again because its answer was
//! lost is stored once.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::append::Append;
use super::block::{Block, BlockHead, HEAD_BYTES, MESSAGE_HEAD_BYTES, MessageHead, join};
use super::channel::{Applied, Position, TrackedChannel};
use super::jetstream::{Publish, RequestFailure};
use super::{AppendError, Entry, Shared, StorageError, from_milliseconds_u64};
use crate::history::{Appended, KeyReused};
use crate::metrics;
use crate::random;
use crate::wire::{LogKind, MessageId};

/// The maximum number of messages of a block.
const MAX_MESSAGES: usize = 512;

/// The time for which to try to append messages while the servers do not answer, for example during an election.
const GIVE_UP_AFTER: Duration = Duration::from_secs(15);

/// The longest time between the arrivals of two messages of a block. The first one decides when to give up.
const MAX_SPREAD: Duration = Duration::from_secs(1);

/// The messages of a block that is being appended, in the order in which they arrived.
struct Batch {
    appends: Vec<Append>,
    since: Instant,
}

/// The outcome for a message of a batch once its block is stored: the offset of the message, or of the earlier one with
/// its key.
enum Target {
    New(u64),
    Repeated(u64),
    KeyReused,
    /// The message continues or ends a text stream that is not open.
    StreamEnded,
}

impl Shared {
    /// Adds a message to those that wait for its channel.
    pub(super) fn enqueue(self: &Arc<Self>, append: Append) {
        let channel = self.channels.find_log(&append.entry.log, self.shard_count());
        let mut state = channel.lock();
        state.queue.push_back(append);
        if !std::mem::replace(&mut state.is_writing, true) {
            drop(state);
            let (shared, writing) = (Arc::clone(self), self.writers.begin());
            self.runtime.spawn(async move {
                // Publishers often publish again as soon as they have an answer. Their messages belong in this block.
                tokio::task::yield_now().await;
                shared.write(&channel).await;
                drop(writing);
            });
        }
    }

    /// Appends the messages that wait for a channel, until there are none.
    pub(super) async fn write(self: &Arc<Self>, channel: &Arc<TrackedChannel>) {
        while let Some(batch) = self.next_batch(channel) {
            self.append_batch(channel, batch).await;
            self.trim_if_needed(channel);
        }
    }

    /// Takes messages from the queue, and refuses those that have waited for too long. If there are none, returns
    /// `None`, and the next message starts another task.
    fn next_batch(&self, channel: &TrackedChannel) -> Option<Batch> {
        let mut state = channel.lock();
        let is_expired = |next: &Append| next.since.elapsed() > GIVE_UP_AFTER;
        while state.queue.front().is_some_and(is_expired)
            && let Some(expired) = state.queue.pop_front()
        {
            let failure = self.shards[channel.shard].health().err();
            let error = failure.unwrap_or_else(|| StorageError::new("the message was not stored in time"));
            let _ = expired.reply.send(Err(error.into()));
        }
        let Some(since) = state.queue.front().map(|first| first.since) else {
            state.is_writing = false;
            return None;
        };
        let (mut bytes, mut appends) = (HEAD_BYTES, Vec::new());
        while let Some(next) = state.queue.front() {
            bytes += next.entry.frame.len() + MESSAGE_HEAD_BYTES;
            let is_full = bytes > self.max_payload()
                || appends.len() == MAX_MESSAGES
                || next.since.saturating_duration_since(since) > MAX_SPREAD;
            if !appends.is_empty() && is_full {
                break;
            }
            appends.extend(state.queue.pop_front());
        }
        Some(Batch { appends, since })
    }

    async fn append_batch(self: &Arc<Self>, channel: &Arc<TrackedChannel>, batch: Batch) {
        loop {
            let error = match self.try_append(channel, &batch).await {
                Ok((epoch, targets)) => {
                    self.shards[channel.shard].record_health(Ok(()));
                    for (append, target) in batch.appends.into_iter().zip(targets) {
                        let _ = append.reply.send(answer(epoch, &target));
                    }
                    return;
                }
                Err(error) => error,
            };
            let is_final = matches!(error, AppendFailure::Final(_));
            let error = error.into_error();
            if is_final || batch.since.elapsed() > GIVE_UP_AFTER {
                self.shards[channel.shard].record_health(Err(error.clone()));
                for append in batch.appends {
                    let _ = append.reply.send(Err(error.clone().into()));
                }
                return;
            }
            sleep(Duration::from_millis(20 + u64::from(random::number() % 50))).await;
        }
    }

    /// Appends messages as one block. Returns its epoch, and where each message is.
    async fn try_append(
        self: &Arc<Self>,
        channel: &Arc<TrackedChannel>,
        batch: &Batch,
    ) -> Result<(u64, Vec<Target>), AppendFailure> {
        let mut is_current = false;
        loop {
            self.ensure_read(channel).await?;
            let definition = channel.definition();
            let (block, targets) = {
                let state = channel.lock();
                let Some(position) = &state.position else { continue };
                let now = self.now().max(position.time);
                let (targets, messages) = plan(&batch.appends, position, now);
                let messages_of = messages.iter().map(|append| head_of(append));
                let head =
                    BlockHead { messages: messages_of.collect(), ..position.next_head(now, definition) };
                let frames = messages.iter().map(|append| append.entry.frame.as_str().to_owned()).collect();
                (Block { head, frames }, targets)
            };
            if !is_current && targets.iter().any(|target| matches!(target, Target::StreamEnded)) {
                // The stream's start may be stored although this process has not read it. A replica that lags behind
                // may lack it, too, so read up to a mark.
                let mark = self.store_mark(channel.shard).await.map_err(AppendFailure::Retry)?;
                self.refresh(channel, mark).await.map_err(AppendFailure::Retry)?;
                is_current = true;
                continue;
            }
            if block.frames.is_empty() || self.send(channel, &block, batch.since).await? {
                return Ok((block.head.epoch, targets));
            }
        }
    }

    /// Stores a block if it follows the channel's last one, and hands it to the log. Otherwise, reads the channel again
    /// and returns `false`. Gives up some seconds after `since`.
    pub(super) async fn send(
        self: &Arc<Self>,
        channel: &Arc<TrackedChannel>,
        block: &Block,
        since: Instant,
    ) -> Result<bool, AppendFailure> {
        let payload =
            join(&block.head, block.frames.iter().map(String::as_str)).map_err(AppendFailure::Final)?;
        {
            let mut state = channel.lock();
            state.sent = Some(block.head.nonce);
            state.stored = None;
        }
        let publish = || Publish {
            subject: self.log_subject(channel),
            follows: Some(block.head.previous),
            kept_for: channel.kept_for(),
            replaces: false,
            payload: payload.clone(),
        };
        loop {
            match self.jetstream.publish(publish()).await {
                Ok(sequence) => {
                    if channel.apply(sequence, block) != Applied::Whole {
                        // The message is stored. If this fails, the tail reads it later.
                        let _ = self.refresh(channel, sequence).await;
                    }
                    return Ok(true);
                }
                Err(failure) if failure.is_wrong_sequence() => {
                    metrics::record_conflict();
                    if has_next(channel, block) {
                        return Ok(is_stored(channel, block));
                    }
                    let last = failure.last_sequence();
                    self.refresh_until(channel, last, since + GIVE_UP_AFTER)
                        .await
                        .map_err(AppendFailure::Final)?;
                    // If the log was retired meanwhile, the position is unknown.
                    self.ensure_read(channel).await?;
                    if has_next(channel, block) || is_stored(channel, block) {
                        return Ok(is_stored(channel, block));
                    }
                    // The leader is storing another block of the channel, or this one from an earlier attempt. So send the
                    // same block again: in a new block, its messages might be stored twice.
                    if since.elapsed() > GIVE_UP_AFTER {
                        return Err(AppendFailure::Final(failure.into_error()));
                    }
                    sleep(Duration::from_millis(1 + u64::from(random::number() % 4))).await;
                }
                Err(RequestFailure::Rejected { error, .. }) => return Err(AppendFailure::Final(error)),
                Err(RequestFailure::Unanswered(error)) => {
                    // The block may be stored. Sending it again is safe, because only one block can follow the last
                    // one.
                    if is_stored(channel, block) {
                        return Ok(true);
                    }
                    if since.elapsed() > GIVE_UP_AFTER {
                        return Err(AppendFailure::Final(error));
                    }
                    self.shards[channel.shard].record_health(Err(error));
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// Reads a channel again, at least up to a sequence, to find out whether a block is stored.
    async fn refresh_until(
        self: &Arc<Self>,
        channel: &Arc<TrackedChannel>,
        sequence: u64,
        until: Instant,
    ) -> Result<(), StorageError> {
        loop {
            match self.refresh(channel, sequence).await {
                Err(_) if Instant::now() < until => sleep(Duration::from_millis(100)).await,
                outcome => return outcome,
            }
        }
    }

    /// Reads a channel if it was not read yet, and begins its first epoch if it is not stored.
    pub(super) async fn ensure_read(
        self: &Arc<Self>,
        channel: &Arc<TrackedChannel>,
    ) -> Result<(), AppendFailure> {
        while channel.lock().position.is_none() {
            let loading = channel.begin_loading();
            let loaded = self.load(channel, channel.definition(), 0).await.map_err(AppendFailure::Retry)?;
            match loaded {
                // Nothing of the channel was read before, so the stream cannot have lost any of it.
                Some(loaded) => {
                    loading.replace(loaded);
                }
                None => self.begin_epoch(channel, None).await?,
            }
        }
        Ok(())
    }

    /// Begins the first epoch of a channel, or the one after a position, unless another process does. The ids of the
    /// position remain valid up to an offset.
    pub(super) async fn begin_epoch(
        &self,
        channel: &TrackedChannel,
        after: Option<(&Position, u64)>,
    ) -> Result<(), AppendFailure> {
        let none = Position::default();
        let (position, last_common) = after.unwrap_or((&none, 0));
        let now = self.now();
        let head = BlockHead {
            epoch: (position.epoch + 1).max(from_milliseconds_u64(now)),
            continues: (last_common < position.head).then_some(last_common),
            ..position.next_head(now, channel.definition())
        };
        let payload = join(&head, std::iter::empty()).map_err(AppendFailure::Final)?;
        let publish = Publish {
            subject: self.log_subject(channel),
            follows: Some(head.previous),
            kept_for: channel.kept_for(),
            replaces: false,
            payload,
        };
        match self.jetstream.publish(publish).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.is_wrong_sequence() => Ok(()),
            Err(failure @ RequestFailure::Rejected { .. }) => Err(AppendFailure::Final(failure.into_error())),
            Err(failure @ RequestFailure::Unanswered(_)) => Err(AppendFailure::Retry(failure.into_error())),
        }
    }
}

/// The reason why messages were not appended.
pub(super) enum AppendFailure {
    /// The servers did not answer. The messages may be stored once they do.
    Retry(StorageError),
    Final(StorageError),
}

impl AppendFailure {
    pub(super) fn into_error(self) -> StorageError {
        match self {
            Self::Retry(error) | Self::Final(error) => error,
        }
    }
}

fn is_stored(channel: &TrackedChannel, block: &Block) -> bool {
    channel.lock().stored == Some((block.head.epoch, block.head.first))
}

/// Returns whether this process has read a block with the same predecessor, which may be this block itself.
fn has_next(channel: &TrackedChannel, block: &Block) -> bool {
    channel.lock().position.as_ref().is_some_and(|position| position.sequence != block.head.previous)
}

/// Decides the outcome for each message, and returns the messages to store.
///
/// Refuses text of streams that cannot continue. A block is stored only if it follows the position, so this is exact even
/// if the process was suspended, and others have ended its streams meanwhile.
fn plan<'a>(appends: &'a [Append], position: &Position, now: i64) -> (Vec<Target>, Vec<&'a Append>) {
    let (mut targets, mut messages) = (Vec::new(), Vec::<&Append>::new());
    let mut streams = Cow::Borrowed(&position.streams);
    for append in appends {
        let target = match append.entry.key {
            None => Ok(None),
            Some(key) => {
                let first = position.head + 1;
                let new = (first..).zip(&messages).find_map(|(offset, earlier)| {
                    let earlier = earlier.entry.key.filter(|earlier| earlier.hash == key.hash)?;
                    Some(if earlier == key { Ok(Some(offset)) } else { Err(KeyReused) })
                });
                new.unwrap_or_else(|| position.keys.find(key, now))
            }
        };
        targets.push(match target {
            Ok(Some(offset)) => Target::Repeated(offset),
            Err(KeyReused) => Target::KeyReused,
            Ok(None)
                if stream_part(append)
                    .is_some_and(|part| streams.refuses(part, append.entry.writer.is_some())) =>
            {
                Target::StreamEnded
            }
            Ok(None) => {
                if let Some(part) = stream_part(append)
                    && !(LogKind::Chunk { stream_id: "" }).is_of(part)
                {
                    streams.to_mut().follow(append.entry.topic, part);
                }
                messages.push(append);
                Target::New(position.head + messages.len() as u64)
            }
        });
    }
    (targets, messages)
}

/// Returns the frame of a message if its topic has text streams.
fn stream_part(append: &Append) -> Option<&str> {
    let Entry { log, topic, frame, .. } = &append.entry;
    log.channel().definition().log_topic(*topic).is_stream().then(|| frame.as_str())
}

fn head_of(append: &Append) -> MessageHead {
    let Entry { log, topic, frame, key, .. } = &append.entry;
    MessageHead {
        topic: log.channel().definition().log_topic(*topic).name.to_owned(),
        bytes: frame.len(),
        key: key.map(Into::into),
    }
}

fn answer(epoch: u64, target: &Target) -> Result<Appended, AppendError> {
    let (offset, repeated) = match target {
        Target::New(offset) => (*offset, false),
        Target::Repeated(offset) => (*offset, true),
        Target::KeyReused => return Err(AppendError::KeyReused),
        Target::StreamEnded => return Err(AppendError::StreamEnded),
    };
    // Waiting for the servers gives subscribers a turn, so the publisher need not yield.
    Ok(Appended { id: MessageId::new(epoch, offset), repeated, should_yield: false })
}
