//! The console's pages of what was recorded: figures, the per-user log, custom reports.

mod calendar;
mod chart;
mod figures;
mod keyboard;
mod reports;
mod usage;
mod words;

use crate::browser::Browser;
use crate::support::broker::{Setup, TestBroker};
use crate::support::http::Api;
use licence_broker::auth::Role;
use licence_broker::clock::Clock;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

/// The whole day of what happens in [`History::begin`].
const DAY: &str = "from=2019-08-15T23:00:00Z&to=2019-08-16T23:00:00Z";

/// A broker in which two of three agents got a seat for ten minutes, and a browser.
struct History {
    page: Browser,
    broker: TestBroker,
}

impl History {
    /// At 16:50 in London `a` and `b` log in to their desktops, `b` on contingency, and `c` in vain; `a`
    /// to a telephone at 16:52, and out of the desktop then. `b` leaves at 16:55, `a` at 17:00. `None` where
    /// there is no browser.
    async fn begin() -> Option<Self> {
        let page = Browser::start().await?;
        let clock = Clock::manual("2019-08-16T15:50:00Z".parse().unwrap());
        let heartbeat = Duration::from_secs(100_000_000);
        let setup = Setup { clock: clock.clone(), heartbeat, ..Setup::default() };
        let broker = TestBroker::with(setup).await;
        let operator = broker.operator();
        let body = json!({ "id": 129, "name": "Example", "time_zone": "Europe/London" });
        operator.send(Method::POST, "/v1/organisations", body).await;
        operator.buy_base(129).await;
        operator.buy(129, "inbound_agent", 1, 1).await;
        operator.buy(129, "agent_email", 2, 0).await;
        operator.buy(129, "agent_calls", 2, 0).await;
        for user in ["a", "b", "c"] {
            operator.add_user(129, user, "inbound_agent", &["agent_calls", "agent_email"]).await;
        }
        let (desktop, _) = broker.login(129, "a", "agent_desktop").await;
        let (b, _) = broker.login(129, "b", "agent_desktop").await;
        let (_, refused) = broker.login(129, "c", "agent_desktop").await;
        assert_eq!(refused["reason"], "seat_exhausted");
        turn(&operator, &clock, 2).await;
        let (telephone, _) = broker.login(129, "a", "deskphone").await;
        desktop.log_out().await;
        turn(&operator, &clock, 3).await;
        b.log_out().await;
        turn(&operator, &clock, 5).await;
        telephone.log_out().await;
        turn(&operator, &clock, 5).await;
        Some(Self { page, broker })
    }

    /// Signs in with a token, in a language, and opens a page of the console.
    async fn open(&self, role: Role, language: &str, hash: &str) {
        let page = &self.page;
        page.open(&self.broker.url("/")).await;
        page.evaluates("sessionStorage.clear()").await;
        page.goes_to(&format!("#/{hash}")).await;
        page.client.refresh().await.unwrap();
        page.sees("#sign-in-form").await;
        page.speaks(language).await;
        page.clicks("details:has(#token-form) summary").await;
        page.types("#token-form input", &self.broker.token(role, 129, "sue")).await;
        page.clicks("#token-form button[type=submit]").await;
        page.sees("main .page h1").await;
    }

    /// Nothing went wrong on the pages.
    async fn close(self) {
        let errors = self.page.console_errors().await;
        // `fetch` of the demo's configuration, which a real broker does not have, is answered 404.
        let errors: Vec<_> =
            errors.iter().filter(|error| !error.contains("/demo/config.json")).collect();
        assert!(errors.is_empty(), "{errors:?}");
        self.page.asked_only(self.broker.address).await;
    }
}

impl Browser {
    /// Keeps the next file that the page saves.
    async fn watches_for_a_file(&self) {
        self.evaluates(
            "const make = URL.createObjectURL;
             window.saved = new Promise((resolve) => {
               URL.createObjectURL = (blob) => {
                 resolve(blob.text());
                 return make.call(URL, blob);
               };
             });",
        )
        .await;
    }

    /// The file that was saved since.
    async fn file(&self) -> String {
        self.evaluates("return window.saved").await.as_str().unwrap().to_owned()
    }
}

/// Turns the clock by minutes, and has something decided, which comes after the intervals that have ended.
async fn turn(operator: &Api, clock: &Clock, minutes: u64) {
    clock.advance(Duration::from_secs(minutes * 60));
    operator.buy(129, "agent_sms", 1, 0).await;
}
