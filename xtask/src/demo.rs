//! `cargo xtask demo`: builds and starts the content pipeline example.

mod record;
mod server;

use crate::failure::{Failure, Result};
use crate::paths::{create_folder, in_root};
use crate::process::{self, WaitOutcome, build, command, generate, npm, run, run_quietly};
use crate::step::step;
use crate::tools;
use server::{Server, random_signing_key};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// The port of the server unless `--port` is given or the port is in use.
const DEFAULT_PORT: u16 = 3000;
/// The text that is summarised unless `--text` is given.
pub(crate) const STORY: &str = "examples/content-pipeline/lighthouse.md";

#[derive(clap::Args)]
pub(crate) struct Demo {
    /// Summarise one text with a TypeScript subscriber in the terminal that approves the draft and checks every
    /// message, then exit
    #[arg(long, conflicts_with = "record")]
    once: bool,
    /// Record the animated picture of README.md: a browser shows the page of a demo whose server is killed
    #[arg(long)]
    record: bool,
    /// Text to summarise
    #[arg(long, value_name = "FILE", default_value = STORY)]
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
        if self.record {
            return record::record();
        }
        step("Generating code from schemas/", || run(&mut generate()))?;
        tools::build_typescript_client()?;
        if !self.once {
            step("Building the page", build_page)?;
        }
        step("Building the server", build_server)?;
        process::stop_on_interrupt()?;
        if !self.once {
            let port = self.port.unwrap_or_else(choose_port);
            let (database, signing_key) = (self.database.clone(), random_signing_key());
            return Server { text, port, database, pause: None, signing_key }.serve();
        }
        // Any free port by default, so that this works while a demo is running.
        step("Summarising once, with a TypeScript subscriber", || {
            summarise_once(&text, self.port.unwrap_or(0), self.database.as_deref())
        })
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
    let outcome = summarise_into(text, port, database);
    // A file that remains in the folder for temporary files is harmless.
    let _ = std::fs::remove_dir_all(folder);
    outcome
}

fn summarise_into(text: &Path, port: u16, database: PathBuf) -> Result {
    let signing_key = random_signing_key();
    let server =
        Server { text: text.to_owned(), port, database: Some(database), pause: Some(2), signing_key };
    let (_running, url) = server.start(true)?;
    let program = in_root("examples/content-pipeline/once/once.ts");
    let mut subscriber = command("node", &["--import", "tsx"]);
    match process::start(subscriber.arg(program).arg(url))?.wait()? {
        WaitOutcome::Exited => Ok(()),
        WaitOutcome::Killed => Err(Failure::new("the subscriber was killed")),
        WaitOutcome::Interrupted => Err(Failure::new("interrupted")),
    }
}

pub(crate) fn build_server() -> Result {
    run(&mut build("content-pipeline"))
}

pub(crate) fn build_page() -> Result {
    run_quietly(&mut npm(&["run", "build", "--workspace", "content-pipeline-page"]))
}

fn choose_port() -> u16 {
    if TcpListener::bind(("127.0.0.1", DEFAULT_PORT)).is_ok() { DEFAULT_PORT } else { 0 }
}
