//! Live counts on a whole screen.

use crate::console::LANGUAGES;
use crate::stage::Stage;
use fantoccini::key::Key;
use serde_json::json;

const USED: &str = ".tile[data-licence=inbound_agent] [data-field=used]";
const HELD: &str = "[data-total=held]";

/// Enough for these tests, and large.
const FEW: &str = "?licences=inbound_agent,agent_email,agent_sms";

#[tokio::test]
async fn counts_move_when_a_device_logs_in_and_out_over_a_socket_of_its_own() {
    let Some(stage) = Stage::wallboard(FEW).await else { return };
    let page = &stage.browser;
    page.counts(USED, 0).await;
    page.counts(HELD, 0).await;

    let maeve = stage.broker.log_in("maeve", "agent_desktop").await;
    page.counts(USED, 1).await;
    page.counts(".tile[data-licence=agent_sms] [data-field=used]", 1).await;
    // Her seat, and e-mail and SMS of what the board shows.
    page.counts(HELD, 3).await;

    // A second device of hers is another instance, but no other holder.
    let telephone = stage.broker.log_in("maeve", "deskphone").await;
    let edred = stage.broker.log_in("edred", "agent_desktop").await;
    page.counts(USED, 2).await;

    for session in [telephone, maeve, edred] {
        session.log_out().await;
    }
    page.counts(USED, 0).await;
    page.counts(HELD, 0).await;
    stage.close().await;
}

#[tokio::test]
async fn a_tile_says_what_is_bought_and_when_none_is_left() {
    let Some(stage) = Stage::wallboard(FEW).await else { return };
    let page = &stage.browser;
    let tile = ".tile[data-licence=inbound_agent]";
    stage.broker.buy("inbound_agent", 1, 1).await;
    let edred = stage.broker.log_in("edred", "agent_desktop").await;
    page.reads(&format!("{tile}[data-status=contingency][data-level=warn]"), "1 contingency left")
        .await;
    let maeve = stage.broker.log_in("maeve", "agent_desktop").await;
    page.reads(&format!("{tile}[data-status=full][data-level=alarm]"), "None left").await;
    page.counts(&format!("{tile} [data-field=contingency-max]"), 1).await;
    let heard = "return document.querySelector('#board-news').textContent";
    page.comes_to(heard, &json!("Inbound Agent: None left")).await;

    stage.broker.buy("inbound_agent", 1, 0).await;
    page.reads(&format!("{tile}[data-status=over]"), "Over by 1").await;
    for session in [edred, maeve] {
        session.log_out().await;
    }
    page.reads(&format!("{tile}[data-status=free][data-level=calm]"), "1 free").await;
    stage.close().await;
}

#[tokio::test]
async fn the_address_chooses_licences_their_order_thresholds_theme_and_name() {
    let Some(stage) = Stage::wallboard(
        "?licences=agent_sms,carrier_pigeon,inbound_agent&warn=25&alarm=50&theme=dark&lang=ja\
         &name=Lobby&zone=Asia/Tokyo&page_s=never",
    )
    .await
    else {
        return;
    };
    let page = &stage.browser;
    stage.broker.buy("inbound_agent", 4, 0).await;
    let shown =
        "return [...document.querySelectorAll('.tile')].map((tile) => tile.dataset.licence)";
    let tiles = json!(["agent_sms", "carrier_pigeon", "inbound_agent"]);
    assert_eq!(page.evaluates(shown).await, tiles);
    page.reads(".tile[data-licence=carrier_pigeon]", "データなし").await;
    page.reads("#board-name", "Lobby").await;
    page.reads("#clock-zone", "Asia/Tokyo").await;
    page.reads("#board-remarks", "解釈できない項目があります：page_s。").await;
    let ground = "return getComputedStyle(document.body).backgroundColor";
    assert_eq!(page.evaluates(ground).await, json!("rgb(14, 20, 26)"), "dark");

    let tile = ".tile[data-licence=inbound_agent]";
    page.sees(&format!("{tile}[data-level=calm]")).await;
    let edred = stage.broker.log_in("edred", "agent_desktop").await;
    page.reads(&format!("{tile}[data-level=warn]"), "空き 3").await;
    let maeve = stage.broker.log_in("maeve", "agent_desktop").await;
    page.reads(&format!("{tile}[data-level=alarm]"), "空き 2").await;
    for session in [edred, maeve] {
        session.log_out().await;
    }
    stage.close().await;
}

/// What does not fit: scroll bars of the page, tiles outside it, and text outside its tile.
const MISFITS: &str = "const root = document.documentElement;
    const misfits = [];
    if (root.scrollHeight > root.clientHeight || root.scrollWidth > root.clientWidth) misfits.push('page');
    for (const tile of document.querySelectorAll('.tile:not([hidden])')) {
      const { right, bottom } = tile.getBoundingClientRect();
      const isOutside = right > root.clientWidth + 1 || bottom > root.clientHeight + 1;
      const isFull = tile.scrollHeight > tile.clientHeight + 1 || tile.scrollWidth > tile.clientWidth + 1;
      if (isOutside || isFull) misfits.push(tile.dataset.licence);
    }
    return misfits";

#[tokio::test]
async fn no_screen_needs_a_scroll_bar_from_a_phone_to_a_wall_in_either_language() {
    let Some(stage) = Stage::wallboard("").await else { return };
    let page = &stage.browser;
    for language in LANGUAGES {
        page.clicks(&format!("#language-{language}")).await;
        page.sees(&format!("html[lang={language}]")).await;
        for (width, height) in [(500, 880), (880, 500), (1366, 900), (1920, 1200), (3840, 2300)] {
            page.client.set_window_size(width, height).await.unwrap();
            page.comes_to("return outerWidth", &json!(width)).await;
            page.comes_to(MISFITS, &json!([])).await;
            let tiles = page
                .evaluates("return document.querySelectorAll('.tile:not([hidden])').length")
                .await;
            assert!(tiles.as_u64().unwrap() > 0, "{width}×{height}");
        }
    }
    stage.close().await;
}

#[tokio::test]
async fn what_does_not_fit_is_shown_page_by_page() {
    let Some(stage) = Stage::wallboard("?page_s=5").await else { return };
    let page = &stage.browser;
    page.client.set_window_size(500, 700).await.unwrap();
    page.reads("#pager", "1 of ").await;
    let first = page.text(".tile:not([hidden]) .tile-name").await;
    page.reads("#pager", "2 of ").await;
    assert_ne!(page.text(".tile:not([hidden]) .tile-name").await, first);

    page.clicks("[data-pause]").await;
    page.sees("[data-pause][aria-pressed=true]").await;
    page.clicks("[data-turn='-1']").await;
    page.reads("#pager", "1 of ").await;
    page.presses(Key::Right).await;
    page.reads("#pager", "2 of ").await;
    stage.close().await;
}
