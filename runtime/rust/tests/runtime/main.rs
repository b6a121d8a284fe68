//! The server library over real sockets.

#[cfg(feature = "sqlite")]
mod acting;
mod admin_access;
mod admin_channels;
mod admin_payloads;
#[cfg(feature = "sqlite")]
mod admin_runs;
#[cfg(feature = "sqlite")]
mod admin_speed;
mod admission;
#[cfg(feature = "sqlite")]
mod branches;
#[cfg(feature = "sqlite")]
mod clocks;
mod closing;
mod connecting;
mod delivery;
mod drift;
mod frames;
mod in_flight;
mod in_process;
#[cfg(feature = "sqlite")]
mod interrupted;
mod issues;
#[cfg(feature = "jwks")]
mod key_sets;
mod limits;
mod logging;
mod measuring;
mod multiplexing;
#[cfg(all(feature = "client", feature = "nats", feature = "sqlite", unix))]
mod nats;
#[cfg(feature = "client")]
mod network_client;
#[cfg(feature = "client")]
mod network_resuming;
#[cfg(feature = "client")]
mod network_sending;
#[cfg(feature = "client")]
mod network_untyped;
mod positions;
#[cfg(all(feature = "postgres", feature = "sqlite", unix))]
mod postgres;
mod publishing;
#[cfg(feature = "sqlite")]
mod questions;
mod rates;
#[cfg(feature = "sqlite")]
mod recovering;
mod refusing;
mod renames;
mod renewing;
#[cfg(feature = "sqlite")]
mod rerunning;
mod resuming;
mod retaining;
#[cfg(feature = "sqlite")]
mod retrying;
#[cfg(feature = "sqlite")]
mod run_failures;
#[cfg(feature = "sqlite")]
mod running;
mod serving;
mod sessions;
mod shared_memory;
#[cfg(feature = "sqlite")]
mod shared_storage;
mod signals;
#[cfg(feature = "sqlite")]
mod sizes;
#[cfg(all(feature = "postgres", feature = "sqlite", unix))]
mod step_transactions;
#[cfg(feature = "sqlite")]
mod storage;
mod streaming;
mod subscribing;
#[cfg(feature = "testing")]
mod testing;
mod text_streams;
mod throughput;
mod tokens;
#[cfg(all(feature = "postgres", feature = "sqlite", unix))]
mod transactions;
#[cfg(feature = "sqlite")]
mod writing;

/// Helpers of all tests.
mod support {
    pub(crate) mod client;
    pub(crate) mod definition;
    #[cfg(feature = "sqlite")]
    pub(crate) mod file;
    pub(crate) mod http;
    pub(crate) mod jwt;
    #[cfg(feature = "client")]
    pub(crate) mod network;
    #[cfg(all(feature = "postgres", feature = "sqlite", unix))]
    pub(crate) mod postgres;
    #[cfg(feature = "sqlite")]
    pub(crate) mod runs;
    pub(crate) mod server;
    pub(crate) mod sse;
}
