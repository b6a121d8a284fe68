//! The text streams of runs in SQL.

use super::calls::{at, read_site};
use super::{Row, SqlJournal};
use crate::storage::journal::rows::StreamRows;
use crate::storage::{CallSite, NewChunk, RunHandle, RunStream};

/// Returns whether a stream belongs to an unfinished run, which will continue it.
#[cfg(feature = "sqlite")]
pub(in crate::storage) async fn has_writer<T: super::SqlTransaction>(
    sql: &mut T,
    stream_id: &str,
) -> Result<bool, T::Error> {
    let rows = sql
        .query(
            "SELECT 1 FROM streams JOIN runs ON runs.id = streams.run
             WHERE stream = ?1 AND state IN ('running', 'halted')",
            &[stream_id.into()],
        )
        .await?;
    Ok(!rows.is_empty())
}

impl<T: SqlJournal> StreamRows for T {
    async fn insert_stream(&mut self, run: RunHandle, stream: &RunStream) -> Result<(), Self::Failure> {
        let RunStream { site, stream_id, channel, topic } = stream;
        let [run, branch, position] = at(run, site);
        self.change(
            "INSERT INTO streams (run, branch, position, stream, channel, topic) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &[run, branch, position, stream_id.into(), channel.into(), topic.into()],
        )
        .await?;
        Ok(())
    }

    async fn insert_chunk(&mut self, run: RunHandle, chunk: &NewChunk) -> Result<bool, Self::Failure> {
        let [run, branch, position] = at(run, &chunk.site);
        let sql = "INSERT INTO pieces (run, branch, position, number, text) SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS (
            SELECT 1 FROM streams WHERE run = ?1 AND branch = ?2 AND position = ?3 /*pg FOR KEY SHARE pg*/
        )";
        let inserted =
            self.execute(sql, &[run, branch, position, chunk.number.into(), (&chunk.text).into()]).await?;
        Ok(inserted == 1)
    }

    async fn find_stream(&mut self, stream_id: &str) -> Result<Option<(RunHandle, CallSite)>, Self::Failure> {
        let mut rows = self
            .query("SELECT branch, position, run FROM streams WHERE stream = ?1", &[stream_id.into()])
            .await?;
        Ok(rows.first_mut().map(|row| (RunHandle(row.int(2)), read_site(row))))
    }

    async fn find_stream_of_call(
        &mut self,
        run: RunHandle,
        site: &CallSite,
    ) -> Result<Option<String>, Self::Failure> {
        let sql = "SELECT stream FROM streams WHERE run = ?1 AND branch = ?2 AND position = ?3";
        Ok(self.query(sql, &at(run, site)).await?.first_mut().map(|row| row.text(0)))
    }

    async fn load_chunks(&mut self, run: RunHandle, site: &CallSite) -> Result<Vec<String>, Self::Failure> {
        let sql = "SELECT text FROM pieces WHERE run = ?1 AND branch = ?2 AND position = ?3 ORDER BY number";
        Ok(self.query(sql, &at(run, site)).await?.iter_mut().map(|row| row.text(0)).collect())
    }

    async fn list_streams(&mut self, run: RunHandle) -> Result<Vec<RunStream>, Self::Failure> {
        let mut rows = self
            .query(
                "SELECT branch, position, stream, channel, topic FROM streams WHERE run = ?1
                 ORDER BY branch, position",
                &[run.into()],
            )
            .await?;
        let read = |row: &mut Row| RunStream {
            site: read_site(row),
            stream_id: row.text(2),
            channel: row.text(3),
            topic: row.text(4),
        };
        Ok(rows.iter_mut().map(read).collect())
    }

    async fn delete_stream(&mut self, run: RunHandle, site: &CallSite) -> Result<bool, Self::Failure> {
        let sql = "DELETE FROM streams WHERE run = ?1 AND branch = ?2 AND position = ?3";
        let deleted = self.execute(sql, &at(run, site)).await?;
        let sql = "DELETE FROM pieces WHERE run = ?1 AND branch = ?2 AND position = ?3";
        self.change(sql, &at(run, site)).await?;
        Ok(deleted == 1)
    }
}
