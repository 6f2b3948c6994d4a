//! A broker, a browser, and one of its pages open.

use crate::browser::Browser;
use crate::demo_broker::DemoBroker;
use crate::line::Line;
use std::net::SocketAddr;

/// Dropped in this order: a browser that is gone keeps no socket open.
pub(crate) struct Stage {
    pub(crate) browser: Browser,
    pub(crate) broker: DemoBroker,
}

impl Stage {
    /// The agent desk of a demonstration; `None` where there is no browser.
    pub(crate) async fn desk() -> Option<Self> {
        let browser = Browser::start().await?;
        let broker = DemoBroker::start(0).await;
        browser.open_desk(broker.address).await;
        Some(Self { browser, broker })
    }

    /// The wallboard of a demonstration, live; `None` where there is no browser. `query` as in
    /// [`Browser::open_wallboard`].
    pub(crate) async fn wallboard(query: &str) -> Option<Self> {
        let browser = Browser::start().await?;
        let broker = DemoBroker::start(0).await;
        browser.open_wallboard(broker.address, query).await;
        Some(Self { browser, broker })
    }

    /// Nothing went wrong on the page, and it asked nobody but its broker.
    pub(crate) async fn close(self) {
        assert_eq!(self.browser.console_errors().await, [""; 0]);
        self.browser.asked_only(self.broker.address).await;
    }
}

/// A page that reaches its broker over a line; errors on its console are to be expected.
pub(crate) struct LooseStage {
    pub(crate) browser: Browser,
    pub(crate) line: Line,
    pub(crate) broker: DemoBroker,
}

impl LooseStage {
    /// A browser with no page open yet.
    pub(crate) async fn bare() -> Option<Self> {
        let browser = Browser::start().await?;
        let broker = DemoBroker::start(0).await;
        let line = Line::to(broker.address).await;
        Some(Self { browser, line, broker })
    }

    /// The agent desk.
    pub(crate) async fn desk() -> Option<Self> {
        let stage = Self::bare().await?;
        stage.browser.open_desk(stage.line.address).await;
        Some(stage)
    }

    /// The wallboard, live.
    pub(crate) async fn wallboard(query: &str) -> Option<Self> {
        let stage = Self::bare().await?;
        stage.browser.open_wallboard(stage.line.address, query).await;
        Some(stage)
    }
}

impl Browser {
    /// Opens a demonstration's agent desk and waits for its users.
    pub(crate) async fn open_desk(&self, address: SocketAddr) {
        self.open(&format!("http://{address}/desk")).await;
        self.sees("#desk-login:enabled").await;
    }

    /// Opens a demonstration's wallboard and waits for its live counts. `query` begins with `?`, if there is any.
    pub(crate) async fn open_wallboard(&self, address: SocketAddr, query: &str) {
        self.open(&format!("http://{address}/wallboard{query}")).await;
        self.sees("#live[data-state=live]").await;
    }

    /// Since this was last asked, pages asked for nothing from elsewhere.
    pub(crate) async fn asked_only(&self, address: SocketAddr) {
        let requested = self.requested().await;
        assert!(!requested.is_empty(), "the log of requests is kept");
        let own = [format!("http://{address}/"), format!("ws://{address}/")];
        // The browser's own first tab is made of addresses that no network carries.
        let leaves = |url: &str| url.starts_with("http") || url.starts_with("ws");
        let is_own = |url: &str| own.iter().any(|own| url.starts_with(own.as_str()));
        let elsewhere = |url: &&String| leaves(url) && !is_own(url);
        let elsewhere: Vec<&String> = requested.iter().filter(elsewhere).collect();
        assert!(elsewhere.is_empty(), "asked elsewhere: {elsewhere:?}");
    }

    /// Logs the desk in as a user on the device that is chosen, and waits for the session.
    pub(crate) async fn logs_in(&self, user: &str) {
        self.chooses("#desk-user", user).await;
        self.clicks("#desk-login").await;
        self.sees("#desk-state[data-state=live]").await;
    }
}
