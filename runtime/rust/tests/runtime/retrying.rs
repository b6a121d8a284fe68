//! The calls that a retry makes again: those whose failure ended the run, unless the job has acted on the failure.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fanfare::{Job, Run, RunError, Runs, Sqlite};

use crate::support::definition::{Outcome, Room, room};
use crate::support::file::File;
use crate::support::runs::{Fault, MINUTE, completed, done, ended, failed, runs, waits};
use crate::support::server::Server;

/// The steps of a job: they fail or last as a test decides, and count how often they worked.
#[derive(Clone)]
struct Steps {
    fault: Fault,
    /// While it is on, slow steps do not end.
    pause: Fault,
    worked: Arc<Mutex<BTreeMap<&'static str, u32>>>,
}

impl Steps {
    fn new() -> Self {
        Self { fault: Fault::on(), pause: Fault::off(), worked: Arc::default() }
    }

    fn count(&self, id: &'static str) {
        *self.worked.lock().unwrap().entry(id).or_default() += 1;
    }

    async fn fine(&self, run: &Run<Room>, id: &'static str) -> Result<(), RunError> {
        let work = async || {
            self.count(id);
            Ok::<_, RunError>(())
        };
        run.step(id, work).await
    }

    /// Ends long after steps that began at the same time.
    async fn slow(&self, run: &Run<Room>, id: &'static str) -> Result<(), RunError> {
        let work = async || {
            let time = if self.pause.is_on() { MINUTE } else { Duration::from_millis(50) };
            tokio::time::sleep(time).await;
            self.count(id);
            Ok::<_, RunError>(())
        };
        run.step(id, work).await
    }

    async fn broken(&self, run: &Run<Room>, id: &'static str) -> Result<(), RunError> {
        let work = async || {
            self.count(id);
            self.fault.check()
        };
        run.step(id, work).await
    }

    /// Returns which steps worked, and how often, such as `a a b`.
    fn worked(&self) -> String {
        let worked = self.worked.lock().unwrap();
        let each = worked.iter().map(|(id, count)| vec![*id; *count as usize].join(" "));
        each.collect::<Vec<_>>().join(" ")
    }
}

/// Makes calls in one of the ways in which a failure can end a run.
async fn execute(run: &Run<Room>, steps: &Steps, shape: &str) -> Result<(), RunError> {
    let never = || RunError::fail("the job failed");
    match shape {
        "first of a join" => {
            let (broken, slow) = tokio::join!(steps.broken(run, "a"), steps.slow(run, "b"));
            broken.and(slow)
        }
        "second of a join" => {
            let (fine, broken) = tokio::join!(steps.fine(run, "b"), steps.broken(run, "a"));
            fine.and(broken)
        }
        "next to a fork" => {
            let fork =
                run.join(async |run| steps.fine(&run, "b").await, async |run| steps.slow(&run, "c").await);
            let (broken, fork) = tokio::join!(steps.broken(run, "a"), fork);
            broken.and(fork.map(|_| ()))
        }
        "in a fork before another call" => {
            let fork =
                run.join(async |run| steps.fine(&run, "b").await, async |run| steps.broken(&run, "a").await);
            let (fork, fine) = tokio::join!(fork, steps.fine(run, "c"));
            fork.map(|_| ()).and(fine)
        }
        "two of a join" => {
            let (one, other) = tokio::join!(steps.broken(run, "a"), steps.broken(run, "b"));
            one.and(other)
        }
        "a join in a branch" => {
            let joined = async |run: Run<Room>| {
                let (broken, slow) = tokio::join!(steps.broken(&run, "a"), steps.slow(&run, "b"));
                broken.and(slow)
            };
            run.join(joined, async |run| steps.fine(&run, "c").await).await.map(|_| ())
        }
        "handled by a step" => {
            let broken = steps.broken(run, "a").await;
            steps.fine(run, "b").await?;
            broken.map_err(|_| never())
        }
        "handled by a fork" => {
            let broken = steps.broken(run, "a").await;
            let clean = async |run: Run<Room>| steps.fine(&run, "b").await;
            run.join(clean, async |run| steps.fine(&run, "c").await).await?;
            broken.map_err(|_| never())
        }
        "handled after a join" => {
            let (broken, fine) = tokio::join!(steps.broken(run, "a"), steps.fine(run, "b"));
            steps.fine(run, "c").await?;
            fine.and(broken.map_err(|_| never()))
        }
        shape => panic!("{shape}"),
    }
}

