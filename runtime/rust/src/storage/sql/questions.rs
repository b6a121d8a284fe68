//! The open questions of runs in SQL.

use super::calls::{at, read_site};
use super::{Row, SqlJournal, SqlTransaction};
use crate::storage::journal::rows::{OpenQuestion, QuestionRows};
use crate::storage::{CallSite, Question, RunHandle};

/// Reads the names of signals, which are stored as JSON.
pub(super) fn read_names(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}

fn read_question(row: &mut Row) -> OpenQuestion {
    OpenQuestion {
        question: Question { site: read_site(row), names: read_names(&row.text(2)) },
        id: row.text(3),
        asked_at: row.int(4),
        closes_at: row.int(5),
        answer: row.optional_int(6),
        began_with: row.text(7),
    }
}

/// Returns the open questions of a run, sorted by [`OpenQuestion::order`].
pub(in crate::storage) async fn load_questions<T: SqlTransaction>(
    sql: &mut T,
    run: RunHandle,
) -> Result<Vec<OpenQuestion>, T::Error> {
    let mut rows = sql
        .query(
            "SELECT branch, position, names, id, since, until, answer, began_with FROM waits WHERE run = ?1",
            &[run.into()],
        )
        .await?;
    let mut questions: Vec<OpenQuestion> = rows.iter_mut().map(read_question).collect();
    questions.sort_by(|one, other| one.order().cmp(&other.order()));
    Ok(questions)
}

impl<T: SqlJournal> QuestionRows for T {
    async fn load_questions(&mut self, run: RunHandle) -> Result<Vec<OpenQuestion>, Self::Failure> {
        load_questions(self, run).await
    }

    async fn insert_question(
        &mut self,
        run: RunHandle,
        question: &OpenQuestion,
    ) -> Result<(), Self::Failure> {
        let [run, branch, position] = at(run, &question.question.site);
        // Cannot fail: the names are texts.
        let names = serde_json::to_string(&question.question.names).unwrap_or_default();
        self.change(
            "INSERT INTO waits (run, branch, position, id, names, since, until, began_with)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            &[
                run,
                branch,
                position,
                (&question.id).into(),
                (&names).into(),
                question.asked_at.into(),
                question.closes_at.into(),
                (&question.began_with).into(),
            ],
        )
        .await?;
        Ok(())
    }

    async fn set_answer(
        &mut self,
        run: RunHandle,
        site: &CallSite,
        signal: i64,
    ) -> Result<(), Self::Failure> {
        let [run, branch, position] = at(run, site);
        self.change(
            "UPDATE waits SET answer = ?4 WHERE run = ?1 AND branch = ?2 AND position = ?3",
            &[run, branch, position, signal.into()],
        )
        .await?;
        Ok(())
    }

    async fn delete_question(&mut self, run: RunHandle, site: &CallSite) -> Result<(), Self::Failure> {
        let sql = "DELETE FROM waits WHERE run = ?1 AND branch = ?2 AND position = ?3";
        self.change(sql, &at(run, site)).await?;
        Ok(())
    }

    async fn delete_questions(&mut self, run: RunHandle) -> Result<(), Self::Failure> {
        self.change("DELETE FROM waits WHERE run = ?1", &[run.into()]).await?;
        Ok(())
    }
}
