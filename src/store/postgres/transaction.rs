//! Transactions of several round trips, and connections that nobody else finds in the middle of something.

use super::StoreError;
use super::error::{aborted, after_sending, of_commit, unreachable};
use super::pipeline::{self, Request};
use super::statement::Statement;
use deadpool_postgres::{Object, Pool};
use std::time::Duration;
use tokio_postgres::{CancelToken, Error, Row};

/// The answers, unless that takes too long.
pub(super) async fn in_time<T>(
    limit: Duration,
    work: impl Future<Output = T>,
) -> Result<T, StoreError> {
    let outcome = tokio::time::timeout(limit, work).await;
    outcome.map_err(|_| StoreError::Refused(format!("it did not answer in {limit:?}")))
}

/// A connection that is closed unless it is given back: nobody else may find it in the middle of something.
#[derive(Debug)]
pub(super) struct Lent(Option<Object>);

impl Lent {
    /// One that is free, or will be.
    pub(super) async fn of(pool: &Pool) -> Result<Self, StoreError> {
        Ok(Self(Some(pool.get().await.map_err(unreachable)?)))
    }

    /// It, as long as it is lent.
    pub(super) fn get(&self) -> Result<&Object, StoreError> {
        self.0.as_ref().ok_or_else(|| StoreError::Aborted("the transaction is over".to_owned()))
    }

    /// Nothing is under way on it.
    pub(super) fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // Out of the pool.
        self.0.take().map(Object::take);
    }
}

/// A transaction of several round trips. One that is dropped before its end is rolled back: its connection
/// is closed.
#[derive(Debug)]
pub(super) struct Transaction {
    connection: Lent,
    /// An answer that takes longer does not come any more.
    answer_time_max: Duration,
}

impl Transaction {
    /// Begins it with this text.
    pub(super) async fn begin(
        connection: Lent,
        text: &str,
        answer_time_max: Duration,
    ) -> Result<Self, StoreError> {
        let begun = connection.get()?.batch_execute(text);
        in_time(answer_time_max, begun).await?.map_err(aborted)?;
        Ok(Self { connection, answer_time_max })
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, StoreError> {
        in_time(self.answer_time_max, work).await?.map_err(aborted)
    }

    /// The rows that a statement answers.
    pub(super) async fn rows(&self, statement: &Statement<'_>) -> Result<Vec<Row>, StoreError> {
        let values = statement.values();
        self.in_time(self.connection.get()?.query_typed(statement.text(), &values)).await
    }

    /// The first of them.
    pub(super) async fn one(&self, statement: &Statement<'_>) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(statement).await?.into_iter().next())
    }

    /// How many rows a statement changed.
    pub(super) async fn execute(&self, statement: &Statement<'_>) -> Result<u64, StoreError> {
        let values = statement.values();
        self.in_time(self.connection.get()?.execute_typed(statement.text(), &values)).await
    }

    /// The rows of each statement, all sent before the first is answered.
    pub(super) async fn all(
        &self,
        statements: &[Statement<'_>],
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        let requests = statements.iter().map(Request::Statement);
        let answers = pipeline::send(self.connection.get()?, requests);
        let answers = in_time(self.answer_time_max, answers).await?;
        answers.into_iter().map(|answer| answer.map_err(aborted)).collect()
    }

    /// What stops a statement of it; see [`Connections::cancel`](super::connections::Connections::cancel).
    pub(super) fn cancel_token(&self) -> Result<CancelToken, StoreError> {
        Ok(self.connection.get()?.cancel_token())
    }

    /// Sends its last statements and its end together, so that what they lock is locked for no longer than the
    /// server needs.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub(super) async fn end_with(self, statements: &[Statement<'_>]) -> Result<(), StoreError> {
        let requests = statements.iter().map(Request::Statement).chain([Request::Text("COMMIT")]);
        let answers = pipeline::send(self.connection.get()?, requests);
        let answers = tokio::time::timeout(self.answer_time_max, answers).await;
        let answers = answers.map_err(|_| unanswered())?;
        answers.into_iter().try_for_each(|answer| answer.map(drop).map_err(after_sending))?;
        self.connection.give_back();
        Ok(())
    }

    /// Ends it; what it wrote is on the disk.
    ///
    /// # Errors
    /// [`StoreError::MaybeApplied`] where nobody knows.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        let committed = self.connection.get()?.batch_execute("COMMIT");
        let committed = tokio::time::timeout(self.answer_time_max, committed).await;
        committed.map_err(|_| unanswered())?.map_err(of_commit)?;
        self.connection.give_back();
        Ok(())
    }

    /// Ends it without a trace.
    pub(super) async fn roll_back(self) -> Result<(), StoreError> {
        self.in_time(self.connection.get()?.batch_execute("ROLLBACK")).await?;
        self.connection.give_back();
        Ok(())
    }
}

fn unanswered() -> StoreError {
    StoreError::MaybeApplied("its commit was not answered".to_owned())
}
