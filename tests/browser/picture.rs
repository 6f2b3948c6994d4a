//! The picture in the README, taken anew on demand:
//! `cargo test --test browser -- --ignored the_picture`

use crate::browser::Browser;
use crate::demo_broker::DemoBroker;
use std::path::Path;

/// Enough for every channel to be short of licences now and then.
const AGENTS: usize = 60;

/// Of the picture.
const BYTES_MAX: usize = 200_000;

#[tokio::test]
#[ignore = "writes docs/images/demo.png"]
async fn the_picture_in_the_readme_is_of_the_demo_as_it_runs() {
    let Some(page) = Browser::start().await else { return };
    let broker = DemoBroker::start(AGENTS).await;
    // Fewer than the agents want, so that somebody waits.
    broker.buy("agent_sms", 5, 1).await;
    broker.buy("agent_email", 6, 8).await;
    page.client.set_window_size(1400, 1100).await.unwrap();
    page.open_wallboard(broker.address, "").await;
    page.sees(".card[data-licence=agent_email][data-status=contingency]").await;
    page.sees(".card[data-licence=agent_sms][data-status=full]").await;
    let picture = page.client.screenshot().await.unwrap();
    assert!(picture.len() < BYTES_MAX, "{} bytes: too much for a README", picture.len());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images/demo.png");
    std::fs::write(path, picture).unwrap();
}
