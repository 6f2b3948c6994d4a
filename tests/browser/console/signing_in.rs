//! Coming in, staying in, and going.

use super::{Console, LANGUAGES};
use crate::browser::Browser;
use crate::demo_broker::DemoBroker;
use crate::person::{PASSWORD, Person, STEP, broker};
use crate::stage::LooseStage;
use crate::support::broker::TestBroker;
use chrono::TimeDelta;
use licence_broker::auth::Role;
use licence_broker::clock::Clock;
use serde_json::{Value, json};
use std::time::Duration;

/// The pages that the menu offers, by name.
const MENU: &str =
    "return [...document.querySelectorAll('#menu a')].map((link) => link.dataset.page)";

impl Browser {
    async fn sign_in_page(&self, broker: &TestBroker, language: &str) {
        self.open(&broker.url("/")).await;
        self.sees("#sign-in-form").await;
        self.speaks(language).await;
    }

    /// Types over whatever stands in a field of a form.
    async fn fills(&self, form: &str, name: &str, text: &str) {
        let field = format!("{form} [name={name}]");
        let clear = format!("document.querySelector('{field}').value = ''");
        self.evaluates(&clear).await;
        self.types(&field, text).await;
    }

    async fn signs_in(&self, person: &Person, clock: &Clock) {
        self.fills("#sign-in-form", "organisation", &person.organisation.to_string()).await;
        self.fills("#sign-in-form", "user", &person.user).await;
        self.fills("#sign-in-form", "password", &person.password).await;
        self.fills("#sign-in-form", "code", &person.code(clock)).await;
        self.clicks("#sign-in-form [type=submit]").await;
    }
}

#[tokio::test]
async fn a_demonstration_is_entered_by_one_click_and_each_role_sees_what_is_theirs() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    for (language, licences, role) in
        [("en", "View Licences", "Administrator"), ("ja", "ライセンスの表示", "管理者")]
    {
        stage.opens("admin", language, "#/licences").await;
        page.reads("h1", licences).await;
        page.reads("#who", role).await;
        page.reads("#organisation", "Harbour Lights Contact Centre").await;
        page.reads("#clock", "Europe/London").await;
        let all = page.evaluates(MENU).await;
        assert!(all.as_array().unwrap().contains(&json!("licences")), "{all}");

        stage.opens("supervisor", language, "#/licences").await;
        page.reads("h1", licences).await;
        page.reads("#clock", "Europe/London").await;
        let own = page.evaluates(MENU).await;
        for page in ["billing", "users", "wallboards", "audit"] {
            assert!(!own.as_array().unwrap().contains(&json!(page)), "{own}");
        }
    }
    stage.close().await;
}

#[tokio::test]
async fn a_page_of_another_role_says_so_and_an_unknown_one_leads_home() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    for (language, words) in [("en", "not for your role"), ("ja", "権限がありません")] {
        stage.opens("supervisor", language, "#/audit").await;
        page.reads("h1", words).await;
        page.goes_to("#/nothing").await;
        page.sees("#menu a[aria-current=page][data-page=licences]").await;
        assert_eq!(page.evaluates("return location.hash").await, json!("#/licences"));
    }
    stage.close().await;
}

#[tokio::test]
async fn somebody_with_an_account_comes_in_stays_over_a_reload_and_goes() {
    let Some(page) = Browser::start().await else { return };
    let (broker, clock) = broker().await;
    let alice = Person::enrol(&broker.operator(), 129, "alice", "admin").await;
    for language in LANGUAGES {
        clock.advance(STEP);
        page.sign_in_page(&broker, language).await;
        page.signs_in(&alice, &clock).await;
        page.reads("#who", "alice").await;
        page.client.refresh().await.unwrap();
        page.reads("#who", "alice").await;
        page.sees(&format!("html[lang={language}]")).await;

        page.clicks("#sign-out").await;
        page.sees("#sign-in-form").await;
        page.misses("#menu").await;
        page.client.refresh().await.unwrap();
        page.sees("#sign-in-form").await;
    }
    page.asked_only(broker.address).await;
}

#[tokio::test]
async fn what_is_wrong_with_a_sign_in_is_explained_and_what_was_typed_stays() {
    let Some(page) = Browser::start().await else { return };
    let (broker, clock) = broker().await;
    let mut alice = Person::enrol(&broker.operator(), 129, "alice", "admin").await;
    alice.password = "wrong".to_owned();
    for (language, missing, refused) in [
        ("en", "Fill this in.", "do not fit together"),
        ("ja", "入力してください。", "組み合わせが正しくありません"),
    ] {
        page.sign_in_page(&broker, language).await;
        page.clicks("#sign-in-form [type=submit]").await;
        page.reads("#sign-in-form [data-field=user] .field-error", missing).await;
        page.reads("#sign-in-form [data-field=code] .field-error", missing).await;
        page.sees("#sign-in-form [name=user][aria-invalid=true]:focus").await;

        page.signs_in(&alice, &clock).await;
        page.reads("#sign-in-form > .notice", refused).await;
        let typed = page.evaluates(
            "return ['organisation', 'user', 'password'].map((name) => document.querySelector(`#sign-in-form [name=${name}]`).value)",
        );
        assert_eq!(typed.await, json!(["129", "alice", "wrong"]));
    }
}

#[tokio::test]
async fn a_locked_account_says_who_can_unlock_it() {
    let Some(page) = Browser::start().await else { return };
    let (broker, clock) = broker().await;
    let alice = Person::enrol(&broker.operator(), 129, "alice", "admin").await;
    for _ in 0..5 {
        let proof = alice.proof_but(&clock, "password", json!("wrong"));
        crate::person::sign_in(&broker, proof).await;
    }
    for (language, words) in [("en", "account is locked"), ("ja", "ロックされています")] {
        clock.advance(STEP);
        page.sign_in_page(&broker, language).await;
        page.signs_in(&alice, &clock).await;
        page.reads("#sign-in-form > .notice", words).await;
    }
}

