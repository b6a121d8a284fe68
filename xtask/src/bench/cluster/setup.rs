//! Starts NATS servers, hubs and load clients.

use super::super::figures::Figures;
use super::super::hub::server::start_with_ports;
use super::super::nats::Nats;
use super::super::workspace;
use crate::failure::{Failure, Result};
use crate::paths::{target, write_file};
use crate::process::{Running, command, read_output, start};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

/// An interval of pings in seconds that is longer than any measurement.
const NEVER: u32 = 3_600;

/// NATS servers, and hubs that share them. The load clients measure the hubs, then the NATS servers.
pub(super) struct Setup {
    // Dropped first, because hubs report errors if their storage ends.
    hubs: Vec<Hub>,
    nats: Vec<Nats>,
}

struct Hub {
    public: u16,
    control: u16,
    running: Running,
}

impl Setup {
    /// Starts hubs that send no pings while they are measured: pings arrive in bursts, because clients connect at once.
    pub(super) fn start(servers: usize, hubs: usize) -> Result<Self> {
        Self::start_pinging(servers, hubs, NEVER)
    }

    pub(super) fn start_pinging(servers: usize, hubs: usize, ping_seconds: u32) -> Result<Self> {
        let nats = Nats::start_cluster(&output_folder().join("nats"), servers)?;
        let urls: Vec<_> = nats.iter().map(Nats::url).collect();
        let mut setup = Self { hubs: Vec::new(), nats };
        for number in 0..hubs {
            // Hubs connect to the servers in turn.
            let url = &urls[number % urls.len()];
            let mut program = command(workspace::program("fanfare-server"), &["--storage", url]);
            program.arg("--replicas").arg(servers.to_string());
            program.arg("--ping-seconds").arg(ping_seconds.to_string());
            let (public, control, running) = start_with_ports(&mut program)?;
            setup.hubs.push(Hub { public, control, running });
        }
        Ok(setup)
    }

    pub(super) fn hub_count(&self) -> usize {
        self.hubs.len()
    }

    /// Lets the first hubs publish, with the given arguments, which are separated by spaces.
    pub(super) fn publish(&self, publishers: usize, arguments: &str) -> Result<Figures> {
        let controls: Vec<_> = self.hubs.iter().take(publishers).map(|hub| hub.control.to_string()).collect();
        let mut client = self.client("publish");
        client.arg("--controls").arg(controls.join(",")).args(arguments.split_whitespace());
        self.read(&mut client)
    }

    /// Connects a subscriber of a hub for each of the channels.
    pub(super) fn hold(&self, hub: usize, channels: impl Iterator<Item = u64>) -> Result<Held> {
        let file = output_folder().join("channels.txt");
        let channels: Vec<_> = channels.map(|channel| channel.to_string()).collect();
        write_file(&file, &channels.join("\n"))?;
        let mut client = self.client("hold");
        client.arg("--port").arg(self.hubs[hub].public.to_string()).arg("--channels").arg(file);
        let mut held = Held::start(&mut client)?;
        held.figures = self.sum_nats(&held.figures);
        Ok(held)
    }

    /// Opens connections to the first NATS server that receive what it republishes.
    pub(super) fn listen(&self, connections: usize) -> Result<Held> {
        let mut client = self.client("listen");
        client.arg("--port").arg(self.nats[0].port.to_string());
        Held::start(client.arg("--connections").arg(connections.to_string()))
    }

    /// Runs a command of the load client that only uses the first NATS server.
    pub(super) fn measure_nats(&self, what: &str, points: &[u32]) -> Result<Figures> {
        let points: Vec<_> = points.iter().map(u32::to_string).collect();
        let mut client = self.client(what);
        client.arg("--port").arg(self.nats[0].port.to_string());
        client.arg("--process").arg(self.nats[0].process().to_string());
        Figures::read(&read_output(client.arg("--points").arg(points.join(",")).stderr(Stdio::inherit()))?)
    }

    fn client(&self, what: &str) -> Command {
        let hubs = self.hubs.iter().map(|hub| hub.running.child.id());
        let processes: Vec<_> =
            hubs.chain(self.nats.iter().map(Nats::process)).map(|id| id.to_string()).collect();
        let mut client = workspace::with_many_files(&mut command(workspace::program("cluster"), &[what]));
        client.arg("--processes").arg(processes.join(","));
        client
    }

    fn read(&self, client: &mut Command) -> Result<Figures> {
        Ok(self.sum_nats(&Figures::read(&read_output(client.stderr(Stdio::inherit()))?)?))
    }

    /// Adds the figures of all NATS servers, as `cpu_nats` and so on.
    fn sum_nats(&self, figures: &Figures) -> Figures {
        let mut summed = figures.clone();
        for kind in ["cpu", "memory", "grown"] {
            let indexes = self.hubs.len()..self.hubs.len() + self.nats.len();
            let sum = indexes.map(|index| figures.get(&format!("{kind}_{index}"))).sum();
            summed.set(&format!("{kind}_nats"), sum);
        }
        summed
    }
}

/// A load client that stays connected. Dropping it disconnects.
pub(super) struct Held {
    /// The figures that it printed once it was ready.
    pub(super) figures: Figures,
    lines: BufReader<ChildStdout>,
    input: ChildStdin,
    _running: Running,
}

impl Held {
    fn start(client: &mut Command) -> Result<Self> {
        let mut running = start(client.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let (Some(output), Some(input)) = (running.child.stdout.take(), running.child.stdin.take()) else {
            return Err(Failure::new("the load client has no output"));
        };
        let mut held =
            Self { figures: Figures::default(), lines: BufReader::new(output), input, _running: running };
        held.figures = held.read()?;
        Ok(held)
    }

    /// Returns what has arrived since the last call.
    pub(super) fn count(&mut self) -> Result<Figures> {
        self.input
            .write_all(b"\n")
            .map_err(|error| Failure::new(format!("the load client ended: {error}")))?;
        self.read()
    }

    fn read(&mut self) -> Result<Figures> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(length) if length > 0 => Figures::read(line.trim()),
            _ => Err(Failure::new("the load client ended before it was ready")),
        }
    }
}

/// Returns the folder of the files that the benchmark writes.
pub(super) fn output_folder() -> PathBuf {
    target().join("bench/cluster")
}
