//! Live counts.

use crate::demo_broker::DemoBroker;
use crate::stage::{LooseStage, Stage};

const SEAT: &str = ".card[data-licence=inbound_agent]";
const USED: &str = ".card[data-licence=inbound_agent] [data-field=used]";
const HELD: &str = "[data-total=held]";

#[tokio::test]
async fn counts_move_when_a_device_logs_in_and_out_over_a_socket_of_its_own() {
    let Some(stage) = Stage::wallboard().await else { return };
    let page = &stage.browser;
    page.counts(USED, 0).await;
    page.counts(HELD, 0).await;

    let maeve = stage.broker.log_in("maeve", "agent_desktop").await;
    page.counts(USED, 1).await;
    page.counts(".card[data-licence=agent_sms] [data-field=used]", 1).await;
    page.reads(SEAT, "1 free").await;
    // Her seat, and e-mail, SMS and web chat on the desktop.
    page.counts(HELD, 4).await;

    // A second device of hers is another instance, but no other holder.
    let telephone = stage.broker.log_in("maeve", "deskphone").await;
    page.counts(".card[data-licence=inbound_agent] [data-field=instances]", 2).await;
    page.counts(USED, 1).await;

    telephone.log_out().await;
    maeve.log_out().await;
    page.counts(USED, 0).await;
    page.counts(HELD, 0).await;
    stage.close().await;
}

#[tokio::test]
async fn a_card_says_what_is_bought_and_when_none_is_left() {
    let Some(stage) = Stage::wallboard().await else { return };
    let page = &stage.browser;
    stage.broker.buy("inbound_agent", 1, 1).await;
    let edred = stage.broker.log_in("edred", "agent_desktop").await;
    page.reads(&format!("{SEAT}[data-status=contingency]"), "1 contingency left").await;
    let maeve = stage.broker.log_in("maeve", "agent_desktop").await;
    page.reads(&format!("{SEAT}[data-status=full]"), "None left").await;
    page.counts(&format!("{SEAT} [data-field=contingency-max]"), 1).await;

    stage.broker.buy("inbound_agent", 1, 0).await;
    page.reads(&format!("{SEAT}[data-status=over]"), "Over by 1").await;
    for session in [edred, maeve] {
        session.log_out().await;
    }
    page.reads(&format!("{SEAT}[data-status=free]"), "1 free").await;
    stage.close().await;
}

#[tokio::test]
async fn a_lost_connection_is_shown_and_mended_by_itself() {
    let Some(LooseStage { browser: page, line, broker }) = LooseStage::wallboard().await else {
        return;
    };
    page.counts(USED, 0).await;
    line.cut();
    page.sees("#wallboard[data-stale=true]").await;
    page.reads("#live[data-state=reconnecting]", "Not live").await;
    let _maeve = broker.log_in("maeve", "agent_desktop").await;
    line.mend();
    page.sees("#live[data-state=live]").await;
    page.sees("#wallboard[data-stale=false]").await;
    page.counts(USED, 1).await;
}

#[tokio::test]
async fn a_wallboard_finds_the_successor_of_its_broker_and_forgets_the_old_counts() {
    let Some(LooseStage { browser: page, line, broker }) = LooseStage::wallboard().await else {
        return;
    };
    let _maeve = broker.log_in("maeve", "agent_desktop").await;
    page.counts(USED, 1).await;
    broker.drain().await;
    page.sees("#wallboard[data-stale=true]").await;
    let successor = DemoBroker::start(0).await;
    line.lead_to(successor.address);
    page.sees("#live[data-state=live]").await;
    page.counts(USED, 0).await;
}
