//! The signals of runs in SQL.

use super::{Row, SqlJournal, lists};
use crate::history::IdempotencyKey;
use crate::storage::journal::rows::{SignalReceipt, SignalRows, SignalState};
use crate::storage::{Answer, NewSignal, RunHandle};

fn read_receipt(row: &mut Row) -> SignalReceipt {
    let state = row.text(4);
    let state = SignalState::ALL.into_iter().find(|known| known.name() == state);
    SignalReceipt {
        run: RunHandle(row.int(0)),
        run_id: row.text(1),
        content_hash: row.bytes(2).to_vec(),
        at: row.int(3),
        state: state.unwrap_or(SignalState::Taken),
    }
}

impl<T: SqlJournal> SignalRows for T {
    async fn insert_signal(
        &mut self,
        run: RunHandle,
        signal: &NewSignal,
        at: i64,
        state: SignalState,
    ) -> Result<i64, Self::Failure> {
        let key = signal.key.as_ref();
        let inserted = self
            .query(
                "INSERT INTO signals (run, name, payload, sender, at, key, content, state)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id",
                &[
                    run.into(),
                    (&signal.name).into(),
                    (&signal.payload).into(),
                    signal.by.as_deref().into(),
                    at.into(),
                    key.map(|key| &key.hash[..]).into(),
                    key.map(|key| &key.content_hash[..]).into(),
                    state.name().into(),
                ],
            )
            .await?;
        Ok(inserted.first().map_or(0, |row| row.int(0)))
    }

    async fn find_signal_by_key(
        &mut self,
        channel: &str,
        key: &IdempotencyKey,
    ) -> Result<Option<SignalReceipt>, Self::Failure> {
        let mut rows = self
            .query(
                // A plain join could begin with all runs of the channel.
                "SELECT runs.id, runs.run, content, signals.at, signals.state FROM signals CROSS JOIN runs
                 WHERE runs.id = signals.run AND runs.channel = ?1 AND key = ?2",
                &[channel.into(), Some(&key.hash[..]).into()],
            )
            .await?;
        Ok(rows.first_mut().map(read_receipt))
    }

    async fn read_signal(&mut self, number: i64) -> Result<Option<Answer>, Self::Failure> {
        let mut rows = self
            .query("SELECT name, payload, sender, at FROM signals WHERE id = ?1", &[number.into()])
            .await?;
        Ok(rows.first_mut().map(|row| Answer {
            name: row.text(0),
            payload: row.text(1),
            by: row.optional_text(2),
            at: row.int(3),
        }))
    }

    async fn set_signal_state(&mut self, number: i64, state: SignalState) -> Result<(), Self::Failure> {
        let sql = "UPDATE signals SET state = ?2 WHERE id = ?1";
        self.change(sql, &[number.into(), state.name().into()]).await?;
        Ok(())
    }

    async fn find_kept_signal(
        &mut self,
        run: RunHandle,
        names: &[String],
    ) -> Result<Option<i64>, Self::Failure> {
        let mut first: Option<i64> = None;
        for params in lists(&[run.into()], names) {
            let rows = self
                .query(
                    "SELECT id FROM signals WHERE run = ?1 AND state = 'kept' AND name IN (?2, ?3, ?4, ?5, ?6, ?7, ?8,
                         ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
                     ORDER BY id LIMIT 1",
                    &params,
                )
                .await?;
            let found = rows.first().map(|row| row.int(0));
            first = first.into_iter().chain(found).min();
        }
        Ok(first)
    }

    async fn drop_kept_signals(&mut self, run: RunHandle, names: &[String]) -> Result<(), Self::Failure> {
        for params in lists(&[run.into()], names) {
            self.change(
                "UPDATE signals SET state = 'dropped' WHERE run = ?1 AND state = 'kept' AND name IN (?2, ?3, ?4, ?5,
                     ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
                &params,
            )
            .await?;
        }
        Ok(())
    }

    async fn list_answers(&mut self, run: RunHandle) -> Result<Vec<i64>, Self::Failure> {
        let sql = "SELECT id FROM signals WHERE run = ?1 AND state = 'answer' ORDER BY id";
        Ok(self.query(sql, &[run.into()]).await?.iter().map(|row| row.int(0)).collect())
    }
}
