//! A server for the routes, which handles long-lived connections well.

use std::convert::Infallible;
use std::fmt;
use std::future::{IntoFuture, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use axum::middleware::from_fn;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep, timeout};

use crate::hub::{ConnectionHandle, Hub, Phase};
use crate::routes::discard_unread_body;

mod body;
mod open_connections;
mod socket;

use body::{RequestBody, ResponseBody};
use open_connections::OpenConnections;
use socket::Socket;

/// The maximum bytes of a request's head, and of a response that is buffered.
const MAX_BUFFER: usize = 64 * 1024;
/// How many connections may wait to be accepted. If a burst exceeds it, the system drops the attempts of other clients
/// too, which then retry after a second. Linux allows 4,096 at most unless configured otherwise.
const BACKLOG: i32 = 4096;
/// How long connections may take to close after the drain timeout.
const GRACE: Duration = Duration::from_secs(1);
/// How long to wait, and how many waiting connections to close, if the system cannot accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
const CLOSED_ON_ACCEPT_ERROR: usize = 64;
/// Keeps sums of times from overflowing.
const MAX_HEADER_READ_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

type ShutdownSignal = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Serves an application with the routes of a hub over HTTP/1, until the hub is shut down.
///
/// Small messages are sent at once (`TCP_NODELAY`). The head of a request may take 30 seconds. If a client vanishes, or
/// reads nothing for twice the hub's write timeout, its socket is closed; the hub ends its subscriptions before that.
/// At [`Serve::max_connections`], a new connection replaces the one that has waited longest for its client. Handlers can
/// extract `ConnectInfo<SocketAddr>`.
///
/// When [`Hub::shutdown`] is called or the future of [`Serve::with_graceful_shutdown`] completes, clients are notified
/// and receive their waiting messages, and then all connections close. The server returns at most one second after the
/// hub's drain timeout.
///
/// ```no_run
/// # async fn run(hub: fanfare::Hub) -> std::io::Result<()> {
/// let app = fanfare::routes(hub.clone()).merge(fanfare::healthz(hub.clone()));
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
/// let asked_to_stop = async { drop(tokio::signal::ctrl_c().await) };
/// fanfare::serve(listener, app, &hub).with_graceful_shutdown(asked_to_stop).await;
/// # Ok(())
/// # }
/// ```
///
/// The routes also work in your own server. With `axum::serve`, set `TCP_NODELAY` in its `tap_io` and await
/// [`Hub::shutdown`] in its `with_graceful_shutdown`. It does not time out slow requests and clients that do not read,
/// so put a proxy in front that does.
pub fn serve(listener: TcpListener, app: Router, hub: &Hub) -> Serve {
    Serve {
        listener,
        app,
        hub: hub.clone(),
        header_read_timeout: Duration::from_secs(30),
        max_connections: None,
        max_waiting_connections: 5_000,
        signal: Box::pin(pending()),
    }
}

/// A server, which runs when it is awaited. See [`serve`].
#[must_use = "a server runs when it is awaited"]
pub struct Serve {
    listener: TcpListener,
    app: Router,
    hub: Hub,
    header_read_timeout: Duration,
    max_connections: Option<usize>,
    max_waiting_connections: usize,
    signal: ShutdownSignal,
}

impl Serve {
    /// Shuts the hub down when a future completes, such as a signal to the process.
    pub fn with_graceful_shutdown(mut self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        self.signal = Box::pin(signal);
        self
    }

    /// Sets how long a connection waits for the head of the next request. Default: 30 seconds. The keep-alive timeout
    /// of a proxy in front should be shorter.
    pub fn header_read_timeout(mut self, timeout: Duration) -> Self {
        self.header_read_timeout = timeout.min(MAX_HEADER_READ_TIMEOUT);
        self
    }

    /// Sets the maximum number of sockets that the server has at the same time, including idle ones and those of plain
    /// HTTP requests. Default: seven eighths of the files that the process may open (`ulimit -n`).
    /// [`HubBuilder::max_connections`](crate::HubBuilder::max_connections) limits the subscribers' connections.
    ///
    /// At the limit, a new connection replaces the one that has waited longest for its client: for a request, for the
    /// rest of one, or for a token. If all connections are being served, the new one is closed at once.
    pub fn max_connections(mut self, count: usize) -> Self {
        self.max_connections = Some(count.max(1));
        self
    }

    /// Sets the maximum number of connections that wait for their client without a token at the same time: those that
    /// have not sent a whole request, and those that were upgraded and have not sent a valid token. Default: 5,000.
    /// Beyond that, the one that has waited longest is closed. Connections between two requests do not count.
    pub fn max_waiting_connections(mut self, count: usize) -> Self {
        self.max_waiting_connections = count.max(1);
        self
    }

