//! Serving the routes, with what a server of long connections needs around them.

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

use crate::hub::{Hub, Phase, ServerPlace};
use crate::routes::drain;

mod body;
mod places;
mod socket;

use body::{AnswerBody, RequestBody};
use places::Places;
use socket::Socket;

/// The most bytes of a request's head, and of an answer that is ready and not written yet.
const BUFFER: usize = 64 * 1024;
/// How many connections may wait to be accepted. When a burst exceeds it, the system drops the attempts of others too,
/// who then wait a second before they try again. Linux allows 4,096 at most unless configured otherwise.
const BACKLOG: i32 = 4096;
/// What connections get beyond the drain timeout to end by themselves.
const GRACE: Duration = Duration::from_secs(1);
/// Pause and sacrifice while the system gives no further connection.
const PAUSE: Duration = Duration::from_millis(200);
const ENDED_WITHOUT_ROOM: usize = 64;
/// More is as good as no limit, and far from what a clock cannot add.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

type Signal = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Serves an application with the routes of a hub over HTTP/1, until the hub is shut down.
///
/// Small messages go out at once (`TCP_NODELAY`). A request's head may take 30 seconds. Who takes nothing of
/// what is written to him for twice the hub's write timeout, or is gone without a word, is cut off: the hub
/// ends what it serves first, and then nothing remains of the socket either. Connections that wait for their client,
/// because it has not sent a whole request or not shown a token, give way to new ones when there are too many.
/// Handlers may extract `ConnectInfo<SocketAddr>`.
///
/// When [`Hub::shutdown`] is called, or the signal of [`Serve::with_graceful_shutdown`] comes, clients are told, get what is
/// waiting for them, and the rest is closed. All is over one second after the hub's drain timeout at the latest.
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
/// The routes work in a server of your own, too. With `axum::serve` set `TCP_NODELAY` by its `tap_io`, wait
/// for [`Hub::shutdown`] in its `with_graceful_shutdown`, and have a proxy in front that ends slow heads and
/// clients that do not read, which it cannot.
pub fn serve(listener: TcpListener, app: Router, hub: &Hub) -> Serve {
    Serve {
        listener,
        app,
        hub: hub.clone(),
        head_timeout: Duration::from_secs(30),
        max_connections: None,
        max_waiting: 5_000,
        signal: Box::pin(pending()),
    }
}

/// A server in the making, which runs when it is awaited. See [`serve`].
#[must_use = "a server runs when it is awaited"]
pub struct Serve {
    listener: TcpListener,
    app: Router,
    hub: Hub,
    head_timeout: Duration,
    max_connections: Option<usize>,
    max_waiting: usize,
    signal: Signal,
}

impl Serve {
    /// Shuts the hub down when something has happened, such as a signal to the process.
    pub fn with_graceful_shutdown(mut self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        self.signal = Box::pin(signal);
        self
    }

    /// How long the head of a request may take to arrive, from when the connection is free for one.
    /// 30 seconds unless set. A proxy in front should keep connections without a request for less than that.
    pub fn head_timeout(mut self, timeout: Duration) -> Self {
        self.head_timeout = timeout.min(LONGEST);
        self
    }

    /// How many connections the server may have at the same time. Unless set, seven eighths of the files that the
    /// process may open (`ulimit -n`).
    ///
    /// When there are as many, those that wait for their client end first: the connection that has waited longest
    /// for a request, for the rest of one, or for a token. If all connections are being served, a new one is closed
    /// at once.
    pub fn max_connections(mut self, count: usize) -> Self {
        self.max_connections = Some(count.max(1));
        self
    }

    /// How many connections may wait for their client without a token at the same time: those that have not sent a
    /// whole request, and those that were upgraded and have not shown a token. The longest waiting end first. Connections
    /// between two requests do not count. 5,000 unless set.
    pub fn max_waiting(mut self, count: usize) -> Self {
        self.max_waiting = count.max(1);
        self
    }

    async fn run(self) {
        let Self { listener, app, hub, head_timeout, max_connections, max_waiting, signal } = self;
        // Listeners of the standard library have 128. If this fails, it stays at that.
        let _ = SockRef::from(&listener).listen(BACKLOG);
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(head_timeout).max_buf_size(BUFFER);
        let places =
            Places::new(max_connections.unwrap_or_else(places::default_max_connections), max_waiting);
        let mut connections = Connections {
            http,
            app: TowerToHyperService::new(app.layer(from_fn(drain))),
            // The hub is to find out first, so that it counts why a connection ended.
            patience: hub.settings().write_timeout.saturating_mul(2),
            running: JoinSet::new(),
            places: Arc::clone(&places),
            stop: watch::Sender::new(()),
        };
        let mut shut_down = pin!(shut_down(&hub, signal));
        let left = loop {
            tokio::select! {
                left = &mut shut_down => break left,
                Some(_) = connections.running.join_next() => {}
                accepted = accept(&listener, &places) => match accepted {
                    Ok((socket, peer)) => {
                        connections.add(socket, peer);
                        // A burst of new connections takes turns with those that are there.
                        yield_now().await;
                    }
                    Err(error) => connections.make_room(&error).await,
                },
            }
        };
        drop(listener);
        connections.end(left).await;
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

/// Comes back when the hub is shut down, with the time that is left for connections to end by themselves.
/// Until then new requests are answered, so that health checks and clients hear that the server is closing.
async fn shut_down(hub: &Hub, signal: Signal) -> Duration {
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

async fn accept(listener: &TcpListener, places: &Places) -> io::Result<(TcpStream, SocketAddr)> {
    places.closed().await;
    listener.accept().await
}

struct Connections {
    http: http1::Builder,
    app: TowerToHyperService<Router>,
    /// How long a connection may take nothing of what is written to it.
    patience: Duration,
    running: JoinSet<()>,
    places: Arc<Places>,
    stop: watch::Sender<()>,
}

impl Connections {
    fn add(&mut self, socket: TcpStream, peer: SocketAddr) {
        // Nothing is read of a connection that has no place.
        let Some(place) = self.places.enter() else { return };
        let (app, own) = (self.app.clone(), Arc::clone(&place));
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(ServerPlace::new(Arc::clone(&own)));
            let answer = app.call(request.map(|body| Body::new(RequestBody::new(body, Arc::clone(&own)))));
            let own = Arc::clone(&own);
            async move {
                let answer = answer.await?;
                // What comes after an upgrade is no answer.
                if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                    return Ok(answer);
                }
                Ok::<_, Infallible>(answer.map(|body| Body::new(AnswerBody::new(body, own))))
            }
        });
        let socket = TokioIo::new(Socket::new(socket, self.patience, place));
        let connection = self.http.serve_connection(socket, service).with_upgrades();
        let mut stop = self.stop.subscribe();
        self.running.spawn(async move {
            let mut connection = pin!(connection);
            tokio::select! {
                // How it ended matters to nobody: the hub has counted what it served.
                _ = connection.as_mut() => return,
                _ = stop.changed() => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        });
    }

    /// Without a pause, a system that has no more files to open would be asked for one in a busy loop.
    async fn make_room(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
            return;
        }
        tracing::error!(%error, "failed to accept a connection");
        self.places.end_oldest(ENDED_WITHOUT_ROOM);
        sleep(PAUSE).await;
    }

    async fn end(mut self, left: Duration) {
        self.places.end_new();
        self.stop.send_replace(());
        let ended = async { while self.running.join_next().await.is_some() {} };
        if timeout(left, ended).await.is_err() {
            tracing::warn!("drain timeout elapsed; dropping the connections that remain");
        }
        self.running.shutdown().await;
    }
}
