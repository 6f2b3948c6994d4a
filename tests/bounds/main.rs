//! What happens at each bound, over real sockets and HTTP: the answer as stated, counted once, and nothing
//! lost for those who are within it.
//!
//! The counters are those of the process, so each bound is met by one test of this suite alone.

#![allow(unreachable_pub, reason = "a suite is a crate that nobody uses")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod callers;
mod sockets;
mod subscribers;
mod table;

use licence_broker::limits::Limits;
use licence_broker::limits::bound::Bound;
use support::broker::{Setup, TestBroker};
use support::http::Api;

/// A broker with other bounds, and an organisation 129 with three agents, `a`, `b` and `c`, and a seat and a
/// place in each channel for each of them.
async fn stage(limits: Limits) -> (TestBroker, Api) {
    let broker = TestBroker::with(Setup { limits, ..Setup::default() }).await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    for licence in ["inbound_agent", "agent_email", "agent_sms", "agent_calls"] {
        operator.buy(129, licence, 3, 0).await;
    }
    for user in ["a", "b", "c"] {
        let features = ["agent_email", "agent_sms", "agent_calls"];
        operator.add_user(129, user, "inbound_agent", &features).await;
    }
    (broker, operator)
}

/// How often a bound was met so far.
fn hits(broker: &TestBroker, bound: Bound) -> u64 {
    let name = format!(r#"licence_broker_bound_hit_total{{bound="{}"}} "#, bound.as_str());
    let page = broker.inside.metrics.render();
    page.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
}
