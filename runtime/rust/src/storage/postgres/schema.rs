//! The schema of the tables and functions, and its versions.

use std::borrow::Cow;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use super::StorageError;
use crate::storage::JOURNAL_VERSION;

/// The migrations, in order. Append to this list; never change a migration that was released.
const MIGRATIONS: [&str; 3] = [
    include_str!("migrations/0001_messages.sql"),
    include_str!("migrations/0002_runs.sql"),
    include_str!("migrations/0003_publish.sql"),
];

/// The version of the tables that this library reads and writes.
const VERSION: i32 = 3;

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
    LaterVersion(i32),
}

impl From<Error> for PrepareError {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

/// Creates the tables, or migrates those of an earlier version. Servers of the earlier version may be running.
pub(super) async fn prepare(client: &mut Client, schema: &Schema) -> Result<(), PrepareError> {
    if read_version(client, schema).await? == VERSION {
        return Ok(());
    }
    let transaction = client.transaction().await?;
    transaction.batch_execute(LOCK).await?;
    let version = read_version(transaction.client(), schema).await?;
    if version > VERSION {
        return Err(PrepareError::LaterVersion(version));
    }
    if version == 0 {
        transaction.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {}", schema.0)).await?;
        let versions =
            "CREATE TABLE fanfare.versions (version int4 PRIMARY KEY, migrated timestamptz NOT NULL)";
        transaction.batch_execute(&schema.qualify(versions)).await?;
    }
    for (version, migration) in (1..).zip(MIGRATIONS).skip(usize::try_from(version).unwrap_or(0)) {
        transaction.batch_execute(&schema.qualify(migration)).await?;
        let record = schema.qualify("INSERT INTO fanfare.versions VALUES (");
        transaction.batch_execute(&format!("{record}{version}, now())")).await?;
    }
    let journal = schema.qualify("INSERT INTO fanfare.facts VALUES ('journal', $1) ON CONFLICT DO NOTHING");
    transaction.query_typed(&journal, &[(&JOURNAL_VERSION, Type::TEXT)]).await?;
    Ok(transaction.commit().await?)
}

/// Returns the version of the tables, or 0 if there are none.
async fn read_version(client: &Client, schema: &Schema) -> Result<i32, Error> {
    // Functions such as `to_regclass` may answer from a cache that does not know yet what another server has committed.
    let find = "SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = $1 AND c.relname = 'versions'";
    if client.query_typed(find, &[(&schema.0, Type::TEXT)]).await?.is_empty() {
        return Ok(0);
    }
    let version = schema.qualify("SELECT coalesce(max(version), 0) FROM fanfare.versions");
    client.query_typed_one(&version, &[]).await?.try_get(0)
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
