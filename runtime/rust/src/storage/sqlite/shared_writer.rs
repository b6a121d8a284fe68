//! The writer, which its thread and the callers use in turn.
//!
//! Waking a thread takes as long as a transaction, and a call that another thread executes wakes two: the writer's and
//! the caller's own. So a caller that finds the writer unused executes the transaction itself, with all work that is
//! queued, and hands the others their answers. If several tasks write in turn, each first lets the other tasks of its
//! thread continue, so that their work shares the transaction.
//!
//! A caller's thread also serves connections, so it only executes what is certain to be short. The writer's thread does
//! the rest: work in durable files or on a slow disk, large batches, waiting for a locked file, errors, checkpoints,
//! and periodic work.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::mem::replace;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::panicking;

use tokio::sync::oneshot::Receiver;
use tokio::task::{Id, try_id, yield_now};

use super::batch::Work;
use super::writer::{Command, FOLLOW_INTERVAL, Writer};

#[cfg(test)]
mod tests;

/// The maximum number of commands in one transaction.
const MAX_BATCH: usize = 512;

/// The maximum number of commands in a transaction that a caller executes. Waking a thread is a small part of a larger
/// one.
const MAX_CALLER_BATCH: usize = 64;

/// The number of transactions that a caller executes, its own included, before it leaves further work to the writer's
/// thread.
const MAX_CALLER_TURNS: usize = 2;

/// The number of transactions that the tasks of a thread may execute before one yields, so that a task that only writes
/// does not keep the others waiting. Yielding more often costs more: the runtime then wakes another thread to look for
/// tasks.
const TURNS_PER_YIELD: u32 = 16;

thread_local! {
    /// The transactions that callers on this thread have executed since one yielded.
    static TURNS: Cell<u32> = const { Cell::new(0) };
}

/// The writer and the commands that wait for it.
pub(super) struct SharedWriter {
    state: Mutex<State>,
    /// Notifies the writer's thread that it is needed, or that the writer it waits for is unused.
    changed: Condvar,
}

struct State {
    /// In the order of the calls.
    commands: VecDeque<Command>,
    writer: Place,
    /// The task that queued work last.
    last_caller: Option<Id>,
    /// Whether the writer's thread takes the next turn.
    is_thread_needed: bool,
    is_closing: bool,
}

/// The current use of the writer.
enum Place {
    Unused(Box<Writer>),
    InUse,
    /// It panicked.
    Lost,
}

