//! Definitions that the examples in `docs/guides/other-rust-servers.md` use without showing them.

pub(crate) use std::net::SocketAddr;
pub(crate) use std::time::Duration;

pub(crate) use axum::Extension;
pub(crate) use axum::extract::ConnectInfo;
pub(crate) use axum::serve::ListenerExt;
pub(crate) use fanfare::Hub;
pub(crate) use generated as channels;
pub(crate) use hyper::server::conn::http1;
pub(crate) use hyper_util::rt::{TokioIo, TokioTimer};
pub(crate) use hyper_util::service::TowerToHyperService;
pub(crate) use tokio::net::{TcpListener, TcpStream};
pub(crate) use tokio::task::JoinHandle;
