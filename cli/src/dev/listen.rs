//! A server that only this machine can reach.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::host::require_local_host;

/// How many ports after one that is in use are examined.
const EXAMINED: u16 = 100;

/// How long connections may take to close.
const GRACE: Duration = Duration::from_secs(3);

/// Binds a port.
///
/// # Errors
/// Suggests a free port if the port is in use.
pub(super) async fn bind(port: u16) -> io::Result<TcpListener> {
    let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address(port)).await.map_err(|error| {
        let message = match error.kind() {
            io::ErrorKind::AddrInUse => {
                let is_free = |port: &u16| std::net::TcpListener::bind(address(*port)).is_ok();
                let free =
                    (1..=EXAMINED).filter_map(|step| port.checked_add(step)).find(is_free).unwrap_or(0);
                format!("port {port} is in use: choose another one, such as `--port {free}`")
            }
            _ => format!("cannot listen on {}: {error}", address(port)),
        };
        io::Error::new(error.kind(), message)
    })
}

/// Serves until `stop` completes.
pub(super) async fn serve(
    listener: TcpListener,
    app: Router,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    // Small messages must not wait for more.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let app = app.layer(from_fn(require_local_host));
    let (stopped, is_stopped) = oneshot::channel::<()>();
    let served = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async { drop(is_stopped.await) })
        .into_future();
    let mut served = std::pin::pin!(served);
    tokio::select! {
        result = &mut served => return result,
        () = stop => drop(stopped.send(())),
    }
    // Returns even if a connection does not close.
    timeout(GRACE, served).await.unwrap_or(Ok(()))
}

/// Waits until the process is asked to end.
#[cfg(unix)]
pub(super) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return drop(tokio::signal::ctrl_c().await);
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// Waits until the process is asked to end.
#[cfg(not(unix))]
pub(super) async fn interrupted() {
    drop(tokio::signal::ctrl_c().await);
}
