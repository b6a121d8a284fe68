//! Starts NATS servers.

use super::workspace;
use crate::failure::{Failure, Result};
use crate::paths::{create_empty_folder, write_file};
use crate::process::{Running, command, find_free_port, start, wait_until_listening};
use crate::tools::ensure_nats_server;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The time within which the servers must have elected the leader of `JetStream`.
const ELECTION: Duration = Duration::from_secs(20);

/// A NATS server on loopback ports.
pub(crate) struct Nats {
    pub(crate) port: u16,
    pub(crate) websocket_port: u16,
    pub(crate) running: Running,
    monitoring_port: u16,
}

impl Nats {
    /// Starts a server, with `JetStream` if `has_streams`. The files of earlier servers in the folder are deleted.
    pub(crate) fn start(folder: &Path, has_streams: bool) -> Result<Self> {
        let server = Self::start_with(folder, has_streams, "")?;
        wait_until_listening("the NATS server", server.websocket_port)?;
        Ok(server)
    }

    /// Starts several servers that form a cluster with `JetStream`.
    pub(crate) fn start_cluster(folder: &Path, count: usize) -> Result<Vec<Self>> {
        if count == 1 {
            return Ok(vec![Self::start(folder, true)?]);
        }
        let ports = (0..count).map(|_| find_free_port()).collect::<Result<Vec<_>>>()?;
        let routes: Vec<_> = ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let start = |(number, port): (usize, &u16)| {
            let settings = format!(
                "server_name: n{number}\ncluster {{ name: bench, listen: \"127.0.0.1:{port}\", routes: [{}] }}\n",
                routes.join(", ")
            );
            Self::start_with(&folder.join(number.to_string()), true, &settings)
        };
        let servers = ports.iter().enumerate().map(start).collect::<Result<Vec<_>>>()?;
        for server in &servers {
            wait_until_listening("a NATS server", server.websocket_port)?;
            server.wait_until_healthy()?;
        }
        Ok(servers)
    }

    fn start_with(folder: &Path, has_streams: bool, more: &str) -> Result<Self> {
        create_empty_folder(folder)?;
        let [port, websocket_port, monitoring_port] =
            [find_free_port()?, find_free_port()?, find_free_port()?];
        let mut settings = format!(
            "listen: 127.0.0.1:{port}\nhttp: 127.0.0.1:{monitoring_port}\nmax_payload: 2MB\nmax_connections: 20000\n\
             websocket {{ listen: \"127.0.0.1:{websocket_port}\", no_tls: true }}\n{more}"
        );
        if has_streams {
            let _ = writeln!(settings, "jetstream {{ store_dir: \"{}\" }}", folder.join("streams").display());
        }
        let file = folder.join("nats.conf");
        write_file(&file, &settings)?;
        let mut program = workspace::with_many_files(&mut command(ensure_nats_server()?, &["--config"]));
        let running = start(program.arg(&file).stdout(Stdio::null()).stderr(Stdio::null()))?;
        Ok(Self { port, websocket_port, running, monitoring_port })
    }

    pub(crate) fn process(&self) -> u32 {
        self.running.child.id()
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    fn wait_until_healthy(&self) -> Result {
        let since = Instant::now();
        while !self.is_healthy() {
            if since.elapsed() > ELECTION {
                return Err(Failure::new("the NATS servers elected no leader"));
            }
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn is_healthy(&self) -> bool {
        let mut answer = String::new();
        let asked = TcpStream::connect(("127.0.0.1", self.monitoring_port)).and_then(|mut socket| {
            socket.write_all(b"GET /healthz HTTP/1.0\r\n\r\n")?;
            socket.read_to_string(&mut answer)
        });
        asked.is_ok() && answer.split(' ').nth(1) == Some("200")
    }
}
