//! PgBouncer in front of a server.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::{SUPERVISE, TestServer, command, create_folder};

/// The port in the name of its socket.
const PORT: u16 = 6432;

/// A running PgBouncer.
pub struct TestPooler {
    folder: PathBuf,
    supervisor: Child,
}

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
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        let program = folders.map(|folder| folder.join("pgbouncer")).find(|program| program.exists())?;
        let folder = create_folder();
        let settings = format!(
            "[databases]\npostgres = {}\n[pgbouncer]\nlisten_port = {PORT}\nunix_socket_dir = {}\nauth_type = any\n\
             pool_mode = {mode}\ndefault_pool_size = {connections}\n",
            server.url(),
            folder.display()
        );
        fs::write(folder.join("settings"), settings).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let supervisor = command(Path::new("/bin/sh"), &folder)
            .args(["-c", SUPERVISE])
            .arg(program)
            .arg("settings")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let started = Instant::now();
        while !folder.join(format!(".s.PGSQL.{PORT}")).exists() {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(started.elapsed() < Duration::from_secs(60), "PgBouncer did not start: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Self { folder, supervisor })
    }

    /// Returns the connection string of the server's superuser.
    #[must_use]
    pub fn url(&self) -> String {
        format!("host={} port={PORT} user=postgres dbname=postgres", self.folder.display())
    }
}

impl Drop for TestPooler {
    fn drop(&mut self) {
        if let Some(input) = &mut self.supervisor.stdin {
            let _ = writeln!(input, "TERM");
        }
        let _ = self.supervisor.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
