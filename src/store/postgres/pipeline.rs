//! Requests that are all sent before the first is answered.

use super::statement::Statement;
use deadpool_postgres::Object;
use futures_util::future::{MaybeDone, maybe_done};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use tokio_postgres::{Error, Row};

/// What is sent as one message.
pub(super) enum Request<'a> {
    /// Statements without values, in a text.
    Text(&'a str),
    /// A statement, and the rows that it answers.
    Statement(&'a Statement<'a>),
}

/// Sends all requests in their order, then waits for the answers: one round trip for all of them. The server
/// goes through them one after the other; within a transaction those after the first that fails fail too.
pub(super) async fn send(
    connection: &Object,
    requests: impl IntoIterator<Item = Request<'_>>,
) -> Vec<Result<Vec<Row>, Error>> {
    let mut all: Vec<Pin<Box<MaybeDone<_>>>> = requests
        .into_iter()
        .map(|request| Box::pin(maybe_done(one(connection, request))))
        .collect();
    // A request is sent when it is first looked at: in order.
    poll_fn(|context| {
        let waiting = all.iter_mut().map(|request| request.as_mut().poll(context));
        match waiting.filter(Poll::is_pending).count() {
            0 => Poll::Ready(()),
            _ => Poll::Pending,
        }
    })
    .await;
    all.into_iter().filter_map(|mut request| request.as_mut().take_output()).collect()
}

async fn one(connection: &Object, request: Request<'_>) -> Result<Vec<Row>, Error> {
    match request {
        Request::Text(text) => connection.batch_execute(text).await.map(|()| Vec::new()),
        Request::Statement(statement) => {
            connection.query_typed(statement.text(), &statement.values()).await
        }
    }
}
