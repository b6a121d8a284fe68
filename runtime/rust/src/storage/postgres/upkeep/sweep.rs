//! Deleting old data. Each statement deletes a limited number of rows, and none that another process is deleting.

use std::time::Duration;

use tokio_postgres::types::Type;

use super::super::channels;
use super::super::connection::{Link, RequestError};
use super::super::logs::Trim;
use super::super::{Shared, int8};
use super::MAX_DELETED;
use crate::channel::{Channel, Registry};
use crate::clock::milliseconds;
use crate::history::{Limits, Log, MAX_KEY_AGE, MAX_KEYS, OpenStream};

/// How long a channel is kept after the last message in its history expired. Meanwhile it keeps its retained messages,
/// and subscribers that resume have no gap.
const CHANNEL_RETENTION: Duration = Duration::from_secs(7 * 86_400);

/// How often to check a channel that a process has open.
const OPEN_INTERVAL: Duration = Duration::from_secs(600);

/// The definition hash of a channel that no server has opened yet.
const CREATED_BY_SQL: &str = "sql";

/// The maximum number of channels per sweep.
const MAX_CHANNELS: i64 = 200;

/// Deletes messages, and records up to where: the two commit together.
const DELETE_EVICTED: &str = r#"
    WITH recorded AS (
        INSERT INTO fanfare.gone AS g VALUES ($1, $2, $5)
        ON CONFLICT (channel, topic) DO UPDATE SET "offset" = greatest(g."offset", excluded."offset")
    ), deleted AS (
        DELETE FROM fanfare.messages WHERE ctid = ANY(array(
            SELECT ctid FROM fanfare.messages
            WHERE channel = $1 AND topic = ANY($3) AND "offset" > $4 AND "offset" <= $5
            LIMIT $6 FOR UPDATE SKIP LOCKED
        )) RETURNING octet_length(frame) AS bytes
    ), total AS (
        SELECT count(*) AS messages, coalesce(sum(bytes), 0)::int8 AS bytes FROM deleted
    ), counted AS (
        UPDATE fanfare.channels c SET messages = c.messages - total.messages, bytes = c.bytes - total.bytes
        FROM total WHERE c.id = $1 AND total.messages > 0
    )
    SELECT messages FROM total
"#;

/// Deletes messages that were published with SQL to topics without payloads, once the history does not reach back to
/// them. Until then, a server with another definition may deliver them.
const DELETE_WITHOUT_TOPIC: &str = "
    WITH deleted AS (
        DELETE FROM fanfare.messages WHERE ctid = ANY(array(
            SELECT ctid FROM fanfare.messages
            WHERE channel = $1 AND unchecked AND topic <> ALL($2) AND published < fanfare.now_ms() - $3
            LIMIT $4 FOR UPDATE SKIP LOCKED
        )) RETURNING octet_length(frame) AS bytes
    ), total AS (
        SELECT count(*) AS messages, coalesce(sum(bytes), 0)::int8 AS bytes FROM deleted
    ), counted AS (
        UPDATE fanfare.channels c SET messages = c.messages - total.messages, bytes = c.bytes - total.bytes
        FROM total WHERE c.id = $1 AND total.messages > 0
    )
    SELECT messages FROM total
";

const DELETE_OLD_KEYS: &str = "
    WITH deleted AS (
        DELETE FROM fanfare.keys WHERE ctid = ANY(array(
            SELECT ctid FROM fanfare.keys WHERE used < fanfare.now_ms() - $1 LIMIT $2 FOR UPDATE SKIP LOCKED
        )) RETURNING 1
    )
    SELECT count(*) FROM deleted
";

const DELETE_EXCESS_KEYS: &str = r#"
    WITH deleted AS (
        DELETE FROM fanfare.keys WHERE ctid = ANY(array(
            SELECT ctid FROM fanfare.keys WHERE channel = $1 AND "offset" <= (
                SELECT "offset" FROM fanfare.keys WHERE channel = $1 ORDER BY "offset" DESC LIMIT 1 OFFSET $2
            ) LIMIT $3 FOR UPDATE SKIP LOCKED
        )) RETURNING 1
    )
    SELECT count(*) FROM deleted
"#;

/// Takes channels that are due, so that no other process sweeps them at the same time.
const TAKE_DUE: &str = "
    UPDATE fanfare.channels SET sweep_at = fanfare.now_ms() + $2 WHERE id = ANY(array(
        SELECT id FROM fanfare.channels WHERE sweep_at <= fanfare.now_ms()
        ORDER BY sweep_at LIMIT $1 FOR UPDATE SKIP LOCKED
    )) RETURNING id, name, used, fanfare.now_ms(), fingerprint
";

const SWEEP_AGAIN_AT: &str = "UPDATE fanfare.channels SET sweep_at = $2 WHERE id = $1";

/// Deletes a channel, unless it was used meanwhile.
const DELETE_CHANNEL: &str = "
    WITH deleted AS (
        DELETE FROM fanfare.channels WHERE id = $1 AND used = $2 RETURNING id
    ), messages AS (
        DELETE FROM fanfare.messages WHERE channel IN (SELECT id FROM deleted)
    ), gone AS (
        DELETE FROM fanfare.gone WHERE channel IN (SELECT id FROM deleted)
    )
    DELETE FROM fanfare.keys WHERE channel IN (SELECT id FROM deleted)
";

