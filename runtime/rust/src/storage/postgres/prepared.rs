//! Statements that a connection prepares once, so that the server does not parse and plan them each time.

use std::sync::Arc;

use futures_util::TryStreamExt;
use tokio_postgres::types::Type;
use tokio_postgres::{Row, Statement};

use super::connection::{FailureKind, Link, Param, RequestError, Session};

impl Link {
    /// Executes a statement like [`query`](Self::query), but prepares it once per connection if the connection is known
    /// to have no pooler: a pooler may give the next transaction a connection to the server that lacks the statement.
    ///
    /// Use it only for statements that the types of their parameters distinguish from others: behind a pooler that was
    /// not noticed, another client may have prepared another statement under the same name.
    pub(super) async fn query_prepared(
        &self,
        sql: &'static str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, RequestError> {
        if !self.database.is_direct() {
            return self.query(sql, params).await;
        }
        let session = self.connected().await?;
        let Some(statement) = self.prepare(&session, sql, params).await? else {
            return self.query(sql, params).await;
        };
        let answer = async {
            let values = params.iter().map(|(value, _)| *value);
            session.client.query_raw(&statement, values).await?.try_collect().await
        };
        match self.request(&session, answer).await {
            Err(failure) if failure.kind == FailureKind::NotPrepared => {
                session.prepared.refuse();
                self.query(sql, params).await
            }
            outcome => outcome,
        }
    }

    /// Returns the prepared statement, or `None` if the server refuses to prepare it.
    async fn prepare(
        &self,
        session: &Arc<Session>,
        sql: &'static str,
        params: &[Param<'_>],
    ) -> Result<Option<Statement>, RequestError> {
        if session.prepared.is_refused() {
            return Ok(None);
        }
        if let Some(statement) = session.prepared.find(sql) {
            return Ok(Some(statement));
        }
        let types: Vec<Type> = params.iter().map(|(_, kind)| kind.clone()).collect();
        let text = self.database.schema.qualify(sql);
        let statement = self.request(session, session.client.prepare_typed(&text, &types)).await;
        match statement.map_err(RequestError::before_commit) {
            Ok(statement) => {
                session.prepared.insert(sql, statement.clone());
                Ok(Some(statement))
            }
            Err(failure) if failure.kind == FailureKind::Lost => Err(failure),
            Err(_) => {
                session.prepared.refuse();
                Ok(None)
            }
        }
    }
}
