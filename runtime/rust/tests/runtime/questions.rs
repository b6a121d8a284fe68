//! Questions and answers: a question takes one answer, and every sender learns which one.

use std::time::Duration;

use fanfare::{ReceivedSignal, Run, RunError, SignalError, SignalStatus};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use serde_json::json;

use crate::support::definition::{Outcome, Room, room};
use crate::support::file::File;
use crate::support::http;
use crate::support::runs::{Gate, MINUTE, completed, done, ended, in_memory, runs, runs_with, waits};
use crate::support::server::{KEY, Server};

#[derive(Debug)]
#[expect(dead_code, reason = "what is in it is printed")]
enum Answer {
    Approve(bool),
    Nod(String),
}

/// Waits for either signal, and then for one of them again.
async fn ask_twice(run: Run<Room>, (): ()) -> Result<Outcome, RunError> {
    let channel = run.channel();
    let first = run.wait_any().on(channel.approve(), Answer::Approve).on(channel.nod(), Answer::Nod);
    let first = first.timeout(MINUTE).await?.map(|first| first.payload);
    let second = run.wait_for(channel.nod(), Duration::from_millis(5)).await?;
    let second = second.map(|ReceivedSignal { payload, .. }| payload);
    Ok(done(format!("{first:?} {second:?}")))
}

async fn ask_once(run: Run<Room>, (): ()) -> Result<Outcome, RunError> {
    let channel = run.channel();
    let asked = run.wait_any().on(channel.approve(), Answer::Approve).on(channel.nod(), Answer::Nod);
    let answer = asked.timeout(MINUTE).await?.map(|answer| answer.payload);
    Ok(done(format!("{answer:?}")))
}

/// Returns a job that passes a gate before it does the rest.
fn behind<R>(
    gate: &Gate,
    rest: fn(Run<Room>, ()) -> R,
) -> impl Fn(Run<Room>, ()) -> BoxFuture<'static, Result<Outcome, RunError>> + use<R>
where
    R: Future<Output = Result<Outcome, RunError>> + Send + 'static,
{
    let gate = gate.clone();
    move |run, ()| {
        let gate = gate.clone();
        Box::pin(async move {
            gate.pass(&run).await?;
            rest(run, ()).await
        })
    }
}

