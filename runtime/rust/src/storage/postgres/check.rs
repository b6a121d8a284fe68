//! Checks a database, before servers use it or meanwhile. Nothing here creates, migrates or changes anything.

use tokio_postgres::Client;

use super::ConnectPostgres;
use super::connection::{Database, REQUEST_TIMEOUT, Session, describe};
use super::schema::{Schema, Server};
use crate::clock::{to_milliseconds, wall_time};
use crate::storage::check::StorageReport;
use crate::storage::check::clocks::Clocks;

mod connections;
mod tables;

/// The settings without which a crash of the database can undo confirmed messages.
const DURABLE: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];

/// The result of a check, or the error of a statement. A statement that fails ends the check.
type Checked<T = ()> = Result<T, tokio_postgres::Error>;

impl ConnectPostgres<'_> {
    /// Checks the database instead of connecting: its version, encoding and settings, the tables and the rights to
    /// them, a pooler, the clock, and the connections that this number of servers needs. It changes nothing, so servers
    /// may be using the database.
    ///
    /// Set the same options as the servers do, and connect with the same role.
    pub async fn check(self, servers: usize) -> StorageReport {
        let mut report = StorageReport::default();
        let database = Schema::new(self.schema).and_then(|schema| Database::new(self.url, schema));
        let database = match database {
            Ok(database) => database,
            Err(error) => {
                report.fail("options", error.to_string(), "correct the option");
                return report;
            }
        };
        let session = match database.open(None).await {
            Ok(session) => session,
            Err(error) => {
                let help = "start the database, and correct the URL, the password and the certificates";
                report.fail("connection", error.to_string(), help);
                return report;
            }
        };
        let need = Need { servers, connections: self.connections };
        let checked = tokio::time::timeout(REQUEST_TIMEOUT, check(&database, &session, &need, &mut report));
        let failure = match checked.await {
            Ok(Ok(())) => return report,
            Ok(Err(error)) => describe(&error),
            Err(_) => "the database does not answer".to_owned(),
        };
        report.fail(
            "connection",
            format!("the check ended early: {failure}"),
            "correct this, and check again",
        );
        report
    }
}

/// The number of servers, and the `connections` of each.
struct Need {
    servers: usize,
    connections: usize,
}

async fn check(database: &Database, session: &Session, need: &Need, report: &mut StorageReport) -> Checked {
    let client = &session.client;
    let server = Server::read(client).await?;
    check_server(&server, report);
    check_durability(client, report).await?;
    tables::check(client, &database.schema, report).await?;
    check_clock(client, report).await?;
    match connections::check_pooler(database, client, report).await? {
        Some(is_pooled) => connections::check(client, need, is_pooled, report).await,
        None => Ok(()),
    }
}

fn check_server(server: &Server, report: &mut StorageReport) {
    let problems = server.problems();
    let fine = [
        ("version", format!("PostgreSQL {}", server.version)),
        ("primary", "the server accepts writes".to_owned()),
        ("encoding", server.encoding.clone()),
    ];
    for (subject, message) in fine {
        match problems.iter().find(|problem| problem.subject == subject) {
            Some(problem) => report.fail(subject, problem.message.clone(), problem.help),
            None => report.ok(subject, message),
        }
    }
}

async fn check_durability(client: &Client, report: &mut StorageReport) -> Checked {
    let settings: Vec<String> = DURABLE.map(|name| format!("current_setting('{name}')")).to_vec();
    let row = client.query_typed_one(&format!("SELECT {}", settings.join(", ")), &[]).await?;
    let off = DURABLE.iter().enumerate().filter(|(column, _)| row.get::<_, &str>(*column) == "off");
    let off: Vec<String> = off.map(|(_, name)| format!("`{name}`")).collect();
    if off.is_empty() {
        report.ok("durability", format!("{} are on", DURABLE.map(|name| format!("`{name}`")).join(", ")));
    } else {
        report.warn(
            "durability",
            format!("off: {}; a crash of the database can undo confirmed messages", off.join(", ")),
            "turn the setting on, for the database server and for the role",
        );
    }
    Ok(())
}

async fn check_clock(client: &Client, report: &mut StorageReport) -> Checked {
    let sent = to_milliseconds(wall_time());
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8";
    let time: i64 = client.query_typed_one(sql, &[]).await?.try_get(0)?;
    let received = to_milliseconds(wall_time());
    let mut clocks = Clocks::default();
    clocks.add("the database server", time, sent, received);
    clocks.report(report);
    Ok(())
}
