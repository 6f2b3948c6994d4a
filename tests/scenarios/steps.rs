//! What can be done in a table.

use crate::script::{comma_list, names, next_word};
use crate::setup::{
    add_users, bought, drafts, feature_set, number, provision, said_of_user, time_of_day, zone,
};
use crate::stage::{Connection, Stage, digest_of};
use crate::words::Words;
use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use licence_broker::domain::admission::{Acquire, Login, LoginAnswer, Wanted};
use licence_broker::domain::ids::{LicenceSet, LinkId, ResumeDigest, SessionId};
use licence_broker::domain::moment::Moment;
use licence_broker::domain::organisation::Organisation;
use licence_broker::domain::provisioning::{ProvisionUsers, UserChange, UserPatch};
use licence_broker::domain::purchases::SetPrice;
use licence_broker::domain::reason::{Departure, Device, UserStatus};
use licence_broker::domain::release::{ForceLogout, Leave, Release, RemoveOrganisation, Tick};
use licence_broker::domain::resume::{Reattach, ReleaseAbsent, Resume, ResumeAnswer};
use licence_broker::domain::settings::ChangeSettings;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// Does what a step says; the answer in words.
pub(crate) fn perform(stage: &mut Stage, what: &str) -> Result<String, String> {
    let mut rest = what;
    match next_word(&mut rest) {
        "tick" => stage.apply(Tick).map(|()| "done".to_owned()),
        "bought" => bought(stage, rest),
        "price" => price(stage, rest),
        "import" => import(stage, rest),
        "user" => change_user(stage, rest),
        "users" => add_users(stage, rest),
        "settings" => change_settings(stage, rest),
        "remove" => stage.apply(RemoveOrganisation).map(|()| "done".to_owned()),
        "restart" => restart(stage, rest, true),
        "rebuild" => restart(stage, rest, false),
        "earlier" => on_device(stage, next_word(&mut rest), rest, true),
        subject => on_device(stage, subject, rest, false),
    }
}

fn on_device(
    stage: &mut Stage,
    subject: &str,
    mut rest: &str,
    earlier: bool,
) -> Result<String, String> {
    let word = next_word(&mut rest);
    let device = Device::from_word(word).ok_or_else(|| format!("`{word}` is no device"))?;
    let verb = next_word(&mut rest);
    let users = names(subject)?;
    if let [user] = users.as_slice() {
        return Ok(act(stage, user, device, verb, rest, earlier)?.sentence());
    }
    let mut tally: Vec<(String, u32)> = Vec::new();
    for user in &users {
        for thing in act(stage, user, device, verb, rest, earlier)?.things() {
            match tally.iter_mut().find(|(known, _)| *known == thing) {
                Some((_, count)) => *count += 1,
                None => tally.push((thing, 1)),
            }
        }
    }
    let parts: Vec<String> =
        tally.iter().map(|(thing, count)| format!("{count} {thing}")).collect();
    Ok(parts.join(", "))
}

fn act(
    stage: &mut Stage,
    user: &str,
    device: Device,
    verb: &str,
    rest: &str,
    earlier: bool,
) -> Result<Words, String> {
    if verb == "login" {
        return login(stage, user, device, rest);
    }
    let connection = stage.connection(user, device, earlier)?.clone();
    let departure = match verb {
        "acquire" => return acquire(stage, &connection, rest),
        "release" => return release(stage, &connection, rest),
        "resume" => return resume(stage, &connection, rest),
        "force" => {
            let known = stage.apply(ForceLogout { session: connection.session })?;
            return Ok(Words::one(if known { "done" } else { "gone" }));
        }
        "logout" => Departure::Logout,
        "vanish" => Departure::ConnectionLost,
        "misbehave" => Departure::Misbehaved,
        "silence" => Departure::HeartbeatTimeout,
        "choke" => Departure::SlowConsumer,
        "storage_failed" => Departure::StorageUnavailable,
        "drain" => Departure::Drain,
        "token_expired" => Departure::TokenExpired,
        _ => return Err(format!("a device does not `{verb}`")),
    };
    let (session, link) = (connection.session, connection.link);
    let answer = stage.apply(Leave { session, link, departure })?;
    Ok(stage.speaker().leave(&answer))
}