#[tokio::test]
async fn a_sign_in_that_is_over_is_asked_for_anew_before_the_page_that_is_open() {
    let Some(page) = Browser::start().await else { return };
    let (broker, clock) = broker().await;
    let alice = Person::enrol(&broker.operator(), 129, "alice", "admin").await;
    page.sign_in_page(&broker, "en").await;
    page.signs_in(&alice, &clock).await;
    page.sees("#refresh").await;
    clock.advance(Duration::from_secs(13 * 3_600));
    page.evaluates("document.querySelector('h1').dataset.sign = 'as it was'").await;
    page.clicks("#refresh").await;
    page.reads("dialog", "The sign-in of alice").await;
    page.fills("dialog", "password", PASSWORD).await;
    page.fills("dialog", "code", &alice.code(&clock)).await;
    page.clicks("dialog [type=submit]").await;
    page.misses("dialog").await;
    page.sees("h1[data-sign='as it was']").await;
    page.sees("tr[data-key=inbound_agent]").await;
    page.misses("#notice").await;
}

#[tokio::test]
async fn an_operator_with_a_token_from_elsewhere_chooses_an_organisation() {
    let Some(page) = Browser::start().await else { return };
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    for number in [7, 129] {
        operator.create_organisation(number).await;
    }
    for language in LANGUAGES {
        page.sign_in_page(&broker, language).await;
        page.clicks("details:has(#token-form) summary").await;
        page.fills("#token-form", "token", operator.token()).await;
        page.clicks("#token-form [type=submit]").await;
        page.sees("[data-organisation='7']").await;
        page.types("[name=search]", "129").await;
        page.misses("[data-organisation='7']").await;
        page.clicks("[data-organisation='129']").await;
        page.reads("#organisation", "129").await;
        page.client.refresh().await.unwrap();
        page.reads("#organisation", "129").await;
        page.clicks("#change-organisation").await;
        page.sees("[data-organisation='7']").await;
        page.clicks("#sign-out").await;
    }
    page.asked_only(broker.address).await;
}

#[tokio::test]
async fn a_token_that_is_no_good_here_is_refused_with_its_reason() {
    let Some(page) = Browser::start().await else { return };
    let broker = TestBroker::start().await;
    broker.operator().create_organisation(7).await;
    let device = broker.token(Role::Device, 7, "edred");
    let stranger = broker.token(Role::Admin, 8, "stranger");
    for (language, none, for_device, elsewhere) in [
        ("en", "This is not a token", "for a device or a wallboard", "no such organisation"),
        ("ja", "トークンの形式ではありません", "端末またはウォールボード用", "見つかりません"),
    ] {
        page.sign_in_page(&broker, language).await;
        page.clicks("details:has(#token-form) summary").await;
        for (token, words) in [("hunter2", none), (&device, for_device), (&stranger, elsewhere)] {
            page.fills("#token-form", "token", token).await;
            page.clicks("#token-form [type=submit]").await;
            page.reads("#token-form", words).await;
        }
        let held = page.evaluates("return sessionStorage.length").await;
        assert_eq!(held, Value::from(0), "what was refused is not kept");
    }
}

#[tokio::test]
async fn a_token_that_ends_soon_is_told_of_and_only_its_own_person_goes_on() {
    let Some(page) = Browser::start().await else { return };
    let broker = TestBroker::start().await;
    broker.operator().create_organisation(7).await;
    let soon = TimeDelta::minutes(5);
    for (language, ending, another) in [
        ("en", "Your sign-in ends at", "for somebody else"),
        ("ja", "サインインの有効期限", "別のユーザー"),
    ] {
        page.sign_in_page(&broker, language).await;
        page.clicks("details:has(#token-form) summary").await;
        page.fills("#token-form", "token", &broker.token_for(Role::Admin, 7, "ada", soon)).await;
        page.clicks("#token-form [type=submit]").await;
        page.reads("#notice", ending).await;
        page.reads("#notice", "(UTC)").await;

        page.clicks("#notice-again").await;
        page.fills("dialog", "token", &broker.token(Role::Admin, 7, "bob")).await;
        page.clicks("dialog [type=submit]").await;
        page.reads("dialog .field-error", another).await;
        page.fills("dialog", "token", &broker.token(Role::Admin, 7, "ada")).await;
        page.clicks("dialog [type=submit]").await;
        page.misses("dialog").await;
        page.misses("#notice").await;
        page.reads("#who", "ada").await;
        page.clicks("#sign-out").await;
    }
}

#[tokio::test]
async fn a_demonstration_that_was_started_anew_is_gone_on_with_unasked() {
    let Some(stage) = LooseStage::bare().await else { return };
    let page = &stage.browser;
    page.enters_demo(stage.line.address, "admin", "en").await;
    page.sees(".live[data-state=live]").await;
    // Its tokens are signed with another key.
    let successor = DemoBroker::start(0).await;
    stage.line.cut();
    page.sees(".live[data-state=reconnecting]").await;
    stage.line.lead_to(successor.address);
    stage.line.mend();
    page.clicks("#refresh").await;
    page.sees(".live[data-state=live]").await;
    successor.buy("inbound_agent", 9, 0).await;
    page.counts("tr[data-key=inbound_agent] [data-column=concurrent-total]", 9).await;
    page.misses("dialog").await;
}
