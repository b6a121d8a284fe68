//! Definitions that the examples in `docs/guides/axum.md` use without showing them.

pub(crate) use axum::extract::{DefaultBodyLimit, FromRef, Path, State};
pub(crate) use axum::http::StatusCode;
pub(crate) use axum::routing::{get, post};
pub(crate) use axum::{Json, Router};
pub(crate) use fanfare::Hub;
pub(crate) use generated::Step;
pub(crate) use generated::pipeline::{Pipeline, Status};
pub(crate) use serde_json::{Value, json};
pub(crate) use tokio::net::TcpListener;

#[derive(Clone)]
pub(crate) struct Database;

impl Database {
    pub(crate) async fn read_run(&self, pipeline: &Pipeline) -> Value {
        json!({ "title": pipeline.channel().name(), "progress": 0 })
    }
}
