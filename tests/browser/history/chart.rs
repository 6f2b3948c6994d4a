//! The chart by itself: made-up figures, drawn by the real library under the real content policy.

use crate::browser::Browser;
use crate::support::broker::TestBroker;
use fantoccini::actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::{Locator, key::Key};
use serde_json::json;
use std::time::Duration;

/// A month of five minutes in UTC, from the first of November: ten are in use but for the last day, when
/// there are twelve of ten and three bought, and nobody knows anything of the third.
const MONTH: &str = "
    const [start, day] = [Date.parse('2026-11-01T00:00:00Z'), 86400000];
    const points = [];
    for (let at = start; at < start + 30 * day; at += 300000) {
      const on = Math.floor((at - start) / day);
      if (on === 2) continue;
      const [concurrent, contingency] = on === 29 ? [10, 2] : [on === 0 ? 4 : 10, 0];
      points.push({ start_ms: at, end_ms: at + 300000, concurrent, contingency, peak: concurrent + contingency });
    }
    const to_ms = start + 30 * day;
    window.figures = {
      points, from_ms: start, to_ms, until_ms: to_ms, isFixed: false,
      bought: [{ since_ms: start - day, concurrent: 8, contingency: 0 }, { since_ms: start + 10 * day, concurrent: 10, contingency: 3 }],
      denied: [{ start_ms: start + 29 * day, end_ms: to_ms, users: 5, denials: 7 }],
    };";