    async fn run(self) {
        let Self {
            listener,
            app,
            hub,
            header_read_timeout,
            max_connections,
            max_waiting_connections,
            signal,
        } = self;
        // The standard library uses 128, which remains if this fails.
        let _ = SockRef::from(&listener).listen(BACKLOG);
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(header_read_timeout).max_buf_size(MAX_BUFFER);
        let open = OpenConnections::new(
            max_connections.unwrap_or_else(open_connections::default_max_connections),
            max_waiting_connections,
        );
        let mut connections = Connections {
            http,
            app: TowerToHyperService::new(app.layer(from_fn(discard_unread_body))),
            // Longer than the hub's timeout, so that the hub records why a connection closed.
            write_timeout: hub.settings().write_timeout.saturating_mul(2),
            running: JoinSet::new(),
            open: Arc::clone(&open),
            stop: watch::Sender::new(()),
        };
        let mut shut_down = pin!(shut_down(&hub, signal));
        let left = loop {
            tokio::select! {
                left = &mut shut_down => break left,
                Some(_) = connections.running.join_next() => {}
                accepted = accept(&listener, &open) => match accepted {
                    Ok((socket, peer)) => {
                        connections.add(socket, peer);
                        // A burst of new connections takes turns with the existing ones.
                        yield_now().await;
                    }
                    Err(error) => connections.handle_accept_error(&error).await,
                },
            }
        };
        drop(listener);
        connections.close(left).await;
    }
}

impl IntoFuture for Serve {
    type Output = ();
    type IntoFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for Serve {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Serve").field("listener", &self.listener).finish_non_exhaustive()
    }
}

/// Waits for the signal or a shutdown of the hub, shuts the hub down, and returns the time that is left for connections
/// to close by themselves. Meanwhile new requests are served, so that health checks and clients learn that the server
/// is closing.
async fn shut_down(hub: &Hub, signal: ShutdownSignal) -> Duration {
    let mut phase = hub.phase();
    let elsewhere = async { drop(phase.wait_for(|phase| *phase >= Phase::Closing).await) };
    tokio::select! {
        () = elsewhere => {}
        () = signal => {}
    }
    let start = Instant::now();
    hub.shutdown().await;
    hub.settings().drain_timeout.saturating_sub(start.elapsed()).saturating_add(GRACE)
}

async fn accept(listener: &TcpListener, open: &OpenConnections) -> io::Result<(TcpStream, SocketAddr)> {
    open.wait_for_closing().await;
    listener.accept().await
}

struct Connections {
    http: http1::Builder,
    app: TowerToHyperService<Router>,
    /// How long a client may read nothing of what is written to it.
    write_timeout: Duration,
    running: JoinSet<()>,
    open: Arc<OpenConnections>,
    stop: watch::Sender<()>,
}

impl Connections {
    fn add(&mut self, socket: TcpStream, peer: SocketAddr) {
        // If there is no room, the socket is dropped unread.
        let Some(connection) = self.open.add() else { return };
        let (app, own) = (self.app.clone(), Arc::clone(&connection));
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(ConnectionHandle::new(Arc::clone(&own)));
            let response = app.call(request.map(|body| Body::new(RequestBody::new(body, Arc::clone(&own)))));
            let own = Arc::clone(&own);
            async move {
                let response = response.await?;
                // After an upgrade, the connection is not a response.
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    return Ok(response);
                }
                Ok::<_, Infallible>(response.map(|body| Body::new(ResponseBody::new(body, own))))
            }
        });
        let socket = TokioIo::new(Socket::new(socket, self.write_timeout, connection));
        let connection = self.http.serve_connection(socket, service).with_upgrades();
        let mut stop = self.stop.subscribe();
        self.running.spawn(async move {
            let mut connection = pin!(connection);
            tokio::select! {
                // The hub has already recorded how the connection ended.
                _ = connection.as_mut() => return,
                _ = stop.changed() => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        });
    }

    /// Handles an error of `accept`. Closes waiting connections and pauses, because a process that is out of files
    /// would otherwise retry in a busy loop.
    async fn handle_accept_error(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
            return;
        }
        tracing::error!(%error, "failed to accept a connection");
        self.open.close_oldest(CLOSED_ON_ACCEPT_ERROR);
        sleep(ACCEPT_PAUSE).await;
    }

    async fn close(mut self, left: Duration) {
        self.open.close_new();
        self.stop.send_replace(());
        let ended = async { while self.running.join_next().await.is_some() {} };
        if timeout(left, ended).await.is_err() {
            tracing::warn!("drain timeout elapsed; dropping the connections that remain");
        }
        self.running.shutdown().await;
    }
}
