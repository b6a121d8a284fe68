//! Failures of runs: a run never hangs. It frees its slot, the failure is counted, and the run continues.

use std::future::{Future, pending};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fanfare::wire::ServerFrame;
use fanfare::{
    CancelOutcome, Hub, Registry, ReplayOutcome, Run, RunError, RunStatus, Runs, Sqlite, StepOptions,
};
use rusqlite::Connection;

use crate::support::definition::{Outcome, Room, Status, room, status};
use crate::support::file::File;
use crate::support::runs::{Count, MINUTE, completed, done, ended, in_memory, runs, runs_with, waits};
use crate::support::server::{KEY, Server};

/// Counts when it is dropped.
struct Dropped(Count);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.up();
    }
}

/// Waits until a condition is true.
async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(MINUTE, waiting).await.unwrap();
}

/// Panics before it returns a future, as a closure with a bug may.
fn panics_at_once(run: Run<Room>, input: String) -> impl Future<Output = Result<Outcome, RunError>> {
    assert!(input != "panics", "before it began");
    async move {
        match input.as_str() {
            "overflows" => Err(RunError::retry_after("much later", Duration::MAX)),
            "overflows in a step" => {
                let options = StepOptions::new().max_retries(9);
                let later = async || Err::<(), _>(RunError::retry_after("much later", Duration::MAX));
                run.step_with("later", options, later).await?;
                Ok(done("never"))
            }
            "sleeps for ever" => {
                run.sleep("ever", Duration::MAX).await?;
                Ok(done("never"))
            }
            _ => Ok(done("done")),
        }
    }
}

#[tokio::test]
async fn a_panic_or_an_overflow_anywhere_frees_the_slot() {
    let server = in_memory().await;
    let (runs, job) = runs_with(&server, |builder| builder.max_concurrent_runs(1), panics_at_once).await;
    for (number, input) in ["panics", "overflows", "overflows in a step", "sleeps for ever", "panics", "fine"]
        .into_iter()
        .enumerate()
    {
        let (run_id, channel) = (format!("run_{number}"), Room(room(&number.to_string())));
        runs.start(&job, &run_id, &channel, &input.to_owned()).await.unwrap();
    }
    assert_eq!(ended(&runs, "run_5").await, completed("done"));
    for panicked in ["run_0", "run_4"] {
        assert_eq!(ended(&runs, panicked).await, RunStatus::Failed("panicked: before it began".into()));
    }
    for later in ["run_1", "run_2", "run_3"] {
        assert_eq!(runs.status(later).await, Ok(Some(RunStatus::Running)));
    }
}

#[tokio::test]
async fn a_hung_step_times_out_and_is_retried_under_its_own_policy() {
    let server = in_memory().await;
    let tries = Count::default();
    let count = tries.clone();
    let (runs, job) = runs_with(
        &server,
        |builder| builder.step_timeout(Duration::from_millis(20)).max_retries(1),
        move |run: Run<Room>, (): ()| {
            let count = count.clone();
            async move {
                let hang = async || {
                    count.up();
                    pending::<Result<(), RunError>>().await
                };
                let default = run.step("default", hang).await.unwrap_err();
                let options = StepOptions::new()
                    .timeout(Duration::from_millis(5))
                    .max_retries(3)
                    .backoff(Duration::from_millis(1), Duration::from_millis(2));
                let own = run.step_with("own", options, hang).await.unwrap_err();
                Ok(done(format!("{default}; {own}")))
            }
        },
    )
    .await;
    runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
    let expected = "step \"default\" took longer than its timeout of 20ms; step \"own\" took longer than its timeout of 5ms";
    assert_eq!(ended(&runs, "run_1").await, completed(expected));
    assert_eq!(tries.get(), 2 + 4);
}

#[tokio::test]
async fn a_message_that_was_invalid_once_fails_the_same_way_in_every_execution() {
    const REASON: &str = "must have at least 1 character";
    let server = in_memory().await;
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&attempts);
    let (runs, job) = runs(&server, move |run: Run<Room>, later: String| {
        let attempts = Arc::clone(&seen);
        async move {
            let message = {
                let mut attempts = attempts.lock().unwrap();
                attempts.push(run.attempt());
                if attempts.len() == 1 { String::new() } else { later }
            };
            let topic = status(&run.channel().0);
            let error = run.publish("tell", topic, &Status::new(&message)).await.unwrap_err();
            Err(RunError::retry(format!("after {error}")))
        }
    })
    .await;
    for (run_id, later) in [("run_1", ""), ("run_2", "valid by now")] {
        attempts.lock().unwrap().clear();
        let channel = Room(room(run_id));
        runs.start(&job, run_id, &channel, &later.to_owned()).await.unwrap();
        let RunStatus::Failed(why) = ended(&runs, run_id).await else { panic!("it should fail") };
        assert!(why.starts_with("after ") && why.contains(REASON), "{why}");
        assert_eq!(*attempts.lock().unwrap(), [1, 2, 3, 4, 5]);
        let recording = runs.recording(run_id).await.unwrap().unwrap();
        assert_eq!(runs.replay(&recording).await, Ok(ReplayOutcome::Failed(why)));
        let mut client = server.subscribe(&channel.0, &["status"]).await;
        client.ready().await;
        let retained = client.frame().await;
        assert!(matches!(retained, ServerFrame::Run { .. }), "only the end of the run, got {retained:?}");
        client.expect_silence().await;
    }
}

