//! Processes of servers, in temporary folders.

use std::fs;
use std::io::Write;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Sends the server a signal whose name the script reads. If the input is closed instead, the test process has ended,
/// normally or not: the script ends the server with the signal `$0`, and deletes its folder.
const SUPERVISE: &str = r#"
    "$@" & server=$!
    read -r signal
    kill "-${signal:-$0}" "$server"
    wait "$server"
    [ -n "$signal" ] || rm -rf "$PWD"
"#;

/// The process of a server in its folder. Ends together with this process at the latest.
pub(crate) struct ServerProcess {
    pub(crate) folder: PathBuf,
    /// The user and group that run the server, if it is not the user of this process.
    user: Option<u32>,
    /// The signal that ends the server at once.
    end_signal: &'static str,
    supervisor: Option<Child>,
}

impl ServerProcess {
    /// Creates the folder.
    pub(crate) fn new(kind: &str, user: Option<u32>, end_signal: &'static str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("fanfare-{kind}-{}-{count}", std::process::id()));
        // It exists if an earlier process with the same id was killed together with the script.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        if user.is_some() {
            chown(&folder, user, user).unwrap();
        }
        Self { folder, user, end_signal, supervisor: None }
    }

    /// Returns a command that executes a program in the folder, as the user of the server.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env("LC_ALL", "C");
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    /// Starts the server, which writes its log to a file in the folder.
    pub(crate) fn start(&mut self, program: &Path, options: &[impl AsRef<str>]) {
        let path = self.folder.join("log");
        // The log of one start is searched for errors, so those of earlier starts are in another file.
        if let Ok(earlier) = fs::read(&path) {
            let all = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("earlier-log"));
            all.unwrap().write_all(&earlier).unwrap();
        }
        let log = fs::File::create(path).unwrap();
        let supervisor = self
            .command(Path::new("/bin/sh"))
            .args(["-c", SUPERVISE, self.end_signal])
            .arg(program)
            .args(options.iter().map(AsRef::as_ref))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.supervisor = Some(supervisor.unwrap());
    }

    /// Waits for a moment, and returns the log.
    ///
    /// # Panics
    /// Panics if the server takes too long to start.
    pub(crate) fn wait_for_start(&self, since: Instant) -> String {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        assert!(since.elapsed() < Duration::from_secs(60), "the server did not start: {log}");
        std::thread::sleep(Duration::from_millis(20));
        log
    }

    /// Sends the server a signal, and waits until it has ended.
    pub(crate) fn kill(&mut self, signal: &str) {
        let Some(mut supervisor) = self.supervisor.take() else { return };
        if let Some(input) = &mut supervisor.stdin {
            let _ = writeln!(input, "{signal}");
        }
        let _ = supervisor.wait();
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.kill(self.end_signal);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Returns a program on the search path.
pub(crate) fn find_on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.exists())
}