fn login(stage: &mut Stage, user: &str, device: Device, mut rest: &str) -> Result<Words, String> {
    let (mut wanted, mut wait, mut grace_s) = (Wanted::Assigned, false, 0);
    while !rest.is_empty() {
        match next_word(&mut rest) {
            "wait" => wait = true,
            "grace" => grace_s = number(next_word(&mut rest))?,
            "channels" => wanted = Wanted::Named(channels(&mut rest)),
            word => return Err(format!("`{word}` is not said at a login")),
        }
    }
    let id = stage.next_id();
    let (session, link) = (SessionId(u128::from(id)), LinkId(id));
    let answer = stage.apply(Login {
        session,
        link,
        user: user.into(),
        device,
        wanted,
        wait,
        grace_s,
        resume: digest_of(session),
        address: "192.0.2.1".into(),
    })?;
    if matches!(answer, LoginAnswer::LoggedIn(_)) {
        let user = user.into();
        stage.connections.push(Connection { user, device, session, link });
    }
    Ok(stage.speaker().login(&answer))
}

/// A list that ends where no comma follows; `none` for an empty one.
fn channels(rest: &mut &str) -> Vec<Arc<str>> {
    let mut list = Vec::new();
    loop {
        let word = next_word(rest);
        let name = word.trim_end_matches(',');
        if name != "none" && !name.is_empty() {
            list.push(name.into());
        }
        if !word.ends_with(',') {
            return list;
        }
    }
}

fn acquire(stage: &mut Stage, connection: &Connection, mut rest: &str) -> Result<Words, String> {
    let channels = channels(&mut rest);
    let wait = rest == "wait";
    if !wait && !rest.is_empty() {
        return Err(format!("`{rest}` is not said at an acquire"));
    }
    let (session, link) = (connection.session, connection.link);
    let answer = stage.apply(Acquire { session, link, channels, wait })?;
    Ok(stage.speaker().acquire(&answer))
}

fn release(stage: &mut Stage, connection: &Connection, mut rest: &str) -> Result<Words, String> {
    let channels = channels(&mut rest);
    let (session, link) = (connection.session, connection.link);
    let answer = stage.apply(Release { session, link, channels })?;
    Ok(stage.speaker().release(&answer))
}

fn resume(stage: &mut Stage, connection: &Connection, rest: &str) -> Result<Words, String> {
    let session = connection.session;
    let mut resume = digest_of(session);
    let mut user = connection.user.clone();
    match rest.strip_prefix("as ") {
        Some(other) => user = other.into(),
        None if rest == "with a wrong token" => resume = ResumeDigest([0xff; 32]),
        None if rest.is_empty() => {}
        None => return Err(format!("`{rest}` is not said at a resume")),
    }
    let link = LinkId(stage.next_id());
    let answer = stage.apply(Resume { session, link, user, resume })?;
    if matches!(answer, ResumeAnswer::Resumed(_)) {
        stage.connections.push(Connection { link, ..connection.clone() });
    }
    Ok(stage.speaker().resume(&answer))
}

/// `agent_calls 12.50`, `agent_calls none`
fn price(stage: &mut Stage, mut rest: &str) -> Result<String, String> {
    let licence = stage.licence(next_word(&mut rest))?;
    let price = match rest {
        "none" => None,
        _ => Some(rest.parse().map_err(|_| format!("`{rest}` is no price"))?),
    };
    let answer = stage.apply(SetPrice { licence, price, expected_version: None })?;
    Ok(answer.map_or("changed", |_| "done").to_owned())
}

/// `atomic edred inbound_agent; ada suspended supervisor agent_sms`: users, new or known, one after the
/// other; what became of each. Without `atomic` those that can be are imported.
fn import(stage: &mut Stage, rest: &str) -> Result<String, String> {
    let (atomic, list) = rest.strip_prefix("atomic ").map_or((false, rest), |list| (true, list));
    let mut changes = Vec::new();
    for line in list.split(';') {
        changes.extend(drafts(stage, line.trim())?.into_iter().map(UserChange::Upsert));
    }
    let answers = stage.apply(ProvisionUsers { changes, atomic })?;
    let answers: Vec<String> = answers.iter().map(|answer| said_of_user(stage, answer)).collect();
    Ok(answers.join("; "))
}

