//! `fanfare runs show`.

use anstyle::Style;
use fanfare::client::TokenRequest;
use serde_json::{Value, json};

use super::{describe_state, pages};
use crate::remote::access::Access;
use crate::remote::failure::Failure;
use crate::remote::output::{
    BOLD, CYAN, Cell, DIM, GREEN, MAGENTA, Output, RED, YELLOW, escape, paint, print, print_json,
};
use crate::remote::time::{show_between, show_clock, show_date};

pub(super) async fn show(access: &Access, output: &Output, run_id: &str) -> Result<(), Failure> {
    let run = access.client.get("admin/run", TokenRequest::admin()).query("run_id", run_id).await;
    let mut run = run.map_err(|error| access.explain_admin(error))?;
    let mut calls = pages::read_all(access, "admin/calls", run_id).await?;
    let signals = pages::read_all(access, "admin/signals", run_id).await?;
    if output.is_json {
        run["calls"] = json!(calls);
        run["signals"] = json!(signals);
        return print_json(&run);
    }
    calls.sort_by_key(|call| position(call["call"].as_str().unwrap_or_default()));
    output.table(&header(&run), None)?;
    if let Some(error) = run["error"].as_str() {
        let lines: Vec<String> = error.lines().map(escape).collect();
        print(&format!("\n{}\n", paint(RED, &lines.join("\n"))))?;
    }
    if !calls.is_empty() {
        print(&format!("\n{}\n", paint(BOLD, "Calls")))?;
        let created_at = run["created_at"].as_str();
        output.table(&calls.iter().map(|call| describe_call(call, created_at)).collect::<Vec<_>>(), None)?;
    }
    if !signals.is_empty() {
        print(&format!("\n{}\n", paint(BOLD, "Signals")))?;
        output.table(&signals.iter().map(describe_signal).collect::<Vec<_>>(), None)?;
    }
    Ok(())
}

fn header(run: &Value) -> Vec<Vec<Cell>> {
    let text = |name: &str| run[name].as_str().unwrap_or_default();
    let row = |name: &str, value: &str, style: Style| vec![Cell::new(name, DIM), Cell::new(value, style)];
    let (mut state, style) = describe_state(run);
    let plain = Style::new();
    if let Some(signals) = run["waiting_for"].as_array() {
        let names: Vec<&str> = signals.iter().filter_map(Value::as_str).collect();
        state.push_str(&format!(" for {}", names.join(", ")));
    }
    if let Some(due) = run["due_at"].as_str() {
        state.push_str(&format!(" until {}", show_date(due)));
    }
    let mut rows = vec![
        row("run", text("run_id"), BOLD),
        row("job", text("job"), plain),
        row("channel", text("channel"), plain),
        row("state", &state, style),
        row("created", &show_date(text("created_at")), plain),
    ];
    if text("state") != "running" {
        let took = show_between(text("created_at"), text("changed_at"));
        let took = took.map_or_else(String::new, |took| format!(" (after {took})"));
        let verb = if text("state") == "halted" { "halted" } else { "ended" };
        rows.push(row(verb, &format!("{}{took}", show_date(text("changed_at"))), plain));
    }
    if let Some(failures) = run["failures"].as_u64().filter(|failures| *failures > 0) {
        rows.push(row("failures", &failures.to_string(), YELLOW));
    }
    if let Some(call) = run["rerun_of"].as_object() {
        let text = |name: &str| call.get(name).and_then(Value::as_str).unwrap_or_default();
        rows.push(row("rerun of", &format!("{} from call {}", text("run_id"), text("call")), plain));
    }
    rows.push(row("input", &run["input"].to_string(), plain));
    if let Some(result) = run.get("result") {
        rows.push(row("result", &result.to_string(), GREEN));
    }
    rows
}

