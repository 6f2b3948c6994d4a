//! The guide to the client library: its snippets, put together, are a program that runs.

use crate::browser::Browser;
use crate::support::broker::TestBroker;
use licence_broker::auth::Role;
use serde_json::{Value, json};
use std::path::Path;

/// Everything that stands in the guide as JavaScript.
fn snippets() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/CLIENT.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let blocks = guide.split("```js\n").skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// The guide's program against this broker. `desktop` is whatever the guide calls: it notes its calls.
fn program() -> String {
    let address = ("\"wss://broker.example\"", "`ws://${location.host}`");
    let import = (
        "import { LicenceBrokerClient } from \"./client.js\";",
        "const { LicenceBrokerClient } = await import(\"/static/client.js\");",
    );
    let mut guide = snippets().concat();
    for (written, run) in [address, import] {
        assert!(guide.contains(written), "the guide says {written}");
        guide = guide.replace(written, run);
    }
    format!(
        "const [token, done] = arguments;
        const calls = [];
        const note = (name, given) => {{ calls.push([name, ...given]); return token; }};
        const desktop = new Proxy({{}}, {{ get: (_, name) => (...given) => note(name, given) }});
        (async () => {{ {guide} }})().then(() => done(calls), (error) => done(String(error)));"
    )
}

#[tokio::test]
async fn the_guide_to_the_client_library_is_a_program_that_runs() {
    assert!(snippets().len() > 7, "the guide is still read");
    let Some(page) = Browser::start().await else { return };
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    operator.buy(129, "inbound_agent", 2, 0).await;
    operator.buy(129, "agent_email", 2, 0).await;
    operator.add_user(129, "edred", "inbound_agent", &["agent_email", "agent_sms"]).await;
    page.open(&broker.url("/desk")).await;
    page.sees("#manual-open").await;
    let token = broker.token(Role::Device, 129, "edred");
    let calls = page.client.execute_async(&program(), vec![json!(token)]).await.unwrap();
    let calls = calls.as_array().unwrap_or_else(|| panic!("it ran to its end: {calls}"));
    let call = |name: &str| -> Vec<Value> {
        calls.iter().filter(|call| call[0] == name).cloned().collect()
    };
    assert_eq!(call("refused"), Vec::<Value>::new());
    assert_eq!(
        call("enable"),
        [
            json!(["enable", "inbound_agent", "concurrent"]),
            json!(["enable", "agent_email", "concurrent"]),
            json!(["enable", "agent_email", "concurrent"]),
        ]
    );
    assert_eq!(call("explain"), [json!(["explain", "agent_sms", "not_purchased"])]);
    assert_eq!(call("changed"), [json!(["changed", 1, 0, 0])]);
    assert_eq!(call("disable")[0], json!(["disable", "agent_email", "requested"]));
    assert_eq!(call("tokenUntil").len(), 1);
    assert_eq!(call("ended")[0][1], 4504, "resumed elsewhere, as the guide says");
    assert_eq!(call("loggedOut"), [json!(["loggedOut", ["inbound_agent", "agent_email"], true])]);
}
