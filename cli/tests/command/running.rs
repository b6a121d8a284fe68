//! Commands that run until they are stopped.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::Project;

/// How long a line and the end of a command may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A running command, with the lines that it prints. The two streams have no common order.
pub(crate) struct Running {
    child: Child,
    output: Receiver<String>,
    errors: Receiver<String>,
}

impl Running {
    pub(crate) fn start(project: &Project, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fanfare"))
            .args(arguments)
            .env_remove("FANFARE_SIGNING_KEY")
            .envs(environment.iter().copied())
            .current_dir(&project.0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command");
        let output = read_lines(child.stdout.take().expect("its output"));
        let errors = read_lines(child.stderr.take().expect("its errors"));
        Self { child, output, errors }
    }

    /// Waits for a line of the standard output that starts with a text, not counting white space. Returns the rest of the
    /// line.
    pub(crate) fn expect(&self, start: &str) -> String {
        find_line(&self.output, start).unwrap_or_else(|seen| {
            let errors: Vec<String> = self.errors.try_iter().collect();
            panic!("no line starts with {start:?}: {seen:#?}\n{errors:#?}")
        })
    }

    /// Waits for a line of the standard error that starts with a text.
    pub(crate) fn expect_error(&self, start: &str) {
        let found = find_line(&self.errors, start);
        found.unwrap_or_else(|seen| panic!("no error starts with {start:?}: {seen:#?}"));
    }

    /// Interrupts the command as Ctrl-C does, and waits until it ends.
    #[cfg(unix)]
    pub(crate) fn interrupt(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().expect("the command kill");
        assert!(sent.success());
        let deadline = Instant::now() + TIMEOUT;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("the status of a child") {
                return status;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the command does not end");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    let stream = BufReader::new(stream).lines();
    std::thread::spawn(move || stream.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    lines
}

/// Returns the rest of the line, or the lines that were printed instead.
fn find_line(lines: &Receiver<String>, start: &str) -> Result<String, Vec<String>> {
    let mut seen = Vec::new();
    while let Ok(line) = lines.recv_timeout(TIMEOUT) {
        if let Some(rest) = line.trim_start().strip_prefix(start) {
            return Ok(rest.trim().to_owned());
        }
        seen.push(line);
    }
    Err(seen)
}
