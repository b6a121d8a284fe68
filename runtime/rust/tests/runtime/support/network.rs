//! A client for other services, and a proxy between it and a server.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fanfare::client::{Client, TokenAccess, TokenRequest};
use fanfare::{Message, ReceiveError, Subscription};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::server::{KEY, Server};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A client that has the signing key and reconnects quickly.
pub(crate) fn client(address: SocketAddr) -> Client {
    let (first, max) = (Duration::from_millis(10), Duration::from_millis(100));
    Client::new(format!("http://{address}")).signing_key(KEY).reconnect_delay(first, max)
}

pub(crate) async fn receive<T>(subscription: &mut Subscription<T>) -> Result<Message<T>, ReceiveError> {
    timeout(PATIENCE, subscription.recv()).await.expect("nothing came")
}

pub(crate) async fn expect_silence<T: std::fmt::Debug>(subscription: &mut Subscription<T>) {
    let received = timeout(Duration::from_millis(200), subscription.recv()).await;
    assert!(received.is_err(), "{received:?}");
}

/// Passes connections on to a server. A test can cut or freeze them.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    pub(crate) target: Arc<Mutex<SocketAddr>>,
    /// Changes when all connections are to be cut.
    cut: watch::Sender<u32>,
    /// Whether nothing passes from now on, on the connections that are open.
    pub(crate) is_frozen: Arc<AtomicBool>,
    opened: Arc<AtomicU32>,
}

impl Proxy {
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, _) = watch::channel(0);
        let proxy = Self {
            address,
            target: Arc::new(Mutex::new(target)),
            cut,
            is_frozen: Arc::default(),
            opened: Arc::default(),
        };
        let (target, cut) = (Arc::clone(&proxy.target), proxy.cut.clone());
        let (is_frozen, opened) = (Arc::clone(&proxy.is_frozen), Arc::clone(&proxy.opened));
        tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                opened.fetch_add(1, Ordering::SeqCst);
                let (target, mut cut) = (*target.lock().unwrap(), cut.subscribe());
                let is_frozen = Arc::clone(&is_frozen);
                connections.spawn(async move {
                    let Ok(mut server) = TcpStream::connect(target).await else { return };
                    let frozen = async {
                        while !is_frozen.load(Ordering::SeqCst) {
                            sleep(Duration::from_millis(5)).await;
                        }
                    };
                    tokio::select! {
                        _ = cut.changed() => return,
                        _ = copy_bidirectional(&mut client, &mut server) => return,
                        () = frozen => {}
                    }
                    // Holds both sockets, and passes nothing.
                    let _ = cut.changed().await;
                });
            }
        });
        proxy
    }

    pub(crate) fn cut(&self) {
        self.cut.send_modify(|count| *count += 1);
    }

    pub(crate) fn opened(&self) -> u32 {
        self.opened.load(Ordering::SeqCst)
    }
}

/// Returns a client whose tokens are minted by the hub, with a lifetime in seconds, and counts them.
pub(crate) fn client_with_tokens(server: &Server, seconds: u64) -> (Client, Arc<AtomicU32>) {
    let (hub, count) = (server.hub.clone(), Arc::new(AtomicU32::new(0)));
    let minted = Arc::clone(&count);
    let client = Client::new(format!("http://{}", server.address)).token(move |request: TokenRequest| {
        let (hub, id) = (hub.clone(), minted.fetch_add(1, Ordering::SeqCst));
        async move {
            let channel = hub.registry().resolve(&request.channel).ok_or("unknown channel")?;
            let token = match request.access {
                TokenAccess::Subscribe { .. } => hub.token(channel.grant(["said"])),
                TokenAccess::Publish { .. } => hub.token(channel.grant(["said"])).for_publishing(),
                TokenAccess::Signal { .. } => hub.token(channel.grant_signals(["nod"])),
                _ => return Err("unknown access"),
            };
            let token = token.id(format!("token-{id}")).expires_in(Duration::from_secs(seconds));
            token.mint().map_err(|_| "no token")
        }
    });
    (client.reconnect_delay(Duration::from_millis(10), Duration::from_millis(100)), count)
}