impl SharedWriter {
    pub(super) fn new(writer: Writer) -> Self {
        let state = State {
            commands: VecDeque::new(),
            writer: Place::Unused(Box::new(writer)),
            last_caller: None,
            is_thread_needed: false,
            is_closing: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Queues a command for the writer's thread. If the writer is lost, drops the command together with its reply.
    pub(super) fn send(&self, command: Command) {
        let mut state = self.lock();
        state.push(command);
        self.need_thread(&mut state);
    }

    /// Queues work that is executed once [`Queued::wait`] is polled. If the [`Queued`] is dropped instead, or callers
    /// may not execute work now, the writer's thread executes the work.
    pub(super) fn queue(self: &Arc<Self>, work: Box<dyn Work>) -> Queued {
        let (mut state, caller) = (self.lock(), try_id());
        state.push(Command::Work(work));
        let has_others = replace(&mut state.last_caller, caller) != caller;
        if matches!(&state.writer, Place::Unused(writer) if !writer.is_fast()) {
            self.need_thread(&mut state);
        }
        Queued { shared: Some(Arc::clone(self)), has_others }
    }

    /// Executes commands until the storage is closed.
    pub(super) fn run(&self) {
        loop {
            let state = self.lock();
            let is_idle = |state: &mut State| !state.is_thread_needed && !state.is_closing;
            let waited = self.changed.wait_timeout_while(state, FOLLOW_INTERVAL, is_idle);
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            // Until the thread has had its turn, callers begin no other.
            state.is_thread_needed = true;
            let waited = self.changed.wait_while(state, |state| matches!(state.writer, Place::InUse));
            let mut state = waited.unwrap_or_else(PoisonError::into_inner);
            let is_closing = state.is_closing && state.commands.len() <= MAX_BATCH;
            let Some(mut turn) = self.begin_turn(&mut state) else { return };
            let batch = state.commands.len().min(MAX_BATCH);
            let commands: Vec<_> = state.commands.drain(..batch).collect();
            state.is_thread_needed = !state.commands.is_empty();
            drop(state);
            if let Some(writer) = &mut turn.writer {
                let done = writer.execute(commands);
                writer.notify_callers(done);
                writer.maintain();
            }
            if is_closing {
                if let Some(writer) = turn.writer.take() {
                    writer.close();
                }
                return;
            }
            let mut state = turn.end();
            state.is_thread_needed |= !state.commands.is_empty();
        }
    }

    /// Makes the thread close the file once all commands are executed.
    pub(super) fn close(&self) {
        self.lock().is_closing = true;
        self.changed.notify_one();
    }

    /// Executes the queued work on this thread, unless another thread does so or must do so.
    fn execute(&self) {
        let mut state = self.lock();
        for _ in 0..MAX_CALLER_TURNS {
            if state.commands.is_empty() || !state.is_for_callers() {
                break;
            }
            let Some(mut turn) = self.begin_turn(&mut state) else { break };
            let work = state.commands.drain(..).filter_map(Command::into_work).collect();
            drop(state);
            TURNS.set(TURNS.get() + 1);
            let refused = turn.writer.as_mut().and_then(|writer| writer.execute_inline(work).err());
            state = turn.end();
            if let Some(refused) = refused {
                refused.into_iter().rev().for_each(|work| state.commands.push_front(Command::Work(work)));
                break;
            }
        }
        if matches!(state.writer, Place::Unused(_)) && !state.commands.is_empty() {
            self.need_thread(&mut state);
        }
    }

    fn need_thread(&self, state: &mut State) {
        if !replace(&mut state.is_thread_needed, true) {
            self.changed.notify_one();
        }
    }

    /// Takes the writer if it is unused.
    fn begin_turn(&self, state: &mut State) -> Option<Turn<'_>> {
        match replace(&mut state.writer, Place::InUse) {
            Place::Unused(writer) => Some(Turn { shared: self, writer: Some(writer) }),
            other => {
                state.writer = other;
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, command: Command) {
        if !matches!(self.writer, Place::Lost) {
            self.commands.push_back(command);
        }
    }

    /// Returns whether the callers may execute what is queued. They queue only work.
    fn is_for_callers(&self) -> bool {
        !self.is_thread_needed
            && self.commands.len() <= MAX_CALLER_BATCH
            && matches!(&self.writer, Place::Unused(writer) if writer.is_fast())
    }
}

impl fmt::Debug for SharedWriter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SharedWriter")
    }
}

/// The use of the writer by one thread. If that panics, the writer is lost.
struct Turn<'s> {
    shared: &'s SharedWriter,
    /// `None` once the writer is closed.
    writer: Option<Box<Writer>>,
}

impl<'s> Turn<'s> {
    /// Makes the writer available again.
    fn end(mut self) -> MutexGuard<'s, State> {
        let mut state = self.shared.lock();
        if let Some(writer) = self.writer.take() {
            state.is_thread_needed |= writer.needs_thread();
            state.writer = Place::Unused(writer);
        }
        if state.is_thread_needed || state.is_closing {
            self.shared.changed.notify_one();
        }
        state
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.writer.is_some() && panicking() {
            let mut state = self.shared.lock();
            state.writer = Place::Lost;
            let commands = std::mem::take(&mut state.commands);
            drop(state);
            self.shared.changed.notify_one();
            drop(commands);
        }
    }
}

/// Queued work, which is executed even if this is dropped.
pub(super) struct Queued {
    /// `None` once the work is answered.
    shared: Option<Arc<SharedWriter>>,
    /// Whether another task queued work just before.
    has_others: bool,
}

impl Queued {
    /// Executes the work unless another thread does, and returns the answer, or `None` if the sender was dropped.
    pub(super) async fn wait<T>(mut self, mut answer: Receiver<T>) -> Option<T> {
        if self.has_others {
            TURNS.set(0);
            yield_now().await;
        }
        if answer.is_empty()
            && let Some(shared) = &self.shared
        {
            shared.execute();
            if TURNS.get() >= TURNS_PER_YIELD {
                TURNS.set(0);
                yield_now().await;
            }
        }
        let answer = (&mut answer).await;
        self.shared = None;
        answer.ok()
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            let mut state = shared.lock();
            if !state.commands.is_empty() {
                shared.need_thread(&mut state);
            }
        }
    }
}
