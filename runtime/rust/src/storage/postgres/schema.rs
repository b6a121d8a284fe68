//! The schema of the tables and functions, and its versions.

use std::borrow::Cow;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use super::StorageError;
use crate::storage::JOURNAL_VERSION;

/// The migrations, in order. Append to this list; never change a migration that was released.
const MIGRATIONS: [&str; 5] = [
    include_str!("migrations/0001_messages.sql"),
    include_str!("migrations/0002_runs.sql"),
    include_str!("migrations/0003_publish.sql"),
    include_str!("migrations/0004_text_streams.sql"),
    include_str!("migrations/0005_announcements.sql"),
];

/// The version of the tables that this library reads and writes.
pub(super) const VERSION: i32 = 5;

/// The earliest version whose servers work with these tables, so that servers can be updated one after the other. A
/// migration that only adds tables, functions, and columns with defaults keeps it.
const OLDEST_VERSION: i32 = 2;

/// The earliest version of PostgreSQL, as in `server_version_num`.
const OLDEST_POSTGRES: i32 = 120_000;

/// Migrations hold this advisory lock, so that several servers may start at once.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1179534930, 2)";

/// The name of the schema. SQL names the default, `fanfare`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schema(String);

impl Schema {
    /// # Errors
    /// Returns an error if the name would have to be quoted.
    pub(super) fn new(name: &str) -> Result<Self, StorageError> {
        let is_letter = |letter: char| letter.is_ascii_lowercase() || letter == '_';
        let is_valid = name.starts_with(is_letter)
            && name.chars().all(|letter| is_letter(letter) || letter.is_ascii_digit())
            && name.len() <= 48;
        if !is_valid {
            return Err(StorageError::new(format!(
                "invalid schema name `{name}`: use 1 to 48 lowercase letters, digits and underscores, and do not \
                 begin with a digit"
            )));
        }
        Ok(Self(name.to_owned()))
    }

    pub(super) fn name(&self) -> &str {
        &self.0
    }

    /// Replaces the default schema in SQL.
    pub(super) fn qualify(&self, sql: &'static str) -> Cow<'static, str> {
        if self.0 == "fanfare" {
            Cow::Borrowed(sql)
        } else {
            sql.replace("fanfare.", &format!("{}.", self.0)).into()
        }
    }

    /// Returns the name of the notifications.
    pub(super) fn notifications(&self) -> String {
        format!("{}.messages", self.0)
    }
}

/// A failed preparation of the tables.
pub(super) enum PrepareError {
    Database(Error),
    /// This library cannot use the database, for this reason.
    Refused(String),
}

impl From<Error> for PrepareError {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

/// Creates the tables, or migrates those of an earlier version. Servers of the earlier version may be running.
pub(super) async fn prepare(client: &mut Client, schema: &Schema) -> Result<(), PrepareError> {
    check_server(client).await?;
    if is_current(read_version(client, schema).await?)? {
        return Ok(());
    }
    let transaction = client.transaction().await?;
    transaction.batch_execute(LOCK).await?;
    let versions = read_version(transaction.client(), schema).await?;
    if is_current(versions)? {
        return Ok(());
    }
    let version = versions.latest;
    if version == 0 {
        create_schema(transaction.client(), schema).await?;
        let versions = "CREATE TABLE fanfare.versions (version int4 PRIMARY KEY, migrated timestamptz NOT NULL, oldest int4 NOT NULL)";
        transaction.batch_execute(&schema.qualify(versions)).await?;
    }
    for (version, migration) in (1..).zip(MIGRATIONS).skip(usize::try_from(version).unwrap_or(0)) {
        transaction.batch_execute(&schema.qualify(migration)).await?;
        let record = schema.qualify("INSERT INTO fanfare.versions VALUES (");
        transaction.batch_execute(&format!("{record}{version}, now(), {OLDEST_VERSION})")).await?;
    }
    let journal = schema.qualify("INSERT INTO fanfare.facts VALUES ('journal', $1) ON CONFLICT DO NOTHING");
    transaction.query_typed(&journal, &[(&JOURNAL_VERSION, Type::TEXT)]).await?;
    Ok(transaction.commit().await?)
}

/// Creates the schema unless it exists. The statement alone would need the right to create schemas in both cases.
async fn create_schema(client: &Client, schema: &Schema) -> Result<(), Error> {
    let exists = "SELECT FROM pg_namespace WHERE nspname = $1";
    if client.query_typed(exists, &[(&schema.0, Type::TEXT)]).await?.is_empty() {
        client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {}", schema.0)).await?;
    }
    Ok(())
}

/// The properties of the server and the database on which this library depends.
pub(super) struct Server {
    /// As in `server_version_num`.
    pub(super) number: i32,
    pub(super) version: String,
    pub(super) is_replica: bool,
    pub(super) is_read_only: bool,
    pub(super) encoding: String,
}

/// The reason why this library cannot use a server or a database.
pub(super) struct ServerProblem {
    pub(super) subject: &'static str,
    pub(super) message: String,
    pub(super) help: &'static str,
}

impl Server {
    pub(super) async fn read(client: &Client) -> Result<Self, Error> {
        let sql = "SELECT current_setting('server_version_num')::int4, current_setting('server_version'),
            pg_is_in_recovery(), current_setting('transaction_read_only') = 'on', current_setting('server_encoding')";
        let row = client.query_typed_one(sql, &[]).await?;
        Ok(Self {
            number: row.try_get(0)?,
            version: row.try_get(1)?,
            is_replica: row.try_get(2)?,
            is_read_only: row.try_get(3)?,
            encoding: row.try_get(4)?,
        })
    }

