//! What a person sees and does on a page. Everything that is expected is waited for, up to [`PATIENCE`].

use crate::browser::Browser;
use fantoccini::Locator;
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::error::CmdError;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

/// How long something may take to appear on a machine that does other work as well.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the page is looked at meanwhile.
const GLANCE_EVERY: Duration = Duration::from_millis(50);

/// Whether an element is there to be seen whose text, blanks aside, contains another, or is that and no more.
const SEEN: &str = "const [css, part, isAll] = arguments;
    const text = (element) => element.innerText.replace(/\\s+/g, ' ').trim();
    const fits = (element) => isAll ? text(element) === part : text(element).includes(part);
    return [...document.querySelectorAll(css)]
      .some((element) => element.checkVisibility() && fits(element));";

/// What is looked for.
struct Sight<'a> {
    css: &'a str,
    /// Stands in its text.
    part: &'a str,
    /// Whether `part` is all of its text.
    is_all: bool,
}

impl Browser {
    /// Goes to an address.
    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Waits until an element can be seen.
    pub(crate) async fn sees(&self, css: &str) {
        self.reads(css, "").await;
    }

    /// Waits until an element can be seen whose text contains `part`.
    pub(crate) async fn reads(&self, css: &str, part: &str) {
        self.waits(&Sight { css, part, is_all: false }, true).await;
    }

    /// Waits until an element shows this number and nothing else.
    pub(crate) async fn counts(&self, css: &str, number: u32) {
        self.waits(&Sight { css, part: &number.to_string(), is_all: true }, true).await;
    }

    /// Waits until no such element can be seen.
    pub(crate) async fn misses(&self, css: &str) {
        self.waits(&Sight { css, part: "", is_all: false }, false).await;
    }

    /// Whether an element can be seen now.
    pub(crate) async fn shows(&self, css: &str) -> bool {
        self.is_seen(&Sight { css, part: "", is_all: false }).await.unwrap()
    }

    /// The text of an element as it is shown now.
    pub(crate) async fn text(&self, css: &str) -> String {
        self.client.find(Locator::Css(css)).await.unwrap().text().await.unwrap()
    }

    /// Clicks, once the element is there and enabled.
    pub(crate) async fn clicks(&self, css: &str) {
        self.sees(&format!("{css}:enabled, {css}:not(button, input, select)")).await;
        self.client.find(Locator::Css(css)).await.unwrap().click().await.unwrap();
    }

    /// Chooses from a list by the value behind an entry.
    pub(crate) async fn chooses(&self, css: &str, value: &str) {
        self.sees(css).await;
        let list = self.client.find(Locator::Css(css)).await.unwrap();
        list.select_by_value(value).await.unwrap();
    }

    /// Types into a field.
    pub(crate) async fn types(&self, css: &str, text: &str) {
        self.client.find(Locator::Css(css)).await.unwrap().send_keys(text).await.unwrap();
    }

    /// Presses a key wherever the focus is.
    pub(crate) async fn presses(&self, key: fantoccini::key::Key) {
        let value = char::from(key);
        let down_and_up = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
        self.client.perform_actions(down_and_up).await.unwrap();
    }

    /// Waits until the body of a function gives this on the page.
    pub(crate) async fn comes_to(&self, body: &str, wanted: &Value) {
        let mut glances = glances();
        let until = async {
            loop {
                glances.tick().await;
                let found = self.evaluates(body).await;
                if found == *wanted {
                    return;
                }
            }
        };
        if timeout(PATIENCE, until).await.is_err() {
            let found = self.evaluates(body).await;
            panic!("`{body}` never came to {wanted}; it is {found}");
        }
    }

    /// Evaluates the body of a function on the page.
    pub(crate) async fn evaluates(&self, body: &str) -> Value {
        self.client.execute(body, vec![]).await.unwrap()
    }

    async fn waits(&self, sight: &Sight<'_>, wanted: bool) {
        let mut glances = glances();
        let until = async {
            loop {
                glances.tick().await;
                if self.is_seen(sight).await.unwrap() == wanted {
                    return;
                }
            }
        };
        if timeout(PATIENCE, until).await.is_err() {
            let page = self.evaluates("return document.body.innerText").await;
            let page = page.as_str().unwrap_or_default();
            let verb = if wanted { "never showed" } else { "went on showing" };
            panic!("the page {verb} `{}` with `{}`; it shows:\n{page}", sight.css, sight.part);
        }
    }

    async fn is_seen(&self, sight: &Sight<'_>) -> Result<bool, CmdError> {
        let looked_for = vec![json!(sight.css), json!(sight.part), json!(sight.is_all)];
        let found = self.client.execute(SEEN, looked_for).await?;
        Ok(found == Value::Bool(true))
    }
}

fn glances() -> Interval {
    let mut glances = interval(GLANCE_EVERY);
    glances.set_missed_tick_behavior(MissedTickBehavior::Delay);
    glances
}
