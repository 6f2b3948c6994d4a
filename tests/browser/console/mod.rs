//! The console: signing in, and its pages.

mod holders;
mod licences;
mod signing_in;
mod wallboards;

use crate::browser::Browser;
use crate::demo_broker::DemoBroker;
use futures_util::StreamExt;
use std::net::SocketAddr;
use tokio::task::JoinHandle;

/// What every journey is walked in.
pub(crate) const LANGUAGES: [&str; 2] = ["en", "ja"];

/// A demonstration, and a browser with nothing open yet; dropped in this order.
pub(crate) struct Console {
    pub(crate) browser: Browser,
    pub(crate) broker: DemoBroker,
}

impl Console {
    /// `None` where there is no browser.
    pub(crate) async fn bare() -> Option<Self> {
        let browser = Browser::start().await?;
        let broker = DemoBroker::start(0).await;
        Some(Self { browser, broker })
    }

    /// Somebody logs in over a socket of their own, and answers the broker's pings until this is dropped.
    pub(crate) async fn works(&self, user: &str, device: &str) -> Present {
        let mut socket = self.broker.log_in(user, device).await.0;
        Present(tokio::spawn(async move { while let Some(Ok(_)) = socket.next().await {} }))
    }

    /// Goes to a page of the console as this role, in this language.
    pub(crate) async fn opens(&self, role: &str, language: &str, hash: &str) {
        self.browser.enters_demo(self.broker.address, role, language).await;
        self.browser.goes_to(hash).await;
    }

    /// Nothing went wrong on the page, and it asked nobody but its broker.
    pub(crate) async fn close(self) {
        assert_eq!(self.browser.console_errors().await, [""; 0]);
        self.browser.asked_only(self.broker.address).await;
    }
}

/// Whoever is logged in; their connection ends with this.
pub(crate) struct Present(JoinHandle<()>);

impl Drop for Present {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Browser {
    /// Chooses the language of the page.
    pub(crate) async fn speaks(&self, language: &str) {
        self.clicks(&format!("#language-{language}")).await;
        self.sees(&format!("html[lang={language}]")).await;
    }

    /// Comes into a demonstration by its one click, whoever was there before.
    pub(crate) async fn enters_demo(&self, address: SocketAddr, role: &str, language: &str) {
        self.open(&format!("http://{address}/")).await;
        self.evaluates("sessionStorage.clear()").await;
        self.client.refresh().await.unwrap();
        self.sees("#demo").await;
        self.speaks(language).await;
        self.clicks(&format!("#demo-{role}")).await;
        self.sees("#menu a[aria-current=page]").await;
    }

    /// As by a link within the page: `#/holders?licence=agent_email`.
    pub(crate) async fn goes_to(&self, hash: &str) {
        self.evaluates(&format!("location.hash = '{hash}'")).await;
    }
}
