//! A shift: organisations full of devices that come and go, until a test has done to the nodes what it
//! is about.

use crate::auditor::{Auditor, Found};
use crate::cluster::{Cluster, HEARTBEAT};
use crate::device::Device;
use crate::estate::{AGENTS, agent, furnish};
use crate::floor::{Close, Floor, Mode};
use crate::support::audit::{Ledger, held_by_sessions};
use crate::support::eventually::eventually;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// At the end everything must be at rest by then.
const REST_WITHIN: Duration = Duration::from_secs(30);
/// So many grants are some work.
const SOME_GRANTS: usize = 150;
const WORK_WITHIN: Duration = Duration::from_secs(30);

/// Devices at work.
pub(crate) struct Shift {
    pub(crate) floor: Floor,
    pub(crate) organisations: Vec<u64>,
    mode: watch::Sender<Mode>,
    devices: JoinSet<()>,
}

impl Shift {
    /// Furnishes organisations `1..=count` and has their devices begin; every third agent has two.
    pub(crate) async fn begin(cluster: &Cluster, count: u64, seed: u64) -> Self {
        let (mode, on) = watch::channel(Mode::Work);
        let floor = Floor::new(
            Auditor::new(HEARTBEAT, cluster.is_alone()),
            cluster.addresses(),
            on,
            HEARTBEAT,
        );
        let organisations: Vec<u64> = (1..=count).collect();
        for organisation in &organisations {
            furnish(&cluster.caller, &floor, *organisation, "UTC").await;
        }
        let mut shift = Self { floor, organisations, mode, devices: JoinSet::new() };
        shift.fill(seed);
        shift.work().await;
        shift
    }

    fn fill(&mut self, seed: u64) {
        for organisation in &self.organisations {
            for number in 0..AGENTS {
                let seed = seed ^ (organisation << 32) ^ (number as u64) << 8;
                let devices: &[&'static str] = match number % 3 {
                    0 => &["agent_desktop", "deskphone"],
                    1 => &["agent_desktop"],
                    _ => &["deskphone"],
                };
                for (index, device) in (0..).zip(devices) {
                    let user = agent(number);
                    let device =
                        Device::new(&self.floor, *organisation, &user, device, seed + index);
                    self.devices.spawn(device.run());
                }
            }
        }
    }

    /// Lets them work for as long as some grants take.
    pub(crate) async fn work(&self) {
        self.work_for(SOME_GRANTS).await;
    }

    /// Lets them work for as long as so many grants take.
    pub(crate) async fn work_for(&self, grants: usize) {
        let enough = self.floor.auditor.grants() + grants;
        eventually(WORK_WITHIN, "devices that are granted something", async || {
            self.floor.auditor.grants() >= enough
        })
        .await;
    }

    /// What a node said since then to devices that were in, at the end of their connections.
    pub(crate) fn told_by(&self, node: SocketAddr, since: Instant) -> Vec<Close> {
        let closes = self.floor.closes.lock().unwrap();
        let told = closes.iter().filter(|close| close.node == node && close.at >= since);
        told.filter(|close| close.was_in).cloned().collect()
    }

    /// Everybody stops, everything is read, and what was told is held against it.
    ///
    /// # Panics
    /// If anything was granted twice, lost, or recorded twice.
    pub(crate) async fn end(mut self, cluster: &Cluster) {
        self.mode.send(Mode::Calm).unwrap();
        let auditor = &self.floor.auditor;
        eventually(REST_WITHIN, "whoever has grace is back", async || auditor.is_at_rest()).await;
        let mut found = BTreeMap::new();
        for organisation in &self.organisations {
            found.insert(*organisation, self.read(cluster, *organisation).await);
        }
        auditor.verdict(&found);
        cluster.assert_kept().await;
        let records: usize = found.values().map(|found| found.usage.len()).sum();
        eprintln!(
            "AUDIT: {} grants told, {} sessions resumed, {records} records; over-grants 0, lost 0, \
             double 0",
            auditor.grants(),
            auditor.resumes()
        );
        self.mode.send(Mode::End).unwrap();
        while let Some(ended) = self.devices.join_next().await {
            ended.expect("a device without a fault");
        }
    }

    /// What the API says of an organisation, once nothing is under way any more.
    async fn read(&self, cluster: &Cluster, organisation: u64) -> Found {
        let mut found = Found::default();
        let path = |what: &str| format!("/v1/organisations/{organisation}/{what}");
        // What is wrong for good is told by the verdict.
        let patience = tokio::time::Instant::now() + REST_WITHIN / 2;
        eventually(REST_WITHIN, "an organisation at rest", async || {
            found.sessions = cluster.caller.all(&path("sessions")).await;
            found.usage = cluster.caller.all(&path("licence-usage")).await;
            let held = held_by_sessions(&found.sessions);
            let open = Ledger::replay(&found.usage, &BTreeMap::new()).open();
            let told = self.floor.auditor.held_now(organisation);
            let at_rest = open == held && told.is_subset(&held);
            at_rest || tokio::time::Instant::now() > patience
        })
        .await;
        found.intervals = cluster.caller.all(&path("organisation-licence-usage")).await;
        found
    }
}
