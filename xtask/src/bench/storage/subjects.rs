//! The subjects of the comparison.

/// A way to publish, and to receive from another server.
pub(crate) struct Subject {
    pub(crate) title: &'static str,
    pub(crate) publishes: Publishes,
    pub(crate) storage: Store,
    pub(crate) has_target: bool,
}

/// How messages are published.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Publishes {
    /// With a hub in the publishers' process.
    InProcess,
    /// With a request per message.
    Http,
    /// With a statement per message.
    Statement(&'static str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Memory,
    Sqlite,
    DurableSqlite,
    Postgres,
    /// PostgreSQL, with Centrifugo.
    Centrifugo,
}

const fn subject(title: &'static str, publishes: Publishes, storage: Store) -> Subject {
    Subject { title, publishes, storage, has_target: false }
}

use Publishes::{Http, InProcess, Statement};

/// The subjects that publish as fast as they can. The others are compared with the first.
pub(crate) const PUBLISHING: [Subject; 7] = [
    subject("`INSERT` in a loop, PostgreSQL", Statement("insert"), Store::Postgres),
    Subject { has_target: true, ..subject("Fanfare, PostgreSQL", InProcess, Store::Postgres) },
    subject("Fanfare, SQLite durable", InProcess, Store::DurableSqlite),
    subject("Fanfare, SQLite", InProcess, Store::Sqlite),
    subject("Fanfare, memory", InProcess, Store::Memory),
    subject("Fanfare over HTTP, PostgreSQL", Http, Store::Postgres),
    subject("Centrifugo over HTTP, PostgreSQL", Http, Store::Centrifugo),
];

/// The subjects that deliver from one server to another. The others are compared with the first.
pub(crate) const ACROSS: [Subject; 6] = [
    subject("`NOTIFY`, nothing stored", Statement("notify"), Store::Postgres),
    subject("`INSERT` and `NOTIFY`, PostgreSQL", Statement("insert-notify"), Store::Postgres),
    Subject { has_target: true, ..subject("Fanfare, PostgreSQL", InProcess, Store::Postgres) },
    subject("Fanfare, one SQLite file", InProcess, Store::Sqlite),
    subject("Fanfare over HTTP, PostgreSQL", Http, Store::Postgres),
    subject("Centrifugo over HTTP, PostgreSQL", Http, Store::Centrifugo),
];

/// The storages that a subscriber reads the history of.
pub(crate) const REPLAYING: [Subject; 4] = [
    subject("Fanfare, memory", Http, Store::Memory),
    subject("Fanfare, SQLite", Http, Store::Sqlite),
    subject("Fanfare, PostgreSQL", Http, Store::Postgres),
    subject("Centrifugo, PostgreSQL", Http, Store::Centrifugo),
];