#[tokio::test]
async fn a_cancelled_run_is_dropped_quickly_even_in_another_process() {
    let file = File::new();
    let [here, there] = [file.server().await, file.server().await];
    let [begun, dropped] = [Count::default(), Count::default()];
    let counts = [begun.clone(), dropped.clone()];
    let (runs_here, started) = runs(&here, move |run: Run<Room>, (): ()| {
        let [begun, dropped] = counts.clone();
        async move {
            run.step("hang", async || {
                let _dropped = Dropped(dropped.clone());
                begun.up();
                pending::<Result<(), RunError>>().await
            })
            .await?;
            Ok(done("never"))
        }
    })
    .await;
    // Has no job of this name, so it does not claim the runs.
    let mut others = Runs::builder(&there.hub);
    others.register("other", |_: Run<Room>, (): ()| async { Ok(done("")) });
    let others = others.build().await.unwrap();
    let cancels = async |canceller: &Runs, run_id: &str| {
        let before = dropped.get();
        runs_here.start(&started, run_id, &Room(room(run_id)), &()).await.unwrap();
        until(|| begun.get() > before).await;
        let since = Instant::now();
        assert_eq!(canceller.cancel(run_id).await, Ok(CancelOutcome::Cancelled));
        until(|| dropped.get() > before).await;
        since.elapsed()
    };
    let mut times = Vec::new();
    for number in 0..5 {
        times.push(cancels(&runs_here, &format!("run_{number}")).await);
    }
    // A process looks for cancelled runs every half second. A busy machine may delay some.
    assert!(times[1..].iter().any(|time| *time < Duration::from_millis(100)), "{times:?}");
    let elsewhere = cancels(&others, "run_5").await;
    assert!(elsewhere < Duration::from_secs(10), "{elsewhere:?}");
}

#[tokio::test]
async fn a_graceful_stop_releases_every_run() {
    const STOPS: u32 = 100;
    let (file, channel) = (File::new(), Room(room("1")));
    let (begun, mut slowest) = (Count::default(), Duration::ZERO);
    for stop in 1..=STOPS {
        let count = begun.clone();
        let since = Instant::now();
        let server = file.server().await;
        let (runs, job) = runs(&server, move |run: Run<Room>, (): ()| {
            let count = count.clone();
            async move {
                run.step("hang", async || {
                    count.up();
                    pending::<Result<(), RunError>>().await
                })
                .await?;
                Ok(done("never"))
            }
        })
        .await;
        runs.start(&job, "run_1", &channel, &()).await.unwrap();
        while begun.get() < stop {
            assert!(since.elapsed() < Duration::from_secs(5), "stop {stop} left the run to nobody");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        slowest = slowest.max(since.elapsed());
        server.stop().await;
    }
    println!("the next server continued within {slowest:?}, of {STOPS} stops");
}

#[tokio::test]
async fn a_run_whose_channel_is_no_longer_defined_is_halted() {
    static NOTHING: Registry = Registry { channels: &[] };
    let (file, channel) = (File::new(), Room(room("1")));
    let first = file.server().await;
    let job = |run: Run<Room>, (): ()| async move {
        run.wait_for(run.channel().nod(), MINUTE).await?;
        Ok(done("done"))
    };
    let (runs_here, started) = runs(&first, job).await;
    for run_id in ["run_1", "run_2"] {
        runs_here.start(&started, run_id, &channel, &()).await.unwrap();
        waits(&runs_here, run_id).await;
    }
    first.stop().await;
    // As if they had waited long enough.
    Connection::open(file.path()).unwrap().execute("UPDATE runs SET due = 0", []).unwrap();
    let storage = Sqlite::open(file.path()).unwrap();
    let second =
        Server::serve(Hub::builder(&NOTHING).signing_key(KEY).storage(storage).build().unwrap()).await;
    let mut others = Runs::builder(&second.hub);
    others.register("job", job);
    let others = others.build().await.unwrap();
    let RunStatus::Halted(why) = ended(&others, "run_1").await else { panic!("not halted") };
    assert_eq!(why, "this server has no definition for the run's channel \"room:1\"");
    assert_eq!(others.cancel("run_2").await, Ok(CancelOutcome::Cancelled), "it can still be cancelled");
    second.stop().await;
    let third = file.server().await;
    let (runs, _) = runs(&third, job).await;
    waits(&runs, "run_1").await;
    third.hub.signal(channel.nod(), "go").await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("done"));
}

