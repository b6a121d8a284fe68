//! `fanfare runs ls`.

use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::Value;

use super::describe_state;
use super::pages::{self, Query};
use crate::remote::access::Access;
use crate::remote::failure::Failure;
use crate::remote::output::{BOLD, Cell, DIM, Output, escape, paint, print, print_json};
use crate::remote::time::{parse_time, show_between};

const DEFAULT_LIMIT: usize = 50;

/// The column that is cut if there is little room: its name usually repeats the id of the run.
const CHANNEL: usize = 2;

#[derive(clap::Args)]
pub(super) struct List {
    /// Runs of this job
    #[arg(long, value_name = "NAME")]
    job: Option<String>,
    /// Runs on this channel
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// Runs in these states
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    state: Vec<State>,
    /// Running runs with this activity
    #[arg(long, value_name = "ACTIVITY")]
    activity: Option<Activity>,
    /// Runs created at or after a time, such as `2026-01-31T12:00:00Z`, or at most this long ago, such as `1h`
    #[arg(long, value_name = "WHEN", value_parser = parse_time)]
    since: Option<Timestamp>,
    /// Runs created before a time, or more than this long ago
    #[arg(long, value_name = "WHEN", value_parser = parse_time)]
    until: Option<Timestamp>,
    /// The maximum number of runs to list
    #[arg(short = 'n', long, value_name = "N", default_value_t = DEFAULT_LIMIT)]
    limit: usize,
}

impl Default for List {
    fn default() -> Self {
        let (job, channel, state, activity) = (None, None, Vec::new(), None);
        Self { job, channel, state, activity, since: None, until: None, limit: DEFAULT_LIMIT }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum State {
    Running,
    Halted,
    Completed,
    Failed,
    Cancelled,
}

#[derive(Clone, Copy, ValueEnum)]
enum Activity {
    Executing,
    Due,
    Waiting,
    Retrying,
    Sleeping,
}

impl List {
    pub(super) async fn execute(&self, access: &Access, output: &Output) -> Result<(), Failure> {
        if self.limit == 0 {
            return Ok(());
        }
        let mut runs = Vec::new();
        let has_more = pages::read(access, "admin/runs", &self.query(), self.limit, |items| {
            if output.is_json {
                return items.iter().try_for_each(print_json);
            }
            runs.extend(items);
            Ok(())
        })
        .await?;
        if !output.is_json {
            print_table(output, &runs)?;
        }
        if has_more {
            let note =
                format!("there are more runs: list them with `--limit {}`", self.limit.saturating_mul(10));
            anstream::eprintln!("{}", paint(DIM, &note));
        }
        Ok(())
    }

    fn query(&self) -> Query {
        let states: Vec<String> = self.state.iter().map(name).collect();
        let states = (!states.is_empty()).then(|| states.join(","));
        let parameters = [
            ("job", self.job.clone()),
            ("channel", self.channel.clone()),
            ("state", states),
            ("activity", self.activity.as_ref().map(name)),
            ("created_after", self.since.as_ref().map(show_parameter)),
            ("created_before", self.until.as_ref().map(show_parameter)),
        ];
        parameters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

fn print_table(output: &Output, runs: &[Value]) -> Result<(), Failure> {
    if runs.is_empty() {
        return print("no runs\n");
    }
    let now = Timestamp::now().to_string();
    let titles = ["RUN", "JOB", "CHANNEL", "STATE", "AGE", "TOOK", ""];
    let header = titles.iter().map(|title| Cell::new(title, BOLD)).collect();
    let rows = runs.iter().map(|run| {
        let text = |name: &str| run[name].as_str().unwrap_or_default();
        let (state, style) = describe_state(run);
        let took = if text("state") == "running" {
            None
        } else {
            show_between(text("created_at"), text("changed_at"))
        };
        vec![
            Cell::plain(text("run_id")),
            Cell::plain(text("job")),
            Cell::new(text("channel"), DIM),
            Cell::new(&state, style),
            Cell::plain(&show_between(text("created_at"), &now).unwrap_or_default()),
            Cell::plain(&took.unwrap_or_default()),
            Cell::plain(&describe(run, &now)),
        ]
    });
    output.table(&std::iter::once(header).chain(rows).collect::<Vec<_>>(), Some(CHANNEL))
}

/// Returns what a run waits for, or why it ended.
fn describe(run: &Value, now: &str) -> String {
    if let Some(error) = run["error"].as_str() {
        return error.to_owned();
    }
    let signals: Vec<&str> =
        run["waiting_for"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match (signals.is_empty(), run["due_at"].as_str()) {
        (false, _) => format!("for {}", signals.join(", ")),
        (true, due) => {
            due.and_then(|due| show_between(now, due)).map_or_else(String::new, |left| format!("for {left}"))
        }
    }
}

fn name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// Returns a time as the parameters of routes have it, with milliseconds.
fn show_parameter(time: &Timestamp) -> String {
    escape(&time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}
