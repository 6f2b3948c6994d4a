//! The threads on which the lines to the server live.
//!
//! Not those of whoever asks: a line that is opened on a thread that serves would wait behind its requests,
//! and end with it, while others commit over the same line.

use super::StoreError;
use deadpool_postgres::Connect;
use std::pin::Pin;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, Error, Socket};

/// They move bytes and nothing else.
const THREADS: usize = 2;

/// They end with this value.
#[derive(Debug)]
pub(super) struct Threads(Option<Runtime>);

impl Threads {
    pub(super) fn start() -> Result<Self, StoreError> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(THREADS).thread_name("postgres").enable_all();
        let runtime = builder.build();
        let refused = |error| StoreError::Refused(format!("no threads for its lines: {error}"));
        runtime.map(|runtime| Self(Some(runtime))).map_err(refused)
    }

    /// Opens lines on these threads, with or without TLS.
    pub(super) fn lines<T>(&self, tls: T) -> Option<Lines<T>> {
        Some(Lines { handle: self.0.as_ref()?.handle().clone(), tls })
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Whoever drops a store may be a thread that must not wait.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Opens lines.
pub(super) struct Lines<T> {
    handle: Handle,
    tls: T,
}

/// A future as the pool wants it.
type Opening<'a> =
    Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'a>>;

impl<T> Connect for Lines<T>
where
    T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
    T::Stream: Sync + Send,
    T::TlsConnect: Sync + Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn connect(&self, config: &Config) -> Opening<'_> {
        let (config, tls) = (config.clone(), self.tls.clone());
        let opening = self.handle.spawn(async move {
            let (client, line) = config.connect(tls).await?;
            let line = tokio::spawn(async move {
                if let Err(error) = line.await {
                    tracing::warn!(%error, "a line to the database was lost");
                }
            });
            Ok((client, line))
        });
        Box::pin(async move {
            match opening.await {
                Ok(opened) => opened,
                // The threads are gone, and so is the store.
                Err(_) => std::future::pending().await,
            }
        })
    }
}
