//! `fanfare runs cancel`, `retry`, `wake` and `rerun`.

use fanfare::client::TokenRequest;
use serde_json::Value;

use crate::remote::access::Access;
use crate::remote::failure::Failure;
use crate::remote::output::{GREEN, Output, YELLOW, escape, paint, print, print_json};

pub(super) async fn cancel(access: &Access, output: &Output, run: &str) -> Result<(), Failure> {
    let done = act(access, "cancel", &[("run_id", run)]).await?;
    print_result(output, &done, || match done["outcome"].as_str() {
        Some("cancelled") => (true, "cancelled", escape(run)),
        _ => (false, "already ended", escape(run)),
    })
}

pub(super) async fn retry(access: &Access, output: &Output, run: &str) -> Result<(), Failure> {
    let done = act(access, "retry", &[("run_id", run)]).await?;
    print_result(output, &done, || match done["outcome"].as_str() {
        Some("retried") => (true, "retried", escape(run)),
        _ => (false, "unchanged", format!("{}: it has neither ended nor halted", escape(run))),
    })
}

pub(super) async fn wake(
    access: &Access,
    output: &Output,
    run: &str,
    call: Option<&str>,
) -> Result<(), Failure> {
    let mut query = vec![("run_id", run)];
    query.extend(call.map(|call| ("call", call)));
    let done = act(access, "wake", &query).await?;
    print_result(output, &done, || {
        (true, "woken", format!("{}; delays ended: {}", escape(run), escape(&done["woken"].to_string())))
    })
}

pub(super) async fn rerun(
    access: &Access,
    output: &Output,
    run: &str,
    from: &str,
    new_run_id: Option<String>,
) -> Result<(), Failure> {
    // With an id, a request whose response is lost can be sent again.
    let new_run_id = new_run_id.unwrap_or_else(|| format!("run_{:016x}", rand::random::<u64>()));
    let done = act(access, "rerun", &[("run_id", run), ("call", from), ("new_run_id", &new_run_id)]).await?;
    print_result(output, &done, || {
        let id = escape(done["run_id"].as_str().unwrap_or_default());
        match done["outcome"].as_str() {
            Some("new") => {
                (true, "started", format!("{id}, which repeats {} from call {}", escape(run), escape(from)))
            }
            _ => (false, "already started", id),
        }
    })
}

async fn act(access: &Access, action: &str, query: &[(&'static str, &str)]) -> Result<Value, Failure> {
    let mut request = access.client.post(format!("admin/{action}"), TokenRequest::admin());
    for (name, value) in query {
        request = request.query(name, *value);
    }
    request.await.map_err(|error| access.explain_admin(error))
}

/// Prints a result. `describe` returns whether anything changed, a word for it, and the run.
fn print_result(
    output: &Output,
    done: &Value,
    describe: impl FnOnce() -> (bool, &'static str, String),
) -> Result<(), Failure> {
    if output.is_json {
        return print_json(done);
    }
    let (has_changed, word, run) = describe();
    print(&format!("{} {run}\n", paint(if has_changed { GREEN } else { YELLOW }, word)))
}
