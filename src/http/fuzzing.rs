//! For the fuzz targets and the test that replays their corpus (`tests/fuzz`), and for nothing else: the
//! readers of what strangers send, without the server around them.
//!
//! Public because fuzz targets are crates of their own; hidden, because it is no interface.

use super::body::{self, Fields, Invalid};
use super::cursor::List;
use super::query::Parameters;
use super::{
    accounts, csv, denials, import_file, licences, organisations, prices, report_request, sign_in,
    tokens, usage, user_fields, wallboards,
};
use crate::auth::{Claims, Role};
use crate::domain::catalogue::Catalogue;
use crate::domain::organisation::Settings;
use crate::limits::Limits;
use crate::problem::Problem;
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// What one reader of bodies says, by its name.
pub type Verdict = (&'static str, Result<(), Problem>);

/// Reads a body as each kind of request in turn.
///
/// # Errors
/// If it is no JSON object. Else what each reader says, by the reader's name.
pub fn bodies(
    body: &[u8],
    catalogue: &Catalogue,
    settings: &Settings,
    now: DateTime<Utc>,
) -> Result<Vec<Verdict>, Problem> {
    let fields = body::object(body)?;
    let operator = Claims {
        subject: Arc::from("operator"),
        organisation: None,
        role: Role::Operator,
        expires_at: now,
    };
    let mut verdicts = vec![
        ("organisation", of(organisations::new_settings(&fields, 60, now))),
        ("wallboard", of(wallboards::draft(&fields))),
        ("price", of(prices::unit_price(&fields))),
        ("sign-in", of(sign_in::read(&fields))),
        ("account", of(accounts::new_user(&fields))),
        ("password", accounts::new_password(&fields, "password").map(drop)),
        ("role", accounts::role(&fields, &operator).map(drop)),
        ("list", of(fields.texts("users"))),
        ("user", user(&fields, |raw| raw.draft(catalogue).map(drop))),
        ("change of a user", user(&fields, |raw| raw.patch(catalogue).map(drop))),
    ];
    let totals = catalogue.iter().map(|(_, licence)| of(licences::totals(&fields, licence)));
    verdicts.extend(totals.map(|verdict| ("totals", verdict)));
    verdicts.push(("tokens", issued(body, &operator, now)));
    verdicts.push(("report", of(report_request::read(fields, settings, now))));
    Ok(verdicts)
}

fn of<T>(result: Result<T, Invalid>) -> Result<(), Problem> {
    Ok(result.map(drop)?)
}

fn user(
    fields: &Fields,
    read: impl FnOnce(&user_fields::RawUser<'_>) -> Result<(), Invalid>,
) -> Result<(), Problem> {
    Ok(user_fields::RawUser::of(fields).and_then(|raw| read(&raw))?)
}

fn issued(body: &[u8], caller: &Claims, now: DateTime<Utc>) -> Result<(), Problem> {
    let asked = body::object(body)?.objects("tokens", Limits::default().tokens_per_call_max)?;
    asked.iter().try_for_each(|fields| tokens::claims(fields, caller, now).map(drop))
}

/// What became of the rows of an import.
#[derive(Debug)]
pub struct Imported {
    /// On which lines the rows that were taken begin.
    pub accepted: Vec<u64>,
    /// Those of the rejected rows that are spelled out: line, field, and why.
    pub rejected: Vec<(u64, Option<String>, String)>,
    /// How many rows were rejected.
    pub rejected_count: usize,
}

/// Reads the file of an import: CSV, or one JSON object a line.
///
/// # Errors
/// If the file as a whole is wrong.
pub fn import(
    file: &[u8],
    is_csv: bool,
    catalogue: &Catalogue,
    rows_max: usize,
) -> Result<Imported, Problem> {
    let read = if is_csv { import_file::read_csv } else { import_file::read_json_lines };
    let import = read(file, catalogue, rows_max)?;
    let told = |row: import_file::Rejected| (row.line, row.field, row.error);
    Ok(Imported {
        accepted: import.lines,
        rejected: import.rejected.shown.into_iter().map(told).collect(),
        rejected_count: import.rejected.count,
    })
}

/// One line of CSV as reports write it.
pub fn csv_line(cells: Vec<String>) -> Vec<u8> {
    csv::write(std::iter::once(cells))
}

/// Reads what stands behind the question mark, as the reports do.
///
/// # Errors
/// The first parameter that is wrong.
pub fn query(text: &str, catalogue: &Catalogue, now: DateTime<Utc>) -> Result<(), Problem> {
    let parameters = Parameters::of_query(text);
    parameters.limit(1_000)?;
    let usage = usage::filter(&parameters, catalogue)?;
    denials::filter(&parameters)?;
    licences::classes(&parameters)?;
    super::range::bounded(usage.range, now)?;
    for list in [List::Licences, List::LicenceUsage] {
        parameters.after::<u64>(list)?;
    }
    parameters.after::<String>(List::Users)?;
    Ok(())
}

/// The position that a cursor of users holds, and the cursor of that position; `None` if it is none.
pub fn cursor(text: &str) -> Option<(String, String)> {
    let position: String = List::Users.position(text).ok()?;
    let again = List::Users.cursor(&position);
    Some((position, again))
}
