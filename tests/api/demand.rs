//! Demand that could not be served, and what should have been bought.

use crate::figures::{add_agent, at, minutes, turn};
use crate::support::broker::TestBroker;
use licence_broker::clock::Clock;
use reqwest::Method;
use serde_json::{Value, json};

const DENIED: &str = "/v1/organisations/129/denied-demand";
const DEMAND: &str = "/v1/organisations/129/demand";
const BOUGHT: &str = "/v1/organisations/129/licences/agent_email/bought";
const ADVICE: &str = "/v1/organisations/129/advice";

/// One seat of three: `a` has it from 12:00 on, `b` and `c` come in vain at 12:31, and `b` again at 12:32;
/// in the next month `a` is still there.
async fn with_denials() -> (TestBroker, Clock) {
    let (broker, clock) = at("2020-07-06T12:00:00Z", "Asia/Kolkata").await;
    let operator = broker.operator();
    operator.buy(129, "inbound_agent", 1, 0).await;
    for user in ["a", "b", "c"] {
        add_agent(&operator, user, &[]).await;
    }
    let (a, _) = broker.login(129, "a", "agent_desktop").await;
    turn(&operator, &clock, minutes(31)).await;
    for user in ["b", "c"] {
        let (_, refused) = broker.login(129, user, "agent_desktop").await;
        assert_eq!(refused["reason"], "seat_exhausted");
    }
    turn(&operator, &clock, minutes(1)).await;
    let (_, refused) = broker.login(129, "b", "agent_desktop").await;
    assert_eq!(refused["reason"], "seat_exhausted");
    turn(&operator, &clock, minutes(10)).await;
    // The clock is turned further than records are made up for: nobody knows what was in use meanwhile.
    turn(&operator, &clock, minutes(60 * 24 * 30)).await;
    turn(&operator, &clock, minutes(5)).await;
    a.log_out().await;
    (broker, clock)
}

#[tokio::test]
async fn what_was_denied_is_counted_by_type_and_hour_of_the_zone() {
    let (broker, _clock) = with_denials().await;
    let operator = broker.operator();
    let row = json!({"licence": "inbound_agent", "start": "2020-07-06T12:30:00.000Z",
        "end": "2020-07-06T13:30:00.000Z", "denials": 3, "users": 2, "refused": 3, "partial": 0,
        "waiting": 0});
    let expected = json!({"items": [row], "next_cursor": null});
    assert_eq!(operator.get(DENIED).await, expected);
    assert_eq!(
        operator.get(&format!("{DENIED}?interval=1h&licence=inbound_agent")).await,
        expected
    );
    let cut = operator.get(&format!("{DENIED}?from=2020-07-06T12:32:00Z")).await;
    assert_eq!((&cut["items"][0]["denials"], &cut["items"][0]["users"]), (&json!(1), &json!(1)));
    let day = operator.get(&format!("{DENIED}?interval=1d")).await;
    assert_eq!(day["items"][0]["start"], "2020-07-05T18:30:00.000Z");
    assert_eq!(operator.get(&format!("{DENIED}?licence=agent_email")).await["items"], json!([]));
    let file = operator.csv(DENIED).await;
    let expected = "Organisation ID,Licence Type,Start Date Time,End Date Time,Denials,Users,\
        Refused,Partial,Waiting\r\n\
        129,Inbound Agent,2020-07-06 18:00:00,2020-07-06 19:00:00,3,2,3,0,0\r\n";
    assert_eq!(file, expected);
    for (query, field) in
        [("interval=5m", "interval"), ("licence=telex", "licence"), ("to=x", "to")]
    {
        let (status, problem) =
            operator.call(Method::GET, &format!("{DENIED}?{query}"), None).await;
        assert_eq!((status.as_u16(), &problem["field"]), (422, &json!(field)), "{query}");
    }
}

#[tokio::test]
async fn how_many_would_have_been_enough_is_told_for_any_range() {
    let (broker, _clock) = with_denials().await;
    let operator = broker.operator();
    let day = "from=2020-07-06T00:00:00Z&to=2020-07-07T00:00:00Z";
    let row = json!({"licence": "inbound_agent", "from": "2020-07-06T00:00:00.000Z",
        "to": "2020-07-07T00:00:00.000Z", "held_peak": 1, "denied_peak": 2, "demand_peak": 3,
        "at": "2020-07-06T12:30:00.000Z"});
    let expected = json!({"items": [row], "next_cursor": null});
    assert_eq!(operator.get(&format!("{DEMAND}?{day}&licence=inbound_agent")).await, expected);
    let all = operator.get(&format!("{DEMAND}?{day}")).await;
    assert!(all["items"].as_array().unwrap().contains(&expected["items"][0]), "{all}");
    let earlier = "from=2020-07-06T12:00:00Z&to=2020-07-06T12:30:00Z&licence=inbound_agent";
    let item = &operator.get(&format!("{DEMAND}?{earlier}")).await["items"][0];
    assert_eq!((&item["demand_peak"], &item["denied_peak"]), (&json!(1), &json!(0)));
    for (query, field) in [("licence=telex", "licence"), ("from=2019-01-01T00:00:00Z", "from")] {
        let (status, problem) =
            operator.call(Method::GET, &format!("{DEMAND}?{query}"), None).await;
        assert_eq!((status.as_u16(), &problem["field"]), (422, &json!(field)), "{query}");
    }
}

