//! `cargo xtask demo`: builds and starts the content pipeline example.

use crate::failure::{Failure, Result};
use crate::paths::{create_folder, in_root, program};
use crate::process::{self, Running, WaitOutcome, build, command, generate, npm, run, run_quietly};
use crate::step::step;
use crate::tools;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;

/// The port of the server unless `--port` is given or the port is in use.
const DEFAULT_PORT: u16 = 3000;
/// The server prints this and its URL once it accepts connections.
const LISTENING: &str = "Listening on ";

#[derive(clap::Args)]
pub(crate) struct Demo {
    /// Summarise one text with a TypeScript subscriber in the terminal that approves the draft and checks every
    /// message, then exit
    #[arg(long)]
    once: bool,
    /// Text to summarise
    #[arg(long, value_name = "FILE", default_value = "runtime/PROTOCOL.md")]
    text: PathBuf,
    /// Port of the server [default: 3000, or a free one if 3000 is in use]
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// SQLite file for runs and messages [default: a file per port in the folder for temporary files]
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
}

impl Demo {
    pub(crate) fn run(&self) -> Result {
        let text = self.find_text()?;
        tools::ensure_npm_packages()?;
        step("Generating code from schemas/", || run(&mut generate()))?;
        tools::build_typescript_client()?;
        if !self.once {
            step("Building the page", build_page)?;
        }
        step("Building the server", build_server)?;
        process::stop_on_interrupt()?;
        if !self.once {
            return self.serve(&text);
        }
        // Any free port by default, so that this works while a demo is running.
        step("Summarising once, with a TypeScript subscriber", || {
            summarise_once(&text, self.port.unwrap_or(0), self.database.as_deref())
        })
    }

    /// Runs the server until Ctrl-C is pressed.
    fn serve(&self, text: &Path) -> Result {
        let port = self.port.unwrap_or_else(choose_port);
        let (mut server, url) =
            step("Starting the server", || start_server(text, port, self.database.as_deref(), &[]))?;
        println!("\n  Open {url}\n  Press Ctrl-C to stop the server.\n");
        match server.wait()? {
            WaitOutcome::Interrupted => println!("\nStopped."),
            WaitOutcome::Exited => println!("\nThe server exited."),
        }
        Ok(())
    }

    fn find_text(&self) -> Result<PathBuf> {
        let text = std::env::current_dir().unwrap_or_default().join(&self.text);
        let text = if text.is_file() { text } else { in_root(&self.text) };
        match std::fs::File::open(&text) {
            Ok(_) => Ok(text),
            Err(error) => Err(Failure::at(&text, &error).help("pass a readable file with --text")),
        }
    }
}

/// Summarises one text while the TypeScript subscriber checks every message. Deletes its files.
pub(crate) fn summarise_once(text: &Path, port: u16, database: Option<&Path>) -> Result {
    let folder = std::env::temp_dir().join(format!("content-pipeline-once-{}", std::process::id()));
    create_folder(&folder)?;
    let database = database.map_or_else(|| folder.join("once.db"), Path::to_path_buf);
    let outcome = summarise_into(text, port, &database);
    // A file that remains in the folder for temporary files is harmless.
    let _ = std::fs::remove_dir_all(folder);
    outcome
}

fn summarise_into(text: &Path, port: u16, database: &Path) -> Result {
    let (_server, url) = start_server(text, port, Some(database), &["--pause", "2"])?;
    let program = in_root("examples/content-pipeline/once/once.ts");
    let mut subscriber = command("node", &["--import", "tsx"]);
    match process::start(subscriber.arg(program).arg(url))?.wait()? {
        WaitOutcome::Exited => Ok(()),
        WaitOutcome::Interrupted => Err(Failure::new("interrupted")),
    }
}

pub(crate) fn build_server() -> Result {
    run(&mut build("content-pipeline"))
}

pub(crate) fn build_page() -> Result {
    run_quietly(&mut npm(&["run", "build", "--workspace", "content-pipeline-page"]))
}

/// Starts the server, waits until it accepts connections and returns its URL.
fn start_server(
    text: &Path,
    port: u16,
    database: Option<&Path>,
    arguments: &[&str],
) -> Result<(Running, String)> {
    let mut server = command(program("debug", "content-pipeline"), arguments);
    server.arg("--text").arg(text).args(["--port", &port.to_string()]);
    server.arg("--page").arg(in_root("examples/content-pipeline/page/dist"));
    if let Some(database) = database {
        // Relative to the current folder, not to the workspace.
        server.arg("--database").arg(std::env::current_dir().unwrap_or_default().join(database));
    }
    let mut server = process::start(server.stdout(Stdio::piped()))?;
    let stdout =
        server.child.stdout.take().ok_or_else(|| Failure::new("cannot read the output of the server"))?;
    let mut lines = BufReader::new(stdout).lines().map_while(std::result::Result::ok);
    let url = lines.find_map(|line| line.strip_prefix(LISTENING).map(str::to_owned));
    let url = url.ok_or_else(|| Failure::new("the server exited before it was ready"))?;
    thread::spawn(move || lines.for_each(|line| println!("  {line}")));
    Ok((server, url))
}

fn choose_port() -> u16 {
    if TcpListener::bind(("127.0.0.1", DEFAULT_PORT)).is_ok() { DEFAULT_PORT } else { 0 }
}
