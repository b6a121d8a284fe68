//! A real PostgreSQL server for tests and benchmarks, in a temporary folder.

#![cfg(unix)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The user and group that run the server if the tests run as root, which PostgreSQL refuses: `nobody`.
const NOBODY: u32 = 65_534;

/// Sends the server a signal that it reads. If its input is closed instead, the test process has ended, however it did:
/// ends the server and deletes its folder.
const SUPERVISE: &str = r#"
    "$0" "$@" & server=$!
    read -r signal
    kill "-${signal:-QUIT}" "$server"
    wait "$server"
    [ -n "$signal" ] || rm -rf "$PWD"
"#;

/// A running server. It has a socket in its folder, and no port.
pub struct TestServer {
    folder: PathBuf,
    is_durable: bool,
    supervisor: Option<(Child, ChildStdin)>,
}

impl TestServer {
    /// Returns the server that the tests of this process share. Each test uses a schema of its own.
    ///
    /// # Panics
    /// Panics where [`start`](Self::start) does.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<TestServer> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(false))
    }

    /// Creates a database cluster and starts its server. A durable one waits for the disk.
    ///
    /// # Panics
    /// Panics if PostgreSQL is not installed or does not start.
    #[must_use]
    pub fn start(is_durable: bool) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("fanfare-postgres-{}-{count}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        if rustix::process::geteuid().is_root() {
            chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut server = Self { folder, is_durable, supervisor: None };
        let created = server
            .command(&find_program("initdb"))
            .args(["--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(server.data())
            .output()
            .unwrap();
        assert!(created.status.success(), "initdb failed: {}", String::from_utf8_lossy(&created.stderr));
        server.restart();
        server
    }

    /// Starts the server after [`kill`](Self::kill), and waits until it accepts connections.
    ///
    /// # Panics
    /// Panics if the server does not start.
    pub fn restart(&mut self) {
        let started = Instant::now();
        self.spawn();
        while !self.is_ready() {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(started.elapsed() < Duration::from_secs(60), "the server did not start: {log}");
            std::thread::sleep(Duration::from_millis(20));
            // The processes of connections end a moment after a server that was killed.
            if log.contains("is still in use") {
                self.kill("KILL");
                self.spawn();
            }
        }
    }

    fn spawn(&mut self) {
        let log = fs::File::create(self.folder.join("log")).unwrap();
        let durability = if self.is_durable { "on" } else { "off" };
        let mut supervisor = self
            .command(Path::new("/bin/sh"))
            .args(["-c", SUPERVISE])
            .arg(find_program("postgres"))
            .arg("-D")
            .arg(self.data())
            .args(["-c", "listen_addresses=", "-c"])
            .arg(format!("unix_socket_directories={}", self.folder.display()))
            .args(["-c", &format!("fsync={durability}"), "-c", "max_connections=200"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let input = supervisor.stdin.take().unwrap();
        self.supervisor = Some((supervisor, input));
    }

    /// The last line of `postmaster.pid` says `ready` once the server accepts connections.
    fn is_ready(&self) -> bool {
        let status = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        status.lines().last().is_some_and(|line| line.trim() == "ready")
    }

    /// Sends the server a signal: `QUIT` is an immediate shutdown, as after a crash. Waits until it has ended.
    pub fn kill(&mut self, signal: &str) {
        let Some((mut supervisor, mut input)) = self.supervisor.take() else { return };
        let _ = writeln!(input, "{signal}");
        let _ = supervisor.wait();
        // After `KILL`, the processes of connections end when they notice that the server has ended.
        let _ = fs::remove_file(self.folder.join(".s.PGSQL.5432.lock"));
        let _ = fs::remove_file(self.data().join("postmaster.pid"));
    }

    /// Returns the connection string of its superuser.
    #[must_use]
    pub fn url(&self) -> String {
        format!("host={} user=postgres dbname=postgres", self.folder.display())
    }

    /// Returns the folder of the server's socket.
    #[must_use]
    pub fn socket_folder(&self) -> &Path {
        &self.folder
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env("LC_ALL", "C");
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.kill("QUIT");
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Returns a program of PostgreSQL: on the search path, or where Debian installs it.
///
/// # Panics
/// Panics if the program is missing.
#[must_use]
pub fn find_program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path =
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.exists());
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let of_debian =
        versions.map(|version| version.path().join("bin").join(name)).filter(|program| program.exists());
    on_path.or_else(|| of_debian.max()).unwrap_or_else(|| {
        panic!("`{name}` is missing: install PostgreSQL (on Debian, `apt-get install postgresql`)")
    })
}