/// How many pixels of the chart have a colour of the design.
const PIXELS: &str = "
    const canvas = document.querySelector('.u-wrap canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const found = {};
    for (const token of ['accent', 'contingency', 'danger', 'ink']) {
      const hex = getComputedStyle(document.body).getPropertyValue(`--${token}`).trim();
      const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
      let count = 0;
      for (let at = 0; at < data.length; at += 4) {
        if (data[at] === red && data[at + 1] === green && data[at + 2] === blue && data[at + 3] === 255) count += 1;
      }
      found[token] = count;
    }
    return found;";

impl Browser {
    /// A page with nothing but the chart of [`MONTH`].
    async fn shows_the_month(&self, broker: &TestBroker) {
        self.open(&broker.url("/")).await;
        let script = format!(
            "{MONTH}
             return Promise.all([import('/static/ui/chart.js'), import('/static/ui/zone.js'), import('/static/i18n.js')])
               .then(async ([{{ UsageChart }}, {{ Zone }}, {{ Texts }}]) => {{
                 const texts = new Texts();
                 await texts.load();
                 const chart = new UsageChart({{ texts, zone: new Zone(texts, 'UTC') }});
                 texts.addEventListener('change', () => chart.translate());
                 document.querySelector('main').replaceChildren(chart.element);
                 window.leaving = new AbortController();
                 chart.start(window.leaving.signal);
                 chart.setFigures(window.figures);
                 Object.assign(window, {{ chart, texts }});
               }})"
        );
        self.evaluates(&script).await;
        self.sees(".chart .u-over").await;
    }

    /// How long the stretch is that the chart shows, in minutes.
    async fn minutes_shown(&self) -> f64 {
        let view = "const [from, to] = window.chart.view_ms; return (to - from) / 60000";
        self.evaluates(view).await.as_f64().unwrap()
    }

    /// Drags the mouse across an element, from one share of its width to another.
    async fn drags(&self, css: &str, from: f64, to: f64) {
        let element = self.client.find(Locator::Css(css)).await.unwrap();
        let (_, _, width, _) = element.rectangle().await.unwrap();
        let place = |share: f64| PointerAction::MoveToElement {
            element: element.clone(),
            duration: Some(Duration::ZERO),
            x: (width * (share - 0.5)).round(),
            y: 0.0,
        };
        let drag = MouseActions::new("mouse".to_owned())
            .then(place(from))
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
            .then(place(f64::midpoint(from, to)))
            .then(place(to))
            .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        self.client.perform_actions(drag).await.unwrap();
    }
}

#[tokio::test]
async fn a_month_of_five_minutes_is_drawn_in_the_colours_of_the_design() {
    let Some(page) = Browser::start().await else { return };
    let broker = TestBroker::start().await;
    page.shows_the_month(&broker).await;
    let points = page.evaluates("return window.figures.points.length").await;
    assert_eq!(points, 8_352, "a month without a day");
    let pixels = page.evaluates(PIXELS).await;
    let count = |token: &str| pixels[token].as_u64().unwrap();
    assert!(count("accent") > 10 * count("contingency"), "{pixels}");
    assert!(count("contingency") > 50 && count("danger") > 50, "{pixels}");
    assert!(count("ink") > 50, "the line of what was bought: {pixels}");
    page.evaluates("window.leaving.abort()").await;
    page.misses(".chart .u-over").await;
}

#[tokio::test]
async fn it_follows_the_theme_and_the_width_of_the_screen() {
    let Some(page) = Browser::start().await else { return };
    let broker = TestBroker::start().await;
    page.shows_the_month(&broker).await;
    let width = "return document.querySelector('.u-wrap canvas').clientWidth";
    let wide = page.evaluates(width).await.as_u64().unwrap();
    for theme in ["dark", "light"] {
        let features = json!([{ "name": "prefers-color-scheme", "value": theme }]);
        page.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        let is_dark = format!("return matchMedia('(prefers-color-scheme: {theme})').matches");
        page.comes_to(&is_dark, &json!(true)).await;
        let is_drawn =
            format!("const pixels = (() => {{ {PIXELS} }})(); return pixels.accent > 500");
        page.comes_to(&is_drawn, &json!(true)).await;
    }
    let phone = json!({ "width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": false });
    page.devtools("Emulation.setDeviceMetricsOverride", phone).await;
    let fits = "const { clientWidth } = document.querySelector('.u-wrap canvas');
        return clientWidth < 400 && clientWidth > 200";
    page.comes_to(fits, &json!(true)).await;
    assert!(wide > 400);
}

#[tokio::test]
async fn it_is_zoomed_by_dragging_and_by_buttons_and_back_again() {
    let Some(page) = Browser::start().await else { return };
    let broker = TestBroker::start().await;
    page.shows_the_month(&broker).await;
    let month = page.minutes_shown().await;
    assert_eq!(month, 30.0 * 24.0 * 60.0);
    page.drags(".chart .u-over", 0.25, 0.5).await;
    page.sees(".chart[data-view=part]").await;
    let quarter = page.minutes_shown().await;
    assert!((quarter / month - 0.25).abs() < 0.02, "{quarter} of {month}");
    page.clicks("[data-chart=in]").await;
    assert!((page.minutes_shown().await / quarter - 0.5).abs() < 0.01);
    page.clicks("[data-chart=later]").await;
    page.clicks("[data-chart=out]").await;
    page.clicks("[data-chart=whole]").await;
    page.sees(".chart[data-view=whole]").await;
    assert_eq!(page.minutes_shown().await, month);
    assert!(!page.shows("[data-chart=whole]:enabled").await, "there is nothing more to show");
}

#[tokio::test]
async fn the_keyboard_alone_moves_through_it_and_what_it_shows_is_read_out() {
    let Some(page) = Browser::start().await else { return };
    let broker = TestBroker::start().await;
    page.shows_the_month(&broker).await;
    let chart = ".chart-plot[role=slider]";
    let told = |part: &str| format!("{chart}[aria-valuetext*='{part}']");
    for (language, first, unknown, last) in [
        (
            "en",
            "4 concurrent and 0 contingency in use, 4 at most. Bought: 8 concurrent, 0 contingency.",
            "nothing was recorded",
            "Users turned away",
        ),
        (
            "ja",
            "同時接続4、緊急0を使用中、最大4。購入数：同時接続8、緊急0。",
            "記録がありません",
            "拒否されたユーザー",
        ),
    ] {
        page.clicks(&format!("#language-{language}")).await;
        page.evaluates(&format!("return window.texts.choose('{language}')")).await;
        page.evaluates("document.querySelector('.chart-plot').focus()").await;
        page.presses(Key::Home).await;
        page.sees(&told(first)).await;
        page.reads(".chart-readout", first).await;
        page.presses(Key::End).await;
        page.sees(&told(last)).await;
        page.types(chart, "+").await;
        page.sees(".chart[data-view=part]").await;
        assert_eq!(page.minutes_shown().await, 15.0 * 24.0 * 60.0);
        page.types(chart, "0").await;
        page.sees(".chart[data-view=whole]").await;
        // The mouse sees what keys pass over: the day of which nothing is known.
        page.drags(".chart .u-over", 2.5 / 30.0, 2.5 / 30.0).await;
        page.reads(".chart-readout", unknown).await;
    }
    page.presses(Key::Left).await;
    page.presses(Key::Up).await;
    let value = page.evaluates("return document.querySelector('.chart-plot').ariaValueNow").await;
    assert_eq!(value, "8350", "the last but one, and other keys are the page's");
}
