//! Definitions that the examples in `docs/transactions.md` use without showing them.

pub(crate) use std::error::Error;

pub(crate) use fanfare::{Cursor, Hub, Run, RunError, TypedChannel};
pub(crate) use generated::pipeline::{Pipeline, RunResult, Status};
pub(crate) use sqlx::PgPool;
pub(crate) use tokio_postgres::{Client, IsolationLevel};
