//! The names of a hub's metrics in the [`metrics`](https://docs.rs/metrics) facade.
//!
//! Install a recorder, such as `metrics-exporter-prometheus`, to collect them. Without a recorder they cost next to
//! nothing. Install it before you build the hub, so that it receives the descriptions.

use std::time::Duration;

use ::metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

mod storage;
mod totals;

#[cfg(feature = "postgres")]
pub(crate) use storage::set_storage_lag;
pub use storage::{
    STORAGE_CONFLICTS, STORAGE_DISCONNECTS, STORAGE_LAG, STORAGE_LAG_MESSAGES, STORAGE_MISSED_READS,
};
#[cfg(any(feature = "nats", feature = "postgres"))]
pub(crate) use storage::{record_conflict, record_disconnect};
#[cfg(feature = "nats")]
pub(crate) use storage::{record_missed_read, set_shard_lag};
pub use totals::MetricSample;
pub(crate) use totals::samples;

/// The number of open connections. Label `transport`: `websocket` or `sse`.
pub const CONNECTIONS: &str = "fanfare_connections";

/// Connections that ended. Labels: `transport`, and `cause`, whose values are in `docs/metrics.md`.
pub const CONNECTIONS_ENDED: &str = "fanfare_connections_ended_total";

/// Messages that were published.
pub const MESSAGES_PUBLISHED: &str = "fanfare_messages_published_total";

/// Messages that were read for a connection. Label `transport`.
pub const MESSAGES_DELIVERED: &str = "fanfare_messages_delivered_total";

/// How many messages of a channel a connection had not read yet, recorded at each read.
pub const CURSOR_LAG: &str = "fanfare_cursor_lag_messages";

/// Gaps that were sent to connections.
pub const GAPS: &str = "fanfare_gaps_total";

/// Tokens and signing keys that were rejected. Label `reason`, whose values are in `docs/metrics.md`.
pub const AUTH_FAILURES: &str = "fanfare_auth_failures_total";

/// Open subscriptions of pages whose definition does not work with the server's, or is unknown. Labels: `channel`, the name
/// in the definition, and `kind`, `breaking` or `unknown`.
pub const CLIENTS_OUTDATED: &str = "fanfare_clients_outdated";

/// Channels that are in memory.
pub const HISTORY_CHANNELS: &str = "fanfare_history_channels";

/// Bytes of messages in memory.
pub const HISTORY_BYTES: &str = "fanfare_history_bytes";

/// Runs that have not ended, in all processes that share the storage. Label `state`: `executing`, `due`,
/// `waiting` or `halted`.
pub const RUNS: &str = "fanfare_runs";

/// How long the oldest due run has waited for a slot, in seconds.
pub const RUNS_OLDEST_DUE: &str = "fanfare_runs_oldest_due_seconds";

/// Executions of runs that ended here. Label `outcome`: `completed`, `failed`, `retried`, `waiting` or `halted`.
pub const RUN_EXECUTIONS: &str = "fanfare_run_executions_total";

/// How much of a limit is in use. Label `limit`, whose values are in `docs/limits.md`.
pub const LIMIT_USED: &str = "fanfare_limit_used";

/// The limit itself. Label `limit`.
pub const LIMIT_MAX: &str = "fanfare_limit_max";

/// How often a limit was reached. Usually something was rejected or closed; for `in_flight_bytes` a write waited, and for
/// `run_error_bytes` a text was truncated. Label `limit`.
pub const LIMIT_REACHED: &str = "fanfare_limit_reached_total";

/// A limit over all clients together, or for each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Connections,
    ServerConnections,
    UnsubscribedConnections,
    WaitingConnections,
    TokenConnections,
    /// Bytes that wait for the storage's writer.
    StorageQueueBytes,
    /// Bytes that are being written to connections.
    InFlightBytes,
    ConnectionRate,
    PublishRate,
    SignalRate,
    AuthFailureRate,
    RunInputBytes,
    RunValueBytes,
    RunResultBytes,
    RunErrorBytes,
    RunJournalBytes,
}

