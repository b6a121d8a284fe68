//! The statements that engines share, in PostgreSQL.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tokio_postgres::types::Type;

use super::StorageError;
use super::connection::{FailureKind, RequestError};
use super::params::Converted;
use super::text::unescape;
use super::transaction::Transaction;
use crate::storage::sql::{Param, Row, SqlTransaction, Value};

impl SqlTransaction for Transaction {
    type Error = RequestError;

    async fn query(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, RequestError> {
        let params: Vec<Converted<'_>> = params.iter().map(Converted::new).collect();
        let params: Vec<_> = params.iter().map(Converted::with_type).collect();
        let answer = self.request(&translate(sql), &params).await?;
        answer.rows.iter().map(read_row).collect()
    }

    async fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64, RequestError> {
        let params: Vec<Converted<'_>> = params.iter().map(Converted::new).collect();
        let params: Vec<_> = params.iter().map(Converted::with_type).collect();
        Ok(self.request(&translate(sql), &params).await?.count)
    }

    async fn change(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<(), RequestError> {
        let params = params.iter().map(|param| Converted::new(param).into_owned()).collect();
        self.send(translate(sql), params).await;
        Ok(())
    }
}

/// Returns a statement with PostgreSQL's names of parameters, `$1` instead of `?1`, and with the parts for PostgreSQL.
fn translate(sql: &'static str) -> Arc<str> {
    static TRANSLATED: LazyLock<Mutex<HashMap<&'static str, Arc<str>>>> = LazyLock::new(Mutex::default);
    let mut translated = TRANSLATED.lock().unwrap_or_else(PoisonError::into_inner);
    // No statement contains another question mark.
    let translate = || {
        let mut parts = sql.split("INDEXED BY ");
        let first = parts.next().unwrap_or_default().to_owned();
        let rest = parts.map(|part| part.trim_start_matches(|letter: char| !letter.is_whitespace()));
        let sql = first + &rest.collect::<String>();
        sql.replace('?', "$").replace("/*pg", "").replace("pg*/", "").into()
    };
    Arc::clone(translated.entry(sql).or_insert_with(translate))
}

fn read_row(row: &tokio_postgres::Row) -> Result<Row, RequestError> {
    let values = row.columns().iter().enumerate().map(|(column, description)| {
        let value = match *description.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(column).map(|number| number.map(Value::Int)),
            Type::INT4 => {
                let number = row.try_get::<_, Option<i32>>(column);
                number.map(|number| number.map(|number| Value::Int(number.into())))
            }
            Type::BOOL => {
                let is_true = row.try_get::<_, Option<bool>>(column);
                is_true.map(|is_true| is_true.map(|is_true| Value::Int(is_true.into())))
            }
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(column).map(|bytes| bytes.map(Value::Bytes)),
            _ => {
                let text = row.try_get::<_, Option<String>>(column);
                text.map(|text| text.map(|text| Value::Text(unescape(text))))
            }
        };
        value.map(|value| value.unwrap_or(Value::Null)).map_err(|error| RequestError {
            error: StorageError::new(format!("cannot read the column `{}`: {error}", description.name())),
            kind: FailureKind::RolledBack,
        })
    });
    values.collect::<Result<_, _>>().map(Row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_translated() {
        let sql =
            "SELECT id FROM runs INDEXED BY open_runs WHERE run = ?1 AND due <= ?12 /*pg FOR UPDATE pg*/";
        assert_eq!(&*translate(sql), "SELECT id FROM runs  WHERE run = $1 AND due <= $12  FOR UPDATE ");
        assert!(Arc::ptr_eq(&translate(sql), &translate(sql)));
    }
}
