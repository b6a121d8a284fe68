//! Real NATS servers for tests and benchmarks, in temporary folders.

#![cfg(unix)]

use std::fs;
use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Sends the server a signal whose name the script reads. If the input is closed instead, the test process has ended,
/// normally or not: the script kills the server and deletes its folder.
const SUPERVISE: &str = r#"
    "$0" "$@" & server=$!
    read -r signal
    kill "-${signal:-KILL}" "$server"
    wait "$server"
    [ -n "$signal" ] || rm -rf "$PWD"
"#;

/// The options for JetStream, with its files in the folder of the server.
const JETSTREAM: [&str; 3] = ["--jetstream", "--store_dir", "store"];

/// A running server, usually with JetStream, on a port of the loopback interface.
pub struct TestServer {
    folder: PathBuf,
    port: u16,
    options: Vec<String>,
    supervisor: Option<(Child, ChildStdin)>,
}

impl TestServer {
    /// Returns the server that the tests of this process share. Each test uses a space of its own.
    ///
    /// # Panics
    /// Panics if the server is not installed or does not start.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<TestServer> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts a server.
    ///
    /// # Panics
    /// Panics if the server is not installed or does not start.
    #[must_use]
    pub fn start() -> Self {
        let mut server = Self::new(free_port(), JETSTREAM.map(str::to_owned).to_vec());
        server.restart();
        server
    }

    /// Starts a server without JetStream.
    ///
    /// # Panics
    /// Panics if the server is not installed or does not start.
    #[must_use]
    pub fn start_without_jetstream() -> Self {
        let mut server = Self::new(free_port(), Vec::new());
        server.restart();
        server
    }

    /// Starts a server with a configuration, for example one that requires credentials.
    ///
    /// # Panics
    /// Panics if the server is not installed or does not start.
    #[must_use]
    pub fn start_with(configuration: &str) -> Self {
        let mut server = Self::new(
            free_port(),
            JETSTREAM
                .iter()
                .chain(&["--config", "configuration"])
                .map(|option| (*option).to_owned())
                .collect(),
        );
        fs::write(server.folder.join("configuration"), configuration).unwrap();
        server.restart();
        server
    }

    /// Starts three servers that form a cluster. Their names are `server-0` to `server-2`.
    ///
    /// # Panics
    /// Panics if the server is not installed or does not start.
    #[must_use]
    pub fn start_cluster() -> [Self; 3] {
        Self::start_members(|_, _, port| port, &[])
    }

    /// Starts three servers that form a cluster and reach each other through proxies. `route` gets the indexes of two
    /// servers and the port at which the second one accepts the other servers, and returns the port that the first one
    /// connects to. Clients of one server do not learn the addresses of the others.
    ///
    /// # Panics
    /// Panics if the server is not installed or does not start.
    #[must_use]
    pub fn start_cluster_through(route: impl FnMut(usize, usize, u16) -> u16) -> [Self; 3] {
        // Servers also tell each other at which address a third one accepts them. Nothing listens at this one, so
        // they use their own routes only.
        Self::start_members(route, &["--no_advertise", "--cluster_advertise", "127.0.0.1:1"])
    }

    fn start_members(mut route: impl FnMut(usize, usize, u16) -> u16, more: &[&str]) -> [Self; 3] {
        let ports = [(); 3].map(|()| (free_port(), free_port()));
        let mut start = |number: usize| {
            let (port, cluster) = ports[number];
            let others = (0..3).filter(|other| *other != number);
            let routes: Vec<String> = others
                .map(|other| format!("nats://127.0.0.1:{}", route(number, other, ports[other].1)))
                .collect();
            let options = JETSTREAM
                .into_iter()
                .chain(["--cluster_name", "test", "--cluster", &format!("nats://127.0.0.1:{cluster}")])
                .chain(["--routes", &routes.join(","), "--name", &format!("server-{number}")])
                .chain(more.iter().copied())
                .map(str::to_owned)
                .collect();
            let mut server = Self::new(port, options);
            server.spawn();
            server
        };
        let servers = [0, 1, 2].map(&mut start);
        servers.iter().for_each(Self::wait_until_ready);
        servers
    }

    fn new(port: u16, options: Vec<String>) -> Self {
        Self { folder: create_folder(), port, options, supervisor: None }
    }

    /// Starts the server after [`kill`](Self::kill), and waits until it accepts connections.
    ///
    /// # Panics
    /// Panics if the server does not start.
    pub fn restart(&mut self) {
        self.spawn();
        self.wait_until_ready();
    }

    fn wait_until_ready(&self) {
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(started.elapsed() < Duration::from_secs(60), "the server did not start: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn spawn(&mut self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log")).unwrap();
        let mut supervisor = Command::new("/bin/sh")
            .current_dir(&self.folder)
            .args(["-c", SUPERVISE])
            .arg(find_program())
            .args(["--addr", "127.0.0.1", "--port", &self.port.to_string(), "--pid", "pid"])
            .args(&self.options)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let input = supervisor.stdin.take().unwrap();
        self.supervisor = Some((supervisor, input));
    }

    /// Sends the server a signal, such as `KILL`, and waits until it has ended.
    pub fn kill(&mut self, signal: &str) {
        let Some((mut supervisor, mut input)) = self.supervisor.take() else { return };
        let _ = writeln!(input, "{signal}");
        let _ = supervisor.wait();
    }

    /// Copies the files of JetStream. Restarts the server, so that they are complete.
    ///
    /// # Panics
    /// Panics if the files cannot be copied, or the server does not start again.
    pub fn back_up(&mut self) {
        self.kill("TERM");
        self.copy("store", "backup");
        self.restart();
    }

    /// Replaces the files of JetStream by their copies, as if the server had lost everything since then.
    ///
    /// # Panics
    /// Panics if the files cannot be copied, or the server does not start again.
    pub fn restore(&mut self) {
        self.kill("KILL");
        fs::remove_dir_all(self.folder.join("store")).unwrap();
        self.copy("backup", "store");
        self.restart();
    }

    fn copy(&self, from: &str, to: &str) {
        let copied = Command::new("cp").current_dir(&self.folder).args(["-R", from, to]).status();
        assert!(copied.unwrap().success());
    }

    /// Suspends the server, as if it were cut off from all others.
    ///
    /// # Panics
    /// Panics if the server does not run.
    pub fn suspend(&self) {
        self.signal("-STOP");
    }

    /// Lets a suspended server continue.
    ///
    /// # Panics
    /// Panics if the server does not run.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let process = fs::read_to_string(self.folder.join("pid")).unwrap();
        assert!(Command::new("kill").args([signal, process.trim()]).status().unwrap().success());
    }

    /// Returns the URL for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.kill("KILL");
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Returns `nats-server`: the program that the variable `NATS_SERVER` names, or the one on the search path.
///
/// # Panics
/// Panics if the program is missing.
#[must_use]
pub fn find_program() -> PathBuf {
    let named = std::env::var_os("NATS_SERVER").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("nats-server"));
    let found = named.into_iter().chain(on_path).find(|program| program.exists());
    found.unwrap_or_else(|| panic!("`nats-server` is missing: install it, or set `NATS_SERVER` to its path"))
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

fn create_folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("fanfare-nats-{}-{count}", std::process::id()));
    match fs::create_dir(&folder) {
        // An earlier process with the same id was killed together with the shell that cleans up.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            fs::remove_dir_all(&folder).unwrap();
            fs::create_dir(&folder).unwrap();
        }
        created => created.unwrap(),
    }
    folder
}
