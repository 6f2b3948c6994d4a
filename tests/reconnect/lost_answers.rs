//! The broker has decided, and the device never hears of it.

use crate::centre::{AGENTS, Centre, ORGANISATION};
use crate::child::Home;
use crate::forwarder::Break;
use serde_json::json;

#[tokio::test]
async fn a_resume_whose_answer_was_lost_is_sent_again_and_succeeds() {
    let home = Home::new();
    let process = home.start().await;
    let centre = Centre::found(home).await;
    let mut desks = centre.open_shift().await;
    let before = centre.charged().await;
    let lost = desks.pop().expect("three agents").welcome;
    for _ in 0..3 {
        let mut deaf = centre.connect_as_device().await;
        centre.forwarder.break_off(Break::LostAnswers);
        let said = centre.forwarder.said();
        deaf.send(centre.resume_message(AGENTS[2], &lost)).await;
        centre.forwarder.more_said_than(said).await;
        centre.assert_nobody_else_gets_in().await;
    }
    let mut back = Vec::new();
    for (user, desk) in AGENTS.iter().zip(desks) {
        back.push(centre.resume(user, desk.welcome).await);
    }
    back.push(centre.resume(AGENTS[2], lost).await);
    assert_eq!(centre.charged().await, before);
    centre.close_shift(back).await;
    process.kill();
}

#[tokio::test]
async fn a_login_whose_answer_was_lost_is_taken_over_by_the_next_and_charged_once() {
    let home = Home::new();
    let process = home.start().await;
    let centre = Centre::found(home).await;
    let first = [centre.log_in(AGENTS[0]).await, centre.log_in(AGENTS[1]).await];
    let mut deaf = centre.connect_as_device().await;
    centre.forwarder.break_off(Break::LostAnswers);
    let said = centre.forwarder.said();
    deaf.send(centre.login_message(AGENTS[2])).await;
    centre.forwarder.more_said_than(said).await;
    centre.assert_nobody_else_gets_in().await;
    let charged = centre.contingency().await;
    assert_eq!((&charged["used"], &charged["max_used"]), (&json!(1), &json!(1)));

    let again = centre.log_in(AGENTS[2]).await;
    assert_eq!(again.welcome["granted"][0]["pool"], "shared", "it has its seat already");
    centre.assert_nobody_else_gets_in().await;
    assert_eq!(centre.contingency().await, charged);
    let usage = centre.home.operator.usage(ORGANISATION).await;
    let last: Vec<_> = usage[usage.len() - 2..]
        .iter()
        .map(|record| [&record["usage_type"], &record["pool"], &record["reason"]])
        .collect();
    assert_eq!(last[0], [&json!("Acquired"), &json!("shared"), &json!(null)]);
    assert_eq!(last[1], [&json!("Released"), &json!("contingency"), &json!("superseded")]);

    let mut desks = Vec::new();
    for (user, desk) in AGENTS.iter().zip(first) {
        desks.push(centre.resume(user, desk.welcome).await);
    }
    desks.push(again);
    centre.close_shift(desks).await;
    process.kill();
}