impl Limit {
    /// In the order of the variants.
    const ALL: [Self; 16] = [
        Self::Connections,
        Self::ServerConnections,
        Self::UnsubscribedConnections,
        Self::WaitingConnections,
        Self::TokenConnections,
        Self::StorageQueueBytes,
        Self::InFlightBytes,
        Self::ConnectionRate,
        Self::PublishRate,
        Self::SignalRate,
        Self::AuthFailureRate,
        Self::RunInputBytes,
        Self::RunValueBytes,
        Self::RunResultBytes,
        Self::RunErrorBytes,
        Self::RunJournalBytes,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ServerConnections => "server_connections",
            Self::UnsubscribedConnections => "unsubscribed_connections",
            Self::WaitingConnections => "waiting_connections",
            Self::TokenConnections => "token_connections",
            Self::StorageQueueBytes => "storage_queue_bytes",
            Self::InFlightBytes => "in_flight_bytes",
            Self::ConnectionRate => "connection_rate",
            Self::PublishRate => "publish_rate",
            Self::SignalRate => "signal_rate",
            Self::AuthFailureRate => "auth_failure_rate",
            Self::RunInputBytes => "run_input_bytes",
            Self::RunValueBytes => "run_value_bytes",
            Self::RunResultBytes => "run_result_bytes",
            Self::RunErrorBytes => "run_error_bytes",
            Self::RunJournalBytes => "run_journal_bytes",
        }
    }
}

/// Describes the metrics to the recorder.
pub(crate) fn describe() {
    describe_gauge!(CONNECTIONS, "The number of open connections.");
    describe_counter!(CONNECTIONS_ENDED, "Connections that ended.");
    describe_counter!(MESSAGES_PUBLISHED, "Messages that were published.");
    describe_counter!(MESSAGES_DELIVERED, "Messages that were read for a connection.");
    describe_histogram!(
        CURSOR_LAG,
        "How many messages of a channel a connection had not read yet, recorded at each read."
    );
    describe_counter!(GAPS, "Gaps that were sent to connections.");
    describe_counter!(AUTH_FAILURES, "Tokens and signing keys that were rejected.");
    describe_gauge!(
        CLIENTS_OUTDATED,
        "Open subscriptions of pages whose definition does not work with the server's, or is unknown."
    );
    describe_gauge!(HISTORY_CHANNELS, "Channels that are in memory.");
    describe_gauge!(HISTORY_BYTES, Unit::Bytes, "Bytes of messages in memory.");
    describe_gauge!(RUNS, "Runs that have not ended, by state.");
    describe_gauge!(RUNS_OLDEST_DUE, Unit::Seconds, "How long the oldest due run has waited for a slot.");
    describe_counter!(RUN_EXECUTIONS, "Executions of runs that ended, by outcome.");
    describe_gauge!(LIMIT_USED, "How much of a limit is in use.");
    describe_gauge!(LIMIT_MAX, "The limit itself.");
    describe_counter!(LIMIT_REACHED, "How often a limit was reached.");
    storage::describe();
}

pub(crate) fn add_connection(transport: &'static str) {
    gauge!(CONNECTIONS, "transport" => transport).increment(1.0);
    totals::add(CONNECTIONS, &[("transport", transport)], 1.0);
}

pub(crate) fn remove_connection(transport: &'static str) {
    gauge!(CONNECTIONS, "transport" => transport).decrement(1.0);
    totals::add(CONNECTIONS, &[("transport", transport)], -1.0);
}

pub(crate) fn record_connection_end(transport: &'static str, cause: &'static str) {
    counter!(CONNECTIONS_ENDED, "transport" => transport, "cause" => cause).increment(1);
    totals::add(CONNECTIONS_ENDED, &[("cause", cause), ("transport", transport)], 1.0);
}

pub(crate) fn record_publish() {
    counter!(MESSAGES_PUBLISHED).increment(1);
    totals::add_published();
}

