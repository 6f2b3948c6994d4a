//! The file of an import: CSV or one JSON object a line, read into changes of users.
//!
//! Whatever is wrong with a row is said with the line on which it begins, counted from 1 in the file as
//! it was sent; the head of a CSV file is line 1 if nothing stands before it.

use super::body::{Fields, Invalid};
use super::user_fields::RawUser;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::UserName;
use crate::domain::provisioning::{UserChange, UserDraft};
use crate::limits::bound::Bound;
use crate::problem::{Kind, Problem};
use crate::telemetry::count_bound;
use csv::{ByteRecord, ReaderBuilder};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Rejections that are spelled out; all of them are counted.
const REJECTED_SHOWN_MAX: usize = 1_000;

/// Why a row was not taken.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(super) struct Rejected {
    pub(super) line: u64,
    /// `None` where the row as a whole is wrong.
    pub(super) field: Option<String>,
    pub(super) error: String,
}

/// What an import asks for.
#[derive(Debug, Default)]
pub(super) struct Import {
    pub(super) changes: Vec<UserChange>,
    /// By position of the change: on which line it stands.
    pub(super) lines: Vec<u64>,
    pub(super) rejected: Rejections,
    seen: HashMap<UserName, u64>,
}

/// Bounded: the first are spelled out, the rest only counted.
#[derive(Debug, Default)]
pub(super) struct Rejections {
    pub(super) shown: Vec<Rejected>,
    pub(super) count: usize,
}

impl Rejections {
    pub(super) fn add(&mut self, line: u64, field: Option<String>, error: impl Into<String>) {
        self.count += 1;
        if self.shown.len() < REJECTED_SHOWN_MAX {
            self.shown.push(Rejected { line, field, error: error.into() });
        }
    }
}

impl Import {
    /// Takes a row. A user who stood on an earlier line is rejected here: which of the two was meant
    /// cannot be known.
    fn add(&mut self, line: u64, draft: Result<UserDraft, Invalid>) {
        let draft = match draft {
            Ok(draft) => draft,
            Err(Invalid { field, reason }) => {
                return self.rejected.add(line, Some(field), reason);
            }
        };
        if let Some(earlier) = self.seen.insert(draft.user.clone(), line) {
            let error = format!("the user stands on line {earlier} already");
            return self.rejected.add(line, Some("user".to_owned()), error);
        }
        self.changes.push(UserChange::Upsert(draft));
        self.lines.push(line);
    }

    fn rows(&self) -> usize {
        self.changes.len() + self.rejected.count
    }
}

fn too_many(rows_max: usize) -> Problem {
    count_bound(Bound::ImportUsers);
    Problem::new(Kind::TooLarge, format!("at most {rows_max} users at once"))
}

/// One JSON object a line; empty lines count and say nothing.
pub(super) fn read_json_lines(
    body: &[u8],
    catalogue: &Catalogue,
    rows_max: usize,
) -> Result<Import, Problem> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let mut import = Import::default();
    for (line, text) in (1..).zip(body.split(|byte| *byte == b'\n')) {
        if text.trim_ascii().is_empty() {
            continue;
        }
        if import.rows() >= rows_max {
            return Err(too_many(rows_max));
        }
        match serde_json::from_slice(text) {
            Ok(Value::Object(map)) => {
                let fields = Fields::new(map);
                import.add(line, RawUser::of(&fields).and_then(|raw| raw.draft(catalogue)));
            }
            Ok(_) => import.rejected.add(line, None, "not a JSON object"),
            Err(error) => import.rejected.add(line, None, format!("not JSON: {error}")),
        }
    }
    Ok(import)
}

/// CSV (RFC 4180) with a head that names the columns, in any order; others are ignored. An empty cell
/// is as good as none.
pub(super) fn read_csv(
    body: &[u8],
    catalogue: &Catalogue,
    rows_max: usize,
) -> Result<Import, Problem> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(body);
    let mut lines = Lines { body, at: 0, line: 1 };
    let mut import = Import::default();
    let mut record = ByteRecord::new();
    let mut columns: Option<Columns> = None;
    while read_record(&mut reader, &mut record)? {
        let line = lines.of(&record);
        let Some(columns) = &columns else {
            columns = Some(Columns::of(&record)?);
            continue;
        };
        if import.rows() >= rows_max {
            return Err(too_many(rows_max));
        }
        match columns.cells(&record) {
            Ok(cells) => import.add(line, raw_user(&cells).draft(catalogue)),
            Err(error) => import.rejected.add(line, None, error),
        }
    }
    if columns.is_none() {
        return Err(Problem::field("user", "the file has no head with the column `user`"));
    }
    Ok(import)
}

