//! Transactions of SQL databases, and the rows of the journal in SQL, as far as engines share statements.

use super::RunHandle;
use super::journal::rows::JournalTransaction;

mod calls;
pub(super) mod inspection;
mod questions;
mod runs;
mod signals;
mod streams;

#[cfg(feature = "sqlite")]
pub(super) use runs::release_runs;
#[cfg(feature = "sqlite")]
pub(super) use streams::has_writer;

/// A transaction of a SQL database.
///
/// The statements must mean the same in all databases. Parameters are `?1`, `?2` and so on. A part in `/*pg` and `pg*/`
/// is for PostgreSQL only, which removes these marks; it is a comment elsewhere. `INDEXED BY` and the name after it are for
/// SQLite only. Texts are compared by their bytes.
pub(super) trait SqlTransaction {
    type Error;

    /// Executes a statement, and returns its rows.
    async fn query(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, Self::Error>;

    /// Executes a statement, and returns the number of rows that it changed.
    async fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64, Self::Error>;

    /// Executes a statement whose outcome the transaction does not need. An engine need not wait for it: if it fails, a
    /// later statement or the commit returns the error.
    async fn change(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<(), Self::Error> {
        self.execute(sql, params).await.map(drop)
    }
}

/// A parameter of a statement. `None` is `NULL`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Param<'p> {
    Int(Option<i64>),
    Text(Option<&'p str>),
    Bytes(Option<&'p [u8]>),
}

impl From<i64> for Param<'_> {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<u32> for Param<'_> {
    fn from(number: u32) -> Self {
        Self::Int(Some(number.into()))
    }
}

impl<'p> From<&'p str> for Param<'p> {
    fn from(text: &'p str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'p> From<&'p String> for Param<'p> {
    fn from(text: &'p String) -> Self {
        Self::Text(Some(text))
    }
}

impl<'p> From<Option<&'p str>> for Param<'p> {
    fn from(text: Option<&'p str>) -> Self {
        Self::Text(text)
    }
}

impl<'p> From<Option<&'p [u8]>> for Param<'p> {
    fn from(bytes: Option<&'p [u8]>) -> Self {
        Self::Bytes(bytes)
    }
}

/// The id of a run's row.
impl From<RunHandle> for Param<'_> {
    fn from(run: RunHandle) -> Self {
        run.0.into()
    }
}

/// A transaction that keeps the journal in SQL tables.
///
/// It implements the traits of rows.
pub(super) trait SqlJournal:
    SqlTransaction + JournalTransaction<Failure = <Self as SqlTransaction>::Error>
{
}

impl<T: SqlTransaction + JournalTransaction<Failure = <T as SqlTransaction>::Error>> SqlJournal for T {}

/// How many values a list in a statement has, as in `IN (?1, …, ?16)`. Longer lists need several statements.
const LIST: usize = 16;

/// Returns lists of parameters, each after the parameters `before`. `NULL`, which equals nothing, fills up the last one.
fn lists<'p, T: Into<Param<'p>>>(
    before: &[Param<'p>],
    values: impl IntoIterator<Item = T>,
) -> Vec<Vec<Param<'p>>> {
    let values: Vec<Param<'p>> = values.into_iter().map(Into::into).collect();
    let list = |values: &[Param<'p>]| {
        let null =
            if let Some(Param::Text(_)) = values.first() { Param::Text(None) } else { Param::Int(None) };
        let padding = std::iter::repeat_n(null, LIST - values.len());
        before.iter().chain(values).copied().chain(padding).collect()
    };
    values.chunks(LIST).map(list).collect()
}

/// A value of a column. Booleans are 0 and 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A row that a statement returned. The getters return an empty value if the column is `NULL`.
#[derive(Clone, Debug)]
pub(super) struct Row(pub(super) Vec<Value>);

impl Row {
    pub(super) fn int(&self, column: usize) -> i64 {
        self.optional_int(column).unwrap_or_default()
    }

    pub(super) fn optional_int(&self, column: usize) -> Option<i64> {
        if let Some(Value::Int(number)) = self.0.get(column) { Some(*number) } else { None }
    }

    /// Returns a count. Counts are never negative.
    pub(super) fn count(&self, column: usize) -> u32 {
        u32::try_from(self.int(column)).unwrap_or_default()
    }

    pub(super) fn is_true(&self, column: usize) -> bool {
        self.int(column) != 0
    }

    /// Takes a text out of the row.
    pub(super) fn text(&mut self, column: usize) -> String {
        self.optional_text(column).unwrap_or_default()
    }

    pub(super) fn optional_text(&mut self, column: usize) -> Option<String> {
        match self.0.get_mut(column).map(|value| std::mem::replace(value, Value::Null)) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn bytes(&self, column: usize) -> &[u8] {
        if let Some(Value::Bytes(bytes)) = self.0.get(column) { bytes } else { &[] }
    }
}
