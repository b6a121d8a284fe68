//! Starts, queries, suspends and kills the server under test.

use crate::Result;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long a server may take to answer on its standard output.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The line that a server prints when it blocks at a failpoint.
const STOPPED_LINE: &str = "stopped";

/// Starts servers.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    pub(crate) program: PathBuf,
    /// The SQLite file. In memory if unset.
    pub(crate) database: Option<PathBuf>,
    /// The file for its standard error.
    pub(crate) log_file: PathBuf,
    /// Additional arguments.
    pub(crate) arguments: Vec<String>,
    /// Additional environment variables.
    pub(crate) environment: Vec<(String, String)>,
}

/// A running server. Dropping it kills it.
pub(crate) struct Server {
    process: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    pub(crate) port: u16,
    stopped: bool,
}

impl Installation {
    /// Creates an installation that keeps its files in a folder.
    pub(crate) fn new(program: &Path, folder: &Path) -> Self {
        Self {
            program: program.into(),
            database: Some(folder.join("fanfare.db")),
            log_file: folder.join("server.log"),
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Starts a server, and waits until it listens.
    pub(crate) async fn start(&self) -> Result<Server> {
        let mut server = self.spawn(&[])?;
        server.port = server.answer().await?.parse()?;
        Ok(server)
    }

    /// Starts a server that may block at a failpoint before it listens. Its port is 0 then.
    pub(crate) async fn start_to_stop(&self, arguments: &[String]) -> Result<Server> {
        let mut server = self.spawn(arguments)?;
        let first = server.answer().await?;
        server.stopped = first == STOPPED_LINE;
        if !server.stopped {
            server.port = first.parse()?;
        }
        Ok(server)
    }

    fn spawn(&self, arguments: &[String]) -> Result<Server> {
        let log_file = std::fs::OpenOptions::new().create(true).append(true).open(&self.log_file)?;
        let mut command = Command::new(&self.program);
        if let Some(database) = &self.database {
            command.arg("--database").arg(database);
        }
        command.args(&self.arguments).args(arguments).envs(self.environment.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log_file).kill_on_drop(true);
        let mut process = command.spawn().map_err(|error| format!("{}: {error}", self.program.display()))?;
        let commands = process.stdin.take().ok_or("the server has no standard input")?;
        let output = process.stdout.take().ok_or("the server has no standard output")?;
        let answers = BufReader::new(output).lines();
        Ok(Server { process, commands, answers, port: 0, stopped: false })
    }
}

impl Server {
    /// Kills the process, as a crash does.
    pub(crate) async fn kill(&mut self) -> Result {
        self.process.start_kill()?;
        self.process.wait().await?;
        Ok(())
    }

    /// Waits until the storage blocks at its failpoint. Returns `false` on a timeout.
    pub(crate) async fn has_stopped(&mut self, timeout: Duration) -> bool {
        let line = async { self.answers.next_line().await };
        self.stopped
            || matches!(tokio::time::timeout(timeout, line).await, Ok(Ok(Some(line))) if line == STOPPED_LINE)
    }

    /// Suspends the process.
    pub(crate) fn stop(&self) -> Result {
        self.signal("STOP")
    }

    /// Resumes the process after [`stop`](Self::stop).
    pub(crate) fn resume(&self) -> Result {
        self.signal("CONT")
    }

    fn signal(&self, signal: &str) -> Result {
        let process = self.process.id().ok_or("the server has exited")?;
        let status =
            std::process::Command::new("kill").arg(format!("-{signal}")).arg(process.to_string()).status()?;
        if status.success() { Ok(()) } else { Err(format!("cannot send SIG{signal}").into()) }
    }

    /// Returns the live bytes on its heap.
    pub(crate) async fn heap(&mut self) -> Result<u64> {
        self.commands.write_all(b"heap\n").await?;
        Ok(self.answer().await?.parse()?)
    }

    /// Returns its resident memory in bytes, if the system reports it.
    pub(crate) fn resident(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    }

    /// Returns the CPU time that it has used, or zero if the system does not report it. A clock tick is a hundredth of
    /// a second.
    pub(crate) fn processor_time(&self) -> Duration {
        let read = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()?)).ok()?;
            // The name of the program is in parentheses and may contain spaces.
            let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
            let ticks = |field: usize| fields.get(field)?.parse::<u64>().ok();
            Some(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
        };
        read().unwrap_or_default()
    }

    async fn answer(&mut self) -> Result<String> {
        let line = tokio::time::timeout(TIMEOUT, self.answers.next_line()).await;
        line.map_err(|_| "the server did not answer in time")??.ok_or_else(|| "the server has exited".into())
    }
}
