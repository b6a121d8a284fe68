//! `fanfare runs`.

mod actions;
mod details;
mod list;
mod pages;

use clap::Subcommand;

use super::access::AccessArguments;
use super::exit_codes;
use super::failure::Failure;
use super::output::{CYAN, DIM, GREEN, MAGENTA, OutputArguments, RED, YELLOW};
use anstyle::Style;

#[derive(clap::Args)]
pub(crate) struct Runs {
    #[command(subcommand)]
    verb: Option<RunsVerb>,
    #[command(flatten)]
    access: AccessArguments,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Subcommand)]
enum RunsVerb {
    /// List runs, the newest first
    #[command(after_help = concat!(
        "Examples:\n  fanfare runs ls --state failed --since 1d\n  fanfare runs ls --job summarise --limit 1000 | jq \
         -r .run_id",
        exit_codes!()
    ))]
    Ls(list::List),
    /// Show a run, with its steps, waits and signals
    #[command(after_help = concat!("Example:\n  fanfare runs show run_1", exit_codes!()))]
    Show {
        /// The id of the run
        run: String,
    },
    /// Stop a run
    #[command(after_help = concat!("Example:\n  fanfare runs cancel run_1", exit_codes!()))]
    Cancel {
        /// The id of the run
        run: String,
    },
    /// Continue a failed or halted run where it stopped
    ///
    /// The call whose failure ended it is made again, with fresh attempts. Everything else keeps its result.
    #[command(after_help = concat!("Example:\n  fanfare runs retry run_1", exit_codes!()))]
    Retry {
        /// The id of the run
        run: String,
    },
    /// End the sleeps of a run, and the delays before its next attempts
    #[command(after_help = concat!("Example:\n  fanfare runs wake run_1", exit_codes!()))]
    Wake {
        /// The id of the run
        run: String,
        /// The position of the one sleep or delay to end, as in `fanfare runs show`
        #[arg(long, value_name = "POSITION")]
        call: Option<String>,
    },
    /// Start a new run that keeps the calls of a run before one of them
    ///
    /// The call and everything after it is executed again: steps run, and messages are published.
    #[command(after_help = concat!(
        "Example:\n  fanfare runs rerun run_1 --from 4\n  fanfare runs rerun run_1 --from 4 --new-run-id run_1again",
        exit_codes!()
    ))]
    Rerun {
        /// The id of the run to keep calls of
        run: String,
        /// The first call to make again, by its position in `fanfare runs show`
        #[arg(long, value_name = "POSITION")]
        from: String,
        /// The id of the new run, which makes it safe to repeat the command [default: a random one]
        #[arg(long, value_name = "ID")]
        new_run_id: Option<String>,
    },
}

impl Runs {
    pub(super) async fn execute(self) -> Result<(), Failure> {
        let access = self.access.resolve()?;
        let output = self.output.open();
        match self.verb.unwrap_or_else(|| RunsVerb::Ls(list::List::default())) {
            RunsVerb::Ls(list) => list.execute(&access, &output).await,
            RunsVerb::Show { run } => details::show(&access, &output, &run).await,
            RunsVerb::Cancel { run } => actions::cancel(&access, &output, &run).await,
            RunsVerb::Retry { run } => actions::retry(&access, &output, &run).await,
            RunsVerb::Wake { run, call } => actions::wake(&access, &output, &run, call.as_deref()).await,
            RunsVerb::Rerun { run, from, new_run_id } => {
                actions::rerun(&access, &output, &run, &from, new_run_id).await
            }
        }
    }
}

/// The state of a run or, if it has one, its activity, with a mark.
fn describe_state(run: &serde_json::Value) -> (String, Style) {
    let state = run["activity"].as_str().or_else(|| run["state"].as_str()).unwrap_or_default();
    let (mark, style) = match state {
        "completed" => ("✓", GREEN),
        "failed" => ("✗", RED),
        "halted" => ("!", YELLOW),
        "cancelled" => ("-", DIM),
        "waiting" => ("?", MAGENTA),
        "retrying" => ("↻", YELLOW),
        _ => ("●", CYAN),
    };
    (format!("{mark} {state}"), style)
}