/// Records the messages of one turn of a connection.
pub(crate) fn record_delivery(transport: &'static str, messages: usize) {
    // Literal labels are static. Others would be allocated for every message, even without a recorder.
    let counter = match transport {
        "sse" => counter!(MESSAGES_DELIVERED, "transport" => "sse"),
        _ => counter!(MESSAGES_DELIVERED, "transport" => "websocket"),
    };
    counter.increment(messages as u64);
    totals::add_delivered(transport, messages as u64);
}

/// Records a read of one channel.
#[expect(clippy::cast_precision_loss, reason = "no history is long enough for rounding")]
pub(crate) fn record_read(lag: u64, has_gap: bool) {
    histogram!(CURSOR_LAG).record(lag as f64);
    if has_gap {
        counter!(GAPS).increment(1);
        totals::add(GAPS, &[], 1.0);
    }
}

pub(crate) fn record_auth_failure(reason: &'static str) {
    counter!(AUTH_FAILURES, "reason" => reason).increment(1);
    totals::add(AUTH_FAILURES, &[("reason", reason)], 1.0);
}

pub(crate) fn add_outdated_client(channel: &'static str, kind: &'static str) {
    gauge!(CLIENTS_OUTDATED, "channel" => channel, "kind" => kind).increment(1.0);
    totals::add(CLIENTS_OUTDATED, &[("channel", channel), ("kind", kind)], 1.0);
}

pub(crate) fn remove_outdated_client(channel: &'static str, kind: &'static str) {
    gauge!(CLIENTS_OUTDATED, "channel" => channel, "kind" => kind).decrement(1.0);
    totals::add(CLIENTS_OUTDATED, &[("channel", channel), ("kind", kind)], -1.0);
}

#[expect(clippy::cast_precision_loss, reason = "gauges may be rounded")]
pub(crate) fn set_history(channels: usize, bytes: usize) {
    gauge!(HISTORY_CHANNELS).set(channels as f64);
    gauge!(HISTORY_BYTES).set(bytes as f64);
    totals::set(HISTORY_CHANNELS, &[], channels as f64);
    totals::set(HISTORY_BYTES, &[], bytes as f64);
}

/// Records the runs of all processes that share the storage. One of them is enough to report it.
#[expect(clippy::cast_precision_loss, reason = "gauges may be rounded")]
pub(crate) fn set_runs(state: &'static str, runs: u64) {
    gauge!(RUNS, "state" => state).set(runs as f64);
    totals::set(RUNS, &[("state", state)], runs as f64);
}

pub(crate) fn set_oldest_due_run(age: Duration) {
    gauge!(RUNS_OLDEST_DUE).set(age.as_secs_f64());
    totals::set(RUNS_OLDEST_DUE, &[], age.as_secs_f64());
}

pub(crate) fn record_execution(outcome: &'static str) {
    counter!(RUN_EXECUTIONS, "outcome" => outcome).increment(1);
    totals::add(RUN_EXECUTIONS, &[("outcome", outcome)], 1.0);
}

#[expect(clippy::cast_precision_loss, reason = "gauges may be rounded")]
pub(crate) fn limit_used(limit: Limit, used: usize) {
    let gauge = match limit {
        // This gauge changes with every message, so its label is literal.
        Limit::InFlightBytes => gauge!(LIMIT_USED, "limit" => "in_flight_bytes"),
        _ => gauge!(LIMIT_USED, "limit" => limit.name()),
    };
    gauge.set(used as f64);
    totals::set_limit_used(limit, used as u64);
}

#[expect(clippy::cast_precision_loss, reason = "gauges may be rounded")]
pub(crate) fn limit_max(limit: Limit, max: usize) {
    gauge!(LIMIT_MAX, "limit" => limit.name()).set(max as f64);
    totals::set(LIMIT_MAX, &[("limit", limit.name())], max as f64);
}

pub(crate) fn limit_reached(limit: Limit) {
    counter!(LIMIT_REACHED, "limit" => limit.name()).increment(1);
    totals::add(LIMIT_REACHED, &[("limit", limit.name())], 1.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_in_the_docs() {
        let docs = include_str!("../../../docs/limits.md");
        for limit in Limit::ALL {
            assert!(docs.contains(&format!("`{}`", limit.name())), "{}", limit.name());
        }
    }
}
