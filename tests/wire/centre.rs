//! The contact centre of these tests: organisation 129, inbound agents, and what was bought for them.

use crate::support::broker::TestBroker;
use crate::support::eventually::eventually;
use crate::support::http::Api;
use serde_json::Value;
use std::time::Duration;

/// How long the broker may take over what needs no time-out.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// Creates it: types with their concurrent and contingency licences, inbound agents with their features.
pub(crate) async fn centre(
    broker: &TestBroker,
    licences: &[(&str, u32, u32)],
    agents: &[(&str, &[&str])],
) -> Api {
    let operator = broker.operator();
    operator.create_organisation(129).await;
    for (licence, concurrent, contingency) in licences {
        operator.buy(129, licence, *concurrent, *contingency).await;
    }
    for (agent, features) in agents {
        operator.add_user(129, agent, "inbound_agent", features).await;
    }
    operator
}

/// The sessions that the API lists.
pub(crate) async fn sessions(operator: &Api) -> Vec<Value> {
    operator.all("/v1/organisations/129/sessions").await
}

/// How many licences of a type are in use, contingency included.
pub(crate) async fn used(operator: &Api, licence: &str) -> u64 {
    let row = operator.licence(129, licence).await;
    row["concurrent"]["used"].as_u64().unwrap() + row["contingency"]["used"].as_u64().unwrap()
}

/// Waits until no session is left and nothing is held.
pub(crate) async fn assert_nothing_is_held(operator: &Api, within: Duration) -> Duration {
    let took =
        eventually(within, "no session is left", async || sessions(operator).await.is_empty());
    let took = took.await;
    let rows = operator.get("/v1/organisations/129/licences").await;
    for row in rows["items"].as_array().unwrap() {
        assert_eq!(row["concurrent"]["used"], 0, "{row}");
        assert_eq!(row["contingency"]["used"], 0, "{row}");
        assert_eq!(row["waiting"], 0, "{row}");
    }
    took
}

/// Waits until the log has so many records of this kind, and answers them.
pub(crate) async fn records(operator: &Api, usage_type: &str, count: usize) -> Vec<Value> {
    let of_type = async || {
        let mut records = operator.usage(129).await;
        records.retain(|record| record["usage_type"] == usage_type);
        records
    };
    eventually(SOON, "records in the log", async || of_type().await.len() >= count).await;
    let records = of_type().await;
    assert_eq!(records.len(), count, "{records:?}");
    records
}
