//! The commands that talk to a running server or to its storage.

pub(crate) mod access;
mod failure;
mod input;
pub(crate) mod output;
mod publish;
mod runs;
mod signal;
#[cfg(feature = "storage")]
mod storage;
mod tail;
mod time;
mod token;

use std::process::ExitCode;

use clap::Subcommand;

use failure::Failure;

/// Explains the exit codes, for `--help`.
macro_rules! exit_codes {
    ($($more:literal)?) => {
        concat!(
            "\n\nExit codes:\n  0  done\n  1  refused by the server, such as an invalid payload\n  2  wrong usage, no \
             access, or no response",
            $($more,)?
        )
    };
}
use exit_codes;

#[derive(Subcommand)]
pub(super) enum RemoteVerb {
    /// Show the messages of a channel as they are published
    ///
    /// Reconnects and resumes if the connection is lost. Text streams grow while they are written, and missed messages are
    /// reported as a gap. Prints one JSON frame per line if the output is not a terminal.
    #[command(after_help = concat!(
        "Examples:\n  fanfare tail pipeline:run_1\n  fanfare tail pipeline:run_1 --topic status --since 10m\n  fanfare \
         tail pipeline:run_1 --since start --no-follow | jq .data",
        exit_codes!()
    ))]
    Tail(tail::Tail),
    /// Publish a payload to a topic
    ///
    /// The server checks the payload. If it is invalid, nothing is published, and each issue is printed with its location.
    #[command(after_help = concat!(
        "Examples:\n  fanfare publish pipeline:run_1 status '{\"message\": \"Hi\", \"step\": \"write\", \"progress\": \
         10}'\n  fanfare publish pipeline:run_1 status @status.json\n  generate-status | fanfare publish pipeline:run_1 \
         status -\n  write-draft | fanfare publish pipeline:run_1 draft --stream",
        exit_codes!()
    ))]
    Publish(publish::Publish),
    /// Send a signal to a run
    #[command(after_help = concat!(
        "Examples:\n  fanfare signal pipeline:run_1 approve '{\"verdict\": \"approve\"}'\n  fanfare signal \
         pipeline:run_1 approve @verdict.json --as ada",
        exit_codes!("\n  3  already taken: another signal was first\n  4  too late: the question is closed\n  5  the run has ended")
    ))]
    Signal(signal::Signal),
    /// List runs, show their steps, and act on them
    ///
    /// Needs the server's admin routes: `HubBuilder::admin_routes(true)`. Lists runs if no command is given.
    Runs(runs::Runs),
    /// Check the storage of servers
    #[cfg(feature = "storage")]
    Storage(storage::Storage),
    /// Mint a token with the signing key, or show the content of one
    ///
    /// Signs on this machine, without a request. The server refuses a token that names a channel or topic that it does not
    /// have.
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = concat!(
            "Examples:\n  fanfare token --subscribe pipeline:run_1/status,draft --signal pipeline:run_1/approve \
             --subject ada\n  fanfare token --admin --expires-in 10m\n  fanfare token decode \"$TOKEN\"",
            exit_codes!()
        )
    )]
    Token(token::Token),
}

pub(super) fn execute(verb: RemoteVerb) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let executed = runtime.map_err(|error| Failure::usage(error.to_string())).and_then(|runtime| {
        runtime.block_on(async {
            match verb {
                RemoteVerb::Tail(tail) => tail.execute().await,
                RemoteVerb::Publish(publish) => publish.execute().await,
                RemoteVerb::Signal(signal) => signal.execute().await,
                RemoteVerb::Runs(runs) => runs.execute().await,
                #[cfg(feature = "storage")]
                RemoteVerb::Storage(storage) => storage.execute().await,
                RemoteVerb::Token(token) => token.execute(),
            }
        })
    });
    executed.map_or_else(Failure::report, |()| ExitCode::SUCCESS)
}
