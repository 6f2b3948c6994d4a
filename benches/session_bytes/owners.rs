//! Who allocated what, from the profile that dhat writes.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What a frame has to have in it to be somebody's, and who that is: the innermost frame that is somebody's
/// says whose the block is.
const OWNERS: &[(&str, &str)] = &[
    ("insert_session (", "organisation: sessions"),
    ("grant (", "organisation: what is held"),
    ("domain/", "organisation: the decision itself"),
    ("store/", "store"),
    ("sqlx", "store"),
    ("protocol/request.rs", "message read"),
    ("protocol/device.rs", "answer written"),
    ("protocol/lists.rs", "answer written"),
    ("auth/", "token"),
    ("broker/places.rs", "places of users"),
    ("broker/rates.rs", "rates of users"),
    ("actor/admission.rs", "queue of logins"),
    ("actor/link.rs", "connections of the organisation"),
    ("actor/live.rs", "live counts"),
    ("actor/pipeline.rs", "pipeline"),
    ("actor/journal.rs", "journal"),
    ("telemetry/", "metrics"),
    ("actor/", "mailbox and reply"),
    ("log_in::{async_fn", "(the benchmark's futures)"),
    ("{async_fn#0} (benches/session_bytes", "connection: claims, marks, tokens, reply"),
    ("login (benches/session_bytes", "connection: claims, marks, tokens, reply"),
];

#[derive(Deserialize)]
struct Profile {
    pps: Vec<Point>,
    ftbl: Vec<String>,
}

/// A place that allocated.
#[derive(Deserialize)]
struct Point {
    /// Bytes in all.
    tb: u64,
    /// Blocks in all.
    tbk: u64,
    /// Bytes that are left.
    eb: u64,
    /// Blocks that are left.
    ebk: u64,
    /// Frames, the innermost first.
    fs: Vec<usize>,
}

#[derive(Default)]
struct Sum {
    bytes: u64,
    blocks: u64,
    bytes_left: u64,
    blocks_left: u64,
}

impl Sum {
    fn add(&mut self, point: &Point) {
        self.bytes += point.tb;
        self.blocks += point.tbk;
        self.bytes_left += point.eb;
        self.blocks_left += point.ebk;
    }

    fn print(&self, owner: &str, logins: u32) {
        let each = |sum: u64| exact(sum) / f64::from(logins);
        println!(
            "| {owner} | {:.1} | {:.2} | {:.0} | {:.2} |",
            each(self.bytes_left),
            each(self.blocks_left),
            each(self.bytes),
            each(self.blocks)
        );
    }
}

/// Prints a table by owner: what is left of each login, and what it allocated.
pub(crate) fn print(profile: &Path, logins: u32) {
    let text = std::fs::read_to_string(profile).expect("a profile");
    let profile: Profile = serde_json::from_str(&text).expect("a profile");
    let (mut owners, mut all) = (BTreeMap::<&str, Sum>::new(), Sum::default());
    for point in &profile.pps {
        let owner = owner_of(point, &profile.ftbl);
        owners.entry(owner).or_default().add(point);
        all.add(point);
    }
    println!("| owner | bytes left | blocks left | bytes allocated | blocks allocated |");
    println!("|---|---|---|---|---|");
    for (owner, sum) in owners {
        sum.print(owner, logins);
    }
    all.print("all", logins);
    if std::env::args().any(|argument| argument == "--points") {
        print_points(&profile, logins);
    }
}

fn owner_of(point: &Point, frames: &[String]) -> &'static str {
    let owner = |frame: &usize| OWNERS.iter().find(|(part, _)| frames[*frame].contains(part));
    point.fs.iter().find_map(owner).map_or("elsewhere", |(_, owner)| owner)
}

/// Every place that allocated for most logins, with the frames of this program.
fn print_points(profile: &Profile, logins: u32) {
    let mut points: Vec<&Point> = profile.pps.iter().collect();
    points.sort_by_key(|point| std::cmp::Reverse((point.tbk, point.tb)));
    for point in points.iter().take_while(|point| point.tbk > u64::from(logins) / 20) {
        Sum { bytes: point.tb, blocks: point.tbk, bytes_left: point.eb, blocks_left: point.ebk }
            .print(owner_of(point, &profile.ftbl), logins);
        for frame in point.fs.iter().take(12) {
            println!("    {}", profile.ftbl[*frame]);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes of one process")]
fn exact(sum: u64) -> f64 {
    sum as f64
}
