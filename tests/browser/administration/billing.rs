//! Billing: what is charged, why, and what would have cost less.

use super::office::{LANGUAGES, Language, Office};
use crate::browser::Browser;
use crate::support::broker::{Setup, TestBroker};
use chrono::{Datelike, Months, TimeDelta, Utc};
use licence_broker::auth::Role;
use licence_broker::clock::Clock;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

const WHY: &str = "#billing-why li[data-licence=agent_email]";
const MINUTE: Duration = Duration::from_secs(60);

impl Office {
    /// Three agents work on e-mails where one concurrent licence was bought; each contingency licence costs 12.50.
    pub(super) async fn uses_contingency(&self) -> [crate::support::socket::Socket; 3] {
        let broker = self.broker();
        broker.buy("agent_email", 1, 3).await;
        let price = json!({"unit_price": "12.50"});
        broker.call(Method::PUT, "prices/agent_email", Some(price)).await;
        let first = broker.log_in("edred", "agent_desktop").await;
        let second = broker.log_in("maeve", "agent_desktop").await;
        [first, second, broker.log_in("haruka", "agent_desktop").await]
    }
}

#[tokio::test]
async fn why_the_bill_has_a_contingency_line_is_told_down_to_the_sessions() {
    for language in LANGUAGES {
        let Some(office) = Office::open(language, "admin", "metrics").await else { return };
        let page = office.browser();
        let _agents = office.uses_contingency().await;
        office.goes("billing").await;
        page.reads("h1", office.says("Billing", "請求")).await;
        page.reads(WHY, office.says("2 more users at once", "2人分超えました")).await;
        page.reads("#billing-state", "25.00").await;
        page.reads("#billing-statement tr[data-key=agent_email]", "12.50").await;

        page.clicks(&format!("{WHY} a")).await;
        page.reads(
            "#billing-line-story",
            office.says("3 users needed this licence at once", "3人が同時に"),
        )
        .await;
        page.reads("#billing-line-story", "2 × 12.50 = 25.00").await;
        page.reads("#billing-line-story", "Europe/London").await;
        page.reads("#billing-line tbody", "maeve").await;
        page.reads("#billing-line tbody", "haruka").await;
        page.misses("#billing-line tbody tr[data-key^=edred]").await;
        page.sees("#billing-line a[href^=\"#/usage?session=\"]").await;
        page.sees("#billing-line-title:focus").await;

        page.client.refresh().await.unwrap();
        page.reads("#billing-line-story", "2 × 12.50 = 25.00").await;
        page.clicks("#billing-line-close").await;
        page.misses("#billing-line").await;

        page.keeps_what_is_saved().await;
        page.clicks("#billing-csv").await;
        let (name, text) = page.saved().await;
        assert!(name.starts_with("billing-") && name.ends_with(".csv"), "{name}");
        assert!(text.contains("Agent E-mail") && text.contains("25.00"), "{text}");
        office.stage.close().await;
    }
}

#[tokio::test]
async fn a_price_is_set_and_the_amount_follows() {
    for language in LANGUAGES {
        let Some(office) = Office::open(language, "admin", "metrics").await else { return };
        let (page, broker) = (office.browser(), office.broker());
        let _agents = office.uses_contingency().await;
        office.goes("billing").await;
        page.clicks("#billing-prices summary").await;
        page.clicks("tr[data-key=agent_email] [data-action=\"billing.edit\"]").await;
        page.reads("dialog h2", office.says("Agent E-mail", "エージェントEメール")).await;
        page.writes("dialog [name=unit_price]", "9,99").await;
        page.clicks("dialog button[type=submit]").await;
        page.reads("dialog .field-error", "12.50").await;

        page.writes("dialog [name=unit_price]", "9.99").await;
        broker.buy("agent_sms", 4, 4).await;
        page.clicks("dialog button[type=submit]").await;
        page.reads("dialog .field-error", office.says("changed meanwhile", "その間に")).await;
        page.clicks("dialog button[type=submit]").await;
        page.reads("#billing-statement tr[data-key=agent_email]", "19.98").await;
        page.reads("#billing-state", "19.98").await;

        page.clicks("tr[data-key=agent_email] [data-action=\"billing.edit\"]").await;
        page.writes("dialog [name=unit_price]", " ").await;
        page.clicks("dialog button[type=submit]").await;
        page.reads("#billing-statement tr[data-key=agent_email]", "–").await;
        page.clicks(&format!("{WHY} a")).await;
        page.reads(
            "#billing-line-story",
            office.says("No unit price is set", "単価が設定されていない"),
        )
        .await;
        office.close_after(1).await;
    }
}

