//! A file for a storage.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use fanfare::Sqlite;

#[cfg(all(feature = "postgres", unix))]
use super::postgres::Schema;
use super::server::Server;

/// A file in a temporary folder, which is deleted with it.
pub(crate) struct File {
    pub(crate) folder: PathBuf,
    #[cfg(all(feature = "postgres", unix))]
    schema: Option<Schema>,
}

impl File {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("fanfare-storing-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self {
            folder,
            #[cfg(all(feature = "postgres", unix))]
            schema: Schema::of_test(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join("fanfare.db")
    }

    /// Starts a server that uses the file, or its place in PostgreSQL if the environment variable `FANFARE_TEST_ENGINE` is
    /// `postgres`.
    pub(crate) async fn server(&self) -> Server {
        #[cfg(all(feature = "postgres", unix))]
        if let Some(schema) = &self.schema {
            return schema.server().await;
        }
        Server::start_with(|builder| builder.storage(Sqlite::open(self.path()).unwrap())).await
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
