//! The number of connections, and a pooler in front of the database.

use tokio_postgres::Client;

use super::{Checked, Database, Need, StorageReport, describe};

/// The connections of a server that do not depend on its options: one each to publish, notify, receive and maintain.
const FIXED_CONNECTIONS: i64 = 4;

/// The number of attempts to detect a pooler. One is not enough: if other clients use it, it may choose the same
/// connection by chance.
const ATTEMPTS: usize = 3;

/// The limits of connections, and the number of connections of other programs, without those of running servers, which
/// the caller plans for.
/// A role without `pg_read_all_stats` does not see the `backend_type` of the sessions of other roles. So a session also
/// needs a database and a user to count as a client.
const LIMITS: &str = "
    SELECT current_setting('max_connections')::int8 - current_setting('superuser_reserved_connections')::int8
            - coalesce(current_setting('reserved_connections', true)::int8, 0),
        (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL AND usesysid IS NOT NULL
         AND coalesce(backend_type, 'client backend') = 'client backend'
         AND (usename IS DISTINCT FROM current_user
              OR application_name IS DISTINCT FROM current_setting('application_name'))),
        (SELECT rolconnlimit::int8 FROM pg_roles WHERE rolname = current_user),
        (SELECT datconnlimit::int8 FROM pg_database WHERE datname = current_database())
";

/// Compares the available connections with those that servers need.
pub(super) async fn check(
    client: &Client,
    need: &Need,
    is_pooled: bool,
    report: &mut StorageReport,
) -> Checked {
    let per_server = i64::try_from(need.connections).unwrap_or(i64::MAX).saturating_mul(2);
    // A server briefly has one more while it connects.
    let per_server = per_server.saturating_add(FIXED_CONNECTIONS + 1);
    let servers = i64::try_from(need.servers).unwrap_or(i64::MAX);
    let needed = per_server.saturating_mul(servers);
    if is_pooled {
        let message = format!("the pooler must accept {needed} client connections for {servers} servers");
        report.ok("connections", message);
        return Ok(());
    }
    let row = client.query_typed_one(LIMITS, &[]).await?;
    let (max, others): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let (of_role, of_database): (Option<i64>, Option<i64>) = (row.try_get(2)?, row.try_get(3)?);
    let limits = [of_role, of_database].into_iter().flatten().filter(|limit| *limit >= 0);
    let free = limits.fold(max - others, i64::min);
    let message = format!("{free} connections are available, and {needed} are needed for {servers} servers");
    let help = "raise `max_connections` or the connection limit of the role or the database, or lower the option \
                `connections` of the servers";
    if free <= FIXED_CONNECTIONS {
        report.fail("connections", message, help);
    } else if free < needed {
        report.warn("connections", message, help);
    } else {
        report.ok("connections", message);
    }
    Ok(())
}

/// Returns `true` if a pooler gives each transaction another connection, and `None` if servers cannot use the pooler,
/// because it does so for each statement.
pub(super) async fn check_pooler(
    database: &Database,
    client: &Client,
    report: &mut StorageReport,
) -> Checked<Option<bool>> {
    if let Err(error) = client.batch_execute("BEGIN").await {
        report.fail(
            "pooler",
            format!("the pooler does not support transactions: {}", describe(&error)),
            "set `pool_mode` of the pooler to `transaction` or `session`",
        );
        return Ok(None);
    }
    client.batch_execute("COMMIT").await?;
    let other = match database.open(None).await {
        Ok(other) => other,
        Err(error) => {
            report.fail("connections", error.to_string(), "raise `max_connections`");
            return Ok(None);
        }
    };
    for _ in 0..ATTEMPTS {
        let process = find_process(client).await?;
        other.client.batch_execute("BEGIN").await?;
        let of_other = find_process(&other.client).await?;
        let is_pooled = process == of_other || find_process(client).await? != process;
        other.client.batch_execute("COMMIT").await?;
        if is_pooled {
            report.warn(
                "pooler",
                "a pooler in transaction mode is in front of the database, so messages reach other servers after \
                 about 0.2 seconds",
                "if that is too slow, connect to the database directly, or set `pool_mode` to `session`",
            );
            return Ok(Some(true));
        }
    }
    report.ok("pooler", "connections reach the database directly, or through a pooler in session mode");
    Ok(Some(false))
}

/// Returns the server process that executes the statements of a connection.
async fn find_process(client: &Client) -> Checked<i32> {
    client.query_typed_one("SELECT pg_backend_pid()", &[]).await?.try_get(0)
}