/// Sends two answers to one question at once, and returns whether each was accepted.
async fn send_pair(server: &Server, channel: &Room) -> (bool, bool) {
    let is_accepted = |sent: Result<fanfare::SignalReceipt, SignalError>| match sent {
        Ok(receipt) => receipt.status == SignalStatus::Accepted,
        Err(SignalError::AlreadyTaken { .. }) => false,
        Err(other) => panic!("{other:?}"),
    };
    let (approve, nod) = tokio::join!(
        server.hub.signal(channel.approve(), &true).sender("ada").into_future(),
        server.hub.signal(channel.nod(), "no").sender("bob").into_future(),
    );
    (is_accepted(approve), is_accepted(nod))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_concurrent_answers_one_is_accepted_and_the_other_is_not_kept() {
    const PAIRS: u32 = 1000;
    let server = in_memory().await;
    let (runs, job) = runs(&server, ask_twice).await;
    let pairs = futures_util::stream::iter(0..PAIRS).for_each_concurrent(20, async |pair| {
        let (run_id, channel) = (format!("run_{pair}"), Room(room(&pair.to_string())));
        runs.start(&job, &run_id, &channel, &()).await.unwrap();
        waits(&runs, &run_id).await;
        let accepted = send_pair(&server, &channel).await;
        let expected = match accepted {
            (true, false) => "Some(Approve(true)) None",
            (false, true) => "Some(Nod(\"no\")) None",
            // The second answer arrived after the next question was asked.
            (true, true) => "Some(Approve(true)) Some(\"no\")",
            (false, false) => panic!("none was accepted"),
        };
        assert_eq!(ended(&runs, &run_id).await, completed(expected), "pair {pair}");
    });
    pairs.await;
}

#[tokio::test]
async fn a_question_stays_answered_while_no_process_executes_its_run() {
    let (file, channel) = (File::new(), Room(room("1")));
    let first = file.server().await;
    let (runs_here, job) = runs(&first, ask_twice).await;
    runs_here.start(&job, "run_1", &channel, &()).await.unwrap();
    waits(&runs_here, "run_1").await;
    first.stop().await;
    // This server does not execute runs yet.
    let second = file.server().await;
    assert_eq!(second.hub.signal(channel.approve(), &false).await.unwrap().status, SignalStatus::Accepted);
    for _ in 0..3 {
        let late = second.hub.signal(channel.nod(), "late").await.unwrap_err();
        assert!(matches!(late, SignalError::AlreadyTaken { .. }), "{late:?}");
    }
    let (runs, _) = runs(&second, ask_twice).await;
    assert_eq!(ended(&runs, "run_1").await, completed("Some(Approve(false)) None"));
}

#[tokio::test]
async fn the_second_answer_is_told_who_answered_first_and_how() {
    let server = in_memory().await;
    let channel = Room(room("1"));
    let (runs, job) = runs(&server, |run: Run<Room>, (): ()| async move {
        let channel = run.channel();
        run.wait_any().on(channel.approve(), |_| ()).on(channel.nod(), |_| ()).timeout(MINUTE).await?;
        run.wait_for(channel.approve(), MINUTE).await?;
        Ok(done("done"))
    })
    .await;
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    waits(&runs, "run_1").await;
    server.hub.signal(channel.nod(), "let it be").sender("ada").await.unwrap();
    while waits(&runs, "run_1").await != ["approve"] {}
    let late = http::post(server.address, "signal?channel=room:1&name=nod", Some(KEY), b"\"yes\"").await;
    assert_eq!(late.status, 409);
    assert_eq!(late.body["error"], "the run already has an answer: ada sent \"nod\"");
    assert!(late.body["data"]["at"].is_string());
    let data = &late.body["data"];
    assert_eq!(
        (&data["code"], &data["signal"], &data["payload"], &data["by"]),
        (&json!("already_taken"), &json!("nod"), &json!("let it be"), &json!("ada"))
    );
}

#[tokio::test]
async fn an_answer_to_a_closed_question_never_answers_the_next_one() {
    let server = in_memory().await;
    let channel = Room(room("1"));
    let (runs, job) = runs(&server, |run: Run<Room>, (): ()| async move {
        let mut answers = Vec::new();
        for _ in 0..2 {
            answers.extend(run.wait_for(run.channel().nod(), MINUTE).await?.map(|nod| nod.payload));
        }
        Ok(done(answers.join(", ")))
    })
    .await;
    let mut client = server.subscribe(&channel.0, &["said"]).await;
    client.ready().await;
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    let mut question = async || loop {
        if let fanfare::wire::ServerFrame::Run { data, .. } = client.frame().await
            && let Some(question) = data["questions"]["nod"].as_str()
        {
            assert_eq!(data["waitingFor"], json!(["nod"]));
            break question.to_owned();
        }
    };
    let first = question().await;
    let send = async |payload: &str, question: &str| {
        server
            .hub
            .signal(channel.nod(), payload)
            .question(question.to_owned())
            .await
            .map(|receipt| receipt.status)
    };
    assert_eq!(send("one", &first).await, Ok(SignalStatus::Accepted));
    let second = question().await;
    let stale = send("stale", &first).await.unwrap_err();
    assert!(matches!(&stale, SignalError::AlreadyTaken { payload, .. } if payload == "\"one\""), "{stale:?}");
    assert_eq!(send("nonsense", "x.y.z").await, Err(SignalError::TooLate));
    let over_http = format!("signal?channel=room:1&name=nod&question={second}");
    let answer = http::post(server.address, &over_http, Some(KEY), b"\"two\"").await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("accepted")));
    assert_eq!(ended(&runs, "run_1").await, completed("one, two"));
}

#[tokio::test]
async fn an_answer_to_a_question_of_one_run_never_answers_another_run() {
    let server = in_memory().await;
    let channel = Room(room("1"));
    let (runs, job) = runs(&server, |run: Run<Room>, (): ()| async move {
        let nod = run.wait_for(run.channel().nod(), MINUTE).await?;
        Ok(done(nod.map(|nod| nod.payload).unwrap_or_default()))
    })
    .await;
    let mut client = server.subscribe(&channel.0, &["said"]).await;
    client.ready().await;
    let mut questions = Vec::new();
    for run_id in ["a:1", "b"] {
        runs.start(&job, run_id, &channel, &()).await.unwrap();
        questions.push(loop {
            if let fanfare::wire::ServerFrame::Run { data, .. } = client.frame().await
                && let Some(question) = data["questions"]["nod"].as_str()
            {
                break question.to_owned();
            }
        });
    }
    let [of_a, of_b] = questions.try_into().unwrap();
    assert_ne!(of_a, of_b);
    let send = async |payload: &str, run_id: Option<&str>, question: &str| {
        let signal = server.hub.signal(channel.nod(), payload).question(question.to_owned());
        match run_id {
            Some(run_id) => signal.run_id(run_id.to_owned()).await,
            None => signal.await,
        }
    };
    assert_eq!(send("other run", Some("a:1"), &of_b).await, Err(SignalError::TooLate));
    assert_eq!(send("unknown run", None, "c:0").await, Err(SignalError::TooLate));
    // The run `a:1` has waited longest.
    assert_eq!(send("to b", None, &of_b).await.unwrap().run_id, "b");
    let again = send("again", None, &of_b).await.unwrap_err();
    assert!(matches!(again, SignalError::AlreadyTaken { .. }), "{again:?}");
    assert_eq!(send("to a", Some("a:1"), &of_a).await.unwrap().run_id, "a:1");
    assert_eq!(ended(&runs, "a:1").await, completed("to a"));
    assert_eq!(ended(&runs, "b").await, completed("to b"));
    // The question of a run on another channel.
    let elsewhere = server.hub.signal(Room(room("2")).nod(), "x").question(of_b).await;
    assert_eq!(elsewhere, Err(SignalError::TooLate));
}

