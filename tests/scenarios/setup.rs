//! The first lines of a table: the organisation, what it bought, and its users.

use crate::script::{Fault, Line, comma_list, names, next_word};
use crate::stage::{Charter, Stage};
use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use licence_broker::domain::ids::{LicenceSet, OrganisationId};
use licence_broker::domain::pool::Totals;
use licence_broker::domain::provisioning::{ProvisionUsers, UserChange, UserDraft, UserRefusal};
use licence_broker::domain::purchases::{SetTotals, TotalsRefusal};
use licence_broker::domain::reason::UserStatus;
use licence_broker::domain::user::UserRecord;

/// Builds the organisation as its table says, at the instant of the first step.
pub(crate) fn build(charter: &Charter, setup: &[Line], at: DateTime<Utc>) -> Result<Stage, Fault> {
    let mut stage = Stage::new(charter, at);
    for line in setup {
        build_line(&mut stage, &line.text).map_err(|why| (line.number, why))?;
    }
    Ok(stage)
}

/// The line that begins with `organisation`.
pub(crate) fn charter(setup: &[Line]) -> Result<Charter, Fault> {
    let line = setup.iter().find(|line| line.text.starts_with("organisation "));
    let line = line.ok_or((1, "no line begins with `organisation`".to_owned()))?;
    read_charter(&line.text).map_err(|why| (line.number, why))
}

fn read_charter(text: &str) -> Result<Charter, String> {
    let mut rest = text;
    next_word(&mut rest);
    let id = next_word(&mut rest).parse().ok().and_then(OrganisationId::new);
    let mut charter = Charter {
        id: id.ok_or("an organisation has a number")?,
        zone: zone(next_word(&mut rest))?,
        max_grace_s: 60,
        log_off: None,
        queue_max: 100,
    };
    while !rest.is_empty() {
        let (word, value) = (next_word(&mut rest), next_word(&mut rest));
        match word {
            "max_grace" => charter.max_grace_s = number(value)?,
            "log_off" => charter.log_off = Some(time_of_day(value)?),
            "queue" => charter.queue_max = number(value)?,
            _ => return Err(format!("`{word}` is not said of an organisation")),
        }
    }
    Ok(charter)
}

fn build_line(stage: &mut Stage, text: &str) -> Result<(), String> {
    let mut rest = text;
    match next_word(&mut rest) {
        "organisation" => Ok(()),
        "bought" => {
            let answer = bought(stage, rest)?;
            if answer == "done" { Ok(()) } else { Err(answer) }
        }
        "user" | "users" => {
            let answer = add_users(stage, rest)?;
            if answer == "done" { Ok(()) } else { Err(answer) }
        }
        word => Err(format!("`{word}` does not begin a line of the setup")),
    }
}

pub(crate) fn number(word: &str) -> Result<u32, String> {
    word.parse().map_err(|_| format!("`{word}` is no number"))
}

pub(crate) fn zone(word: &str) -> Result<Tz, String> {
    word.parse().map_err(|_| format!("`{word}` is no time zone"))
}

pub(crate) fn time_of_day(word: &str) -> Result<NaiveTime, String> {
    NaiveTime::parse_from_str(word, "%H:%M").map_err(|_| format!("`{word}` is no time of day"))
}

/// `inbound_agent concurrent 10 contingency 2 base 10`: what is not named is 0.
pub(crate) fn bought(stage: &mut Stage, mut rest: &str) -> Result<String, String> {
    let licence = stage.licence(next_word(&mut rest))?;
    let mut totals = Totals::default();
    while !rest.is_empty() {
        let (word, value) = (next_word(&mut rest), next_word(&mut rest));
        let field = match word {
            "base" => &mut totals.base,
            "concurrent" => &mut totals.concurrent,
            "contingency" => &mut totals.contingency,
            "fixed" => &mut totals.fixed,
            _ => return Err(format!("`{word}` is not bought")),
        };
        *field = number(value)?;
    }
    if let Some((field, why)) = totals.not_for_sale(stage.catalogue.get(licence)) {
        return Err(format!("{field}: {why}"));
    }
    let answer = stage.apply(SetTotals { licence, totals, expected_version: None })?;
    Ok(match answer {
        Ok(_) => "done".to_owned(),
        Err(TotalsRefusal::Changed) => "changed".to_owned(),
        Err(TotalsRefusal::FixedExhausted(assigned)) => format!("fixed_exhausted {assigned}"),
        Err(TotalsRefusal::BaseExhausted(bound)) => format!("base_exhausted {bound}"),
    })
}

/// New users; see [`drafts`].
pub(crate) fn add_users(stage: &mut Stage, rest: &str) -> Result<String, String> {
    let changes = drafts(stage, rest)?.into_iter().map(UserChange::Create).collect();
    provision(stage, changes)
}

/// `edred inbound_agent agent_email, agent_calls`, perhaps with a status before the type.
pub(crate) fn drafts(stage: &Stage, mut rest: &str) -> Result<Vec<UserDraft>, String> {
    let users = names(next_word(&mut rest))?;
    let mut word = next_word(&mut rest);
    let mut status = UserStatus::Active;
    if let Some(other) = UserStatus::from_word(word) {
        status = other;
        word = next_word(&mut rest);
    }
    let user_type = stage.licence(word)?;
    let features = feature_set(stage, rest)?;
    let draft = |user: &String| UserDraft {
        user: user.as_str().into(),
        name: user.as_str().into(),
        status,
        user_type,
        features,
    };
    Ok(users.iter().map(draft).collect())
}

pub(crate) fn feature_set(stage: &Stage, text: &str) -> Result<LicenceSet, String> {
    comma_list(text).into_iter().map(|key| stage.licence(key)).collect()
}

/// Makes the changes, all or none; `done` or the first refusal.
pub(crate) fn provision(stage: &mut Stage, changes: Vec<UserChange>) -> Result<String, String> {
    let answers = stage.apply(ProvisionUsers { changes, atomic: true })?;
    let refused = answers.into_iter().find(Result::is_err);
    Ok(refused.map_or_else(|| "done".to_owned(), |refused| said_of_user(stage, &refused)))
}

/// `done`, or why not.
pub(crate) fn said_of_user(stage: &Stage, answer: &Result<UserRecord, UserRefusal>) -> String {
    match answer {
        Ok(_) => "done".to_owned(),
        Err(UserRefusal::Exists) => "exists".to_owned(),
        Err(UserRefusal::Unknown) => "unknown".to_owned(),
        Err(UserRefusal::Changed) => "changed".to_owned(),
        Err(UserRefusal::TooManyUsers) => "too_many_users".to_owned(),
        Err(UserRefusal::FixedExhausted(licence)) => {
            format!("fixed_exhausted {}", stage.speaker().key(*licence))
        }
        Err(UserRefusal::BaseExhausted(licence)) => {
            format!("base_exhausted {}", stage.speaker().key(*licence))
        }
    }
}
