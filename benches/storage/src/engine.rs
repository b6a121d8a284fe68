//! Opens a hub on a storage.

use fanfare::{Hub, Postgres, Sqlite};

use crate::Error;
use crate::channels::REGISTRY;

pub(crate) const SIGNING_KEY: &str =
    "signkey-test-00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// Opens a hub on `memory`, `sqlite:<file>`, `durable-sqlite:<file>` or `postgres:<connection>`.
pub(crate) async fn open_hub(storage: &str) -> Result<Hub, Error> {
    let hub = Hub::builder(&REGISTRY).signing_key(SIGNING_KEY);
    let (engine, location) = storage.split_once(':').unwrap_or((storage, ""));
    let hub = match engine {
        "memory" => hub,
        "sqlite" => hub.storage(Sqlite::open(location)?),
        "durable-sqlite" => hub.storage(Sqlite::open_durable(location)?),
        "postgres" => hub.storage(Postgres::connect(location).await?),
        unknown => return Err(format!("unknown storage `{unknown}`").into()),
    };
    Ok(hub.build()?)
}
