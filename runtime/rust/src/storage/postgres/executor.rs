//! Connections and transactions of the application.

use std::error::Error;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Transaction};

/// An error of the application's driver.
pub type ExecutorError = Box<dyn Error + Send + Sync>;

/// A connection or a transaction of the application, in which a statement of Fanfare is executed.
///
/// It is implemented for the client and the transaction of [tokio-postgres](tokio_postgres), for the
/// [transaction of a step](crate::postgres::StepTransaction) and, with the feature `sqlx`, for the connection and the
/// transaction of `sqlx`. The transaction of a pool often implements `Deref` for one of them: pass `&mut *transaction`.
/// For another driver, implement it for a type that wraps the driver's transaction.
pub trait Executor: Send {
    /// Executes a statement. It returns one row, with one column of the type `text`. All parameters, `$1` and so on, are of
    /// the type `text`, too.
    ///
    /// # Errors
    /// Returns the error of the driver.
    fn fetch_text(
        &mut self,
        sql: &str,
        params: &[Option<&str>],
    ) -> impl Future<Output = Result<Option<String>, ExecutorError>> + Send;
}

/// The statement is not prepared under a name, so it works through a pooler.
pub(super) async fn fetch_text(
    client: &Client,
    sql: &str,
    params: &[Option<&str>],
) -> Result<Option<String>, ExecutorError> {
    Ok(client.query_typed_one(sql, &typed(params)).await?.try_get(0)?)
}

fn typed<'p>(params: &'p [Option<&'p str>]) -> Vec<(&'p (dyn ToSql + Sync), Type)> {
    params.iter().map(|param| (param as _, Type::TEXT)).collect()
}

impl Executor for Client {
    async fn fetch_text(
        &mut self,
        sql: &str,
        params: &[Option<&str>],
    ) -> Result<Option<String>, ExecutorError> {
        fetch_text(self, sql, params).await
    }
}

impl Executor for Transaction<'_> {
    async fn fetch_text(
        &mut self,
        sql: &str,
        params: &[Option<&str>],
    ) -> Result<Option<String>, ExecutorError> {
        fetch_text(self.client(), sql, params).await
    }
}

#[cfg(feature = "sqlx")]
impl Executor for sqlx::PgConnection {
    async fn fetch_text(
        &mut self,
        sql: &str,
        params: &[Option<&str>],
    ) -> Result<Option<String>, ExecutorError> {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        let query = sqlx::query_scalar::<sqlx::Postgres, Option<String>>(sql);
        let query = params.iter().fold(query, |query, param| query.bind(param.map(str::to_owned)));
        Ok(query.fetch_one(self).await?)
    }
}

#[cfg(feature = "sqlx")]
impl Executor for sqlx::Transaction<'_, sqlx::Postgres> {
    async fn fetch_text(
        &mut self,
        sql: &str,
        params: &[Option<&str>],
    ) -> Result<Option<String>, ExecutorError> {
        (**self).fetch_text(sql, params).await
    }
}
