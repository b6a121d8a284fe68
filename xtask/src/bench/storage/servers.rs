//! Starts the servers: PostgreSQL, Fanfare and Centrifugo.

use super::super::{centrifugo, workspace};
use super::subjects::Store;
use crate::failure::{Failure, Result};
use crate::paths::{create_folder, delete_database, target};
use crate::process::{Running, command, read_output, start};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

/// A PostgreSQL server in a temporary folder.
pub(crate) struct Postgres {
    pub(crate) version: String,
    url: String,
    running: Running,
}

impl Postgres {
    pub(crate) fn start() -> Result<Self> {
        let mut program = command(workspace::program("bench-storage"), &["postgres"]);
        let mut running = start(program.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let [version, url] = read_lines(&mut running)?;
        Ok(Self { version, url, running })
    }

    /// Returns the connection string of an empty database. It replaces the one of the last call.
    pub(crate) fn create_database(&self) -> Result<String> {
        bench(&["create-database", "--server", &self.url])?;
        Ok(self.url.replace("dbname=postgres", "dbname=bench"))
    }
}

/// Ends the server and deletes its folder.
impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.running.child.stdin.take());
        let _ = self.running.wait();
    }
}

/// A server of Fanfare or Centrifugo.
pub(crate) struct Node {
    pub(crate) port: String,
    /// Dropping it stops the server.
    _running: Running,
}

/// Where a subject keeps its messages.
pub(crate) struct Place {
    store: Store,
    /// The connection string, if the storage is PostgreSQL.
    url: String,
}

impl Place {
    /// Returns an empty storage.
    pub(crate) fn create(postgres: &Postgres, store: Store) -> Result<Self> {
        create_folder(&output_folder())?;
        delete_database(&sqlite_file());
        let in_postgres = matches!(store, Store::Postgres | Store::Centrifugo);
        let url = if in_postgres { postgres.create_database()? } else { String::new() };
        Ok(Self { store, url })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the name of the storage for Fanfare.
    pub(crate) fn storage(&self) -> String {
        let file = sqlite_file();
        match self.store {
            Store::Memory => "memory".to_owned(),
            Store::Sqlite => format!("sqlite:{}", file.display()),
            Store::DurableSqlite => format!("durable-sqlite:{}", file.display()),
            Store::Postgres | Store::Centrifugo => format!("postgres:{}", self.url),
        }
    }

    /// Returns the protocol of the servers.
    pub(crate) fn protocol(&self) -> &'static str {
        if self.store == Store::Centrifugo { "centrifugo" } else { "fanfare" }
    }

    /// Starts a server.
    pub(crate) fn start_node(&self) -> Result<Node> {
        if self.store == Store::Centrifugo {
            return start_centrifugo(&self.url);
        }
        let mut program = command(workspace::program("bench-storage"), &["serve", "--storage"]);
        let mut running = start(program.arg(self.storage()).stdout(Stdio::piped()))?;
        let [port] = read_lines(&mut running)?;
        Ok(Node { port, _running: running })
    }
}

/// Runs a command of `bench-storage` and returns its output.
pub(crate) fn bench(arguments: &[&str]) -> Result<String> {
    let mut program = command(workspace::program("bench-storage"), arguments);
    read_output(program.stderr(Stdio::inherit()))
}

/// Starts a node of Centrifugo whose broker and controller use PostgreSQL. They have their default settings, except that
/// notifications replace asking every 100 ms.
fn start_centrifugo(url: &str) -> Result<Node> {
    let database = format!(
        r#"{{"enabled": true, "type": "postgres", "postgres": {{"dsn": "{url}", "use_notify": true}}}}"#
    );
    let engine = format!(r#""broker": {database}, "controller": {database},"#);
    let (port, running) = centrifugo::start_node(Some(1_000_000), &engine, &output_folder())?;
    Ok(Node { port: port.to_string(), _running: running })
}

/// Reads the first lines that a program prints. The program may not print more.
fn read_lines<const LINES: usize>(running: &mut Running) -> Result<[String; LINES]> {
    let mut lines: [String; LINES] = std::array::from_fn(|_| String::new());
    if let Some(stdout) = running.child.stdout.as_mut() {
        let mut reader = BufReader::new(stdout);
        for line in &mut lines {
            reader
                .read_line(line)
                .map_err(|error| Failure::new(format!("cannot read the output: {error}")))?;
            line.truncate(line.trim_end().len());
        }
    }
    if lines.iter().any(String::is_empty) {
        return Err(Failure::new("a server ended before it was ready"));
    }
    Ok(lines)
}

/// Returns the folder of the files that the benchmark writes.
fn output_folder() -> PathBuf {
    target().join("bench/storage")
}

fn sqlite_file() -> PathBuf {
    output_folder().join("bench.db")
}
