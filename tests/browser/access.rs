//! Pages that nobody is kept out of: axe-core finds nothing on any of them, nothing has to be scrolled sideways on a
//! small telephone, the keyboard is enough, and a first load is small.
//!
//! Walks over what `static/console/pages.js` lists: a new page is looked at without a word here.

use crate::browser::Browser;
use crate::console::{Console, LANGUAGES};
use fantoccini::key::Key;
use serde_json::{Value, json};

/// Not in the binary: it is put into the page by the browser's driver.
const AXE: &str = include_str!("vendor/axe-core/axe.min.js");

/// What it finds, each with the elements that it means.
const FINDINGS: &str = "return axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html + ' ' + node.failureSummary).join(' | ')}`))";

/// The pages of the console that a role sees in its menu.
const PAGES: &str =
    "return [...document.querySelectorAll('#menu a')].map((link) => link.dataset.page)";

/// Pixels that one would have to scroll sideways.
pub(crate) const OVERFLOW: &str =
    "return document.documentElement.scrollWidth - document.documentElement.clientWidth";

/// The least screen that pages are made for, and the screen of a desk.
pub(crate) const TELEPHONE: (u32, u32) = (360, 740);
pub(crate) const DESK: (u32, u32) = (1_440, 900);

/// Of a first load.
const FETCHED_BYTES_MAX: u64 = 150_000;

/// More than there are stops on any page.
const STOPS_MAX: usize = 200;

impl Browser {
    pub(crate) async fn has_screen(&self, (width, height): (u32, u32)) {
        let screen =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", screen).await;
    }

