//! `deploy/` against `docs/METRICS.md`: every series that is asked for is described, with the labels that
//! are asked for, and the unit fits the broker.

use crate::metrics::described;
use licence_broker::limits::{DRAIN_TIMEOUT, FILES_BESIDE_SOCKETS, Limits};
use serde_json::Value;
use std::collections::BTreeSet;

const DASHBOARD: &str = include_str!("../../deploy/grafana-dashboard.json");
const RULES: &str = include_str!("../../deploy/prometheus-rules.yaml");
const GUIDE: &str = include_str!("../../docs/ALERTS.md");
const UNIT: &str = include_str!("../../deploy/licence-broker.service");

fn dashboard() -> Value {
    serde_json::from_str(DASHBOARD).expect("the dashboard is JSON")
}

fn rules() -> Vec<Value> {
    let file: Value = serde_saphyr::from_str(RULES).expect("the rules are YAML");
    let groups = file["groups"].as_array().expect("groups").clone();
    groups.iter().flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
}

/// Every string under a key of this name, however deep.
fn strings<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(text) if name == key => found.push(text),
                    Some(_) | None => strings(member, key, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| strings(item, key, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The series that a query asks for, each with the labels that it selects by.
fn asked(query: &str) -> Vec<(String, BTreeSet<String>)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = query.match_indices("licence_broker_").map(|(at, _)| &query[at..]);
    starts
        .map(|rest| {
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            let selector = rest[end..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
            let pairs = selector.map_or("", |(selector, _)| selector).split(',');
            let labels = pairs.filter_map(|pair| pair.split(['=', '!']).next());
            let labels = labels.filter(|label| !label.is_empty() && *label != "instance");
            (rest[..end].to_owned(), labels.map(str::to_owned).collect())
        })
        .collect()
}

fn check(query: &str) {
    let described = described();
    let asked = asked(query);
    assert!(!asked.is_empty() || query.contains("up{"), "no series of the broker: {query}");
    for (name, labels) in asked {
        let parts = ["_bucket", "_sum", "_count"];
        let histogram = parts.iter().find_map(|part| name.strip_suffix(part));
        let histogram = histogram
            .filter(|family| described.get(*family).is_some_and(|(kind, _)| kind == "histogram"));
        let shape = described.get(histogram.unwrap_or(&name));
        let (kind, known) = shape.unwrap_or_else(|| panic!("{name} is not described: {query}"));
        assert!(histogram.is_some() || kind != "histogram", "{name} alone is no series: {query}");
        for label in labels {
            assert!(known.contains(&label), "{name} has no label {label}: {query}");
        }
    }
}

#[test]
fn the_dashboard_asks_for_what_there_is() {
    let dashboard = dashboard();
    let mut queries = Vec::new();
    strings(&dashboard["panels"], "expr", &mut queries);
    assert!(queries.len() > 30, "{}", queries.len());
    queries.into_iter().for_each(check);
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    let names: Vec<&str> = variables.iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(names, ["datasource", "instance", "organisation"]);
    let mut definitions = Vec::new();
    strings(&dashboard["templating"], "definition", &mut definitions);
    definitions.into_iter().for_each(check);
    let ids: Vec<_> = dashboard["panels"].as_array().expect("panels").iter().collect();
    let different: BTreeSet<_> = ids.iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(different.len(), ids.len(), "every panel has an id of its own");
}

#[test]
fn every_alert_asks_for_what_there_is_and_says_what_to_do() {
    let rules = rules();
    assert!(rules.len() > 8, "{}", rules.len());
    for rule in rules {
        check(rule["expr"].as_str().expect("an expression"));
        let severity = rule["labels"]["severity"].as_str();
        assert!(matches!(severity, Some("page" | "ticket")), "{rule}");
        for annotation in ["summary", "action"] {
            assert!(rule["annotations"][annotation].is_string(), "{rule}");
        }
    }
}

#[test]
fn the_guide_says_of_every_alert_what_it_means_and_what_to_do_and_of_no_other() {
    let rules = rules();
    let alerts: BTreeSet<_> = rules.iter().map(|rule| rule["alert"].as_str().unwrap()).collect();
    let sections: Vec<_> = GUIDE.split("\n### ").skip(1).collect();
    let told: BTreeSet<_> = sections.iter().map(|text| text.lines().next().unwrap()).collect();
    assert_eq!(told, alerts);
    assert_eq!(sections.len(), alerts.len(), "each once");
    for section in sections {
        for word in ["**It means**", "**Look**", "**Do**"] {
            assert!(section.contains(word), "{word} is missing: {section}");
        }
    }
}

fn setting(name: &str) -> &'static str {
    let line = UNIT.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("{name} is set"))
}

#[test]
fn the_service_leaves_room_for_the_drain_and_for_every_socket() {
    let stop_s: u64 = setting("TimeoutStopSec").trim_end_matches('s').parse().expect("seconds");
    assert!(stop_s > DRAIN_TIMEOUT.as_secs());
    let files: u64 = setting("LimitNOFILE").parse().expect("a number");
    let sockets = u64::try_from(Limits::default().sessions_max).expect("a number");
    assert!(files >= sockets + FILES_BESIDE_SOCKETS);
    assert!(setting("ExecReload").contains("-HUP"), "a certificate is reloaded by SIGHUP");
}

/// What `systemd-analyze syscall-filter @resources` names, which the service forbids but for what is named again.
const RESOURCES: [&str; 13] = [
    "ioprio_set",
    "mbind",
    "migrate_pages",
    "move_pages",
    "nice",
    "sched_setaffinity",
    "sched_setattr",
    "sched_setparam",
    "sched_setscheduler",
    "set_mempolicy",
    "set_mempolicy_home_node",
    "setpriority",
    "setrlimit",
];

#[test]
fn the_service_may_say_how_its_threads_are_scheduled_and_outlives_what_is_forbidden() {
    let filters = UNIT.lines().filter_map(|line| line.strip_prefix("SystemCallFilter="));
    let (forbidden, allowed): (Vec<_>, Vec<_>) = filters.partition(|calls| calls.starts_with('~'));
    assert!(forbidden.iter().any(|calls| calls.contains("@resources")), "{forbidden:?}");
    let allowed: BTreeSet<_> = allowed.iter().flat_map(|calls| calls.split(' ')).collect();
    let source = include_str!("../../src/thread_priority.rs");
    let asked = RESOURCES.iter().filter(|call| source.contains(&format!("{call}(")));
    let asked: Vec<_> = asked.collect();
    assert!(asked.contains(&&"sched_setscheduler") && asked.contains(&&"sched_setaffinity"));
    for call in asked {
        assert!(allowed.contains(call), "{call} would end the service, or fail in it");
    }
    assert_eq!(setting("SystemCallErrorNumber"), "EPERM");
}