/// `edred suspended`, `edred type supervisor`, `edred features +agent_sms -agent_email`,
/// `edred renamed Ed`, `edred anew inbound_agent`
fn change_user(stage: &mut Stage, mut rest: &str) -> Result<String, String> {
    let user: Arc<str> = next_word(&mut rest).into();
    let mut patch = UserPatch::default();
    match next_word(&mut rest) {
        "type" => patch.user_type = Some(stage.licence(rest)?),
        "features" => patch.features = Some(features_after(stage, &user, rest)?),
        "renamed" => patch.name = Some(rest.into()),
        "anew" => {
            let mut changes =
                vec![UserChange::Delete { user: user.clone(), expected_version: None }];
            let drafts = drafts(stage, &format!("{user} {rest}"))?;
            changes.extend(drafts.into_iter().map(UserChange::Create));
            return provision(stage, changes);
        }
        "removed" => {
            return provision(stage, vec![UserChange::Delete { user, expected_version: None }]);
        }
        word => match UserStatus::from_word(word) {
            Some(status) => patch.status = Some(status),
            None => return Err(format!("a user is not `{word}`")),
        },
    }
    provision(stage, vec![UserChange::Patch { user, patch, expected_version: None }])
}

fn features_after(stage: &Stage, user: &str, rest: &str) -> Result<LicenceSet, String> {
    let users = stage.keeper.snapshot().users;
    let known = users.iter().find(|record| &*record.user == user);
    let mut features = known.ok_or_else(|| format!("there is no {user}"))?.features;
    for word in rest.split(' ') {
        let (sign, key) = word.split_at(1);
        let change = feature_set(stage, key)?;
        features = match sign {
            "+" => features.union(change),
            "-" => features.difference(change),
            _ => return Err(format!("`{word}` neither adds nor takes a feature")),
        };
    }
    Ok(features)
}

/// `zone Asia/Tokyo`, `log_off 20:00`, `log_off none`, `max_grace 30`
fn change_settings(stage: &mut Stage, mut rest: &str) -> Result<String, String> {
    let mut change = ChangeSettings::default();
    match next_word(&mut rest) {
        "zone" => change.time_zone = Some(zone(rest)?),
        "log_off" if rest == "none" => change.scheduled_log_off = Some(None),
        "log_off" => change.scheduled_log_off = Some(Some(time_of_day(rest)?)),
        "max_grace" => change.max_grace_s = Some(number(rest)?),
        "name" => change.name = Some(rest.into()),
        word => return Err(format!("`{word}` is no setting")),
    }
    let answer = stage.apply(change)?;
    Ok(answer.map_or("changed", |_| "done").to_owned())
}

/// `alive at 2026-03-06 13:30:00 with edred agent_desktop, ada deskphone`: the state is rebuilt from
/// what is kept; those named are still connected. A restart begins the process's own time anew.
fn restart(stage: &mut Stage, rest: &str, is_new_process: bool) -> Result<String, String> {
    let (life, alive) = rest.split_once("with ").unwrap_or((rest, ""));
    let life = match life.trim().strip_prefix("alive at ") {
        Some(time) => local_instant(stage, time)?,
        None => stage.now.at,
    };
    let mut connected = Vec::new();
    for name in comma_list(alive) {
        let (user, word) = name.split_once(' ').unwrap_or((name, ""));
        let device = Device::from_word(word).ok_or_else(|| format!("`{word}` is no device"))?;
        let connection = stage.connection(user, device, false)?;
        connected.push((connection.session, connection.link));
    }
    let known: HashSet<SessionId> = connected.iter().map(|(session, _)| *session).collect();
    if is_new_process {
        stage.now.elapsed = Duration::from_secs(5);
    }
    let now = stage.now;
    let (ran_since, running_since) = if is_new_process {
        (stage.keeper.restart(life, now.at), now.at)
    } else {
        let since = stage.keeper.rebuild();
        (since, since)
    };
    let (snapshot, catalogue) = (stage.keeper.snapshot(), stage.catalogue.clone());
    stage.organisation = Organisation::restore(snapshot, catalogue, stage.bounds, ran_since);
    let then = Moment { at: life, elapsed: now.elapsed };
    stage.apply_at(ReleaseAbsent { known, running_since }, then)?;
    let orphans =
        stage.apply(Reattach { connected, departed: Vec::new(), held_for: Duration::ZERO })?;
    if orphans.is_empty() {
        return Ok("done".to_owned());
    }
    let names: Vec<String> = orphans.iter().map(|link| stage.name_of(*link)).collect();
    Ok(format!("orphans {}", names.join(", ")))
}

fn local_instant(stage: &Stage, text: &str) -> Result<DateTime<Utc>, String> {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S")
        .map_err(|_| format!("`{text}` is no date and time"))?;
    let found = stage.zone().from_local_datetime(&local).earliest();
    found.map(|at| at.with_timezone(&Utc)).ok_or_else(|| format!("clocks skip {text}"))
}
