//! The line between the browser and the broker, which a test can cut and mend.

use std::net::SocketAddr;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes everything on while it is whole; cut, it drops all connections and takes no new ones.
pub(crate) struct Line {
    /// Where the browser connects to.
    pub(crate) address: SocketAddr,
    is_cut: watch::Sender<bool>,
    /// Where new connections lead.
    broker: watch::Sender<SocketAddr>,
    task: JoinHandle<()>,
}

impl Line {
    /// To a broker, whole.
    pub(crate) async fn to(broker: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let is_cut = watch::Sender::new(false);
        let broker = watch::Sender::new(broker);
        let task = tokio::spawn(pass_on(listener, broker.subscribe(), is_cut.clone()));
        Self { address, is_cut, broker, task }
    }

    /// Ends every connection without a goodbye.
    pub(crate) fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    /// Leads to another broker from now on.
    pub(crate) fn lead_to(&self, broker: SocketAddr) {
        self.broker.send_replace(broker);
    }

    /// Takes connections again.
    pub(crate) fn mend(&self) {
        self.is_cut.send_replace(false);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

async fn pass_on(
    listener: TcpListener,
    broker: watch::Receiver<SocketAddr>,
    is_cut: watch::Sender<bool>,
) {
    loop {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut cut = is_cut.subscribe();
        if *cut.borrow_and_update() {
            continue;
        }
        let broker = *broker.borrow();
        tokio::spawn(async move {
            let Ok(mut far) = TcpStream::connect(broker).await else { return };
            tokio::select! {
                // However it ends, both ends are closed.
                _ = copy_bidirectional(&mut near, &mut far) => {}
                _ = cut.wait_for(|is_cut| *is_cut) => {}
            }
        });
    }
}
