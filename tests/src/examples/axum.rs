//! Definitions that the examples in `docs/guides/axum.md` use without showing them.

pub(crate) use axum::Router;
pub(crate) use axum::extract::{DefaultBodyLimit, FromRef, Path, State};
pub(crate) use axum::http::StatusCode;
pub(crate) use axum::routing::post;
pub(crate) use fanfare::Hub;
pub(crate) use generated::Step;
pub(crate) use generated::pipeline::{Pipeline, Status};
pub(crate) use tokio::net::TcpListener;

#[derive(Clone)]
pub(crate) struct Database;
