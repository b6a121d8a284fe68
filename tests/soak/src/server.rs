//! The server under test: started, asked, killed and started again.

use crate::Result;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long a server may take to answer on its standard output.
const PATIENCE: Duration = Duration::from_secs(30);

/// How to start it.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    /// The program.
    pub(crate) program: PathBuf,
    /// Where it keeps everything; in memory without.
    pub(crate) database: Option<PathBuf>,
    /// Where it writes what it has to say.
    pub(crate) said: PathBuf,
}

/// A server that runs. Dropping it kills it.
pub(crate) struct Server {
    process: Child,
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    /// Where it listens.
    pub(crate) port: u16,
}

impl Installation {
    /// Starts a server, and waits until it listens.
    pub(crate) async fn start(&self) -> Result<Server> {
        let said = std::fs::OpenOptions::new().create(true).append(true).open(&self.said)?;
        let mut command = Command::new(&self.program);
        if let Some(database) = &self.database {
            command.arg("--database").arg(database);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(said).kill_on_drop(true);
        let mut process = command.spawn().map_err(|error| format!("{}: {error}", self.program.display()))?;
        let questions = process.stdin.take().ok_or("the server has no standard input")?;
        let output = process.stdout.take().ok_or("the server has no standard output")?;
        let mut server = Server { process, questions, answers: BufReader::new(output).lines(), port: 0 };
        server.port = server.answer().await?.parse()?;
        Ok(server)
    }
}

impl Server {
    /// Ends it as a crash does, without a word.
    pub(crate) async fn kill(&mut self) -> Result {
        self.process.start_kill()?;
        self.process.wait().await?;
        Ok(())
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

    async fn answer(&mut self) -> Result<String> {
        let line = tokio::time::timeout(PATIENCE, self.answers.next_line()).await;
        line.map_err(|_| "the server does not answer")??.ok_or_else(|| "the server has ended".into())
    }
}
