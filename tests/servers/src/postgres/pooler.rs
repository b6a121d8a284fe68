//! PgBouncer in front of a server.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use super::{TestServer, new_process};
use crate::process::{ServerProcess, find_on_path};

/// The port in the name of its socket.
const PORT: u16 = 6432;

/// A running PgBouncer.
pub struct TestPooler(ServerProcess);

impl TestPooler {
    /// Starts PgBouncer in transaction mode, with this number of connections to a server. Returns `None` if it is not
    /// installed.
    ///
    /// # Panics
    /// Panics if PgBouncer does not start.
    #[must_use]
    pub fn start(server: &TestServer, connections: u32) -> Option<Self> {
        Self::start_in_mode(server, connections, "transaction")
    }

    /// Starts PgBouncer in a `pool_mode`. Returns `None` if it is not installed.
    ///
    /// # Panics
    /// Panics if PgBouncer does not start.
    #[must_use]
    pub fn start_in_mode(server: &TestServer, connections: u32, mode: &str) -> Option<Self> {
        let of_debian = || Some(PathBuf::from("/usr/sbin/pgbouncer")).filter(|program| program.exists());
        let program = find_on_path("pgbouncer").or_else(of_debian)?;
        // The shell makes it ignore `QUIT`, and PgBouncer 1.18 does not change that.
        let mut process = new_process("KILL");
        let settings = format!(
            "[databases]\npostgres = {}\n[pgbouncer]\nlisten_port = {PORT}\nunix_socket_dir = {}\nauth_type = any\n\
             pool_mode = {mode}\ndefault_pool_size = {connections}\n",
            server.url(),
            process.folder.display()
        );
        fs::write(process.folder.join("settings"), settings).unwrap();
        let started = Instant::now();
        process.start(&program, &["settings"]);
        while !process.folder.join(format!(".s.PGSQL.{PORT}")).exists() {
            process.wait_for_start(started);
        }
        Some(Self(process))
    }

    /// Returns the connection string of the server's superuser.
    #[must_use]
    pub fn url(&self) -> String {
        format!("host={} port={PORT} user=postgres dbname=postgres", self.0.folder.display())
    }
}
