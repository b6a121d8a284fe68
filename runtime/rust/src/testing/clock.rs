//! The clock of a test.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::simulation::{self, Installed, World};
use crate::wire::{MessageId, ServerFrame, id_of, read_server_frames};

/// The time at which every test starts: 2030-01-01, 00:00 UTC.
const START: Duration = Duration::from_secs(1_893_456_000);

/// The time since the start of the machine at which every test starts.
const STEADY_START: Duration = Duration::from_secs(3600);

/// How often to poll the storage. Rare, because no other process uses it, and a test may pass days.
const POLL_INTERVAL: Duration = Duration::from_secs(60);

/// Controls the time of a test: that of its hubs, their storages and runs, and of `tokio::time`.
///
/// Time stands still while anything can be done. It passes only in [`advance`](Self::advance), and while the test
/// waits for something that takes time; then it jumps to the next timer. So a run that sleeps for a day takes no time,
/// and each test has the same times in each execution: it starts at the beginning of 2030.
///
/// The test's functions have the attribute `#[tokio::test]`, with its default flavour. Real sockets do not work with
/// it, because time would pass while data is on its way.
///
/// [`TestHub`](super::TestHub) has one. Start it yourself to build a hub with your own settings:
///
/// ```
/// # fn settings(registry: &'static fanfare::Registry) -> Result<(), Box<dyn std::error::Error>> {
/// use fanfare::{Hub, Sqlite};
/// use fanfare::testing::TestClock;
///
/// // First, so that the storage follows it.
/// let clock = TestClock::start();
/// let storage = Sqlite::in_memory()?;
/// let hub = Hub::builder(registry).signing_key("signkey-test-00112233445566778899aabbccddeeff").storage(storage).build()?;
/// # Ok(())
/// # }
/// ```
#[must_use = "the clock stops when it is dropped"]
pub struct TestClock {
    /// Not `Send`, because a clock belongs to its thread.
    world: Rc<TestWorld>,
    _installed: Installed,
}

impl TestClock {
    /// Pauses the time of the runtime, and makes everything that is built on this thread from here on follow the clock.
    ///
    /// # Panics
    /// Panics outside of a runtime, in one with several threads, or if the thread has a clock already.
    pub fn start() -> Self {
        assert!(
            simulation::world().is_none(),
            "this thread has a `TestClock` already: share the clock, or drop the first one"
        );
        if !is_paused() {
            tokio::time::pause();
        }
        let world = TestWorld { start: Instant::now(), random: Cell::new(1), appended: RefCell::default() };
        let world = Rc::new(world);
        Self { _installed: simulation::install(Rc::clone(&world) as Rc<dyn World>), world }
    }

    /// Returns the time of the test, which servers report, for example in [`Message::published_at`](crate::Message).
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.world.wall_time()
    }

    /// Lets time pass. Everything that becomes due meanwhile is done in order, each at its time: sleeps and timeouts
    /// end, steps are retried, leases expire.
    pub async fn advance(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
        settle().await;
    }

    /// Returns the frames that were appended to a channel's log since the clock was started.
    pub(super) fn appended(&self, channel: &str) -> Vec<ServerFrame> {
        let appended = self.world.appended.borrow();
        let texts = appended.get(channel).into_iter().flat_map(BTreeMap::values);
        texts.filter_map(|text| read_server_frames(text).ok()).flat_map(|read| read.frames).collect()
    }
}

impl fmt::Debug for TestClock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TestClock({:?})", self.world.start.elapsed())
    }
}

/// Lets all tasks do what they can at the current time.
async fn settle() {
    // A timer that is due now ends only once all tasks wait.
    tokio::time::sleep(Duration::ZERO).await;
    tokio::task::yield_now().await;
}

/// Returns whether the time of the runtime is paused.
fn is_paused() -> bool {
    let before = Instant::now();
    std::thread::sleep(Duration::from_millis(1));
    Instant::now() == before
}

/// The operating system of a test: only its clock and its random numbers are not the real ones.
struct TestWorld {
    start: Instant,
    random: Cell<u32>,
    /// The messages appended to each channel's log. By id, because hubs that share a file append the same messages.
    appended: RefCell<BTreeMap<String, BTreeMap<MessageId, String>>>,
}

impl World for TestWorld {
    fn wall_time(&self) -> SystemTime {
        UNIX_EPOCH + START + self.start.elapsed()
    }

    fn steady_time(&self) -> Duration {
        STEADY_START + self.start.elapsed()
    }

    fn process(&self) -> u32 {
        std::process::id()
    }

    fn has_ended(&self, _process: u32) -> bool {
        false
    }

    fn random(&self) -> u32 {
        // Distinct numbers, the same in each execution: the constants are those of Numerical Recipes.
        let number = self.random.get().wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.random.set(number);
        number
    }

    fn fails_commit(&self) -> bool {
        false
    }

    fn is_locked(&self) -> bool {
        false
    }

    fn writer_pause(&self) -> Duration {
        Duration::ZERO
    }

    fn max_batch(&self) -> usize {
        512
    }

    fn observe(&self, channel: &str, frame: &str) {
        let Some(id) = id_of(frame) else { return };
        let mut appended = self.appended.borrow_mut();
        appended.entry(channel.to_owned()).or_default().insert(id, frame.to_owned());
    }

    fn poll_interval(&self) -> Option<Duration> {
        Some(POLL_INTERVAL)
    }
}