fn read_record(reader: &mut csv::Reader<&[u8]>, record: &mut ByteRecord) -> Result<bool, Problem> {
    reader
        .read_byte_record(record)
        .map_err(|error| Problem::new(Kind::Malformed, format!("the body is not CSV: {error}")))
}

/// Counts lines up to where a record begins.
struct Lines<'a> {
    body: &'a [u8],
    /// Up to here lines were counted.
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn of(&mut self, record: &ByteRecord) -> u64 {
        let position = record.position().map_or(0, csv::Position::byte);
        let mut begin = usize::try_from(position).unwrap_or(usize::MAX).min(self.body.len());
        // The reader leaves the end of one line, and empty lines, to the next record.
        while self.body.get(begin).is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
            begin += 1;
        }
        let passed = &self.body[self.at.min(begin)..begin];
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.at = begin;
        self.line
    }
}

const COLUMNS: [&str; 5] = ["user", "name", "status", "user_type", "features"];

/// Where the columns are, in the order of [`COLUMNS`].
struct Columns {
    width: usize,
    places: [Option<usize>; COLUMNS.len()],
}

impl Columns {
    fn of(head: &ByteRecord) -> Result<Self, Problem> {
        let mut places = [None; COLUMNS.len()];
        for (place, cell) in head.iter().enumerate() {
            let name = cell.trim_ascii().to_ascii_lowercase();
            let known = COLUMNS.iter().position(|column| column.as_bytes() == name);
            let Some(known) = known else { continue };
            if places[known].replace(place).is_some() {
                return Err(Problem::field(COLUMNS[known], "the head names this column twice"));
            }
        }
        for (column, place) in COLUMNS.iter().zip(places) {
            if place.is_none() && matches!(*column, "user" | "user_type") {
                return Err(Problem::field(*column, "the head does not name this column"));
            }
        }
        Ok(Self { width: head.len(), places })
    }

    fn cells<'a>(&self, record: &'a ByteRecord) -> Result<[&'a str; COLUMNS.len()], String> {
        if record.len() != self.width {
            return Err(format!("{} cells, the head has {}", record.len(), self.width));
        }
        let mut cells = [""; COLUMNS.len()];
        for (cell, place) in cells.iter_mut().zip(self.places) {
            let bytes = place.and_then(|place| record.get(place)).unwrap_or_default();
            *cell = std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?;
        }
        Ok(cells)
    }
}

