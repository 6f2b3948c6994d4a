//! When a broker is killed.

use crate::child::{Home, Process};
use chrono::{DateTime, Utc};
use rand::Rng;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

/// What it is doing just then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Agents work.
    Load,
    /// Agents come back after the kill before.
    Reconnect,
    /// It finds its sessions again after the kill before, and is killed once more.
    Starting,
    /// It was told to stop and sends everybody away.
    Draining,
    /// Many users are being imported.
    Import,
    /// It closes a five-minute interval.
    Border,
}

/// Whoever is to be killed at the end of an interval may have to wait so long for it.
const BORDER_WITHIN_S: i64 = 12;
const INTERVAL_S: i64 = 300;
/// Users of one import.
const IMPORTED: usize = 400;

impl Moment {
    /// One of them; the end of an interval if that is near.
    pub fn choose(rng: &mut StdRng, now: DateTime<Utc>) -> Self {
        if INTERVAL_S - now.timestamp() % INTERVAL_S <= BORDER_WITHIN_S {
            return Self::Border;
        }
        match rng.random_range(0..8) {
            0..3 => Self::Load,
            3 => Self::Reconnect,
            4 => Self::Starting,
            5 => Self::Draining,
            _ => Self::Import,
        }
    }
}

/// A moment of chance, at most so long from now.
pub async fn at_random(rng: &mut StdRng, at_most_ms: u64) {
    tokio::time::sleep(Duration::from_micros(rng.random_range(0..at_most_ms * 1_000))).await;
}

/// The end of the interval that is under way, and a moment of chance after it.
pub async fn at_border(rng: &mut StdRng) {
    let now = Utc::now();
    let end = (now.timestamp() / INTERVAL_S + 1) * INTERVAL_S;
    let left = DateTime::from_timestamp(end, 0).unwrap() - now;
    tokio::time::sleep(left.to_std().unwrap()).await;
    at_random(rng, 40).await;
}

/// Kills processes while they start; how many.
pub async fn kill_starting(home: &Home, rng: &mut StdRng) -> usize {
    let kills = rng.random_range(1..4);
    for _ in 0..kills {
        let process = home.spawn();
        at_random(rng, 250).await;
        process.kill();
    }
    kills
}

/// Has users imported, and kills the broker meanwhile; whether the import was answered before.
pub async fn kill_importing(
    home: &Home,
    organisation: u64,
    round: u64,
    process: Process,
    rng: &mut StdRng,
) -> bool {
    let lines = (0..IMPORTED).map(|number| {
        let user = format!("import-{round}-{number}");
        let line = json!({
            "user": user, "name": user, "status": "active", "user_type": "inbound_agent",
            "features": ["agent_email"],
        });
        format!("{line}\n")
    });
    let path = format!("/v1/organisations/{organisation}/users/import");
    let request = home.operator.request(Method::POST, &path);
    let request = request.header("content-type", "application/x-ndjson");
    let request = request.body(lines.collect::<String>());
    let import = tokio::spawn(request.send());
    at_random(rng, 60).await;
    process.kill();
    import.await.unwrap().is_ok_and(|answer| answer.status().is_success())
}

/// Each import is there as a whole or not at all, and as a whole if it was answered. `imports` has their
/// rounds, and whether they were.
pub async fn check_imports(home: &Home, organisation: u64, imports: &[(u64, bool)]) {
    let users = home.operator.all(&format!("/v1/organisations/{organisation}/users")).await;
    for (round, was_answered) in imports {
        let prefix = format!("import-{round}-");
        let of_round = users
            .iter()
            .filter(|user| user["user"].as_str().is_some_and(|user| user.starts_with(&prefix)));
        let count = of_round.count();
        let is_right = count == IMPORTED || (count == 0 && !was_answered);
        assert!(is_right, "import of round {round}, answered: {was_answered}: {count} users");
    }
}