#[tokio::test]
async fn the_earliest_of_several_kept_signals_answers_the_question() {
    let server = in_memory().await;
    let channel = Room(room("1"));
    let gate = Gate::closed();
    let (runs, job) = runs(&server, behind(&gate, ask_twice)).await;
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    assert_eq!(server.hub.signal(channel.nod(), "early").await.unwrap().status, SignalStatus::Kept);
    assert_eq!(server.hub.signal(channel.approve(), &true).await.unwrap().status, SignalStatus::Kept);
    gate.open();
    assert_eq!(ended(&runs, "run_1").await, completed("Some(Nod(\"early\")) None"));
}

#[tokio::test]
async fn waiting_runs_hold_no_slot() {
    let server = in_memory().await;
    let (runs, job) = runs_with(
        &server,
        |builder| builder.max_concurrent_runs(1).max_waiting_runs_in_memory(10),
        |run: Run<Room>, waits: bool| async move {
            if waits {
                run.wait_for(run.channel().nod(), MINUTE).await?;
            }
            Ok(done("done"))
        },
    )
    .await;
    for number in 0..50 {
        let channel = Room(room(&number.to_string()));
        runs.start(&job, &format!("run_{number}"), &channel, &true).await.unwrap();
    }
    runs.start(&job, "another", &Room(room("another")), &false).await.unwrap();
    assert_eq!(ended(&runs, "another").await, completed("done"));
    for number in 0..50 {
        waits(&runs, &format!("run_{number}")).await;
        server.hub.signal(Room(room(&number.to_string())).nod(), "go").await.unwrap();
        assert_eq!(ended(&runs, &format!("run_{number}")).await, completed("done"));
    }
}

#[tokio::test]
async fn repeating_a_kept_signal_reports_that_another_one_answered() {
    let server = in_memory().await;
    let gate = Gate::closed();
    let (runs, job) = runs(&server, behind(&gate, ask_once)).await;
    let channel = Room(room("1"));
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    let nod = async || server.hub.signal(channel.nod(), "no").idempotency_key("nod").await;
    assert_eq!(server.hub.signal(channel.approve(), &true).await.unwrap().status, SignalStatus::Kept);
    assert_eq!(nod().await.unwrap().status, SignalStatus::Kept);
    gate.open();
    assert_eq!(ended(&runs, "run_1").await, completed("Some(Approve(true))"));
    let repeated = nod().await.unwrap_err();
    assert!(
        matches!(&repeated, SignalError::AlreadyTaken { signal, .. } if signal == "approve"),
        "{repeated:?}"
    );
}

#[tokio::test]
async fn a_delayed_answer_is_judged_by_the_question_that_was_open_when_it_arrived() {
    let server = in_memory().await;
    let channel = Room(room("1"));
    let (runs, job) = runs(&server, |run: Run<Room>, (): ()| async move {
        let first = run.wait_for(run.channel().nod(), MINUTE).await?.map(|nod| nod.payload);
        run.wait_for(run.channel().nod(), Duration::from_millis(1)).await?;
        run.publish("closed", run.channel().said(), "closed").await?;
        run.sleep("stay", Duration::from_millis(300)).await?;
        Ok(done(first.unwrap_or_default()))
    })
    .await;
    let mut client = server.subscribe(&channel.0, &["said"]).await;
    client.ready().await;
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    waits(&runs, "run_1").await;
    // Its head arrives first, and its body after the second question was asked and closed.
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.hub.signal(channel.nod(), "first").sender("ada").await.unwrap();
        while !matches!(client.frame().await, fanfare::wire::ServerFrame::Data { .. }) {}
    };
    let path = "signal?channel=room:1&name=nod";
    let late = http::post_slowly(server.address, path, Some(KEY), b"\"late\"", meanwhile).await;
    assert_eq!((late.status, &late.body["data"]["code"]), (409, &json!("already_taken")), "{:?}", late.body);
    assert_eq!(late.body["data"]["by"], "ada");
}
