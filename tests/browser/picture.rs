//! The pictures in the README, taken anew on demand:
//! `cargo test --test browser -- --ignored the_pictures`

use crate::browser::Browser;
use crate::demo_broker::DemoBroker;
use std::path::Path;

/// Enough for every channel to be short of licences now and then.
const AGENTS: usize = 60;

/// Of a picture.
const BYTES_MAX: usize = 200_000;

#[tokio::test]
#[ignore = "writes docs/images"]
async fn the_pictures_in_the_readme_are_of_the_demo_as_it_runs() {
    let Some(page) = Browser::start().await else { return };
    let broker = DemoBroker::start(AGENTS).await;
    // Fewer than the agents want, so that somebody waits.
    broker.buy("agent_sms", 5, 1).await;
    broker.buy("agent_email", 6, 8).await;
    page.client.set_window_size(1400, 1000).await.unwrap();
    page.has_theme("dark").await;
    page.open_wallboard(broker.address, "").await;
    page.sees(".card[data-licence=agent_email][data-status=contingency]").await;
    page.sees(".card[data-licence=agent_sms][data-status=full]").await;
    page.keeps("wallboard").await;
    page.has_theme("light").await;
    page.enters_demo(broker.address, "admin", "en").await;
    page.sees("main .page table tbody tr").await;
    page.keeps("licences").await;
    page.settles_on("holders").await;
    page.speaks("ja").await;
    page.keeps("holders").await;
    page.speaks("en").await;
    page.settles_on("billing").await;
    page.keeps("billing").await;
}

/// To be looked at, before a change of the pages is called done.
#[tokio::test]
#[ignore = "writes a picture of every page, in both languages and themes, into target/tmp"]
async fn every_page_can_be_looked_at() {
    let Some(page) = Browser::start().await else { return };
    let broker = DemoBroker::start(AGENTS).await;
    broker.buy("agent_sms", 5, 1).await;
    broker.buy("agent_email", 6, 8).await;
    for (language, theme) in [("en", "light"), ("en", "dark"), ("ja", "light"), ("ja", "dark")] {
        page.has_theme(theme).await;
        let keeps = async |name: &str| {
            let picture = page.client.screenshot().await.unwrap();
            let file = format!("{name}-{language}-{theme}.png");
            std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(file), picture).unwrap();
        };
        page.client.set_window_size(1440, 1000).await.unwrap();
        page.enters_demo(broker.address, "admin", language).await;
        for name in page.pages().await {
            page.settles_on(&name).await;
            keeps(&name).await;
        }
        page.evaluates("sessionStorage.clear()").await;
        page.client.refresh().await.unwrap();
        page.sees("#sign-in-form").await;
        keeps("sign-in").await;
        page.open_wallboard(broker.address, "").await;
        keeps("wallboard").await;
        page.open_desk(broker.address).await;
        page.clicks("#desk-login").await;
        page.sees("#desk-logout:enabled").await;
        keeps("desk").await;
        page.enters_demo(broker.address, "admin", language).await;
        page.client.set_window_size(500, 900).await.unwrap();
        page.settles_on("licences").await;
        keeps("licences-small").await;
    }
}

impl Browser {
    async fn keeps(&self, name: &str) {
        let picture = self.client.screenshot().await.unwrap();
        assert!(picture.len() < BYTES_MAX, "{} bytes: too much for a README", picture.len());
        let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images");
        std::fs::write(images.join(format!("{name}.png")), picture).unwrap();
    }
}