/// A centre that was busy in a month that is over; its clock shows the machine's time again.
async fn centre_with_a_past() -> TestBroker {
    let now = Utc::now();
    let then = now.checked_sub_months(Months::new(1)).unwrap().with_day(10).unwrap();
    let clock = Clock::manual(then);
    let broker = TestBroker::with(Setup { clock: clock.clone(), ..Setup::default() }).await;
    let operator = broker.operator();
    let body = json!({"id": 7, "name": "Past", "time_zone": "UTC"});
    operator.send(Method::POST, "/v1/organisations", body).await;
    operator.buy(7, "inbound_agent", 5, 0).await;
    operator.buy(7, "agent_email", 1, 3).await;
    let price = json!({"unit_price": "10"});
    operator.call(Method::PUT, "/v1/organisations/7/prices/agent_email", Some(price)).await;
    let mut agents = Vec::new();
    for user in ["ada", "bo", "cy"] {
        operator.add_user(7, user, "inbound_agent", &["agent_email"]).await;
        agents.push(broker.login(7, user, "agent_desktop").await.0);
    }
    for _ in 0..2 {
        clock.advance(MINUTE * 5);
        broker.inside.directory.tick().await;
    }
    for agent in agents {
        agent.log_out().await;
    }
    clock.advance((now - then - TimeDelta::minutes(10)).to_std().unwrap());
    broker.inside.directory.tick().await;
    broker
}

impl Browser {
    /// Signs in to the console with a token that was issued elsewhere.
    async fn enters(&self, broker: &TestBroker, organisation: u64, language: Language) {
        self.open(&broker.url("/")).await;
        self.clicks(language.says("[data-language=en]", "[data-language=ja]")).await;
        self.clicks("details:has(#token-form) summary").await;
        self.writes("#token-form [name=token]", &broker.token(Role::Admin, organisation, "ann"))
            .await;
        self.clicks("#token-form [type=submit]").await;
        self.sees("#menu a[aria-current=page]").await;
    }
}

#[tokio::test]
async fn a_closed_month_is_final_and_the_advice_says_what_would_have_been_enough() {
    for language in LANGUAGES {
        let Some(page) = Browser::start().await else { return };
        let broker = centre_with_a_past().await;
        page.enters(&broker, 7, language).await;
        page.open(&broker.url("/#/billing")).await;
        page.reads(
            "#billing-state",
            language.says("No contingency licence was used", "緊急ライセンスは使用されていません"),
        )
        .await;
        page.sees("#billing-after:disabled").await;
        page.clicks("#billing-before").await;
        page.reads(
            "#billing-state",
            language.says("these figures are final", "数値は確定しています"),
        )
        .await;
        page.reads(WHY, "(UTC)").await;
        page.clicks("#billing-statement tr[data-key=agent_email] a").await;
        page.reads("#billing-line-story", "2 × 10 = 20").await;

        let advice = "#billing-advice [data-licence=agent_email]";
        page.reads(advice, language.says("At most 3 were needed at once", "同時に3が必要でした"))
            .await;
        page.reads(
            advice,
            language.says("Cheapest for everybody: 3 concurrent", "最も安い購入数：同時接続3"),
        )
        .await;
        page.clicks(&format!("{advice} summary")).await;
        page.counts(&format!("{advice} tbody tr:last-child th"), 3).await;
        page.chooses("#billing-advice-range", "last_week").await;
        page.reads(
            "#billing-advice",
            language.says("Nothing was needed", "必要とされたライセンスはありません"),
        )
        .await;
        page.asked_only(broker.address).await;
    }
}
