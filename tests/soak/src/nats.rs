//! A cluster of NATS servers, which are connected with each other and with each hub through links with faults.

mod record;

pub(crate) use record::{Record, Recorder};

use crate::Result;
use crate::link::{Link, Target};
use crate::server::Installation;
use async_nats::{Client, ConnectOptions};
use fanfare_test_servers::nats::TestServer;
use serde_json::Value;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

pub(crate) const SERVERS: usize = 3;

/// The time within which a server must answer a request of the harness.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// Three NATS servers. Dropping them ends them.
pub(crate) struct Servers {
    members: [Member; SERVERS],
    /// The links between servers, each with the indexes of both.
    routes: Vec<(usize, usize, Link)>,
}

struct Member {
    /// `None` while it restarts.
    running: Mutex<Option<TestServer>>,
    port: u16,
    /// The harness's connection, without a link.
    client: Client,
}

impl Servers {
    pub(crate) async fn start() -> Result<Self> {
        let started = tokio::task::spawn_blocking(|| {
            let mut routes = Vec::new();
            let servers = TestServer::start_cluster_through(|from, to, port| {
                let link = Link::open(Target::Port(port)).expect("a port is free");
                let port = link.port();
                routes.push((from, to, link));
                port
            });
            (servers, routes)
        });
        let (servers, routes) = started.await?;
        let [first, second, third] = servers.map(Member::connect);
        Ok(Self { members: [first.await?, second.await?, third.await?], routes })
    }

    /// Returns hubs that use the servers. Each reaches them through links of its own.
    pub(crate) fn install(&self, hub: &Installation, count: usize) -> Result<Vec<(Installation, Vec<Link>)>> {
        let install = |_| {
            let ports = self.members.iter().map(|member| Target::Port(member.port));
            let links = ports.map(Link::open).collect::<Result<Vec<_>>>()?;
            let urls = links.iter().map(|link| format!("nats://127.0.0.1:{}", link.port()));
            let urls = urls.collect::<Vec<_>>().join(",");
            let mut hub = hub.clone();
            hub.database = None;
            hub.arguments.extend(["--nats".into(), urls]);
            Ok((hub, links))
        };
        (0..count).map(install).collect()
    }

    /// Returns the links between a server and the others.
    pub(crate) fn routes_of(&self, server: usize) -> impl Iterator<Item = &Link> {
        let of_server = move |(from, to, _): &&(usize, usize, Link)| *from == server || *to == server;
        self.routes.iter().filter(of_server).map(|(.., link)| link)
    }

    /// Kills a server, as a crash does. It keeps its folder.
    pub(crate) async fn kill(&self, server: usize) -> Result {
        self.with(server, |server| server.kill("KILL")).await
    }

    /// Starts a server that was killed.
    pub(crate) async fn restart(&self, server: usize) -> Result {
        self.with(server, TestServer::restart).await
    }

    pub(crate) async fn suspend(&self, server: usize) -> Result {
        self.with(server, |server| server.suspend()).await
    }

    pub(crate) async fn resume(&self, server: usize) -> Result {
        self.with(server, |server| server.resume()).await
    }

    async fn with(&self, server: usize, act: impl FnOnce(&mut TestServer) + Send + 'static) -> Result {
        let slot = &self.members[server].running;
        let running = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut running = running.ok_or("the NATS server is already restarting")?;
        let acted = tokio::task::spawn_blocking(move || {
            act(&mut running);
            running
        });
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(acted.await?);
        Ok(())
    }

    /// Returns the index of the server that leads a stream, according to the first server in `from` that knows it. Returns
    /// `None` if none of them does.
    pub(crate) async fn find_leader(&self, stream: &str, from: &[usize]) -> Option<usize> {
        for server in from {
            let subject = format!("$JS.API.STREAM.INFO.{stream}");
            let Ok(info) = self.request(*server, subject, "{}".into()).await else { continue };
            let leader = info["cluster"]["leader"].as_str().and_then(|name| name.strip_prefix("server-"));
            if let Some(Ok(leader)) = leader.map(str::parse) {
                return Some(leader);
            }
        }
        None
    }

    async fn request(&self, server: usize, subject: String, request: String) -> Result<Value> {
        let answer = self.members[server].client.request(subject, request.into());
        Ok(serde_json::from_slice(&timeout(REQUEST_TIMEOUT, answer).await??.payload)?)
    }
}

impl Member {
    async fn connect(server: TestServer) -> Result<Self> {
        let url = server.url();
        let port = url.rsplit(':').next().unwrap_or_default().parse()?;
        // It connects again as soon as the server restarts.
        let options = ConnectOptions::new()
            .max_reconnects(None)
            .reconnect_delay_callback(|_| Duration::from_millis(50))
            .ping_interval(Duration::from_secs(1));
        Ok(Self { running: Mutex::new(Some(server)), port, client: Box::pin(options.connect(url)).await? })
    }
}
