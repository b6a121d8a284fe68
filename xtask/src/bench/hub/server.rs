//! The servers that are compared, and how each is installed and started.

use super::super::{centrifugo, workspace};
use super::load::Ports;
use crate::failure::{Failure, Result};
use crate::paths::{create_empty_folder, create_folder, delete_database, target, write_file};
use crate::process::{Running, command, find_free_port, read_output, start, wait_until_listening};
use crate::step::step;
use crate::tools::ensure_nats_server;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The number of messages in the history of servers that keep one, as in `fanfare-server`.
const HISTORY: usize = 100_000;

/// A server that is compared.
pub(crate) struct Server {
    pub(crate) title: &'static str,
    /// Its name on the command line.
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
    /// With requests to the server's HTTP API.
    Http,
}

impl Publishes {
    /// Returns the mode of the load client for a closed loop.
    pub(crate) fn mode(self) -> &'static str {
        match self {
            Self::InProcess => "in-process",
            Self::Native | Self::Http => "native",
        }
    }

    /// Describes publishing, unless it is in-process.
    pub(crate) fn note(self) -> Option<&'static str> {
        match self {
            Self::InProcess => None,
            Self::Native => {
                Some("the load client publishes over a connection, and the server parses each message")
            }
            Self::Http => Some(
                "the load client publishes with requests, each with up to 64 of the messages that it may send, and the server \
                 parses and answers them",
            ),
        }
    }
}

#[derive(Clone, Copy)]
enum Program {
    Fanfare,
    /// A `fanfare-server` that was built earlier.
    Before(&'static Path),
    Sqlite,
    /// The bare server, in a mode.
    Bare(&'static str),
    Crate(&'static str),
    Node(&'static str),
    /// NATS, with `JetStream` if `true`.
    Nats(bool),
    Centrifugo,
}

/// All servers. Fanfare is first.
pub(crate) static ALL: [Server; 11] = [
    Server { survives_slow_subscribers: true, ..own("fanfare", "fanfare", "fanfare", Program::Fanfare) },
    own("fanfare, Inngest's client", "inngest", "inngest", Program::Fanfare),
    own("fanfare, with SQLite", "sqlite", "fanfare", Program::Sqlite),
    own("bare, a shared log", "log", "bare", Program::Bare("log")),
    own("bare, a write each", "each", "bare", Program::Bare("each")),
    peer("socketioxide", "socket.io", Program::Crate("socketioxide-server")),
    peer("socket.io", "socket.io", Program::Node("socket.io.mjs")),
    peer("ws", "bare", Program::Node("ws.mjs")),
    Server { publishes: Publishes::Native, ..peer("nats", "nats", Program::Nats(false)) },
    Server { publishes: Publishes::Native, ..peer("jetstream", "jetstream", Program::Nats(true)) },
    Server { publishes: Publishes::Http, ..peer("centrifugo", "centrifugo", Program::Centrifugo) },
];

const fn own(title: &'static str, slug: &'static str, protocol: &'static str, program: Program) -> Server {
    let publishes = Publishes::InProcess;
    Server { title, slug, protocol, publishes, survives_slow_subscribers: false, program }
}

const fn peer(slug: &'static str, protocol: &'static str, program: Program) -> Server {
    Server { survives_slow_subscribers: true, ..own(slug, slug, protocol, program) }
}

/// A running server.
pub(crate) struct Started {
    pub(crate) ports: Ports,
    /// Dropping it stops the server.
    _running: Running,
}

impl Started {
    /// Returns a server that does not publish in-process.
    fn without_control(public: u16, running: Running) -> Self {
        Self { ports: Ports { public, control: 0, process: running.child.id() }, _running: running }
    }
}

impl Server {
    /// Returns Fanfare, in a program that was built before a change.
    pub(crate) fn before(program: &Path) -> Self {
        let path = std::path::absolute(program).unwrap_or_else(|_| program.to_owned());
        // At most one path is leaked, and it is used until this program ends.
        own("before the change", "before", "fanfare", Program::Before(Box::leak(path.into_boxed_path())))
    }

    pub(crate) fn is_fanfare(&self) -> bool {
        matches!(self.program, Program::Fanfare | Program::Before(_) | Program::Sqlite)
    }

    /// Returns `true` if the load client can publish to many channels of the server.
    pub(crate) fn has_channels(&self) -> bool {
        self.is_fanfare() || matches!(self.program, Program::Centrifugo)
    }

    pub(crate) fn needs_sqlite(&self) -> bool {
        matches!(self.program, Program::Sqlite)
    }

    /// Installs the server if necessary. Returns `false` and prints the reason if that fails.
    pub(crate) fn prepare(&self) -> bool {
        let prepared = match self.program {
            Program::Fanfare
            | Program::Before(_)
            | Program::Sqlite
            | Program::Bare(_)
            | Program::Crate(_) => Ok(()),
            Program::Node(_) => workspace::install_packages(),
            Program::Nats(_) => ensure_nats_server().map(drop),
            Program::Centrifugo => centrifugo::build(),
        };
        workspace::is_ready(self.title, &prepared)
    }

    pub(crate) fn start(&self) -> Result<Started> {
        let mut program = match self.program {
            Program::Fanfare => command(workspace::program("fanfare-server"), &[""; 0]),
            Program::Before(program) => command(program, &[""; 0]),
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
            Program::Nats(stream) => return start_nats(stream),
            Program::Centrifugo => {
                let (public, running) = centrifugo::start_node(HISTORY, "", &output_folder())?;
                return Ok(Started::without_control(public, running));
            }
        };
        let mut running = start(workspace::with_many_files(&mut program).stdout(Stdio::piped()))?;
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

/// Starts NATS for `WebSocket` clients, and with `JetStream` in memory if `has_streams`.
fn start_nats(has_streams: bool) -> Result<Started> {
    let (public, other) = (find_free_port()?, find_free_port()?);
    let file = output_folder().join("nats.conf");
    let streams = output_folder().join("jetstream");
    create_empty_folder(&streams)?;
    let streams = if has_streams {
        format!("jetstream {{ store_dir: \"{}\" }}\n", streams.display())
    } else {
        String::new()
    };
    let settings = format!(
        "listen: 127.0.0.1:{other}\nmax_payload: 2MB\nmax_connections: 20000\n{streams}\
         websocket {{ listen: \"127.0.0.1:{public}\", no_tls: true }}\n"
    );
    write_file(&file, &settings)?;
    let mut program = workspace::with_many_files(&mut command(ensure_nats_server()?, &["--config"]));
    let running = start(program.arg(&file).stdout(Stdio::null()).stderr(Stdio::null()))?;
    wait_until_listening("the NATS server", public)?;
    Ok(Started::without_control(public, running))
}

/// Returns the locked versions of the servers.
pub(crate) fn read_versions() -> Result<String> {
    let mut versions = workspace::read_crate_versions(&["axum", "tokio", "socketioxide"])?;
    versions.extend(workspace::read_npm_versions(&["socket.io", "ws"])?);
    versions
        .extend(ensure_nats_server().and_then(|program| read_output(Command::new(program).arg("--version"))));
    versions.push(format!("Centrifugo {}", centrifugo::VERSION));
    Ok(versions.join(", "))
}
