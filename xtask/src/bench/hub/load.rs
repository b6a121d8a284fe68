//! Runs the load client.

use super::super::figures::Figures;
use super::super::workspace;
use crate::failure::Result;
use crate::process::{command, read_output};
use std::process::{Command, Stdio};

/// The ports and the process of a server.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    /// Serves clients.
    pub(crate) public: u16,
    /// Takes commands of the load client.
    pub(crate) control: u16,
    pub(crate) process: u32,
    /// The process of the storage.
    pub(crate) storage: Option<u32>,
}

/// Returns the command that runs the load client against a server. `arguments` are separated by spaces.
pub(crate) fn client_command(ports: Ports, protocol: &str, arguments: &str) -> Command {
    let mut client =
        workspace::with_many_files(&mut command(workspace::program("load"), &["--protocol", protocol]));
    client.arg("--port").arg(ports.public.to_string()).arg("--control").arg(ports.control.to_string());
    if let Some(storage) = ports.storage {
        client.arg("--storage").arg(storage.to_string());
    }
    client.arg("--process").arg(ports.process.to_string()).args(arguments.split_whitespace());
    client
}

/// Runs the load client and returns its figures.
pub(crate) fn run_client(ports: Ports, protocol: &str, arguments: &str) -> Result<Figures> {
    let mut client = client_command(ports, protocol, arguments);
    Figures::read(&read_output(client.stderr(Stdio::inherit()))?)
}
