//! The interface for deterministic simulation: a world that one seed drives provides the clock, the processes and the
//! faults.
//!
//! For this library's own tests. A test installs a [`World`] on its thread. On that thread, the library asks the world
//! for everything that it otherwise asks the operating system. The package `fanfare-simulation` implements the world,
//! and describes how a process is simulated.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use fanfare_schema::simulation::set_alternatives_checked_again;

/// The decisions that a simulation makes in place of the operating system.
pub trait World {
    /// Returns the wall clock of the process that is being executed. It may jump.
    fn wall_time(&self) -> SystemTime;

    /// Returns the time since the machine started, which is the same for all processes and never jumps.
    fn steady_time(&self) -> Duration;

    /// Returns the number of the process that is being executed. It is unique.
    fn process(&self) -> u32;

    /// Returns whether a process has certainly ended.
    fn has_ended(&self, process: u32) -> bool;

    /// Returns a random number.
    fn random(&self) -> u32;

    /// Returns whether the next commit fails.
    fn fails_commit(&self) -> bool;

    /// Returns whether another program has locked the storage's file. The writer waits for it in the process's time.
    fn is_locked(&self) -> bool;

    /// Returns how long the writer pauses before it begins a transaction, or before it reports one.
    fn writer_pause(&self) -> Duration;

    /// Returns the maximum number of commands in the writer's next transaction.
    fn max_batch(&self) -> usize;

    /// Returns whether the library has this bug.
    fn has_bug(&self, bug: Bug) -> bool {
        let _ = bug;
        false
    }

    /// Observes a frame that was appended to a channel's log.
    fn observe(&self, channel: &str, frame: &str) {
        let _ = (channel, frame);
    }

    /// Returns how often to poll the storage for changes by other processes. `None` for the usual intervals.
    fn poll_interval(&self) -> Option<Duration> {
        None
    }
}

/// Bugs that a simulation or the fuzzer can switch on, to show that it finds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The branch that decides a fork is not recorded.
    WinnerNotRecorded,
    /// A process writes to runs that another process holds.
    FenceNotChecked,
    /// A durable message and the record of its publish are in two transactions.
    PublishInTwoTransactions,
    /// A signal answers a question that already has an answer.
    QuestionAnsweredTwice,
    /// A recorded call returns in the poll in which it begins.
    CallReturnsInFirstPoll,
    /// The result of a step is not recorded.
    StepNotRecorded,
    /// A graceful stop keeps its runs.
    RunsNotReleased,
    /// Deleting a run leaves its signals behind.
    SignalsNotDeleted,
    /// A process that missed messages continues after them without a gap.
    MissedMessagesSkipped,
    /// The rows of deleted channels are reused, and appending does not check the epoch.
    ChannelRowsReused,
    /// Joining the chunks of a text drops one.
    ChunkDropped,
    /// Processes do not read each other's revocations.
    RevocationsNotShared,
    /// Each chunk of a text stream counts as a message.
    ChunksCountedAsMessages,
    /// Text streams of processes that ended are not ended.
    AbandonedStreamsNotEnded,
    /// Idempotency keys are forgotten at once.
    IdempotencyKeysForgotten,
    /// A restored backup is not detected.
    RestoredBackupIgnored,
    /// Readers receive no gap for messages that they missed.
    GapNotSent,
    /// Tokens are accepted after they expire.
    TokenExpiryIgnored,
    /// An id is cut at a byte, which may be inside a character.
    IdCutInsideCharacter,
    /// A colon in a param is not escaped, so channels with two params can share a name.
    ColonNotEscaped,
    /// Nested alternatives check the same value again.
    AlternativesCheckedAgain,
    /// A carriage return in a payload ends a line of an event.
    EventSplitAtCarriageReturn,
}

impl Bug {
    /// The bugs that the simulation of runs finds.
    pub const OF_RUNS: [Self; 8] = [
        Self::WinnerNotRecorded,
        Self::FenceNotChecked,
        Self::PublishInTwoTransactions,
        Self::QuestionAnsweredTwice,
        Self::CallReturnsInFirstPoll,
        Self::StepNotRecorded,
        Self::RunsNotReleased,
        Self::SignalsNotDeleted,
    ];

    /// The bugs that the simulation of delivery finds.
    pub const OF_DELIVERY: [Self; 9] = [
        Self::MissedMessagesSkipped,
        Self::ChannelRowsReused,
        Self::ChunkDropped,
        Self::RevocationsNotShared,
        Self::ChunksCountedAsMessages,
        Self::AbandonedStreamsNotEnded,
        Self::IdempotencyKeysForgotten,
        Self::RestoredBackupIgnored,
        Self::GapNotSent,
    ];

    /// The bugs that fuzzing finds.
    pub const OF_INPUTS: [Self; 5] = [
        Self::TokenExpiryIgnored,
        Self::IdCutInsideCharacter,
        Self::ColonNotEscaped,
        Self::AlternativesCheckedAgain,
        Self::EventSplitAtCarriageReturn,
    ];
}

thread_local! {
    static WORLD: RefCell<Option<Rc<dyn World>>> = const { RefCell::new(None) };
}

/// Keeps a world installed until it is dropped.
#[must_use = "the world is removed when this is dropped"]
#[derive(Debug)]
pub struct Installed(());

impl Drop for Installed {
    fn drop(&mut self) {
        WORLD.set(None);
        set_alternatives_checked_again(false);
    }
}

/// Installs a world on this thread.
pub fn install(world: Rc<dyn World>) -> Installed {
    set_alternatives_checked_again(world.has_bug(Bug::AlternativesCheckedAgain));
    WORLD.set(Some(world));
    Installed(())
}

pub(crate) fn world() -> Option<Rc<dyn World>> {
    WORLD.with_borrow(Clone::clone)
}

/// Returns whether a simulation has switched on this bug.
pub(crate) fn has_bug(bug: Bug) -> bool {
    world().is_some_and(|world| world.has_bug(bug))
}