/// A row: mark, position, kind, id, start, duration, and details. Branches are indented below their fork.
fn describe_call(call: &Value, created_at: Option<&str>) -> Vec<Cell> {
    let text = |name: &str| call[name].as_str();
    let (mark, style) = match text("state").unwrap_or_default() {
        "succeeded" => ("✓", GREEN),
        "failed" => ("✗", RED),
        _ => ("●", CYAN),
    };
    let position = text("call").unwrap_or_default();
    let depth = position.matches('/').count();
    let began_at = created_at.zip(text("began_at")).and_then(|(from, to)| show_between(from, to));
    let took = text("began_at").zip(text("ended_at")).and_then(|(from, to)| show_between(from, to));
    let kind = text("kind").unwrap_or_default();
    // A sleep is recorded when it begins.
    let took = took.filter(|_| kind != "sleep");
    let (details, details_style) = describe_outcome(call);
    vec![
        Cell::new(mark, style),
        Cell::new(&format!("{}{position}", "  ".repeat(depth)), DIM),
        Cell::plain(kind),
        Cell::new(text("id").unwrap_or_default(), BOLD),
        Cell::new(&began_at.map_or_else(String::new, |began| format!("+{began}")), DIM),
        Cell::plain(&took.unwrap_or_default()),
        Cell::new(&details, details_style),
    ]
}

fn describe_outcome(call: &Value) -> (String, Style) {
    let text = |name: &str| call[name].as_str();
    let attempts = call["attempts"].as_u64().filter(|attempts| *attempts > 1);
    let attempts = attempts.map_or_else(String::new, |attempts| format!("{attempts} attempts, "));
    if let Some(error) = text("error") {
        let retry = text("retry_at").map_or_else(String::new, |at| format!(" (again at {})", show_clock(at)));
        return (format!("{attempts}{error}{retry}"), RED);
    }
    if let Some(question) = call.get("question") {
        return describe_question(question);
    }
    let details = if let Some(until) = text("until") {
        format!("until {}", show_date(until))
    } else if let Some(winner) = call["winner"].as_u64() {
        format!("decided by branch {winner}")
    } else if let Some(value) = call.get("value") {
        value.to_string()
    } else {
        text("message_id").map_or_else(String::new, |id| format!("message {id}"))
    };
    (format!("{attempts}{details}"), Style::new())
}

fn describe_question(question: &Value) -> (String, Style) {
    let answer = &question["answer"];
    if answer.is_object() {
        let sender = answer["sender"].as_str().map_or_else(String::new, |sender| format!(" by {sender}"));
        let signal = answer["signal"].as_str().unwrap_or_default();
        return (format!("{signal}{sender}: {}", answer["payload"]), Style::new());
    }
    let signals: Vec<&str> =
        question["signals"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let closes = question["closes_at"].as_str().map(|at| format!(" until {}", show_date(at)));
    match closes {
        Some(closes) => (format!("waits for {}{closes}", signals.join(" or ")), MAGENTA),
        None => (format!("no answer to {}", signals.join(" or ")), YELLOW),
    }
}

fn describe_signal(signal: &Value) -> Vec<Cell> {
    let text = |name: &str| signal[name].as_str().unwrap_or_default();
    vec![
        Cell::new(text("name"), BOLD),
        Cell::plain(text("status")),
        Cell::new(&show_date(text("received_at")), DIM),
        Cell::plain(text("sender")),
        Cell::plain(&signal["payload"].to_string()),
    ]
}

/// Returns the numbers of a position such as `3.1/0`, which order a call behind the fork that it belongs to.
fn position(call: &str) -> Vec<u64> {
    call.split(['/', '.']).filter_map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_branches_follow_their_fork() {
        let mut calls = ["0", "3", "10", "3.1/0", "3.0/1", "3.0/0", "3.0/1.0/0"];
        calls.sort_by_key(|call| position(call));
        assert_eq!(calls, ["0", "3", "3.0/0", "3.0/1", "3.0/1.0/0", "3.1/0", "10"]);
    }
}
