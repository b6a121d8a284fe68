//! Runs other programs.

use crate::failure::{Failure, Result};
use crate::paths;
use std::ffi::OsStr;
use std::io::Write;
use std::process::{Child, Command, ExitStatus, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a program may take to stop after it was asked to.
const STOPPING_TIME: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(30);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// A program to run in the workspace's folder.
pub(crate) fn command<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: &[S]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(paths::root());
    command
}

/// The cargo that runs this program.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments)
}

/// npm, which is a script on Windows and must be named as one there.
pub(crate) fn npm(arguments: &[&str]) -> Command {
    command(if cfg!(windows) { "npm.cmd" } else { "npm" }, arguments)
}

/// Runs a program that shows its output itself.
pub(crate) fn run(command: &mut Command) -> Result {
    let status = command.status().map_err(|error| not_started(command, &error))?;
    succeeded(command, status)
}

/// Runs a program and shows its output only if it fails.
pub(crate) fn run_quietly(command: &mut Command) -> Result {
    let output = output(command)?;
    if !output.status.success() {
        // What the program said is the best explanation there is; failing to show it changes nothing.
        let _ = std::io::stderr().write_all(&output.stdout);
        let _ = std::io::stderr().write_all(&output.stderr);
    }
    succeeded(command, output.status)
}

/// Runs a program and reads what it prints.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    succeeded(command, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Starts a program that runs beside this one and is stopped with it.
pub(crate) fn start(command: &mut Command) -> Result<Running> {
    let child = command.spawn().map_err(|error| not_started(command, &error))?;
    Ok(Running { child, line: line(command) })
}

/// From now on Ctrl-C is noticed by [`Running::wait`], which stops what runs, instead of ending
/// this program at once.
pub(crate) fn stop_on_interrupt() -> Result {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst))
        .map_err(|error| Failure::new(format!("Ctrl-C cannot be handled: {error}")))
}

/// How a wait ended.
pub(crate) enum Waited {
    Exited,
    Interrupted,
}

/// A program that runs. Dropping it stops it.
pub(crate) struct Running {
    pub(crate) child: Child,
    line: String,
}

impl Running {
    /// Waits until the program has ended well or Ctrl-C was pressed.
    pub(crate) fn wait(&mut self) -> Result<Waited> {
        loop {
            if INTERRUPTED.load(Ordering::SeqCst) {
                self.stop();
                return Ok(Waited::Interrupted);
            }
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(Waited::Exited),
                Ok(Some(status)) => return Err(ended(&self.line, status)),
                Ok(None) => sleep(POLL),
                Err(error) => return Err(Failure::new(format!("`{}`: {error}", self.line))),
            }
        }
    }

    /// Asks the program to stop, and ends it where it does not.
    fn stop(&mut self) {
        let asked_at = Instant::now();
        let asked = cfg!(unix) && terminate(self.child.id());
        while asked && asked_at.elapsed() < STOPPING_TIME {
            match self.child.try_wait() {
                Ok(None) => sleep(POLL),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        // Both fail only where the program is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

fn terminate(process: u32) -> bool {
    Command::new("kill").arg(process.to_string()).status().is_ok_and(|status| status.success())
}

fn output(command: &mut Command) -> Result<Output> {
    command.output().map_err(|error| not_started(command, &error))
}

fn succeeded(command: &Command, status: ExitStatus) -> Result {
    if status.success() { Ok(()) } else { Err(ended(&line(command), status)) }
}

fn ended(line: &str, status: ExitStatus) -> Failure {
    Failure::new(format!("`{line}` failed ({status})"))
}

fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("`{}` cannot be started: {error}", line(command)))
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command() {
        let failure = run(&mut command("sh", &["-c", "exit 3"])).unwrap_err();
        assert!(failure.to_string().starts_with("`sh -c exit 3` failed"), "{failure}");
    }

    #[test]
    fn a_program_that_is_dropped_is_stopped() {
        let running = start(&mut command("sleep", &["60"])).unwrap();
        let process = running.child.id();
        drop(running);
        assert!(!terminate(process));
    }
}
