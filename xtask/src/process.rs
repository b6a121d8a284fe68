//! Runs other programs.

use crate::failure::{Failure, Result};
use crate::paths;
use std::ffi::OsStr;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::process::{Child, Command, ExitStatus, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The time within which a server must listen.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a program may take to stop after a request.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(30);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Returns a command that runs a program in the folder of the workspace.
pub(crate) fn command<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: &[S]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(paths::root());
    command
}

/// Returns a command that runs the cargo that started this program.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments)
}

/// Returns a command that builds a package of the workspace.
pub(crate) fn build(package: &str) -> Command {
    cargo(&["build", "--quiet", "--package", package])
}

/// Returns a command that builds a package of the workspace, optimised.
pub(crate) fn build_optimised(package: &str) -> Command {
    cargo(&["build", "--quiet", "--release", "--package", package])
}

/// Returns a command that runs a program that cargo has built, unoptimised.
pub(crate) fn built(program: &str, arguments: &[&str]) -> Command {
    command(paths::program("debug", program), arguments)
}

/// Returns a command that generates code with the compiler of the workspace.
pub(crate) fn generate() -> Command {
    cargo(&["run", "--quiet", "--package", "fanfare-cli", "--", "generate"])
}

/// Returns a command that runs npm, which is a script on Windows.
pub(crate) fn npm(arguments: &[&str]) -> Command {
    command(if cfg!(windows) { "npm.cmd" } else { "npm" }, arguments)
}

/// Runs a program and shows its output.
pub(crate) fn run(command: &mut Command) -> Result {
    let status = command.status().map_err(|error| start_failure(command, &error))?;
    check_status(command, status)
}

/// Runs a program and shows its output only if it fails.
pub(crate) fn run_quietly(command: &mut Command) -> Result {
    let output = capture(command)?;
    if !output.status.success() {
        // The command fails in any case, even if its output cannot be shown.
        let _ = std::io::stderr().write_all(&output.stdout);
        let _ = std::io::stderr().write_all(&output.stderr);
    }
    check_status(command, output.status)
}

/// Runs a program and returns what it prints.
pub(crate) fn read_output(command: &mut Command) -> Result<String> {
    let output = capture(command)?;
    check_status(command, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Starts a program that runs in the background and is stopped when it is dropped.
pub(crate) fn start(command: &mut Command) -> Result<Running> {
    let child = command.spawn().map_err(|error| start_failure(command, &error))?;
    Ok(Running { child, line: format_command(command) })
}

/// Returns a TCP port that no program listens on.
pub(crate) fn find_free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    listener
        .map(|address| address.port())
        .map_err(|error| Failure::new(format!("cannot find a free port: {error}")))
}

/// Waits until a program listens on a TCP port.
pub(crate) fn wait_until_listening(title: &str, port: u16) -> Result {
    let since = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if since.elapsed() > START_TIMEOUT {
            let seconds = START_TIMEOUT.as_secs();
            return Err(Failure::new(format!("{title} did not start listening within {seconds} s")));
        }
        sleep(POLL_INTERVAL);
    }
    Ok(())
}

/// Makes Ctrl-C stop the program that [`Running::wait`] waits for, instead of terminating this program.
pub(crate) fn stop_on_interrupt() -> Result {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst))
        .map_err(|error| Failure::new(format!("cannot handle Ctrl-C: {error}")))
}

/// Sleeps for a duration. Breaks if Ctrl-C is pressed.
pub(crate) fn sleep_unless_interrupted(duration: Duration) -> ControlFlow<()> {
    let start = Instant::now();
    while start.elapsed() < duration {
        if is_interrupted() {
            return ControlFlow::Break(());
        }
        sleep(POLL_INTERVAL);
    }
    ControlFlow::Continue(())
}

fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Why a wait ended.
pub(crate) enum WaitOutcome {
    Exited,
    /// The program was killed, without time to clean up.
    Killed,
    /// Ctrl-C was pressed.
    Interrupted,
}

/// A running program. Dropping it stops it.
pub(crate) struct Running {
    pub(crate) child: Child,
    /// The command line, for errors.
    line: String,
}

impl Running {
    /// Waits until the program exits or is killed, or Ctrl-C is pressed. Fails if the program fails.
    pub(crate) fn wait(&mut self) -> Result<WaitOutcome> {
        self.wait_or_kill(|| false)
    }

    /// Waits as [`Running::wait`] does, and kills the program once `is_kill_requested` returns `true`.
    pub(crate) fn wait_or_kill(&mut self, is_kill_requested: impl Fn() -> bool) -> Result<WaitOutcome> {
        loop {
            if is_interrupted() {
                self.stop();
                return Ok(WaitOutcome::Interrupted);
            }
            if is_kill_requested() {
                self.kill();
                return Ok(WaitOutcome::Killed);
            }
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(WaitOutcome::Exited),
                // A signal ended it.
                Ok(Some(status)) if status.code().is_none() => return Ok(WaitOutcome::Killed),
                Ok(Some(status)) => return Err(exit_failure(&self.line, status)),
                Ok(None) => sleep(POLL_INTERVAL),
                Err(error) => return Err(Failure::new(format!("`{}`: {error}", self.line))),
            }
        }
    }

    /// Terminates the program, and kills it if it does not exit in time.
    fn stop(&mut self) {
        let start = Instant::now();
        let terminated = cfg!(unix) && terminate(self.child.id());
        while terminated && start.elapsed() < STOP_TIMEOUT {
            match self.child.try_wait() {
                Ok(None) => sleep(POLL_INTERVAL),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        self.kill();
    }

    fn kill(&mut self) {
        // Both fail only if the program has exited.
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

fn capture(command: &mut Command) -> Result<Output> {
    command.output().map_err(|error| start_failure(command, &error))
}

pub(crate) fn check_status(command: &Command, status: ExitStatus) -> Result {
    if status.success() { Ok(()) } else { Err(exit_failure(&format_command(command), status)) }
}

fn exit_failure(line: &str, status: ExitStatus) -> Failure {
    Failure::new(format!("`{line}` failed ({status})"))
}

pub(crate) fn start_failure(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot start `{}`: {error}", format_command(command)))
}

fn format_command(command: &Command) -> String {
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
    fn a_program_is_killed_on_request_or_by_others() {
        let mut running = start(&mut command("sleep", &["60"])).unwrap();
        assert!(matches!(running.wait_or_kill(|| true), Ok(WaitOutcome::Killed)));
        let mut running = start(&mut command("sh", &["-c", "kill -KILL $$"])).unwrap();
        assert!(matches!(running.wait(), Ok(WaitOutcome::Killed)));
    }

    #[test]
    fn a_program_that_is_dropped_is_stopped() {
        let running = start(&mut command("sleep", &["60"])).unwrap();
        let process = running.child.id();
        drop(running);
        assert!(!terminate(process));
    }
}
