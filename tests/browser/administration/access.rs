//! What opens within the pages of administration keeps nobody out either: forms, views, opened lines.

use super::office::{LANGUAGES, Office};
use crate::access::{DESK, OVERFLOW, TELEPHONE};
use fantoccini::key::Key;
use reqwest::Method;
use serde_json::json;

impl Office {
    /// axe-core finds nothing, in both themes, and nothing has to be scrolled sideways.
    async fn is_open_to_all(&self, told: &str) {
        let told = format!("{told}, {:?}", self.language);
        for screen in [DESK, TELEPHONE] {
            self.browser().has_screen(screen).await;
            self.browser().is_open_to_all(&format!("{told}, {screen:?}")).await;
            assert_eq!(self.browser().evaluates(OVERFLOW).await, json!(0), "{told}, {screen:?}");
        }
        self.browser().has_screen(DESK).await;
    }

    async fn gives_up(&self) {
        self.browser().presses(Key::Escape).await;
        self.browser().misses("dialog").await;
    }
}

#[tokio::test]
async fn forms_of_users_and_accounts_are_open_to_all() {
    for language in LANGUAGES {
        let Some(office) = Office::open(language, "admin", "users").await else { return };
        let page = office.browser();
        let no_base = json!({"base": 1, "concurrent": 5, "contingency": 1, "fixed": 0});
        office.broker().call(Method::PUT, "licences/supervisor", Some(no_base)).await;
        page.clicks("#users-add").await;
        page.writes("dialog [name=user]", "nora").await;
        page.chooses("dialog [name=user_type]", "supervisor").await;
        page.clicks("dialog button[type=submit]").await;
        page.sees("dialog .field-error").await;
        office.is_open_to_all("a user refused").await;
        office.gives_up().await;
        page.clicks("tr[data-key=edred] [data-action=\"users.delete\"]").await;
        page.sees("dialog").await;
        office.is_open_to_all("a user deleted").await;
        office.gives_up().await;

        office.goes("users?view=accounts").await;
        page.clicks("#accounts-add").await;
        page.sees("dialog").await;
        office.is_open_to_all("an account added").await;
        page.writes("dialog [name=user]", "sue").await;
        page.writes("dialog [name=password]", "correct horse battery").await;
        page.clicks("dialog button[type=submit]").await;
        page.sees("#enrolment-secret").await;
        office.is_open_to_all("a secret").await;
    }
}

#[tokio::test]
async fn an_opened_line_and_its_prices_are_open_to_all() {
    for language in LANGUAGES {
        let Some(office) = Office::open(language, "admin", "metrics").await else { return };
        let page = office.browser();
        page.clicks("#metrics-edit").await;
        page.sees("dialog").await;
        office.is_open_to_all("the maximum").await;
        office.gives_up().await;
        let _agents = office.uses_contingency().await;
        office.goes("billing").await;
        page.clicks("#billing-statement tr[data-key=agent_email] a").await;
        page.sees("#billing-line-story").await;
        page.clicks("#billing-prices summary").await;
        page.sees("#billing-prices table").await;
        office.is_open_to_all("a line").await;
    }
}

#[tokio::test]
async fn the_keyboard_alone_adds_a_user_and_finds_out_about_a_charge() {
    let Some(office) = Office::open(LANGUAGES[0], "admin", "users").await else { return };
    let page = office.browser();
    let _agents = office.uses_contingency().await;
    page.sees("tr[data-key=edred]").await;
    page.tabs_to("#users-add").await;
    page.presses(Key::Enter).await;
    page.sees("dialog [name=user]:focus").await;
    page.types("dialog [name=user]", "nora").await;
    page.tabs_to("dialog [name=user_type]").await;
    page.types("dialog [name=user_type]", "Superv").await;
    page.tabs_to("dialog input[value=agent_email]").await;
    page.types("dialog input[value=agent_email]", " ").await;
    page.presses(Key::Enter).await;
    page.reads("tr[data-key=nora]", "Supervisor").await;
    page.reads("tr[data-key=nora]", "Agent E-mail").await;
    page.sees("#users-add:focus").await;

    office.goes("billing").await;
    page.sees("#billing-why li").await;
    page.tabs_to("#billing-why li[data-licence=agent_email] a").await;
    page.presses(Key::Enter).await;
    page.sees("#billing-line-title:focus").await;
    page.tabs_to("#billing-line-close").await;
    page.presses(Key::Enter).await;
    page.misses("#billing-line").await;
    page.sees("#billing-statement tr[data-key=agent_email] a:focus").await;
    office.stage.close().await;
}
