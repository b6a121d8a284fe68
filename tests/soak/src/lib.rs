//! Injects faults into networks and servers, and then checks what subscribers received.
//!
//! ```text
//! publisher ──► network ──► server ──► network ──► subscribers
//!     │        (faults)    (killed)   (faults)          │
//!     └──────────────────► verdict ◄────────────────────┘
//! ```
//!
//! - `publisher`: publishes over HTTP and repeats unanswered requests with the same idempotency key.
//! - `network`: a proxy that resets, stalls, delays, half-closes and silently drops connections at random.
//! - `server`: a process that is killed and restarted with the same database.
//! - `subscribers`: clients written for this test, and the TypeScript client in Node.
//! - `verdict`: compares what each subscriber received with what was published.
//! - `fault_test`: one round with all of these. `soak`: all rounds.
//! - `runs`: runs whose server is killed at any time, and two servers that execute the same runs.
//! - `delivery`: servers that share a storage, which fails while readers resume at any server.
//! - `database`: a SQLite file, or the server in `postgres`. `nats`: a cluster of NATS servers.
//! - `link`: a network with faults, through which hubs reach PostgreSQL and NATS servers.
//! - `hostile`: attacks on a server that honest clients use. `attackers`: the threads of the attacks.
//!
//! All random decisions come from one seed (`random`).

mod attackers;
mod database;
mod delivery;
mod fault_test;
mod hostile;
mod http;
mod link;
mod log;
mod nats;
mod network;
mod plan;
mod postgres;
mod publisher;
mod random;
mod runs;
mod server;
mod soak;
mod subscribers;
mod verdict;

pub use attackers::Attackers;
pub use plan::Size;
pub use soak::Soak;

/// The error of a round that failed or found a violation.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The result of a round.
pub type Result<T = ()> = std::result::Result<T, Error>;

/// The number of streams over which channels in NATS are spread.
pub const NATS_SHARDS: usize = 4;

/// The key that signs the server's tokens and authorizes publishers.
pub const SIGNING_KEY: &str = "signkey-test-00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