fn raw_user<'a>(cells: &[&'a str; COLUMNS.len()]) -> RawUser<'a> {
    let [user, name, status, user_type, features] = *cells;
    let given = |text: &'a str| (!text.is_empty()).then_some(text);
    let between = |c: char| matches!(c, ';' | '|' | ',') || c.is_whitespace();
    RawUser {
        user: given(user),
        name: given(name),
        status: given(status.trim()),
        user_type: given(user_type.trim()),
        features: Some(features.split(between).filter(|key| !key.is_empty()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue_file;

    fn csv(text: &str) -> Result<Import, Problem> {
        read_csv(text.as_bytes(), &catalogue_file::built_in(), 100)
    }

    fn json_lines(text: &str) -> Result<Import, Problem> {
        read_json_lines(text.as_bytes(), &catalogue_file::built_in(), 100)
    }

    /// `line:user/features` of what was taken, `line:field` of what was rejected.
    fn outline(import: &Import) -> (Vec<String>, Vec<String>) {
        let taken = import.changes.iter().zip(&import.lines).map(|(change, line)| match change {
            UserChange::Upsert(draft) => format!("{line}:{}/{}", draft.user, draft.features.len()),
            UserChange::Create(_) | UserChange::Patch { .. } | UserChange::Delete { .. } => {
                unreachable!("an import creates or replaces")
            }
        });
        let rejected = import.rejected.shown.iter().map(|rejected| {
            format!("{}:{}", rejected.line, rejected.field.as_deref().unwrap_or("-"))
        });
        (taken.collect(), rejected.collect())
    }

    #[test]
    fn columns_stand_in_any_order_beside_others() {
        let import = csv("\u{feff}Features, USER_TYPE ,shoe size,user\n\
             agent_email;agent_calls,inbound_agent,43,edred\n\
             \"agent_email, view|agent_sms\",inbound_agent,44,\"a \"\"b\"\"\"\n\
             ,supervisor,,\n");
        let (taken, rejected) = outline(&import.expect("readable"));
        assert_eq!(taken, ["2:edred/2", "3:a \"b\"/3"]);
        assert_eq!(rejected, ["4:user"]);
    }

    #[test]
    fn lines_are_those_of_the_file_whatever_ends_them() {
        for end in ["\n", "\r\n"] {
            let text = [
                "user,name,user_type",
                "a,A,inbound_agent",
                "",
                "b,\"two",
                "lines\",inbound_agent",
                "c,C,inbound_agent",
                "d,D,nobody",
                "e,E",
            ]
            .join(end);
            let (taken, rejected) = outline(&csv(&text).expect("readable"));
            assert_eq!(taken, ["2:a/0", "6:c/0"], "{end:?}");
            // A name of two lines has a control character.
            assert_eq!(rejected, ["4:name", "7:user_type", "8:-"], "{end:?}");
        }
    }

    #[test]
    fn a_head_must_name_the_columns_that_every_user_needs_once() {
        for (text, field) in [
            ("", "user"),
            ("name,user_type\n", "user"),
            ("user,name\n", "user_type"),
            ("user,user_type,User\n", "user"),
            ("edred,inbound_agent\n", "user"),
        ] {
            let problem = csv(text).expect_err("no head");
            assert!(format!("{problem:?}").contains(&format!("String(\"{field}\")")), "{text}");
        }
    }

    #[test]
    fn json_lines_are_users_as_elsewhere() {
        let (taken, rejected) = outline(
            &json_lines(
                "{\"user\":\"a\",\"user_type\":\"inbound_agent\",\"features\":[\"view\"]}\r\n\
                 \n\
                 {\"user\":\"b\",\"user_type\":\"inbound_agent\",\"features\":\"view\"}\n\
                 [1]\n{\n\
                 {\"user\":\"c\",\"user_type\":\"supervisor\"}",
            )
            .expect("readable"),
        );
        assert_eq!(taken, ["1:a/1", "6:c/0"]);
        assert_eq!(rejected, ["3:features", "4:-", "5:-"]);
    }

    #[test]
    fn a_user_who_stands_twice_is_rejected_where_they_stand_again() {
        let import = csv("user,user_type\na,supervisor\nb,supervisor\na,inbound_agent\n");
        let import = import.expect("readable");
        let (taken, rejected) = outline(&import);
        assert_eq!((taken.len(), rejected), (2, vec!["4:user".to_owned()]));
        assert!(import.rejected.shown[0].error.contains("line 2"));
    }

    #[test]
    fn bytes_that_are_no_text_reject_their_row_alone() {
        let body = b"user,user_type\n\xff,supervisor\nb,supervisor\n";
        let import = read_csv(body, &catalogue_file::built_in(), 100).expect("readable");
        assert_eq!(outline(&import), (vec!["3:b/0".to_owned()], vec!["2:-".to_owned()]));
    }

    #[test]
    fn rows_and_what_is_said_of_them_are_bounded() {
        let catalogue = catalogue_file::built_in();
        let rows = "x,nobody\n".repeat(REJECTED_SHOWN_MAX + 5);
        let text = format!("user,user_type\n{rows}");
        let import = read_csv(text.as_bytes(), &catalogue, REJECTED_SHOWN_MAX + 5);
        let rejected = import.expect("readable").rejected;
        let (shown, count) = (rejected.shown.len(), rejected.count);
        assert_eq!((shown, count), (REJECTED_SHOWN_MAX, REJECTED_SHOWN_MAX + 5));
        let refused = read_csv(text.as_bytes(), &catalogue, REJECTED_SHOWN_MAX + 4);
        assert_eq!(refused.expect_err("too many").kind(), Kind::TooLarge);
    }
}
