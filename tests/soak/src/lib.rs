//! Cuts, stalls and kills, and then counts.
//!
//! ```text
//! publisher ──► network ──► server ──► network ──► subscribers
//!     │        (faults)    (killed)   (faults)          │
//!     └──────────────────► verdict ◄────────────────────┘
//! ```
//!
//! - `publisher`: publishes over HTTP and repeats with the same idempotency key what was not answered.
//! - `network`: a proxy that cuts, stalls, delays, half-closes and swallows connections at random.
//! - `server`: a process of its own, which is killed and started again on the same database.
//! - `subscribers`: clients of the protocol written for this test, and the TypeScript client in Node.
//! - `verdict`: compares what was published with what each subscriber was told.
//! - `fault_test`: all of these in one run; `soak` is all runs.
//! - `runs`: runs whose server is killed at any moment, and two servers that execute the same runs.
//! - `delivery`: two servers on one file, which is locked and replaced while readers resume at either.
//! - `hostile`: attacks, with honest clients on the same server; `attackers` is where they run.
//!
//! All random decisions come from one seed (`random`).

mod attackers;
mod delivery;
mod fault_test;
mod hostile;
mod http;
mod log;
mod network;
mod plan;
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

/// Why a run could not be made, or what was wrong with what it found.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// What a run found, or why it could not be made.
pub type Result<T = ()> = std::result::Result<T, Error>;

/// What the server signs tokens with, and what publishers are authorised by.
pub const SIGNING_KEY: &str = "signkey-test-00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
