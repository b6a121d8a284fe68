//! The servers that are compared, and how each is installed and started.

use super::super::workspace;
use super::load::Ports;
use crate::failure::{Failure, Result};
use crate::paths::{create_folder, delete_database, target, write_file};
use crate::process::{Running, command, find_free_port, read_output, start};
use crate::step::step;
use crate::tools::ensure_nats_server;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a server may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// A server that is compared.
pub(crate) struct Server {
    pub(crate) title: &'static str,
    pub(crate) slug: &'static str,
    /// The protocol that the load client uses.
    pub(crate) protocol: &'static str,
    /// How messages are published without an HTTP request for each.
    pub(crate) publishes: Publishes,
    /// Whether its memory stays bounded under load while a subscriber never reads.
    pub(crate) survives_slow_subscribers: bool,
    program: Program,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Publishes {
    InProcess,
    /// Over the publisher's own connection.
    Native,
}

#[derive(Clone, Copy)]
enum Program {
    Fanfare,
    Sqlite,
    /// The bare server, in a mode.
    Bare(&'static str),
    Crate(&'static str),
    Node(&'static str),
    Nats,
}

/// All servers. Fanfare is first.
pub(crate) const ALL: [Server; 9] = [
    Server { survives_slow_subscribers: true, ..own("fanfare", "fanfare", Program::Fanfare) },
    own("fanfare, Inngest's client", "inngest", Program::Fanfare),
    own("fanfare, with SQLite", "fanfare", Program::Sqlite),
    own("bare, a shared log", "bare", Program::Bare("log")),
    own("bare, a write each", "bare", Program::Bare("each")),
    peer("socketioxide", "socket.io", Program::Crate("socketioxide-server")),
    peer("socket.io", "socket.io", Program::Node("socket.io.mjs")),
    peer("ws", "bare", Program::Node("ws.mjs")),
    Server { publishes: Publishes::Native, ..peer("nats", "nats", Program::Nats) },
];

const fn own(title: &'static str, protocol: &'static str, program: Program) -> Server {
    let slug = title;
    let publishes = Publishes::InProcess;
    Server { title, slug, protocol, publishes, survives_slow_subscribers: false, program }
}

const fn peer(slug: &'static str, protocol: &'static str, program: Program) -> Server {
    Server { survives_slow_subscribers: true, ..own(slug, protocol, program) }
}

/// A running server.
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

    /// Installs the server if necessary. Returns `false` and prints the reason if that fails.
    pub(crate) fn prepare(&self) -> bool {
        let ready = match self.program {
            Program::Fanfare | Program::Sqlite | Program::Bare(_) | Program::Crate(_) => Ok(()),
            Program::Node(_) => workspace::install_packages(),
            Program::Nats => ensure_nats_server().map(drop),
        };
        if let Err(failure) = &ready {
            println!("Skipping {}: {failure}", self.title);
        }
        ready.is_ok()
    }

    pub(crate) fn start(&self) -> Result<Started> {
        let mut program = match self.program {
            Program::Fanfare => command(workspace::program("fanfare-server"), &[""; 0]),
            Program::Sqlite => {
                let file = output_folder().join("bench.db");
                // Each run starts without a history.
                delete_database(&file);
                let mut program = command(workspace::program("fanfare-server"), &["--storage"]);
                program.arg(file);
                program
            }
            Program::Bare(mode) => command(workspace::program("rawcast"), &["--mode", mode]),
            Program::Crate(name) => command(workspace::program(name), &[""; 0]),
            Program::Node(file) => command("node", &[workspace::source("hub").join(file)]),
            Program::Nats => return start_nats(),
        };
        let mut running = start(program.stdout(Stdio::piped()))?;
        let mut line = String::new();
        if let Some(stdout) = running.child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(|error| self.unusable(&error.to_string()))?;
        }
        let mut ports = line.split_whitespace().map_while(|port| port.parse().ok());
        let (Some(public), Some(control)) = (ports.next(), ports.next()) else {
            return Err(self.unusable("it printed no ports"));
        };
        let ports = Ports { public, control, process: running.child.id() };
        Ok(Started { ports, _running: running })
    }

    fn unusable(&self, reason: &str) -> Failure {
        Failure::new(format!("cannot measure {}: {reason}", self.title))
    }
}

/// Builds the load client and the servers in Rust.
pub(crate) fn build() -> Result {
    create_folder(&output_folder())?;
    step("Building the servers and the load client, optimised", || workspace::build("bench-hub"))
}

/// Returns the folder of the files that the benchmark writes.
fn output_folder() -> PathBuf {
    target().join("bench/hub")
}

fn start_nats() -> Result<Started> {
    let (public, other) = (find_free_port()?, find_free_port()?);
    let file = output_folder().join("nats.conf");
    let settings = format!(
        "listen: 127.0.0.1:{other}\nmax_payload: 2MB\nwebsocket {{ listen: \"127.0.0.1:{public}\", no_tls: true }}\n"
    );
    write_file(&file, &settings)?;
    let mut program = Command::new(ensure_nats_server()?);
    let running = start(program.arg("--config").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()))?;
    let since = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", public)).is_err() {
        if since.elapsed() > START_TIMEOUT {
            let seconds = START_TIMEOUT.as_secs();
            return Err(Failure::new(format!("the NATS server did not start listening within {seconds} s")));
        }
        sleep(Duration::from_millis(20));
    }
    Ok(Started { ports: Ports { public, control: 0, process: running.child.id() }, _running: running })
}

/// Returns the locked versions of the servers.
pub(crate) fn read_versions() -> Result<String> {
    let mut versions = workspace::read_crate_versions(&["axum", "tokio", "socketioxide"])?;
    versions.extend(workspace::read_npm_versions(&["socket.io", "ws"])?);
    versions
        .extend(ensure_nats_server().and_then(|program| read_output(Command::new(program).arg("--version"))));
    Ok(versions.join(", "))
}