    pub(crate) async fn has_theme(&self, theme: &str) {
        let features = json!({"features": [
            {"name": "prefers-color-scheme", "value": theme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]});
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// What axe-core finds on the page as it is, in both themes.
    pub(crate) async fn is_open_to_all(&self, told: &str) {
        if self.evaluates("return typeof axe").await == "undefined" {
            self.evaluates(AXE).await;
        }
        for theme in ["light", "dark"] {
            self.has_theme(theme).await;
            assert_eq!(self.evaluates(FINDINGS).await, json!([]), "{told}, {theme}");
        }
    }

    /// Goes to a page of the console and waits until it shows what it has.
    pub(crate) async fn settles_on(&self, name: &str) {
        self.goes_to(&format!("#/{name}")).await;
        let route = name.split('?').next().unwrap();
        let is_there = format!(
            "return document.querySelector('#menu a[data-page={route}]').ariaCurrent === 'page'
               && document.querySelector('main').ariaBusy === 'false'"
        );
        self.comes_to(&is_there, &json!(true)).await;
    }

    /// The pages of the menu.
    pub(crate) async fn pages(&self) -> Vec<String> {
        let pages = self.evaluates(PAGES).await;
        let pages = pages.as_array().unwrap().iter();
        pages.map(|page| page.as_str().unwrap().to_owned()).collect()
    }

    /// Presses Tab until such an element has the focus; one sees each time where one is.
    pub(crate) async fn tabs_to(&self, css: &str) {
        let is_there = format!(
            "const focused = document.activeElement;
             const style = getComputedStyle(focused);
             return {{ there: focused.matches(`{css}`), seen: style.outlineStyle !== 'none' || focused === document.body || focused.closest('.choices') !== null,
               index: focused.tabIndex, what: focused.outerHTML.slice(0, 90) }}"
        );
        for _ in 0..STOPS_MAX {
            let stop = self.evaluates(&is_there).await;
            let is_stop = stop["index"].as_i64() >= Some(0);
            assert!(stop["seen"] == true || !is_stop, "the focus is not seen on {}", stop["what"]);
            if stop["there"] == true {
                return;
            }
            self.presses(Key::Tab).await;
        }
        panic!("Tab never came to `{css}`");
    }
}

/// A demonstration in which somebody holds, somebody is denied, and somebody is over.
async fn busy() -> Option<Console> {
    let stage = Console::bare().await?;
    stage.broker.buy("inbound_agent", 1, 1).await;
    stage.broker.buy("agent_email", 1, 0).await;
    Some(stage)
}

#[tokio::test]
async fn axe_finds_nothing_on_any_page_of_the_console() {
    let Some(stage) = busy().await else { return };
    let page = &stage.browser;
    page.has_screen(DESK).await;
    let _edred = stage.works("edred", "agent_desktop").await;
    let _maeve = stage.works("maeve", "agent_desktop").await;
    for language in LANGUAGES {
        stage.opens("admin", language, "#/licences").await;
        let pages = page.pages().await;
        assert!(pages.len() > 1, "the menu is there: {pages:?}");
        for name in pages {
            page.settles_on(&name).await;
            page.is_open_to_all(&format!("{name}, {language}")).await;
        }
    }
}

#[tokio::test]
async fn axe_finds_nothing_on_what_stands_before_a_page() {
    let Some(stage) = busy().await else { return };
    let page = &stage.browser;
    page.has_screen(DESK).await;
    let _edred = stage.works("edred", "agent_desktop").await;
    for language in LANGUAGES {
        stage.opens("admin", language, "#/licences").await;
        page.clicks("[data-change=inbound_agent]").await;
        page.sees("#effect-names, #effect .effect-list").await;
        page.is_open_to_all(&format!("buying, {language}")).await;
        page.evaluates("document.querySelector('dialog').close()").await;
        for view in ["user", "device", "denials"] {
            page.settles_on(&format!("holders?view={view}")).await;
            page.is_open_to_all(&format!("holders by {view}, {language}")).await;
        }
        page.settles_on("holders").await;
        page.clicks("tbody button").await;
        page.sees("dialog").await;
        page.is_open_to_all(&format!("asking, {language}")).await;
    }
}

#[tokio::test]
async fn axe_finds_nothing_on_the_pages_without_a_menu() {
    let Some(stage) = busy().await else { return };
    let page = &stage.browser;
    for screen in [DESK, TELEPHONE] {
        page.has_screen(screen).await;
        for language in LANGUAGES {
            for (path, shown) in [("/", "#demo"), ("/desk", "#desk-login"), ("/wallboard", "#live")]
            {
                page.open(&format!("http://{}{path}", stage.broker.address)).await;
                page.sees(shown).await;
                if page.shows("#language-ja").await {
                    page.speaks(language).await;
                }
                page.is_open_to_all(&format!("{path}, {language}, {screen:?}")).await;
            }
        }
    }
}

#[tokio::test]
async fn every_page_fits_a_telephone_and_its_menu_opens_there() {
    let Some(stage) = busy().await else { return };
    let page = &stage.browser;
    let _edred = stage.works("edred", "agent_desktop").await;
    page.has_screen(TELEPHONE).await;
    for language in LANGUAGES {
        page.open(&format!("http://{}/", stage.broker.address)).await;
        page.evaluates("sessionStorage.clear()").await;
        page.client.refresh().await.unwrap();
        page.sees("#demo").await;
        page.speaks(language).await;
        assert_eq!(page.evaluates(OVERFLOW).await, json!(0), "signing in, {language}");
        page.clicks("#demo-admin").await;
        page.sees("main[aria-busy=false] h1").await;
        page.misses("#menu a").await;
        page.clicks("#menu-button").await;
        page.sees("#menu-button[aria-expanded=true]").await;
        page.is_open_to_all(&format!("the menu, {language}")).await;
        for name in page.pages().await {
            page.clicks("#menu-button[aria-expanded=false], #menu-button").await;
            page.settles_on(&name).await;
            assert_eq!(page.evaluates(OVERFLOW).await, json!(0), "{name}, {language}");
            page.is_open_to_all(&format!("{name} on a telephone, {language}")).await;
        }
    }
}

#[tokio::test]
async fn the_keyboard_alone_comes_in_buys_and_frees_a_seat() {
    let Some(stage) = busy().await else { return };
    let page = &stage.browser;
    let _edred = stage.works("edred", "agent_desktop").await;
    page.open(&format!("http://{}/", stage.broker.address)).await;
    page.sees("#demo").await;
    page.tabs_to("#demo-admin").await;
    page.presses(Key::Enter).await;
    page.sees("tr[data-key=inbound_agent]").await;

    page.tabs_to("[data-change=inbound_agent]").await;
    page.presses(Key::Enter).await;
    page.sees("dialog").await;
    page.tabs_to("dialog [name=contingency]").await;
    page.presses(Key::Up).await;
    page.presses(Key::Enter).await;
    page.misses("dialog").await;
    page.counts("tr[data-key=inbound_agent] [data-column=contingency-total]", 2).await;
    page.sees("[data-change=inbound_agent]:focus").await;

    page.evaluates("document.querySelector('h1').focus()").await;
    page.tabs_to("tr[data-key=inbound_agent] a").await;
    page.presses(Key::Enter).await;
    page.sees("#holders-title:focus").await;
    page.tabs_to("tr[data-key=\"inbound_agent edred\"] button").await;
    page.presses(Key::Enter).await;
    page.sees("dialog").await;
    page.sees("dialog button:focus").await;
    page.presses(Key::Escape).await;
    page.misses("dialog").await;
    page.presses(Key::Enter).await;
    page.tabs_to("dialog .danger").await;
    page.presses(Key::Enter).await;
    page.reads(".table-empty", "Nobody.").await;
    stage.broker.is_left_by_all().await;
    stage.close().await;
}

#[tokio::test]
async fn the_skip_link_leads_to_the_page_and_changes_no_address() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    stage.opens("admin", "en", "#/holders?view=user").await;
    page.sees("main[aria-busy=false] h1").await;
    page.evaluates("document.querySelector('#skip').focus()").await;
    page.presses(Key::Enter).await;
    page.sees("main:focus").await;
    assert_eq!(page.evaluates("return location.hash").await, json!("#/holders?view=user"));
    stage.close().await;
}

#[tokio::test]
async fn a_first_load_of_any_page_is_small() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    page.devtools("Network.setCacheDisabled", json!({"cacheDisabled": true})).await;
    for language in LANGUAGES {
        stage.opens("admin", language, "#/licences").await;
        page.sees("main[aria-busy=false] h1").await;
        let mut pages: Vec<String> = page.pages().await;
        pages.push(String::new());
        for name in pages {
            let _until_now: u64 = page.fetched_bytes().await;
            page.open("about:blank").await;
            page.open(&format!("http://{}/#/{name}", stage.broker.address)).await;
            page.sees("main[aria-busy=false] h1").await;
            weigh(page, &format!("#/{name}, {language}")).await;
        }
        for (path, shown) in [("/desk", "#desk-login"), ("/wallboard", "#live")] {
            let _until_now: u64 = page.fetched_bytes().await;
            page.open(&format!("http://{}{path}", stage.broker.address)).await;
            page.sees(shown).await;
            weigh(page, &format!("{path}, {language}")).await;
        }
    }
}

async fn weigh(page: &Browser, told: &str) {
    let fetched = page.fetched_bytes().await;
    assert!(fetched > 10_000, "{told}: {fetched} bytes, which is no page");
    assert!(fetched < FETCHED_BYTES_MAX, "{told}: {fetched} bytes");
}

#[tokio::test]
async fn the_pages_of_the_menu_are_those_of_the_list() {
    let Some(stage) = Console::bare().await else { return };
    let page = &stage.browser;
    stage.opens("admin", "en", "#/licences").await;
    let listed = page
        .evaluates(
            "const { PAGES } = await import('/static/console/pages.js');
             const { title } = document;
             return Promise.all(PAGES.filter(({ name }) => document.querySelector(`#menu a[data-page=${name}]`)).map(async (page) => {
               const { default: Page } = await import(page.module);
               return [page.name, page.titleKey === Page.titleKey, page.roles.join() === Page.roles.join()];
             }))",
        )
        .await;
    let listed: &Vec<Value> = listed.as_array().unwrap();
    assert!(listed.len() > 1, "{listed:?}");
    for page in listed {
        assert_eq!((&page[1], &page[2]), (&json!(true), &json!(true)), "{page}");
    }
    stage.close().await;
}
