//! The server of the demo, which a person may kill.

use crate::failure::{Failure, Result};
use crate::paths::{in_root, program};
use crate::process::{self, Running, WaitOutcome, command, sleep_unless_interrupted};
use crate::step::step;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, stdin};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// The server prints this and its URL once it accepts connections.
const LISTENING: &str = "Listening on ";
/// How long the server is gone after it was killed, so that people can look at the page.
const RESTART_DELAY: Duration = Duration::from_secs(3);

/// The command line of the server.
pub(super) struct Server {
    pub(super) text: PathBuf,
    pub(super) port: u16,
    pub(super) database: Option<PathBuf>,
    /// Milliseconds between two messages, if not the server's default.
    pub(super) pause: Option<u64>,
    /// Signs the tokens of all processes, so that Studio stays signed in when the server is killed.
    pub(super) signing_key: String,
}

/// Returns a key that the hash keys of this process decide, which the system chooses at random.
pub(super) fn random_signing_key() -> String {
    let words = (0_u64..4).map(|word| format!("{:016x}", RandomState::new().hash_one(word)));
    format!("signkey-test-{}", words.collect::<String>())
}

impl Server {
    /// Runs the server until Ctrl-C is pressed. Enter kills it. It starts again after a delay, also if something else
    /// ended it.
    pub(super) fn serve(mut self) -> Result {
        let (mut running, url) = step("Starting the server", || self.start(true))?;
        self.port = port_of(&url).unwrap_or(self.port);
        println!("\n  Open {url}\n");
        println!("  Press Enter to kill the server ({}), and watch the page.", name(&running));
        println!("  Press Ctrl-C to stop it.\n");
        let enter = listen_for_enter();
        loop {
            let ended = match running.wait_or_kill(|| enter.try_recv().is_ok())? {
                WaitOutcome::Exited => "The server has exited",
                WaitOutcome::Killed => "The server was killed",
                WaitOutcome::Interrupted => break,
            };
            println!("  {ended}. It starts again in {} seconds.", RESTART_DELAY.as_secs());
            if sleep_unless_interrupted(RESTART_DELAY).is_break() {
                break;
            }
            (running, _) = self.start(false)?;
            println!("  The server is back ({}). Press Enter to kill it again.", name(&running));
            // Enter may have been pressed while there was no server to kill.
            enter.try_iter().for_each(drop);
        }
        println!("\nStopped.");
        Ok(())
    }

    /// Starts the server, waits until it accepts connections and returns its URL. What it prints afterwards is shown if
    /// `is_output_shown`.
    pub(super) fn start(&self, is_output_shown: bool) -> Result<(Running, String)> {
        let mut server = command(program("debug", "content-pipeline"), &["--port", &self.port.to_string()]);
        server.arg("--text").arg(&self.text).env("FANFARE_SIGNING_KEY", &self.signing_key);
        server.arg("--page").arg(in_root("examples/content-pipeline/page/dist"));
        if let Some(database) = &self.database {
            // Relative to the current folder, not to the workspace.
            server.arg("--database").arg(current_folder().join(database));
        }
        if let Some(pause) = self.pause {
            server.args(["--pause", &pause.to_string()]);
        }
        let mut server = process::start(server.stdout(Stdio::piped()))?;
        let stdout =
            server.child.stdout.take().ok_or_else(|| Failure::new("cannot read the output of the server"))?;
        let mut lines = BufReader::new(stdout).lines().map_while(std::result::Result::ok);
        let url = lines.find_map(|line| line.strip_prefix(LISTENING).map(str::to_owned));
        let url = url.ok_or_else(|| Failure::new("the server exited before it was ready"))?;
        // The output is read in any case, so that it never blocks the server.
        thread::spawn(move || lines.filter(|_| is_output_shown).for_each(|line| println!("  {line}")));
        Ok((server, url))
    }
}

fn current_folder() -> PathBuf {
    std::env::current_dir().unwrap_or_default()
}

fn name(server: &Running) -> String {
    format!("process {}", server.child.id())
}

fn port_of(url: &str) -> Option<u16> {
    url.rsplit_once(':').and_then(|(_, port)| port.parse().ok())
}

/// Returns a channel that receives a value each time a person presses Enter.
fn listen_for_enter() -> Receiver<()> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let lines = stdin().lines().map_while(std::result::Result::ok);
        lines.take_while(|_| sender.send(()).is_ok()).for_each(drop);
    });
    receiver
}
