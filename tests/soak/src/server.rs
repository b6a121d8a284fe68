//! The server under test: started, asked, killed and started again.

use crate::Result;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long a server may take to answer on its standard output.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a server says that has stopped where it was told to.
const STOPPED: &str = "stopped";

/// How to start it.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    /// The program.
    pub(crate) program: PathBuf,
    /// Where it keeps everything; in memory without.
    pub(crate) database: Option<PathBuf>,
    /// Where it writes what it has to say.
    pub(crate) said: PathBuf,
    /// What else it is told.
    pub(crate) arguments: Vec<String>,
    /// What its environment has more than ours.
    pub(crate) environment: Vec<(String, String)>,
}

/// A server that runs. Dropping it kills it.
pub(crate) struct Server {
    process: Child,
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    /// Where it listens.
    pub(crate) port: u16,
    stopped: bool,
}

impl Installation {
    /// A server that keeps all it has in a folder.
    pub(crate) fn new(program: &Path, folder: &Path) -> Self {
        Self {
            program: program.into(),
            database: Some(folder.join("fanfare.db")),
            said: folder.join("server.log"),
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

    /// Starts a server that may stop before it listens. Its port is 0 then.
    pub(crate) async fn start_to_stop(&self, arguments: &[String]) -> Result<Server> {
        let mut server = self.spawn(arguments)?;
        let first = server.answer().await?;
        server.stopped = first == STOPPED;
        if !server.stopped {
            server.port = first.parse()?;
        }
        Ok(server)
    }

    fn spawn(&self, arguments: &[String]) -> Result<Server> {
        let said = std::fs::OpenOptions::new().create(true).append(true).open(&self.said)?;
        let mut command = Command::new(&self.program);
        if let Some(database) = &self.database {
            command.arg("--database").arg(database);
        }
        command.args(&self.arguments).args(arguments).envs(self.environment.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(said).kill_on_drop(true);
        let mut process = command.spawn().map_err(|error| format!("{}: {error}", self.program.display()))?;
        let questions = process.stdin.take().ok_or("the server has no standard input")?;
        let output = process.stdout.take().ok_or("the server has no standard output")?;
        let answers = BufReader::new(output).lines();
        Ok(Server { process, questions, answers, port: 0, stopped: false })
    }
}

impl Server {
    /// Ends it as a crash does, without a word.
    pub(crate) async fn kill(&mut self) -> Result {
        self.process.start_kill()?;
        self.process.wait().await?;
        Ok(())
    }

    /// Waits until its storage has stopped where it was told to, and tells whether it has in this time.
    pub(crate) async fn has_stopped(&mut self, patience: Duration) -> bool {
        let line = async { self.answers.next_line().await };
        self.stopped
            || matches!(tokio::time::timeout(patience, line).await, Ok(Ok(Some(line))) if line == STOPPED)
    }

    /// Lets the system stop it.
    pub(crate) fn stop(&self) -> Result {
        self.signal("STOP")
    }

    /// Lets it go on after [`stop`](Self::stop).
    pub(crate) fn go_on(&self) -> Result {
        self.signal("CONT")
    }

    fn signal(&self, signal: &str) -> Result {
        let process = self.process.id().ok_or("the server has ended")?;
        let status =
            std::process::Command::new("kill").arg(format!("-{signal}")).arg(process.to_string()).status()?;
        if status.success() { Ok(()) } else { Err(format!("SIG{signal} could not be sent").into()) }
    }

    /// How many bytes live on its heap.
    pub(crate) async fn heap(&mut self) -> Result<u64> {
        self.questions.write_all(b"heap\n").await?;
        Ok(self.answer().await?.parse()?)
    }

    /// How many bytes of memory the system has given it, where the system tells.
    pub(crate) fn resident(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    }

    /// How much processor time it has used, where the system tells. A clock tick is a hundredth of a second.
    pub(crate) fn processor_time(&self) -> Duration {
        let read = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()?)).ok()?;
            // The name of the program is in parentheses, and may have spaces.
            let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
            let ticks = |field: usize| fields.get(field)?.parse::<u64>().ok();
            Some(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
        };
        read().unwrap_or_default()
    }

    async fn answer(&mut self) -> Result<String> {
        let line = tokio::time::timeout(PATIENCE, self.answers.next_line()).await;
        line.map_err(|_| "the server does not answer")??.ok_or_else(|| "the server has ended".into())
    }
}