#[tokio::test]
async fn ended_runs_are_deleted_after_their_retention() {
    let file = File::new();
    let job = |_: Run<Room>, (): ()| async { Ok(done("done")) };
    let first = file.server().await;
    let (runs_here, started) = runs(&first, job).await;
    for number in 0..250 {
        runs_here.start(&started, &format!("run_{number}"), &Room(room("1")), &()).await.unwrap();
    }
    for number in 0..250 {
        ended(&runs_here, &format!("run_{number}")).await;
    }
    first.stop().await;
    let second = file.server().await;
    let (runs, _) = runs_with(&second, |builder| builder.run_retention(Duration::from_millis(1)), job).await;
    for number in 0..250 {
        for _ in 0..500 {
            if runs.status(&format!("run_{number}")).await.unwrap().is_none() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(runs.status(&format!("run_{number}")).await, Ok(None));
    }
}

/// The environment variable with the file that processes share in
/// [`a_run_that_crashes_its_process_fails_and_others_continue`].
const POISONED: &str = "FANFARE_TEST_POISONED";

/// A job that aborts its process if `poison` is true.
async fn poisoned(run: Run<Room>, poison: bool) -> Result<Outcome, RunError> {
    if poison {
        run.step("die", async || {
            // Gives other runs time to be executed.
            tokio::time::sleep(Duration::from_millis(50)).await;
            std::process::abort();
            #[expect(unreachable_code, reason = "says what the step would give")]
            Ok::<(), RunError>(())
        })
        .await?;
    }
    run.step("work", async || {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok::<_, RunError>(())
    })
    .await?;
    Ok(done("done"))
}

/// A process of the test below.
#[tokio::test]
#[ignore = "a process of another test"]
async fn poisoned_process() {
    let Some(path) = std::env::var_os(POISONED) else { return };
    let storage = Sqlite::open(path).unwrap();
    let server = Server::start_with(|builder| builder.storage(storage)).await;
    let (runs, job) = runs_with(&server, |builder| builder.max_retries(2), poisoned).await;
    runs.start(&job, "poison", &Room(room("poison")), &true).await.unwrap();
    for number in 0..4 {
        runs.start(&job, &format!("fine_{number}"), &Room(room("fine")), &false).await.unwrap();
    }
    let RunStatus::Failed(why) = ended(&runs, "poison").await else { panic!("not given up") };
    assert_eq!(why, "the server's process ended 3 times in a row while it executed this run");
    for number in 0..4 {
        assert_eq!(ended(&runs, &format!("fine_{number}")).await, completed("done"));
    }
    server.stop().await;
}

#[test]
fn a_run_that_crashes_its_process_fails_and_others_continue() {
    if !std::path::Path::new("/proc/self/ns/pid").exists() {
        return println!("skipped: this system does not tell which processes have ended");
    }
    let file = File::new();
    let mut deaths = 0;
    loop {
        let mut process = Command::new(std::env::current_exe().unwrap());
        process.args(["--exact", "run_failures::poisoned_process", "--ignored"]).env(POISONED, file.path());
        let ended = process.output().unwrap();
        if ended.status.success() {
            break;
        }
        deaths += 1;
        assert!(deaths <= 6, "{}", String::from_utf8_lossy(&ended.stdout));
    }
    assert_eq!(deaths, 3);
}

#[tokio::test]
async fn waits_and_their_run_survive_removal_from_memory() {
    let server = in_memory().await;
    let executed = Count::default();
    let count = executed.clone();
    let (runs, job) = runs_with(
        &server,
        |builder| builder.max_waiting_runs_in_memory(0),
        move |run: Run<Room>, (): ()| {
            let count = count.clone();
            async move {
                count.up();
                let nod = run.wait_for(run.channel().nod(), MINUTE).await?;
                run.sleep("then", Duration::from_secs(2)).await?;
                Ok(done(nod.map_or("none".into(), |nod| nod.payload)))
            }
        },
    )
    .await;
    runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
    waits(&runs, "run_1").await;
    // Runs that wait for a moment only stay in memory.
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.hub.signal(Room(room("1")).nod(), "yes").await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("yes"));
    assert_eq!(executed.get(), 3, "once from the beginning after each wait");
}
