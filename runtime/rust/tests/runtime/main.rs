//! The server library over real sockets.

mod admission;
#[cfg(feature = "sqlite")]
mod answering;
#[cfg(feature = "sqlite")]
mod branching;
mod cancelled;
#[cfg(feature = "sqlite")]
mod clocks;
mod closing;
mod connecting;
mod delivery;
#[cfg(feature = "sqlite")]
mod enduring;
mod frames;
mod in_flight;
mod issues;
#[cfg(feature = "jwks")]
mod key_sets;
mod limits;
mod logging;
mod measuring;
mod multiplexing;
mod publishing;
mod rates;
#[cfg(feature = "sqlite")]
mod recovering;
mod refusing;
mod renewing;
mod resuming;
mod retaining;
#[cfg(feature = "sqlite")]
mod running;
mod serving;
mod sessions;
#[cfg(feature = "sqlite")]
mod sharing;
mod signals;
#[cfg(feature = "sqlite")]
mod sizes;
#[cfg(feature = "sqlite")]
mod storing;
mod streaming;
mod subscribing;
mod text_streams;
mod throughput;
mod tokens;
#[cfg(feature = "sqlite")]
mod writing;

/// Helpers of all tests.
mod bench {
    pub(crate) mod client;
    pub(crate) mod definition;
    #[cfg(feature = "sqlite")]
    pub(crate) mod file;
    pub(crate) mod http;
    pub(crate) mod jwt;
    #[cfg(feature = "sqlite")]
    pub(crate) mod runs;
    pub(crate) mod server;
    pub(crate) mod sse;
}
