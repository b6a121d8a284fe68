//! NATS servers.

use std::collections::BTreeSet;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use crate::process::{ServerProcess, find_on_path};

/// The options for JetStream, with its files in the folder of the server.
const JETSTREAM: [&str; 3] = ["--jetstream", "--store_dir", "store"];

/// A running server, usually with JetStream, on a port of the loopback interface.
pub struct TestServer {
    process: ServerProcess,
    port: u16,
    options: Vec<String>,
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
        let mut server = Self::new(free_port(), &JETSTREAM);
        server.restart();
        server
    }

    /// Starts a server without JetStream.
    ///
    /// # Panics
    /// Panics if the server is not installed or does not start.
    #[must_use]
    pub fn start_without_jetstream() -> Self {
        let mut server = Self::new(free_port(), &[]);
        server.restart();
        server
    }

    /// Starts a server with a configuration, for example one that requires credentials.
    ///
    /// # Panics
    /// Panics if the server is not installed or does not start.
    #[must_use]
    pub fn start_with(configuration: &str) -> Self {
        let mut server = Self::new(free_port(), &[&JETSTREAM[..], &["--config", "configuration"]].concat());
        fs::write(server.process.folder.join("configuration"), configuration).unwrap();
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
            let (url, name) = (format!("nats://127.0.0.1:{cluster}"), format!("server-{number}"));
            let member = ["--cluster_name", "test", "--cluster", &url, "--name", &name];
            let routes = ["--routes", &routes.join(",")];
            let mut server = Self::new(port, &[&JETSTREAM[..], &member, &routes, more].concat());
            server.spawn();
            server
        };
        let servers = [0, 1, 2].map(&mut start);
        servers.iter().for_each(Self::wait_until_ready);
        servers
    }

    fn new(port: u16, options: &[&str]) -> Self {
        let listening = ["--addr", "127.0.0.1", "--port", &port.to_string(), "--pid", "pid"];
        let options = listening.iter().chain(options).map(|option| (*option).to_owned()).collect();
        Self { process: ServerProcess::new("nats", None, "KILL"), port, options }
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
            self.process.wait_for_start(started);
        }
    }

    fn spawn(&mut self) {
        self.process.start(&find_program(), &self.options);
    }

    /// Sends the server a signal, such as `KILL`, and waits until it has ended.
    pub fn kill(&mut self, signal: &str) {
        self.process.kill(signal);
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
        fs::remove_dir_all(self.process.folder.join("store")).unwrap();
        self.copy("backup", "store");
        self.restart();
    }

    fn copy(&self, from: &str, to: &str) {
        let copied = self.process.command("cp".as_ref()).args(["-R", from, to]).status();
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
        let process = fs::read_to_string(self.process.folder.join("pid")).unwrap();
        assert!(Command::new("kill").args([signal, process.trim()]).status().unwrap().success());
    }

    /// Returns the URL for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

/// Returns `nats-server`: the program that the variable `NATS_SERVER` names, or the one on the search path.
///
/// # Panics
/// Panics if the program is missing.
#[must_use]
pub fn find_program() -> PathBuf {
    let named = std::env::var_os("NATS_SERVER").map(PathBuf::from);
    let found = named.filter(|program| program.exists()).or_else(|| find_on_path("nats-server"));
    found.unwrap_or_else(|| panic!("`nats-server` is missing: install it, or set `NATS_SERVER` to its path"))
}

/// Returns a port that nobody uses, and that this process has not returned before.
fn free_port() -> u16 {
    static RETURNED: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        if RETURNED.lock().unwrap().insert(port) {
            return port;
        }
    }
}