    /// Returns the reasons why this library cannot use the server or the database.
    pub(super) fn problems(&self) -> Vec<ServerProblem> {
        let mut problems = Vec::new();
        let mut add = |subject, message, help| problems.push(ServerProblem { subject, message, help });
        if self.number < OLDEST_POSTGRES {
            let message = format!(
                "the database server is PostgreSQL {}, but version {} or later is required",
                self.version,
                OLDEST_POSTGRES / 10_000
            );
            add("version", message, "update it");
        }
        if self.is_replica {
            add(
                "primary",
                "the database server is a replica, which is read-only".to_owned(),
                "connect to the primary, or list all servers in the URL and add `target_session_attrs=read-write`",
            );
        } else if self.is_read_only {
            let message = "the database is read-only".to_owned();
            add("primary", message, "set `default_transaction_read_only` to `off`");
        }
        if self.encoding != "UTF8" {
            let message = format!("the encoding of the database is {}", self.encoding);
            add("encoding", message, "create one with `ENCODING 'UTF8' TEMPLATE template0`");
        }
        problems
    }
}

/// Checks that this library can use the server and the database.
async fn check_server(client: &Client) -> Result<(), PrepareError> {
    match Server::read(client).await?.problems().first() {
        Some(ServerProblem { message, help, .. }) => Err(PrepareError::Refused(format!("{message}: {help}"))),
        None => Ok(()),
    }
}

/// The version of the tables, or 0 if there are none, and the earliest version whose servers work with them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Versions {
    pub(super) latest: i32,
    oldest: i32,
}

/// Returns whether this library can use the tables as they are. If not, they must be migrated.
pub(super) fn is_current(Versions { latest, oldest }: Versions) -> Result<bool, PrepareError> {
    if oldest > VERSION {
        return Err(PrepareError::Refused(format!(
            "the database was migrated to version {latest} by a later version of Fanfare: update this server"
        )));
    }
    Ok(latest >= VERSION)
}

pub(super) async fn read_version(client: &Client, schema: &Schema) -> Result<Versions, Error> {
    // Functions such as `to_regclass` may answer from a cache that does not know yet what another server has committed.
    let find = "SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = $1 AND c.relname = 'versions'";
    if client.query_typed(find, &[(&schema.0, Type::TEXT)]).await?.is_empty() {
        return Ok(Versions::default());
    }
    let versions =
        schema.qualify("SELECT coalesce(max(version), 0), coalesce(max(oldest), 0) FROM fanfare.versions");
    let row = client.query_typed_one(&versions, &[]).await?;
    Ok(Versions { latest: row.try_get(0)?, oldest: row.try_get(1)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_name_needs_no_quotes() {
        for name in ["fanfare", "_a1", "tenant_7"] {
            assert!(Schema::new(name).is_ok(), "{name}");
        }
        for name in ["", "1a", "Fanfare", "a-b", "a.b", "a\"b", "é", &"a".repeat(49)] {
            assert!(Schema::new(name).is_err(), "{name}");
        }
        let other = Schema::new("tenant_7").unwrap();
        assert_eq!(other.qualify("SELECT * FROM fanfare.keys"), "SELECT * FROM tenant_7.keys");
    }
}
