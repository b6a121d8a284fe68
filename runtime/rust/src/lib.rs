//! Typed realtime channels: the server library.
//!
//! A channel is defined once, in YAML, and compiled to types. This library delivers its messages: [`Hub`] is the
//! in-process broker that a server embeds, and [`routes`] makes it available to browsers and other backends.
//! `PROTOCOL.md` specifies the wire protocol.
//!
//! Every message takes the same path. It is checked against its definition, encoded once and appended to its channel's
//! log. The log is the channel's history, and subscribers are cursors into it: those that are live, those that resume,
//! and new ones, which receive what a topic retains. A subscriber is a browser, a backend, or code in this process:
//! [`Hub::subscribe`].
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `sqlite` (default) | `Sqlite`, a storage in which history, runs and revocations outlive the process. Needs a C compiler |
//! | `postgres` | `Postgres`, a storage that servers on several machines can share. Needs a C compiler |
//! | `nats` | `Nats`, a storage for messages in NATS JetStream, which servers on several machines can share. Needs a C compiler |
//! | `sqlx` | `Executor` for transactions of `sqlx`. Needs Rust 1.94 |
//! | `jwks` | `HubBuilder::jwks`, which accepts tokens of other issuers by their public keys. Needs a C compiler |
//! | `client` | `client`, which subscribes, publishes and sends signals over the network. Needs a C compiler |
//! | `studio` | `studio`, which serves Fanfare Studio, a page for looking inside a server |
//! | `testing` | `testing`, for the tests of applications. Enable it in `[dev-dependencies]` only |
//!
//! `failpoints` and `simulation` are for this library's own tests.

#![cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    allow(dead_code, unused_imports, reason = "some items are used by a storage only")
)]

/// Returns `true` if a simulation has enabled a deliberate bug. Always `false` without the feature `simulation`.
macro_rules! bug {
    ($bug:ident) => {{
        #[cfg(feature = "simulation")]
        let has_bug = crate::simulation::has_bug(crate::simulation::Bug::$bug);
        #[cfg(not(feature = "simulation"))]
        let has_bug = false;
        has_bug
    }};
}

pub mod admin;
pub mod channel;
#[cfg(feature = "client")]
pub mod client;
mod clock;
mod history;
mod hub;
pub mod metrics;
mod offload;
pub mod payload;
mod publish;
mod random;
mod routes;
mod runs;
mod serve;
mod signal;
#[cfg(feature = "simulation")]
#[doc(hidden)]
pub mod simulation;
mod storage;
mod stream;
#[cfg(feature = "studio")]
mod studio;
mod subscribe;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(any(feature = "client", feature = "postgres"))]
mod tls;
mod token;
pub mod wire;

pub use fanfare_schema::formats;
/// Transactions of applications whose storage is [`Postgres`].
#[cfg(feature = "postgres")]
pub mod postgres {
    pub use crate::storage::{Executor, ExecutorError, StepTransaction};
}
/// Schemas of payloads: tables that generated code declares as `static`s, and [`check`](schema::check), which validates
/// values against them.
pub mod schema {
    pub use fanfare_schema::{
        Additional, Array, Condition, Contains, Deferred, Format, Integer, Issue, Items, Kinds, Literals,
        MAX_DEPTH, MAX_ISSUES, MAX_SAFE_INTEGER, Members, Number, Object, Pattern, Property, Rules, Schema,
        Tagged, Text, accepts, check, describe, example,
    };
}

pub use channel::{
    AddressPart, BreakingChange, Carries, ChangedPart, Channel, ChannelDefinition, Grant, History,
    ParamDefinition, ParamError, Registry, Release, ResolveError, Retain, Signal, SignalDefinition,
    TextStream, Topic, TopicDefinition, TypedChannel,
};
pub use history::Gap;
pub use hub::{
    Action, AuthorizeError, AuthorizeRequest, BuildError, Hub, HubBuilder, Rate, RevokeError, SessionGrant,
    TokenBuilder,
};
#[doc(hidden)]
pub use payload::private as __private;
pub use payload::{Decode, DecodeError, Int64, Payload, ShapeError, Uint64, ValidationError, decode};
pub use publish::{Publish, PublishError, PublishFuture, PublishJson};
pub use routes::{healthz, routes};
pub use runs::{
    CancelOutcome, Job, ReceivedSignal, ReplayError, ReplayOutcome, RetryOutcome, Run, RunActionError,
    RunError, RunRecording, RunStatus, RunStreamWriter, Runs, RunsBuilder, RunsError, StartOutcome,
    StepOptions, WaitAny,
};
pub use schema::{Issue, Schema};
pub use serde_json::Value;
pub use serve::{Serve, serve};
pub use signal::{SendSignal, SignalError, SignalReceipt, SignalStatus};
#[cfg(feature = "sqlite")]
pub use storage::Sqlite;
#[cfg(feature = "nats")]
pub use storage::{ConnectNats, Nats};
#[cfg(feature = "postgres")]
pub use storage::{ConnectPostgres, Postgres};
#[cfg(any(feature = "nats", feature = "postgres", feature = "sqlite"))]
pub use storage::{FindingStatus, StorageFinding, StorageReport};
pub use storage::{Memory, Storage, StorageError};
pub use stream::{StartTextStream, TextStreamWriter};
#[cfg(feature = "studio")]
pub use studio::{studio, studio_page};
pub use subscribe::{
    InvalidMessage, Message, ReadPosition, Receive, ReceiveError, Subscribe, SubscribeError, Subscription,
    TextPart, TextStreamError, TextStreamFailure,
};
#[cfg(feature = "jwks")]
pub use token::Jwks;
pub use token::TokenError;
pub use wire::{Cursor, MessageId};

/// Includes generated channels as the module `channels`: those that `fanfare_codegen::compile` generated in the build
/// script or, with a path, those of a `rust` output in `fanfare.yaml`. The path is relative to the current file.
///
/// ```ignore
/// fanfare::include_channels!();
/// // or
/// fanfare::include_channels!("generated/channels.rs");
///
/// use channels::pipeline::{Pipeline, Status};
/// ```
#[macro_export]
macro_rules! include_channels {
    () => {
        $crate::include_channels!(concat!(env!("OUT_DIR"), "/fanfare/channels.rs"));
    };
    ($path:expr) => {
        /// The channels that this project defines.
        #[allow(
            dead_code,
            unreachable_pub,
            reason = "a server may not use everything that a definition generates"
        )]
        #[allow(
            uncommon_codepoints,
            confusable_idents,
            non_camel_case_types,
            reason = "names come from the definitions"
        )]
        #[allow(missing_docs, clippy::doc_markdown, reason = "docs come from the definitions' descriptions")]
        #[allow(clippy::needless_update, reason = "a definition may set every rule of a table")]
        pub mod channels {
            include!($path);
        }
    };
}
