//! Runs the load client.

use super::figures::Figures;
use super::server::folder;
use crate::failure::Result;
use crate::process::{command, read};
use std::path::PathBuf;
use std::process::Command;

/// Where a server can be reached, and which process it is.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) world: u16,
    pub(crate) control: u16,
    pub(crate) process: u32,
}

/// The load client against a server, with `words` as its arguments.
pub(crate) fn client(ports: Ports, protocol: &str, words: &str) -> Command {
    let mut client = command(built("load"), &["--protocol", protocol]);
    client.arg("--port").arg(ports.world.to_string()).arg("--control").arg(ports.control.to_string());
    client.arg("--process").arg(ports.process.to_string()).args(words.split_whitespace());
    client
}

/// What the load client measures.
pub(crate) fn load(ports: Ports, protocol: &str, words: &str) -> Result<Figures> {
    Figures::read(&read(&mut client(ports, protocol, words))?)
}

/// A program of the bench's crate.
pub(crate) fn built(name: &str) -> PathBuf {
    folder().join("release").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}
