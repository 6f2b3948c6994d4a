//! Devices: the worked example of the contract, and what each message is answered.

use crate::support::broker::TestBroker;
use serde_json::json;

#[tokio::test]
async fn the_worked_example_of_the_contract_is_played_live() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    for licence in ["inbound_agent", "agent_email", "agent_calls"] {
        operator.buy(129, licence, 10, 2).await;
    }
    operator.add_user(129, "edred", "inbound_agent", &["agent_email", "agent_calls"]).await;

    let (desktop, answer) = broker.login(129, "edred", "agent_desktop").await;
    assert_eq!(
        answer["granted"],
        json!([
            { "licence": "inbound_agent", "pool": "concurrent" },
            { "licence": "agent_email", "pool": "concurrent" },
        ])
    );
    let (deskphone, answer) = broker.login(129, "edred", "deskphone").await;
    assert_eq!(
        answer["granted"],
        json!([
            { "licence": "inbound_agent", "pool": "shared" },
            { "licence": "agent_calls", "pool": "concurrent" },
        ])
    );
    let released = desktop.log_out().await;
    assert_eq!(released["released"], json!(["inbound_agent", "agent_email"]));

    let log = operator.csv("/v1/organisations/129/licence-usage").await;
    let columns: Vec<Vec<&str>> =
        log.lines().map(|line| line.split(',').collect::<Vec<_>>()).collect();
    let told: Vec<[&str; 4]> = columns.iter().map(|row| [row[0], row[2], row[3], row[4]]).collect();
    assert_eq!(
        told,
        [
            ["Usage Type", "Licence Type", "User", "Logon Source"],
            ["Acquired", "Inbound Agent", "edred", "Agent Desktop"],
            ["Acquired", "Agent E-mail", "edred", "Agent Desktop"],
            ["Acquired", "Inbound Agent", "edred", "Paired Device"],
            ["Acquired", "Agent Calls", "edred", "Paired Device"],
            ["Released", "Inbound Agent", "edred", "Agent Desktop"],
            ["Released", "Agent E-mail", "edred", "Agent Desktop"],
        ]
    );
    let row = operator.licence(129, "inbound_agent").await;
    assert_eq!(row["concurrent"], json!({ "total": 10, "used": 1, "available": 9 }));
    deskphone.vanish();
}
