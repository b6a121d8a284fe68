//! The servers that are compared, and how each is installed and started.

use super::super::nats::Nats;
use super::super::{centrifugo, workspace};
use super::load::Ports;
use crate::failure::{Failure, Result};
use crate::paths::{create_folder, delete_database, target};
use crate::process::{Running, command, read_output, start};
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
    /// Fanfare, with streams of a NATS server in files.
    FanfareNats,
    /// The bare server, in a mode.
    Bare(&'static str),
    Crate(&'static str),
    Node(&'static str),
    /// NATS, with `JetStream` if `true`.
    Nats(bool),
    Centrifugo,
    /// Centrifugo, with a NATS server as its broker.
    CentrifugoNats,
}

/// All servers. Fanfare is first.
pub(crate) static ALL: [Server; 13] = [
    Server { survives_slow_subscribers: true, ..own("fanfare", "fanfare", "fanfare", Program::Fanfare) },
    own("fanfare, Inngest's client", "inngest", "inngest", Program::Fanfare),
    own("fanfare, with SQLite", "sqlite", "fanfare", Program::Sqlite),
    own("fanfare, with NATS", "fanfare-nats", "fanfare", Program::FanfareNats),
    own("bare, a shared log", "log", "bare", Program::Bare("log")),
    own("bare, a write each", "each", "bare", Program::Bare("each")),
    peer("socketioxide", "socket.io", Program::Crate("socketioxide-server")),
    peer("socket.io", "socket.io", Program::Node("socket.io.mjs")),
    peer("ws", "bare", Program::Node("ws.mjs")),
    Server { publishes: Publishes::Native, ..peer("nats", "nats", Program::Nats(false)) },
    Server { publishes: Publishes::Native, ..peer("jetstream", "jetstream", Program::Nats(true)) },
    Server { publishes: Publishes::Http, ..peer("centrifugo", "centrifugo", Program::Centrifugo) },
    Server {
        title: "centrifugo, with NATS",
        publishes: Publishes::Http,
        ..peer("centrifugo-nats", "centrifugo", Program::CentrifugoNats)
    },
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
    /// Dropping them stops the server, and then its storage.
    _running: Vec<Running>,
}

impl Started {
    /// Returns a server that does not publish in-process, and the storage that it uses.
    fn without_control(public: u16, running: Running, storage: Option<Nats>) -> Self {
        let ports = Ports {
            public,
            control: 0,
            process: running.child.id(),
            storage: storage.as_ref().map(Nats::process),
        };
        let storage = storage.map(|nats| nats.running);
        Self { ports, _running: [running].into_iter().chain(storage).collect() }
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
        matches!(self.program, Program::Fanfare | Program::Before(_) | Program::Sqlite | Program::FanfareNats)
    }

    /// Returns `true` if the load client can publish to many channels of the server.
    pub(crate) fn has_channels(&self) -> bool {
        self.is_fanfare() || matches!(self.program, Program::Centrifugo | Program::CentrifugoNats)
    }

    /// Returns `true` if the server keeps messages, or passes them on, outside of its process.
    pub(crate) fn has_storage(&self) -> bool {
        matches!(self.program, Program::Sqlite) || self.uses_nats()
    }

    /// Returns `true` if CPU times include those of a NATS server.
    pub(crate) fn uses_nats(&self) -> bool {
        matches!(self.program, Program::FanfareNats | Program::CentrifugoNats)
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
            Program::Nats(_) | Program::FanfareNats => ensure_nats_server().map(drop),
            Program::Centrifugo => centrifugo::build(),
            Program::CentrifugoNats => ensure_nats_server().and_then(|_| centrifugo::build()),
        };
        workspace::is_ready(self.title, &prepared)
    }

    pub(crate) fn start(&self) -> Result<Started> {
        let mut storage = None;
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
            Program::FanfareNats => {
                let nats = storage.insert(Nats::start(&nats_folder(), true)?);
                let mut program = command(workspace::program("fanfare-server"), &["--storage"]);
                program.arg(nats.url());
                program
            }
            Program::Bare(mode) => command(workspace::program("rawcast"), &["--mode", mode]),
            Program::Crate(name) => command(workspace::program(name), &[""; 0]),
            Program::Node(file) => command("node", &[workspace::source("hub").join(file)]),
            Program::Nats(has_streams) => {
                let nats = Nats::start(&nats_folder(), has_streams)?;
                return Ok(Started::without_control(nats.websocket_port, nats.running, None));
            }
            Program::Centrifugo => {
                let (public, running) = centrifugo::start_node(Some(HISTORY), "", &output_folder())?;
                return Ok(Started::without_control(public, running, None));
            }
            Program::CentrifugoNats => {
                let nats = Nats::start(&nats_folder(), false)?;
                let broker = format!(
                    r#""broker": {{"enabled": true, "type": "nats", "nats": {{"url": "{}"}}}},"#,
                    nats.url()
                );
                // This broker has no history.
                let (public, running) = centrifugo::start_node(None, &broker, &output_folder())?;
                return Ok(Started::without_control(public, running, Some(nats)));
            }
        };
        let (public, control, running) =
            start_with_ports(&mut program).map_err(|failure| self.unusable(&failure.to_string()))?;
        let process = running.child.id();
        let ports = Ports { public, control, process, storage: storage.as_ref().map(Nats::process) };
        let storage = storage.map(|nats| nats.running);
        Ok(Started { ports, _running: [running].into_iter().chain(storage).collect() })
    }

    fn unusable(&self, reason: &str) -> Failure {
        Failure::new(format!("cannot measure {}: {reason}", self.title))
    }
}

/// Starts a server, and returns the two ports that it prints: one for clients, and one for the load client's commands.
pub(crate) fn start_with_ports(program: &mut Command) -> Result<(u16, u16, Running)> {
    let mut running = start(workspace::with_many_files(program).stdout(Stdio::piped()))?;
    let mut line = String::new();
    if let Some(stdout) = running.child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).map_err(|error| Failure::new(error.to_string()))?;
    }
    let mut ports = line.split_whitespace().map_while(|port| port.parse().ok());
    match (ports.next(), ports.next()) {
        (Some(public), Some(control)) => Ok((public, control, running)),
        _ => Err(Failure::new("the server printed no ports")),
    }
}

/// Builds the load clients and the servers in Rust.
pub(crate) fn build() -> Result {
    create_folder(&output_folder())?;
    step("Building the servers and the load client, optimised", || workspace::build("bench-hub"))
}

/// Returns the folder of the files that the benchmark writes.
fn output_folder() -> PathBuf {
    target().join("bench/hub")
}

fn nats_folder() -> PathBuf {
    output_folder().join("nats")
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