/// Deletes evicted messages of a channel, those that no client can receive, and excess idempotency keys.
pub(super) async fn delete_evicted(link: &Link, trim: &Trim) -> Result<(), RequestError> {
    for (topic, until) in &trim.evicted {
        let after = trim.before.iter().find(|(known, _)| known == topic).map_or(0, |(_, offset)| *offset);
        if after < *until {
            delete_from_topic(link, trim, *topic, after, *until).await?;
        }
    }
    let topics = trim.definition.topics.iter().enumerate().filter(|(_, topic)| topic.schema().is_some());
    let names: Vec<&str> = topics.flat_map(|(index, _)| trim.definition.stored_names(index)).collect();
    let age = milliseconds(trim.definition.history.age);
    let params = [
        (&trim.channel as _, Type::INT8),
        (&names as _, Type::TEXT_ARRAY),
        (&age as _, Type::INT8),
        (&MAX_DELETED as _, Type::INT8),
    ];
    while link.query(DELETE_WITHOUT_TOPIC, &params).await?.first().is_some_and(is_full) {}
    let max_keys = int8(MAX_KEYS as u64);
    let params =
        [(&trim.channel as _, Type::INT8), (&max_keys as _, Type::INT8), (&MAX_DELETED as _, Type::INT8)];
    while link.query(DELETE_EXCESS_KEYS, &params).await?.first().is_some_and(is_full) {}
    Ok(())
}

async fn delete_from_topic(
    link: &Link,
    trim: &Trim,
    topic: usize,
    after: u64,
    until: u64,
) -> Result<(), RequestError> {
    let name = trim.definition.log_topic(topic).name;
    let names: Vec<&str> = trim.definition.stored_names(topic).collect();
    let (after, until) = (int8(after), int8(until));
    let params = [
        (&trim.channel as _, Type::INT8),
        (&name as _, Type::TEXT),
        (&names as _, Type::TEXT_ARRAY),
        (&after as _, Type::INT8),
        (&until as _, Type::INT8),
        (&MAX_DELETED as _, Type::INT8),
    ];
    while link.query(DELETE_EVICTED, &params).await?.first().is_some_and(is_full) {}
    Ok(())
}

/// Returns whether a statement deleted as many rows as it may, so that there may be more.
fn is_full(row: &tokio_postgres::Row) -> bool {
    row.get::<_, i64>(0) >= MAX_DELETED
}

/// Deletes old messages, channels and keys.
pub(in super::super) async fn sweep(shared: &Shared) -> Result<(), RequestError> {
    let max_age = milliseconds(MAX_KEY_AGE);
    let params = [(&max_age as _, Type::INT8), (&MAX_DELETED as _, Type::INT8)];
    while shared.link.query(DELETE_OLD_KEYS, &params).await?.first().is_some_and(is_full) {}
    let Some(registry) = shared.registry.get() else { return Ok(()) };
    while sweep_due(shared, registry).await? {}
    Ok(())
}

/// Sweeps the channels that are due. Returns whether there may be more.
async fn sweep_due(shared: &Shared, registry: &Registry) -> Result<bool, RequestError> {
    let open_interval = milliseconds(OPEN_INTERVAL);
    let params = [(&MAX_CHANNELS as _, Type::INT8), (&open_interval as _, Type::INT8)];
    let due = shared.link.query(TAKE_DUE, &params).await?;
    for row in &due {
        let (id, name, used, now): (i64, &str, i64, i64) = (row.get(0), row.get(1), row.get(2), row.get(3));
        // Open logs delete their own messages.
        if shared.logs.is_open(id) {
            continue;
        }
        let channel = registry.resolve(name);
        if channel.is_none() && row.get::<_, &str>(4) == CREATED_BY_SQL {
            tracing::error!(
                channel = name,
                "messages were published with SQL to a channel that no definition has"
            );
        }
        let age = channel.as_ref().map_or(0, |channel| milliseconds(channel.definition().history.age));
        let expires_at = used.saturating_add(age);
        let delete_at = expires_at.saturating_add(milliseconds(CHANNEL_RETENTION));
        if delete_at <= now {
            shared.link.query(DELETE_CHANNEL, &[(&id, Type::INT8), (&used, Type::INT8)]).await?;
            continue;
        }
        if let Some(channel) = &channel {
            trim_closed(shared, channel, id).await?;
        }
        // A definition that is restored within the week finds a channel that no definition has now.
        let again_at = if channel.is_some() && expires_at > now { expires_at } else { delete_at };
        shared.link.query(SWEEP_AGAIN_AT, &[(&id, Type::INT8), (&again_at, Type::INT8)]).await?;
    }
    Ok(i64::try_from(due.len()) == Ok(MAX_CHANNELS))
}

/// Deletes the messages that the log of a channel would evict if it were open.
async fn trim_closed(shared: &Shared, channel: &Channel, id: i64) -> Result<(), RequestError> {
    let Some(stored) = channels::load(&shared.link, channel.definition(), id).await? else { return Ok(()) };
    // Leave open streams to the next process that opens the channel. It ends them, because readers may wait for more.
    if !OpenStream::among(channel.definition(), &stored.messages).is_empty() {
        return Ok(());
    }
    let before = stored.evicted.clone();
    let log = Log::restore(channel, stored, &Limits::none());
    let trim = Trim { channel: id, definition: channel.definition(), before, evicted: log.take_evicted(1) };
    delete_evicted(&shared.link, &trim).await
}
