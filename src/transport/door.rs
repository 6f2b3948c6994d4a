//! Taking a connection in: the TLS handshake, within its time and its bound.

use super::certificate::Certificate;
use super::watched::{Watched, Wire};
use crate::limits::bound::Bound;
use crate::limits::{Limits, TLS_HANDSHAKES_UNDER_WAY_MAX};
use crate::telemetry;
use std::io;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};

/// Takes connections in; shared by all workers.
#[derive(Clone)]
pub struct Door {
    tls: Option<TlsAcceptor>,
    /// A permit for each handshake under way. Whoever waits for one is not on the clock: a herd that comes
    /// back at once is served in turn, and not given up together.
    handshakes: Arc<Semaphore>,
    limits: Limits,
}

impl Door {
    /// Serves TLS where there is a certificate.
    pub fn new(certificate: Option<&Arc<Certificate>>, limits: &Limits) -> Self {
        let tls = certificate.map(|certificate| {
            TlsAcceptor::from(Arc::new(Certificate::server_config(certificate.clone())))
        });
        let handshakes = Arc::new(Semaphore::new(TLS_HANDSHAKES_UNDER_WAY_MAX));
        Self { tls, handshakes, limits: limits.clone() }
    }

    /// A connection that can be served.
    ///
    /// # Errors
    /// If its handshake fails or takes too long. Nobody is told but the metrics: whatever knocks at a port
    /// must not fill the log.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<Watched> {
        let wire = match &self.tls {
            None => Wire::Plain(stream),
            Some(acceptor) => {
                // Boxed, or every connection would keep the room of a handshake for as long as it lives.
                let shaken = Box::pin(self.shake_hands(acceptor, stream)).await;
                telemetry::count_tls_handshake(if shaken.is_ok() { "done" } else { "failed" });
                shaken?
            }
        };
        Ok(Watched::new(wire, &self.limits))
    }

    async fn shake_hands(&self, acceptor: &TlsAcceptor, stream: TcpStream) -> io::Result<Wire> {
        // Whoever has said nothing yet costs nothing yet, and takes nobody's turn.
        let hello = self.in_time(LazyConfigAcceptor::new(Acceptor::default(), stream)).await?;
        let permit = match self.handshakes.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                telemetry::count_bound(Bound::TlsHandshakesUnderWay);
                self.handshakes.acquire().await.map_err(io::Error::other)?
            }
        };
        let shaken = self.in_time(hello.into_stream(acceptor.config().clone())).await;
        drop(permit);
        Ok(Wire::Secure(Box::new(shaken?)))
    }

    async fn in_time<T>(&self, step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        let done = tokio::time::timeout(self.limits.tls_handshake_timeout, step).await;
        done.map_err(|late| {
            telemetry::count_bound(Bound::TlsHandshakeTimeout);
            io::Error::new(io::ErrorKind::TimedOut, late)
        })?
    }
}
