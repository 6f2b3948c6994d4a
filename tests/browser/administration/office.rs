//! Somebody at the console of a demonstration, in one of its languages.

use crate::browser::Browser;
use crate::demo_broker::DemoBroker;
use crate::stage::Stage;
use serde_json::{Value, json};

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Japanese,
}

pub(crate) const LANGUAGES: [Language; 2] = [Language::English, Language::Japanese];

impl Language {
    /// Whichever of the two is of this language.
    pub(crate) fn says<'a>(self, english: &'a str, japanese: &'a str) -> &'a str {
        match self {
            Self::English => english,
            Self::Japanese => japanese,
        }
    }
}

/// The console, entered.
pub(crate) struct Office {
    pub(crate) stage: Stage,
    pub(crate) language: Language,
}

impl Office {
    /// A page of the console as a role sees it (`admin`, `supervisor`); `None` where there is no browser. `page`
    /// is what stands behind `#/`.
    pub(crate) async fn open(language: Language, role: &str, page: &str) -> Option<Self> {
        let browser = Browser::start().await?;
        let broker = DemoBroker::start(0).await;
        let office = Self { stage: Stage { browser, broker }, language };
        office.browser().open(&office.address("")).await;
        office.browser().clicks(language.says("[data-language=en]", "[data-language=ja]")).await;
        office.browser().sees(language.says("html[lang=en]", "html[lang=ja]")).await;
        office.browser().clicks(&format!("#demo-{role}")).await;
        office.browser().sees(".menu a").await;
        office.goes(page).await;
        Some(office)
    }

    /// Opens another page of the console.
    pub(crate) async fn goes(&self, page: &str) {
        self.browser().open(&self.address(page)).await;
    }

    fn address(&self, page: &str) -> String {
        format!("http://{}/#/{page}", self.broker().address)
    }

    pub(crate) fn browser(&self) -> &Browser {
        &self.stage.browser
    }

    pub(crate) fn broker(&self) -> &DemoBroker {
        &self.stage.broker
    }

    /// Whichever of the two is of the page's language.
    pub(crate) fn says<'a>(&self, english: &'a str, japanese: &'a str) -> &'a str {
        self.language.says(english, japanese)
    }

    /// Nothing went wrong on the page but what the broker refused on purpose (`refusals` of them), and it asked
    /// nobody but its broker.
    pub(crate) async fn close_after(self, refusals: usize) {
        let errors = self.browser().console_errors().await;
        let (told, other): (Vec<_>, Vec<_>) =
            errors.iter().partition(|error| error.contains("the server responded with a status"));
        assert_eq!((told.len(), other.len()), (refusals, 0), "{errors:?}");
        self.browser().asked_only(self.broker().address).await;
    }
}

impl Browser {
    /// Writes into a field instead of what stands in it.
    pub(crate) async fn writes(&self, css: &str, text: &str) {
        self.sees(css).await;
        let clear = format!("document.querySelector({}).value = ''", json!(css));
        self.evaluates(&clear).await;
        self.types(css, text).await;
    }

    /// What stands in a field.
    pub(crate) async fn value(&self, css: &str) -> Value {
        self.evaluates(&format!("return document.querySelector({}).value", json!(css))).await
    }

    /// From now on, what the page saves as a file is kept for [`Self::saved`].
    pub(crate) async fn keeps_what_is_saved(&self) {
        self.evaluates(
            "window.saved = [];
             URL.createObjectURL = (blob) => { window.saved.push(blob); return '#kept'; };
             HTMLAnchorElement.prototype.click = function () { window.savedAs = this.download; };",
        )
        .await;
    }

    /// The name and the text of the file that was saved last, once there is one.
    pub(crate) async fn saved(&self) -> (String, String) {
        let found = self
            .evaluates(
                "const until = performance.now() + 30000;
                 const look = () => window.saved.length > 0 || performance.now() > until
                   ? window.saved.at(-1)?.text() : new Promise(requestAnimationFrame).then(look);
                 return look().then((text) => [window.savedAs, text])",
            )
            .await;
        let part = |index: usize| found[index].as_str().expect("a file").to_owned();
        (part(0), part(1))
    }
}
