//! The statements that engines share, on a connection of SQLite.

use futures_util::FutureExt;
use rusqlite::types::{FromSql, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Error, Result, Statement, ToSql};

use super::super::journal::rows::JournalTransaction;
use super::super::sql::{Param, Row, SqlTransaction, Value};
use super::super::{Entry, RunHandle};
use super::batch::Batch;
use super::messages::AppendOutcome;
use super::processes;
use crate::clock::to_milliseconds;
use crate::wire::MessageId;

/// A transaction of a connection, without messages.
pub(super) struct Statements<'c>(pub(super) &'c Connection);

impl SqlTransaction for Statements<'_> {
    type Error = Error;

    async fn query(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>> {
        let mut statement = self.0.prepare_cached(sql)?;
        bind(&mut statement, params)?;
        let columns = statement.column_count();
        let (mut rows, mut found) = (statement.raw_query(), Vec::new());
        while let Some(row) = rows.next()? {
            found.push(Row((0..columns).map(|column| row.get(column)).collect::<Result<_>>()?));
        }
        Ok(found)
    }

    async fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64> {
        let mut statement = self.0.prepare_cached(sql)?;
        bind(&mut statement, params)?;
        statement.raw_execute().map(|rows| rows as u64)
    }
}

fn bind(statement: &mut Statement<'_>, params: &[Param<'_>]) -> Result<()> {
    (1..).zip(params).try_for_each(|(index, param)| statement.raw_bind_parameter(index, param))
}

impl SqlTransaction for Batch<'_> {
    type Error = Error;

    async fn query(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>> {
        Statements(self.transaction).query(sql, params).await
    }

    async fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64> {
        Statements(self.transaction).execute(sql, params).await
    }
}

/// Only one transaction writes to the file at a time, so nothing needs to be locked.
impl JournalTransaction for Batch<'_> {
    type Failure = Error;

    fn now(&self) -> i64 {
        to_milliseconds(Batch::now(self))
    }

    async fn append(&mut self, entry: &Entry) -> Result<Option<MessageId>> {
        let outcome = Batch::append(self, entry)?;
        Ok(if let AppendOutcome::Stored(id) = outcome { Some(id) } else { None })
    }

    async fn lock_signals(&mut self, _: &str) -> Result<()> {
        Ok(())
    }

    async fn remove_ended_processes(&mut self) -> Result<Vec<u32>> {
        processes::remove_ended(self.transaction)
    }
}

/// Returns the result of work in a transaction. It never waits for anything.
pub(super) fn finish<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    work.now_or_never().unwrap_or_else(|| Err(Error::InvalidQuery))
}

impl ToSql for Param<'_> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Int(number) => number.map_or(ValueRef::Null, ValueRef::Integer),
            Self::Text(text) => text.map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes())),
            Self::Bytes(bytes) => bytes.map_or(ValueRef::Null, ValueRef::Blob),
        }))
    }
}

impl FromSql for Value {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(number) => Self::Int(number),
            ValueRef::Text(_) => Self::Text(value.as_str()?.to_owned()),
            ValueRef::Blob(bytes) => Self::Bytes(bytes.to_vec()),
            ValueRef::Real(_) => return Err(rusqlite::types::FromSqlError::InvalidType),
        })
    }
}

/// A run's handle is the id of its row.
impl ToSql for RunHandle {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl FromSql for RunHandle {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self)
    }
}
