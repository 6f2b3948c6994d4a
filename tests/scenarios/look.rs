//! What can be looked at in a table.

use crate::script::{Look, next_word, squeeze};
use crate::stage::Stage;
use licence_broker::domain::event::{DenialRecord, UsageRecord};
use licence_broker::domain::ids::LicenceId;
use licence_broker::domain::reason::ReleaseReason;
use licence_broker::domain::view::{HolderView, SessionView};

/// The rows that are to be seen, or for `counts` what differs.
pub(crate) fn look(stage: &mut Stage, look: &Look) -> Result<Vec<String>, String> {
    let mut rest = look.line.text.as_str();
    match next_word(&mut rest) {
        "usage" => {
            let records = std::mem::take(&mut stage.usage);
            Ok(records.iter().map(|record| usage_row(stage, record)).collect())
        }
        "denials" => {
            let records = std::mem::take(&mut stage.denials);
            Ok(records.iter().map(|record| denial_row(stage, record)).collect())
        }
        "maxima" => {
            let (bare, by) =
                (std::mem::take(&mut stage.maxima), std::mem::take(&mut stage.maxima_by));
            let by = by.iter().map(|(row, sessions)| stage.maximum_row(row, sessions));
            Ok(if rest == "with sessions" { by.collect() } else { bare })
        }
        "intervals" => intervals(stage, rest),
        "last" if next_word(&mut rest) == "interval" => last_interval(stage, rest),
        "months" => Ok(std::mem::take(&mut stage.months)),
        "bill" => {
            let (month, lines) = stage.organisation.bill();
            Ok(lines.iter().map(|line| stage.bill_row(month, line)).collect())
        }
        "base" => Ok(std::mem::take(&mut stage.base)),
        "holders" => {
            let licence = stage.licence(next_word(&mut rest))?;
            let holders = stage.organisation.holders(Some(licence), None, usize::MAX);
            Ok(holders.iter().map(|holder| holder_row(stage, holder)).collect())
        }
        "sessions" => {
            let sessions = stage.organisation.sessions(None, usize::MAX);
            Ok(sessions.iter().map(|session| session_row(stage, session)).collect())
        }
        word => Err(format!("`{word}` cannot be looked at")),
    }
}

/// All that no look has shown before, or of one type; the rest is not shown again.
fn intervals(stage: &mut Stage, key: &str) -> Result<Vec<String>, String> {
    let mut rows = std::mem::take(&mut stage.intervals);
    if !key.is_empty() {
        stage.licence(key)?;
        rows.retain(|row| row.split(' ').nth(4) == Some(key));
    }
    Ok(rows)
}

/// Of all that no look has shown before only the interval that ended last.
fn last_interval(stage: &mut Stage, key: &str) -> Result<Vec<String>, String> {
    let mut rows = intervals(stage, key)?;
    let start = |row: &String| row.split(" to ").next().map(str::to_owned);
    let last = rows.last().and_then(start);
    rows.retain(|row| start(row) == last);
    Ok(rows)
}

fn usage_row(stage: &Stage, record: &UsageRecord) -> String {
    let source = record
        .reason
        .map_or(record.device.logon_source(), |reason| reason.logon_source(record.device));
    let reason = record.reason.map(ReleaseReason::as_str).unwrap_or_default();
    let (at, key) = (stage.local(record.at), stage.speaker().key(record.licence));
    squeeze(&format!(
        "{} {at} {key} {} {source} {} {reason}",
        record.usage_type, record.user, record.pool
    ))
}

fn denial_row(stage: &Stage, record: &DenialRecord) -> String {
    let name = stage.speaker().denied_name(&record.denied.licence);
    format!(
        "{} {name} {} {} {} {}",
        stage.local(record.at),
        record.user,
        record.device,
        record.denied.reason,
        record.outcome
    )
}

fn holder_row(stage: &Stage, holder: &HolderView) -> String {
    let devices: Vec<String> =
        holder.sessions.iter().map(|(_, device, _)| device.to_string()).collect();
    let since = stage.local(holder.since);
    format!("{} {} since {since} by {}", holder.user, holder.pool, devices.join(", "))
}

fn session_row(stage: &Stage, session: &SessionView) -> String {
    let held = session.licences.iter();
    let held: Vec<String> =
        held.map(|held| format!("{} {}", stage.speaker().key(held.licence), held.pool)).collect();
    let waits: Vec<String> = session.waiting.iter().map(|key| stage.speaker().key(*key)).collect();
    let state = if session.is_connected { "connected" } else { "lingering" };
    let mut row = format!("{} {} {state}: {}", session.user, session.device, held.join(", "));
    if !waits.is_empty() {
        row += &format!("; waits {}", waits.join(", "));
    }
    row
}

/// `counts inbound_agent holders 1 concurrent 1 of 10`: the same words with the numbers that stand.
pub(crate) fn counts(stage: &Stage, expected: &str) -> Result<String, String> {
    let mut rest = expected;
    let key = next_word(&mut rest);
    let mut actual = key.to_owned();
    if key == "everybody" {
        let (active, in_month) = stage.organisation.active_users();
        return Ok(format!("{key} active {active} active_in_month {in_month}"));
    }
    while !rest.is_empty() {
        let word = next_word(&mut rest);
        next_word(&mut rest);
        if let Some(after) = rest.strip_prefix("of ") {
            rest = after;
            next_word(&mut rest);
        }
        actual += &format!(" {word} {}", count(stage, stage.licence(key)?, word)?);
    }
    Ok(actual)
}

fn count(stage: &Stage, licence: LicenceId, word: &str) -> Result<String, String> {
    let counts = stage.organisation.counts([licence].into_iter().collect());
    let counts = counts.first().ok_or("no counts")?;
    let number = match word {
        "holders" => counts.holders,
        "instances" => counts.instances,
        "concurrent" => {
            return Ok(format!("{} of {}", counts.split.concurrent, counts.totals.concurrent));
        }
        "contingency" => {
            return Ok(format!("{} of {}", counts.split.contingency, counts.totals.contingency));
        }
        "over" => counts.split.over_allocated,
        "max" => counts.contingency_max,
        "waiting" => counts.waiting,
        "denied" => counts.denied_today,
        "assigned" => counts.assigned,
        "active" => counts.active,
        "active_in_month" => counts.active_in_month,
        "base" => counts.totals.base,
        "used" => counts.base.used,
        "reusable" => counts.base.reusable,
        "available" => counts.base.available,
        "fixed" => counts.totals.fixed,
        _ => return Err(format!("`{word}` is not counted")),
    };
    Ok(number.to_string())
}