#[tokio::test]
async fn what_was_bought_is_told_from_what_was_in_force_when_the_range_began() {
    let (broker, clock) = at("2020-07-06T12:00:00Z", "UTC").await;
    let operator = broker.operator();
    for (concurrent, contingency) in [(5, 0), (7, 2), (6, 2)] {
        operator.buy(129, "agent_email", concurrent, contingency).await;
        clock.advance(minutes(60));
    }
    let row = |since: &str, concurrent: u32, contingency: u32| {
        json!({"licence": "agent_email", "since": format!("2020-07-06T{since}:00.000Z"),
            "base": 0, "concurrent": concurrent, "contingency": contingency, "fixed": 0})
    };
    let all = [row("12:00", 5, 0), row("13:00", 7, 2), row("14:00", 6, 2)];
    for (query, from, to) in [
        ("", 0, 3),
        ("from=2020-07-06T13:59:00Z", 1, 3),
        ("from=2020-07-06T14:00:00Z", 2, 3),
        ("from=2020-07-06T13:00:00Z&to=2020-07-06T14:00:00Z", 1, 2),
        ("from=2020-07-01T00:00:00Z&to=2020-07-02T00:00:00Z", 0, 0),
    ] {
        let list = operator.get(&format!("{BOUGHT}?{query}")).await;
        assert_eq!(list, json!({"items": all[from..to], "next_cursor": null}), "{query}");
    }
    let first = operator.get(&format!("{BOUGHT}?limit=2")).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = operator.get(&format!("{BOUGHT}?limit=2&cursor={cursor}")).await;
    assert_eq!(rest["items"], json!(all[2..]));
    let unknown = BOUGHT.replace("agent_email", "telex");
    assert_eq!(operator.call(Method::GET, &unknown, None).await.0.as_u16(), 404);
}

async fn advice(broker: &TestBroker, query: &str) -> Value {
    let list = broker.operator().get(&format!("{ADVICE}?{query}")).await;
    assert_eq!(list["next_cursor"], Value::Null);
    let items = list["items"].as_array().unwrap().clone();
    items.into_iter().find(|item| item["licence"] == "inbound_agent").unwrap()
}

#[tokio::test]
async fn advice_follows_from_the_demand_of_the_billing_months() {
    let (broker, _clock) = with_denials().await;
    let item = advice(&broker, "from=2020-07-01T00:00:00Z&to=2020-09-01T00:00:00Z").await;
    let july = json!({"month": "2020-07", "held_peak": 1, "denied_peak": 2, "demand_peak": 3,
        "at": "2020-07-06T12:30:00.000Z"});
    let august = json!({"month": "2020-08", "held_peak": 1, "denied_peak": 0, "demand_peak": 1,
        "at": "2020-08-05T12:40:00.000Z"});
    let expected = json!({"licence": "inbound_agent", "from": "2020-07-01T00:00:00.000Z",
        "to": "2020-09-01T00:00:00.000Z", "months": [july, august],
        "bought": {"concurrent": 1, "contingency": 0},
        "advice": {"concurrent": 1, "contingency": 2, "cost": null},
        "current_cost": null, "candidates": []});
    assert_eq!(item, expected);
}

#[tokio::test]
async fn with_prices_the_cheapest_mix_is_advised_and_the_calculation_shown() {
    let (broker, _clock) = with_denials().await;
    let prices = "concurrent_price=10.00&contingency_price=25.50";
    let item = advice(&broker, &format!("licence=inbound_agent&{prices}")).await;
    // Two months with peaks of 3 and 1.
    let candidates = json!([
        {"concurrent": 0, "contingency": 3, "cost": "102.00"},
        {"concurrent": 1, "contingency": 2, "cost": "71.00"},
        {"concurrent": 3, "contingency": 0, "cost": "60.00"},
    ]);
    assert_eq!(item["candidates"], candidates);
    assert_eq!(item["advice"], candidates[2]);
    assert_eq!(item["current_cost"], "20.00", "nobody pays for what was denied");
    let one_alone = advice(&broker, "concurrent_price=10.00").await;
    assert_eq!(one_alone["advice"]["cost"], Value::Null);
}

#[tokio::test]
async fn wrong_questions_for_advice_are_named() {
    let (broker, _clock) = at("2020-07-06T12:00:00Z", "UTC").await;
    let operator = broker.operator();
    assert_eq!(operator.get(ADVICE).await, json!({"items": [], "next_cursor": null}));
    for (query, field) in [
        ("licence=padlock", "licence"),
        ("licence=telex", "licence"),
        ("concurrent_price=-1", "concurrent_price"),
        ("contingency_price=1e3", "contingency_price"),
        ("from=2019-01-01T00:00:00Z", "from"),
        ("from=2020-07-07T00:00:00Z", "from"),
    ] {
        let (status, problem) =
            operator.call(Method::GET, &format!("{ADVICE}?{query}"), None).await;
        assert_eq!((status.as_u16(), &problem["field"]), (422, &json!(field)), "{query}");
    }
}
