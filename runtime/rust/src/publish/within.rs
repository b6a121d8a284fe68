//! Publishing in a database transaction of the application.

use std::borrow::Cow;
use std::fmt::Write;
use std::future::Future;

use serde::Serialize;

use super::{Publish, PublishError, PublishJson};
use crate::channel::Channel;
use crate::history::IdempotencyKey;
use crate::hub::{Hub, Phase};
use crate::storage::{Executor, StorageError};
use crate::wire::DataFrame;

const ENQUEUE: &str =
    "SELECT fanfare.enqueue($1, $2, $3, $4, decode($5, 'hex'), decode($6, 'hex'), false)::text";

impl<'p, P: Serialize + ?Sized> Publish<'p, P> {
    /// Publishes in a transaction of the application: subscribers receive the message if and when the transaction commits,
    /// after the messages of transactions that committed before. It is the alternative to awaiting the builder.
    ///
    /// The transaction must be one of the database that the hub's [storage](crate::Postgres) uses. The payload is checked
    /// at once. There is no id to return, because ids are assigned in the order of the commits. `docs/transactions.md`
    /// explains the guarantees.
    ///
    /// ```no_run
    /// # use fanfare::{Hub, PublishError, Topic};
    /// # async fn pay(
    /// #     hub: &Hub, client: &mut tokio_postgres::Client, status: Topic<'_, str>,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut transaction = client.transaction().await?;
    /// transaction.execute("UPDATE orders SET status = 'paid' WHERE id = 42", &[]).await?;
    /// hub.publish(status, "paid").within(&mut transaction).await?;
    /// transaction.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of publishing, and [`PublishError::Storage`] if the statement failed or if the hub's storage is
    /// not PostgreSQL. After an error of the database, the transaction can only be rolled back.
    ///
    /// An idempotency key that another transaction uses for another message meanwhile makes the commit fail, with a unique
    /// violation.
    pub fn within<E: Executor>(
        self,
        executor: &mut E,
    ) -> impl Future<Output = Result<(), PublishError>> + Send {
        let (hub, channel, topic) = (self.hub, self.topic.channel(), self.topic.definition().name);
        let encoded = self.encode();
        async move {
            let (frame, key) = encoded?;
            enqueue(hub, channel, topic, &frame, key, executor).await
        }
    }
}

impl<'p> PublishJson<'p> {
    /// Publishes in a transaction of the application, as [`Publish::within`] does.
    ///
    /// # Errors
    /// Returns the same errors.
    pub fn within<E: Executor>(
        self,
        executor: &mut E,
    ) -> impl Future<Output = Result<(), PublishError>> + Send {
        let hub = self.hub;
        let encoded = self.encode();
        async move {
            let (channel, topic, frame, key) = encoded?;
            enqueue(hub, &channel, channel.definition().topics[topic].name, &frame, key, executor).await
        }
    }
}

/// Adds a message to the outbox, which the database empties when the transaction commits.
async fn enqueue<E: Executor>(
    hub: &Hub,
    channel: &Channel,
    topic: &str,
    frame: &DataFrame,
    key: Option<IdempotencyKey>,
    executor: &mut E,
) -> Result<(), PublishError> {
    if hub.has_entered(Phase::Closed) {
        return Err(PublishError::Closed);
    }
    let sql: Option<Cow<'static, str>> = hub.storage().qualify_sql(ENQUEUE);
    let Some(sql) = sql else {
        let error = "publishing in a transaction needs a hub whose storage is PostgreSQL";
        return Err(PublishError::Storage(StorageError::new(error)));
    };
    let hashes = key.map(|key| [hex(&key.hash), hex(&key.content_hash)]);
    let [hash, content] =
        hashes.as_ref().map_or([None, None], |[hash, content]| [Some(&**hash), Some(&**content)]);
    let fingerprint = channel.definition().fingerprint;
    let params = [Some(channel.name()), Some(fingerprint), Some(topic), Some(frame.as_str()), hash, content];
    match executor.fetch_text(&sql, &params).await {
        Ok(enqueued) if enqueued.as_deref() == Some("true") => Ok(()),
        Ok(_) => Err(PublishError::KeyReused),
        Err(error) => Err(PublishError::Storage(StorageError::from_driver(&*error))),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
