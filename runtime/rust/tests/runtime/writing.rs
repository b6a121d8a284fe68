//! Text streams of runs: readers receive one text even if the process that writes it restarts.

use std::future::pending;
use std::time::Duration;

use fanfare::wire::ServerFrame;
use fanfare::{CancelOutcome, Run, RunError, RunStatus, RunStreamWriter};

use crate::support::client::Client;
use crate::support::definition::{Room, room};
use crate::support::file::File;
use crate::support::runs::{Count, MINUTE, completed, done, ended, in_memory, runs, waits};

/// The end of a text stream: complete, stopped or failed.
#[derive(Debug, PartialEq)]
enum End {
    Complete,
    Stopped(String),
    Failed(String),
}

/// Reads until a stream ends, and returns its id and its text.
async fn read(client: &mut Client) -> (String, String, End) {
    let (mut stream, mut text) = (String::new(), String::new());
    loop {
        match client.frame().await {
            ServerFrame::DatastreamStart { data, run_id, .. } => {
                assert_eq!((stream.as_str(), run_id.as_deref()), ("", Some("run_1")), "it begins once");
                stream = data;
            }
            ServerFrame::Chunk { stream_id, data, .. } => {
                assert_eq!(stream_id, stream);
                text.push_str(&data);
            }
            ServerFrame::DatastreamEnd { data, error, stopped, .. } => {
                assert_eq!(data, stream);
                let end = match (error, stopped) {
                    (None, false) => End::Complete,
                    (Some(why), true) => End::Stopped(why),
                    (why, _) => End::Failed(why.unwrap_or_default()),
                };
                return (stream, text, end);
            }
            ServerFrame::Run { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Writes the words that are not written yet, and hangs before one of them.
async fn write(draft: RunStreamWriter, words: &[&str], pause_before: Option<&str>) -> Result<(), RunError> {
    for (at, word) in words.iter().enumerate() {
        let before: usize = words[..at].iter().map(|word| word.len()).sum();
        if draft.text().len() <= before {
            if pause_before == Some(word) {
                pending::<()>().await;
            }
            draft.write(word).await?;
        }
    }
    Ok(())
}

const WORDS: [&str; 4] = ["Once ", "upon ", "a ", "time"];

#[tokio::test]
async fn a_text_stream_continues_in_the_next_process_after_its_last_published_chunk() {
    let (file, channel) = (File::new(), Room(room("1")));
    let job = |pause_before: Option<&'static str>| {
        move |run: Run<Room>, (): ()| async move {
            let text = run.stream("draft", run.channel().draft(), async |draft| {
                write(draft, &WORDS, pause_before).await
            });
            Ok(done(text.await?))
        }
    };
    let first = file.server().await;
    let (earlier_runs, started) = runs(&first, job(Some("a "))).await;
    earlier_runs.start(&started, "run_1", &channel, &()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    first.stop().await;
    let second = file.server().await;
    let mut late = second.subscribe(&channel.0, &["draft"]).await;
    let mut resumed = second.resume(&channel.0, &["draft"], "start").await;
    late.ready().await;
    resumed.ready().await;
    let (runs, _) = runs(&second, job(None)).await;
    assert_eq!(ended(&runs, "run_1").await, completed("Once upon a time"));
    for client in [&mut late, &mut resumed] {
        let (_, text, end) = read(client).await;
        assert_eq!((text.as_str(), end), ("Once upon a time", End::Complete));
    }
}

#[tokio::test]
async fn a_text_stream_continues_after_a_failed_attempt_and_fails_with_the_last_one() {
    let server = in_memory().await;
    let channel = Room(room("1"));
    let tries = Count::default();
    let count = tries.clone();
    let (runs, job) = runs(&server, move |run: Run<Room>, (): ()| {
        let count = count.clone();
        async move {
            let flaky = async |draft: RunStreamWriter| {
                let attempt = count.up();
                draft.write(&format!("{attempt}")).await?;
                Err::<(), _>(RunError::retry(format!("attempt {attempt}")))
            };
            let failed = run.stream("draft", run.channel().draft(), flaky).await.unwrap_err();
            run.sleep("replay", Duration::from_millis(5)).await?;
            Ok(done(failed.to_string()))
        }
    })
    .await;
    let mut client = server.subscribe(&channel.0, &["draft"]).await;
    client.ready().await;
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("attempt 5"));
    let (_, text, end) = read(&mut client).await;
    assert_eq!((text.as_str(), end), ("12345", End::Failed("attempt 5".into())));
}

/// Reads the first two words of a text.
async fn read_two_words(client: &mut Client) {
    let mut text = String::new();
    while text != "Once upon " {
        if let ServerFrame::Chunk { data, .. } = client.frame().await {
            text.push_str(&data);
        }
    }
}

#[tokio::test]
async fn a_text_stream_is_stopped_by_a_signal_or_by_cancelling_its_run() {
    let server = in_memory().await;
    let channel = Room(room("1"));
    let (runs, job) = runs(&server, |run: Run<Room>, (): ()| async move {
        let write = async |draft| write(draft, &WORDS, Some("a ")).await;
        let text = run
            .race(
                async |run| run.stream("draft", run.channel().draft(), write).await,
                async |run| run.wait_for(run.channel().nod(), MINUTE).await.map(|_| "stopped".into()),
            )
            .await?;
        run.publish("tell", run.channel().said(), &text).await?;
        run.stream("again", run.channel().draft(), write).await?;
        Ok(done("never"))
    })
    .await;
    let mut client = server.subscribe(&channel.0, &["draft"]).await;
    client.ready().await;
    let mut watcher = server.subscribe(&channel.0, &["draft"]).await;
    watcher.ready().await;
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    waits(&runs, "run_1").await;
    read_two_words(&mut watcher).await;
    server.hub.signal(channel.nod(), "stop").await.unwrap();
    let (_, text, end) = read(&mut client).await;
    assert_eq!(
        (text.as_str(), end),
        ("Once upon ", End::Stopped("the run continued without this text".into()))
    );
    read_two_words(&mut watcher).await;
    assert_eq!(runs.cancel("run_1").await, Ok(CancelOutcome::Cancelled));
    assert_eq!(runs.status("run_1").await, Ok(Some(RunStatus::Cancelled)));
    let (_, text, end) = read(&mut client).await;
    assert_eq!((text.as_str(), end), ("Once upon ", End::Stopped("the run was cancelled".into())));
}