async fn start(file: &File) -> Server {
    let storage = Sqlite::open(file.path()).unwrap();
    Server::start_with(|builder| builder.admin_routes(true).storage(storage)).await
}

/// Registers a job whose input is the shape of its calls.
async fn register(server: &Server, steps: &Steps) -> (Runs, Job<Room, String>) {
    let steps = steps.clone();
    runs(server, move |run: Run<Room>, shape: String| {
        let steps = steps.clone();
        async move { execute(&run, &steps, &shape).await.map(|()| done("fine")) }
    })
    .await
}

#[tokio::test]
async fn exactly_the_failed_calls_that_the_job_has_not_acted_on_are_made_again() {
    for (shape, worked, is_retried) in [
        ("first of a join", "a a b", true),
        ("second of a join", "a a b", true),
        ("next to a fork", "a a b c", true),
        ("in a fork before another call", "a a b c", true),
        ("two of a join", "a a b b", true),
        ("a join in a branch", "a a b c", true),
        ("handled by a step", "a b", false),
        ("handled by a fork", "a b c", false),
        ("handled after a join", "a b c", false),
    ] {
        let file = File::new();
        let (steps, server) = (Steps::new(), start(&file).await);
        let (runs, job) = register(&server, &steps).await;
        runs.start(&job, shape, &Room(room("1")), &shape.to_owned()).await.unwrap();
        assert!(failed(&ended(&runs, shape).await), "{shape}");
        steps.fault.set(false);
        runs.retry(shape).await.unwrap();
        let status = ended(&runs, shape).await;
        assert_eq!((steps.worked(), status == completed("fine")), (worked.to_owned(), is_retried), "{shape}");
    }
}

#[tokio::test]
async fn a_call_that_began_again_in_another_process_did_not_act_on_the_failure_next_to_it() {
    for shape in ["first of a join", "a join in a branch", "next to a fork"] {
        let file = File::new();
        let (steps, server) = (Steps::new(), start(&file).await);
        let (first, job) = register(&server, &steps).await;
        steps.pause.set(true);
        first.start(&job, shape, &Room(room("1")), &shape.to_owned()).await.unwrap();
        for _ in 0..1000 {
            let calls = server.admin(&format!("calls?run_id={}", shape.replace(' ', "%20"))).await;
            if calls["items"].as_array().unwrap().iter().any(|call| call["state"] == "failed") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.stop().await;
        steps.pause.set(false);
        let server = start(&file).await;
        let (second, _) = register(&server, &steps).await;
        assert!(failed(&ended(&second, shape).await), "{shape}");
        assert_eq!(steps.worked().matches('a').count(), 1, "{shape}: the failure is recorded");
        steps.fault.set(false);
        second.retry(shape).await.unwrap();
        assert_eq!(ended(&second, shape).await, completed("fine"), "{shape}");
        assert_eq!(steps.worked().matches('a').count(), 2, "{shape}");
        server.stop().await;
    }
}

#[tokio::test]
async fn all_questions_that_a_dropped_branch_had_open_are_asked_again() {
    let file = File::new();
    let server = start(&file).await;
    let fault = Fault::on();
    let broken = fault.clone();
    let (runs, job) = runs(&server, move |run: Run<Room>, (): ()| {
        let fault = broken.clone();
        async move {
            let ask = async |run: Run<Room>| {
                let (nod, approval) = (run.channel().nod(), run.channel().approve());
                let (nod, approval) = tokio::join!(run.wait_for(nod, MINUTE), run.wait_for(approval, MINUTE));
                Ok::<_, RunError>((nod?.is_some(), approval?.is_some()))
            };
            let fail = async |run: Run<Room>| {
                run.sleep("let the other begin", Duration::from_millis(200)).await?;
                run.step("broken", async || fault.check()).await
            };
            let (answered, ()) = run.join(ask, fail).await?;
            Ok::<Outcome, _>(done(format!("{answered:?}")))
        }
    })
    .await;
    let channel = Room(room("1"));
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    assert!(failed(&ended(&runs, "run_1").await));
    fault.set(false);
    runs.retry("run_1").await.unwrap();
    for _ in 0..1000 {
        if waits(&runs, "run_1").await.len() == 2 {
            break;
        }
    }
    server.hub.signal(channel.nod(), "yes").await.unwrap();
    server.hub.signal(channel.approve(), &true).await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("(true, true)"));
}
