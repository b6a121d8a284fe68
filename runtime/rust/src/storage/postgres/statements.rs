//! The prepared statements of a connection.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio_postgres::Statement;

/// The prepared statements of a connection, by their text.
#[derive(Default)]
pub(super) struct PreparedStatements(Mutex<Prepared>);

#[derive(Default)]
struct Prepared {
    statements: HashMap<&'static str, Statement>,
    /// Whether the server failed to find a prepared statement, or refused to prepare one.
    is_refused: bool,
}

impl PreparedStatements {
    pub(super) fn find(&self, sql: &'static str) -> Option<Statement> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).statements.get(sql).cloned()
    }

    pub(super) fn insert(&self, sql: &'static str, statement: Statement) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).statements.insert(sql, statement);
    }

    pub(super) fn is_refused(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_refused
    }

    pub(super) fn refuse(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Prepared { is_refused: true, ..Prepared::default() };
    }
}
