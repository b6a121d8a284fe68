//! A PostgreSQL server.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Instant;

use crate::process::{ServerProcess, find_on_path};

mod pooler;

pub use pooler::TestPooler;

/// The user and group that run the server if the tests run as root, which PostgreSQL refuses: `nobody`.
const NOBODY: u32 = 65_534;

/// A running server. It has a socket in its folder, and no port.
pub struct TestServer {
    process: ServerProcess,
    is_durable: bool,
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
        let server = Self::new(is_durable);
        let created = server
            .process
            .command(&find_program("initdb"))
            .args(["--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(server.data())
            .output()
            .unwrap();
        assert!(created.status.success(), "initdb failed: {}", String::from_utf8_lossy(&created.stderr));
        server.started()
    }

    /// Copies the server, and starts the copy as a standby that follows it.
    ///
    /// # Panics
    /// Panics if PostgreSQL is not installed or does not start.
    #[must_use]
    pub fn start_standby(&self) -> Self {
        let standby = Self::new(self.is_durable);
        let copied = standby
            .process
            .command(&find_program("pg_basebackup"))
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "-U", "postgres", "-h"])
            .arg(&self.process.folder)
            .arg("-D")
            .arg(standby.data())
            .output()
            .unwrap();
        assert!(copied.status.success(), "pg_basebackup failed: {}", String::from_utf8_lossy(&copied.stderr));
        standby.started()
    }

    /// Makes a standby the primary, and waits until it is.
    ///
    /// # Panics
    /// Panics if the server is not a standby.
    pub fn promote(&self) {
        let mut promote = self.process.command(&find_program("pg_ctl"));
        let promoted = promote.args(["promote", "-w", "-D"]).arg(self.data()).output().unwrap();
        assert!(promoted.status.success(), "pg_ctl failed: {}", String::from_utf8_lossy(&promoted.stderr));
    }

    /// Creates the folder of a server.
    fn new(is_durable: bool) -> Self {
        Self { process: new_process("QUIT"), is_durable }
    }

    fn started(mut self) -> Self {
        self.restart();
        self
    }

    /// Starts the server after [`kill`](Self::kill), and waits until it accepts connections.
    ///
    /// # Panics
    /// Panics if the server does not start.
    pub fn restart(&mut self) {
        let started = Instant::now();
        self.spawn();
        while !self.is_ready() {
            // The processes of connections end a moment after a server that was killed.
            if self.process.wait_for_start(started).contains("is still in use") {
                self.kill("KILL");
                self.spawn();
            }
        }
    }

    fn spawn(&mut self) {
        let durability = format!("fsync={}", if self.is_durable { "on" } else { "off" });
        let sockets = format!("unix_socket_directories={}", self.process.folder.display());
        let settings = ["listen_addresses=", &sockets, &durability, "max_connections=200"];
        let options = settings.into_iter().flat_map(|setting| ["-c", setting]);
        let options: Vec<&str> = ["-D", "data"].into_iter().chain(options).collect();
        self.process.start(&find_program("postgres"), &options);
    }

    /// The last line of `postmaster.pid` says `ready` once the server accepts connections.
    fn is_ready(&self) -> bool {
        let status = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        status.lines().last().is_some_and(|line| line.trim() == "ready")
    }

    /// Sends the server a signal: `QUIT` is an immediate shutdown, as after a crash. Waits until it has ended.
    pub fn kill(&mut self, signal: &str) {
        self.process.kill(signal);
        // After `KILL`, the processes of connections end when they notice that the server has ended.
        let _ = fs::remove_file(self.process.folder.join(".s.PGSQL.5432.lock"));
        let _ = fs::remove_file(self.data().join("postmaster.pid"));
    }

    /// Returns the connection string of its superuser.
    #[must_use]
    pub fn url(&self) -> String {
        format!("host={} user=postgres dbname=postgres", self.process.folder.display())
    }

    /// Returns the path of its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.process.folder.join(".s.PGSQL.5432")
    }

    /// Returns the folder of its socket.
    #[must_use]
    pub fn socket_folder(&self) -> &Path {
        &self.process.folder
    }

    /// Returns a connection string that leads to the primary among this server and another one.
    #[must_use]
    pub fn url_with(&self, other: &Self) -> String {
        let hosts = format!("host={},{}", self.process.folder.display(), other.process.folder.display());
        format!("{hosts} user=postgres dbname=postgres target_session_attrs=read-write")
    }

    fn data(&self) -> PathBuf {
        self.process.folder.join("data")
    }
}

/// Creates the folder of a process.
fn new_process(end_signal: &'static str) -> ServerProcess {
    let user = rustix::process::geteuid().is_root().then_some(NOBODY);
    ServerProcess::new("postgres", user, end_signal)
}

/// Returns a program of PostgreSQL: on the search path, or where Debian installs it.
///
/// # Panics
/// Panics if the program is missing.
#[must_use]
pub fn find_program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let of_debian =
        versions.map(|version| version.path().join("bin").join(name)).filter(|program| program.exists());
    find_on_path(name).or_else(|| of_debian.max()).unwrap_or_else(|| {
        panic!("`{name}` is missing: install PostgreSQL (on Debian, `apt-get install postgresql`)")
    })
}
