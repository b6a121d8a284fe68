//! Reading the position of a channel, for a snapshot of the application's data that live messages continue.

use std::future::IntoFuture;
use std::pin::Pin;

use super::SubscribeError;
use crate::channel::Channel;
use crate::hub::{Hub, Phase};
#[cfg(feature = "postgres")]
use crate::storage::{Executor, StorageError};
use crate::wire::Cursor;
#[cfg(feature = "postgres")]
use crate::wire::MessageId;

impl Hub {
    /// Reads the current position of a channel: the cursor from which a subscriber receives every message that is
    /// published from now on. Returns a builder: await it to read the position.
    ///
    /// With it, a page shows rows of the application's database and then follows their changes, without missing one in
    /// between. A route reads the position, then the rows, and returns both:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use fanfare::schema::{Schema, Text};
    /// # use fanfare::{AddressPart, Carries, Channel, ChannelDefinition, History, Hub, Registry, Retain, TopicDefinition};
    /// # use serde_json::{Value, json};
    /// # static TEXT: Schema = Schema::Text(Text::ANY);
    /// # static ORDERS: ChannelDefinition = ChannelDefinition {
    /// #     name: "orders",
    /// #     address: &[AddressPart::Literal("orders")],
    /// #     topics: &[TopicDefinition::new("changes", Carries::Payload(&TEXT), Retain::None)],
    /// #     history: History { messages: 100, age: Duration::from_secs(300) },
    /// #     fingerprint: "9f2c",
    /// #     ..ChannelDefinition::EMPTY
    /// # };
    /// # static REGISTRY: Registry = Registry { channels: &[&ORDERS] };
    /// # async fn read_rows() -> Value { json!([]) }
    /// async fn list_orders(hub: &Hub, orders: &Channel) -> Result<Value, fanfare::SubscribeError> {
    ///     let position = hub.position(orders).await?;
    ///     let rows = read_rows().await;
    ///     Ok(json!({ "position": position, "state": rows }))
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let hub = Hub::builder(&REGISTRY).signing_key("signkey-test-00112233445566778899aabbccddeeff").build()?;
    /// # let orders = Channel::without_params(&ORDERS);
    /// # let listed = list_orders(&hub, &orders).await?;
    /// # let mut changes = hub.subscribe(orders.topic::<str>(0)).since(listed["position"].as_str().unwrap().parse()?).await?;
    /// # hub.publish(orders.topic::<str>(0), "new").await?;
    /// # assert_eq!(changes.recv().await?.data, "new");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The TypeScript client calls such a route with its option `state`, subscribes from the position, and calls the
    /// route again if messages are no longer in the history.
    ///
    /// Two rules make this complete:
    ///
    /// - Writers commit a change first, then publish it.
    /// - The route reads the position first, then the rows. A change between the two is in the rows, and its message
    ///   arrives as well: messages must carry the new value or a version, so that applying one twice does no harm.
    ///
    /// The position is known even if nothing was published to the channel yet. If the hub has a storage, this first
    /// catches up with the messages of other processes.
    pub fn position<'p>(&'p self, channel: &'p Channel) -> ReadPosition<'p> {
        ReadPosition { hub: self, channel }
    }
}

/// The position of a channel, which is read when this is awaited. Returned by [`Hub::position`].
#[must_use = "nothing is read until it is awaited"]
pub struct ReadPosition<'p> {
    hub: &'p Hub,
    channel: &'p Channel,
}

/// Returns the epoch and the head of a channel.
#[cfg(feature = "postgres")]
const READ: &str =
    "SELECT (SELECT epoch || ' ' || head FROM fanfare.channels WHERE name = $1 AND epoch <> 0)";

#[cfg(feature = "postgres")]
impl ReadPosition<'_> {
    /// Reads the position in a transaction of the application, which must be one of the database that the hub's
    /// [storage](crate::Postgres) uses.
    ///
    /// If the transaction's isolation level is `REPEATABLE READ`, the position and the rows that the transaction reads are of
    /// one snapshot. So with writers that publish [in their transactions](crate::Publish::within), a message either is part of
    /// the rows or arrives afterwards, and never both. At `READ COMMITTED`, each statement has its own snapshot: read the
    /// position first, then the rows. Then a message may be both.
    ///
    /// # Errors
    /// Returns the errors of reading a position, and [`SubscribeError::Storage`] if the statement failed or if the hub's
    /// storage is not PostgreSQL.
    pub async fn within<E: Executor>(self, executor: &mut E) -> Result<Cursor, SubscribeError> {
        let Self { hub, channel } = self;
        if hub.has_entered(Phase::Closed) {
            return Err(SubscribeError::Closed);
        }
        let Some(sql) = hub.storage().qualify_sql(READ) else {
            let error = "reading a position in a transaction needs a hub whose storage is PostgreSQL";
            return Err(SubscribeError::Storage(StorageError::new(error)));
        };
        // Creates the channel if it does not exist, on a connection of the storage.
        let log = hub.open_log(channel).await;
        let epoch = log.map_err(|error| SubscribeError::from_open_error(error, channel))?.epoch();
        let read = executor.fetch_text(&sql, &[Some(channel.name())]).await;
        let read = read.map_err(|error| SubscribeError::Storage(StorageError::from_driver(&*error)))?;
        let position = read.as_deref().and_then(|position| position.split_once(' '));
        let position = position.and_then(|(epoch, head)| Some((epoch.parse().ok()?, head.parse().ok()?)));
        // If the channel is newer than the snapshot, all of its messages are.
        let (epoch, head) = position.unwrap_or((epoch, 0));
        Ok(Cursor::After(MessageId::new(epoch, head)))
    }
}

impl<'p> IntoFuture for ReadPosition<'p> {
    type Output = Result<Cursor, SubscribeError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'p>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { hub, channel } = self;
        Box::pin(async move {
            if hub.has_entered(Phase::Closed) {
                return Err(SubscribeError::Closed);
            }
            let log = hub.open_latest_log(channel).await;
            Ok(log.map_err(|error| SubscribeError::from_open_error(error, channel))?.end())
        })
    }
}
