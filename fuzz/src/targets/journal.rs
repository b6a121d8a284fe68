//! Recordings of runs: any JSON is replayed or refused, and each that is read can be written and read again.

use std::str::from_utf8;
use std::time::Duration;

use fanfare::{Run, RunError, RunRecording};

use crate::definitions::channels::room::Room;
use crate::server;

/// How long two replays may take. They only use memory.
const MAX_WAIT: Duration = Duration::from_secs(5);

pub(crate) fn check(input: &[u8]) {
    let Ok(text) = from_utf8(input) else { return };
    let Ok(recording) = RunRecording::from_json(text) else { return };
    let written = recording.to_json();
    assert_eq!(RunRecording::from_json(&written).as_ref(), Ok(&recording), "{written}");
    let server = server::start();
    let replay = async {
        let first = server.runs.replay(&recording).await;
        let second = server.runs.replay(&recording).await;
        assert_eq!(first, second, "the outcome differs the second time");
    };
    let replayed = server.block_on(async { tokio::time::timeout(MAX_WAIT, replay).await });
    assert!(replayed.is_ok(), "a replay takes longer than {MAX_WAIT:?}");
}

/// Makes the calls in a text, one per letter.
pub(crate) async fn make_calls(run: &Run<Room>, calls: &str) -> Result<(), RunError> {
    for (index, call) in calls.chars().take(32).enumerate() {
        let id = format!("{call}{index}");
        let step = |run: Run<Room>| async move { work(&run, "in").await };
        match call {
            's' => drop(work(run, &id).await?),
            'z' => run.sleep(&id, Duration::from_secs(60)).await?,
            'v' => drop(run.version(&id, 3).await?),
            'w' => drop(run.wait_for(run.channel().approve(), Duration::from_secs(60)).await?),
            'p' => drop(run.publish(&id, run.channel().any(), &"published".into()).await?),
            'j' => drop(run.join(step, step).await?),
            'f' => drop(run.race(step, step).await?),
            't' => drop(run.timeout(Duration::from_secs(60), step).await?),
            'm' => drop(run.map(2, [1, 2, 3], |run, _| async move { work(&run, "in").await }).await?),
            _ => {}
        }
    }
    Ok(())
}

async fn work(run: &Run<Room>, id: &str) -> Result<u32, RunError> {
    run.step(id, async || Ok::<_, RunError>(7)).await
}
