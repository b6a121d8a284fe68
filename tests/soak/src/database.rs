//! The database that the servers of a round share. The harness reads both kinds with the same statements.

use crate::Result;
use crate::link::Link;
use crate::postgres;
use crate::server::Installation;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::SimpleQueryMessage;

/// How long to wait for a file that a server has locked.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A SQLite file or a PostgreSQL server.
#[derive(Clone)]
pub(crate) enum Database {
    File(PathBuf),
    Postgres(Arc<postgres::Server>),
}

/// A row of a result, as text.
pub(crate) struct Row(Vec<Option<String>>);

impl Row {
    /// Returns a column, or `None` if it is null.
    pub(crate) fn get(&self, column: usize) -> Option<&str> {
        self.0.get(column)?.as_deref()
    }

    /// Returns a column that is never null.
    pub(crate) fn text(&self, column: usize) -> Result<&str> {
        self.get(column).ok_or_else(|| format!("column {column} is null").into())
    }

    /// Returns a column with a number.
    pub(crate) fn number<N: FromStr>(&self, column: usize) -> Result<N> {
        let text = self.text(column)?;
        text.parse().map_err(|_| format!("column {column} is {text:?}, which is not a valid number").into())
    }
}

impl Database {
    /// Returns servers that use the database. Each reaches PostgreSQL through a link of its own.
    pub(crate) fn install(
        &self,
        server: &Installation,
        count: usize,
    ) -> Result<Vec<(Installation, Option<Link>)>> {
        let mut servers = Vec::new();
        for _ in 0..count {
            let (mut server, mut link) = (server.clone(), None);
            match self {
                Self::File(path) => server.database = Some(path.clone()),
                Self::Postgres(postgres) => {
                    let (opened, url) = postgres.link()?;
                    server.arguments.extend(["--postgres".into(), url]);
                    server.database = None;
                    link = Some(opened);
                }
            }
            servers.push((server, link));
        }
        Ok(servers)
    }

    /// Executes statements.
    pub(crate) async fn execute(&self, sql: &str) -> Result {
        match self {
            Self::File(path) => {
                let connection = Connection::open(path)?;
                connection.busy_timeout(BUSY_TIMEOUT)?;
                Ok(connection.execute_batch(sql)?)
            }
            Self::Postgres(server) => Ok(server.connect().await?.batch_execute(sql).await?),
        }
    }

    /// Returns the rows of a query.
    pub(crate) async fn read(&self, sql: &str) -> Result<Vec<Row>> {
        match self {
            Self::File(path) => {
                let connection = Connection::open(path)?;
                connection.busy_timeout(BUSY_TIMEOUT)?;
                let mut statement = connection.prepare(sql)?;
                let columns = statement.column_count();
                let rows = statement.query_map([], |row| {
                    let texts = (0..columns).map(|column| row.get_ref(column).map(to_text));
                    Ok(Row(texts.collect::<rusqlite::Result<_>>()?))
                })?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            }
            Self::Postgres(server) => {
                let messages = server.connect().await?.simple_query(sql).await?;
                let rows = messages.iter().filter_map(|message| match message {
                    SimpleQueryMessage::Row(row) => {
                        Some(Row((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect()))
                    }
                    _ => None,
                });
                Ok(rows.collect())
            }
        }
    }
}

fn to_text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(text) | ValueRef::Blob(text) => Some(String::from_utf8_lossy(text).into_owned()),
    }
}
