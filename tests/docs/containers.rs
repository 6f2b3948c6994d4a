//! What containers and nodes are run by (`deploy/`) against the program: its settings, its probes, its time to drain,
//! and what it is built from.

use licence_broker::config::settings::{KEYS, variable};
use licence_broker::limits::DRAIN_TIMEOUT;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const COMPOSE: &str = include_str!("../../deploy/compose.yaml");
const IGNORED: &str = include_str!("../../deploy/Dockerfile.dockerignore");
const NODES: &str = include_str!("../../deploy/kubernetes/nodes.yaml");
const BALANCER: &str = include_str!("../../deploy/kubernetes/balancer.yaml");
const HAPROXY: &str = include_str!("../../deploy/haproxy.cfg");
const NGINX: &str = include_str!("../../deploy/nginx.conf");
const DOCKERFILE: &str = include_str!("../../deploy/Dockerfile");
const UNIT: &str = include_str!("../../deploy/licence-broker.service");
const NODE: &str = include_str!("../../deploy/node.env");
const PREFIX: &str = "LICENCE_BROKER_";
/// What takes a path by its text when the program is built.
const INCLUDES: &[&str] = &[
    "include_str!(\"",
    "include_bytes!(\"",
    "migrate!(\"",
    "embed_migrations!(\"",
    "#[folder = \"",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
}

/// What the sources of the program include, as paths from the top; of tests nothing is built.
fn included() -> BTreeSet<PathBuf> {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let mut found = BTreeSet::new();
    for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
        let text = fs::read_to_string(file).unwrap();
        for (marker, at) in
            INCLUDES.iter().flat_map(|it| text.match_indices(it).map(move |(at, _)| (it, at)))
        {
            let path = text[at + marker.len()..].split('"').next().unwrap();
            let from = if marker.starts_with("include_") { file.parent().unwrap() } else { root() };
            let whole = from.join(path).canonicalize();
            let whole =
                whole.unwrap_or_else(|_| panic!("{} is not there", from.join(path).display()));
            found.insert(whole.strip_prefix(root().canonicalize().unwrap()).unwrap().to_owned());
        }
    }
    found
}

fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).expect("YAML")
}

fn seconds(text: &str) -> u64 {
    text.trim_end_matches('s').parse().expect("seconds")
}

/// The names of the nodes that a balancer knows, by what stands before each name.
fn names<'a>(text: &'a str, before: &str) -> BTreeSet<&'a str> {
    let lines = text.lines().map(str::trim_start).filter_map(|line| line.strip_prefix(before));
    lines.map(|rest| rest.split([' ', '/', '}', '"']).next().unwrap()).collect()
}

#[test]
fn an_image_is_built_from_all_that_the_program_includes() {
    let taken: Vec<_> = IGNORED.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let included = included();
    assert!(included.len() > 3, "{included:?}");
    for path in included {
        assert!(taken.iter().any(|it| path.starts_with(it)), "{} is left out", path.display());
    }
    // Cargo looks at every package and every target that the manifest names.
    for path in ["Cargo.toml", "Cargo.lock", "src", "loadtest", "benches"] {
        assert!(taken.contains(&path), "{path}");
    }
    for path in taken {
        assert!(root().join(path).exists(), "{path} is not there");
    }
}

#[test]
fn whoever_stops_a_node_waits_for_its_drain() {
    let drain_s = DRAIN_TIMEOUT.as_secs();
    let compose = &documents(COMPOSE)[0];
    for name in ["a", "b", "c"] {
        let node = &compose["services"][name];
        assert!(seconds(node["stop_grace_period"].as_str().unwrap()) > drain_s, "{name}");
        assert_eq!(
            (&node["read_only"], &node["cap_drop"][0]),
            (&true.into(), &"ALL".into()),
            "{name}"
        );
        assert_eq!(node["environment"]["LICENCE_BROKER_NODE"], name);
    }
    let pod = &documents(NODES)[0]["spec"]["template"]["spec"];
    let broker = &pod["containers"][0];
    let before_s = broker["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap();
    let grace_s = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert!(grace_s > before_s + drain_s, "{grace_s}");
    assert_eq!(broker["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
}

#[test]
fn a_node_is_routed_to_by_readiness_and_restarted_by_life_alone() {
    let pods = documents(NODES);
    let broker = &pods[0]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(broker["readinessProbe"]["httpGet"]["path"], "/readyz");
    assert_eq!(broker["livenessProbe"]["httpGet"]["path"], "/healthz");
    assert!(HAPROXY.contains("uri /readyz"));
    let budget = pods.iter().find(|it| it["kind"] == "PodDisruptionBudget").expect("a budget");
    assert_eq!(budget["spec"]["maxUnavailable"], 1);
    assert_eq!(budget["spec"]["selector"], pods[0]["spec"]["selector"]);
}

#[test]
fn the_balancers_know_as_many_nodes_as_there_are() {
    let nodes = names(HAPROXY, "server \"${NAME_");
    assert_eq!(nodes.len(), 3, "{nodes:?}");
    let mut by_path = names(NGINX, "~^/node/");
    by_path.retain(|name| !name.starts_with('[')); // the pattern for every name
    assert_eq!(by_path, BTreeSet::from(["a", "b", "c"]));
    assert_eq!(names(NGINX, "upstream broker_"), BTreeSet::from(["a", "b", "c"]));
    let replicas = documents(NODES)[0]["spec"]["replicas"].as_u64().unwrap();
    assert_eq!(replicas, nodes.len() as u64);
    let container = &documents(BALANCER)[0]["spec"]["template"]["spec"]["containers"][0];
    let variables = container["env"].as_array().unwrap();
    for node in 0..replicas {
        let name = format!("licence-broker-{node}");
        let is_it = |it: &&Value| {
            it["value"].as_str().is_some_and(|value| value.split('.').next() == Some(&name))
        };
        assert_eq!(variables.iter().filter(is_it).count(), 2, "name and address of {name}");
    }
}

#[test]
fn every_variable_that_is_set_is_one_of_a_setting() {
    let known: BTreeSet<_> = KEYS.iter().map(|key| variable(key)).collect();
    let is_of_name = |c: char| c.is_ascii_uppercase() || c == '_';
    for (file, text) in [
        ("compose.yaml", COMPOSE),
        ("nodes.yaml", NODES),
        ("Dockerfile", DOCKERFILE),
        ("licence-broker.service", UNIT),
        ("node.env", NODE),
    ] {
        let starts: Vec<_> = text.match_indices(PREFIX).map(|(at, _)| at).collect();
        assert!(starts.len() > 2, "{file} sets something");
        for at in starts {
            let rest = &text[at..];
            let name = &rest[..rest.find(|c| !is_of_name(c)).unwrap_or(rest.len())];
            assert!(known.contains(name), "{file}: {name}");
        }
    }
    for variable in ["NODE", "ADVERTISE_URL", "DATABASE", "JWT_SECRET_FILE"] {
        let name = format!("{PREFIX}{variable}");
        for (file, text) in [("compose.yaml", COMPOSE), ("nodes.yaml", NODES), ("node.env", NODE)] {
            assert!(text.contains(&name), "{file} lacks {name}: a node of several needs it");
        }
    }
}
