//! Reports as CSV: every row, part by part from the store, so that memory is bounded by a part.

use super::words;
use crate::broker::admission::Export;
use crate::domain::catalogue::Catalogue;
use crate::problem::Problem;
use crate::store::{Page, Part, StoreError, Stored};
use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_DISPOSITION;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use csv::{Terminator, Writer, WriterBuilder};
use futures_util::stream;
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

/// Rows that are read at a time where they are held meanwhile.
const PAGE_ROWS: u32 = 1_000;

/// Rows that are looked at for one part of a long export; some 125 KB of text, two milliseconds.
pub(super) const PART_ROWS: u32 = 1_024;

/// One of the exports that may be under way; held until the last part has been taken.
pub(super) type Permit = Export;

/// What a row says, in the order of the columns and as many.
type Cells<R> = Box<dyn Fn(&R) -> Vec<String>>;

/// The form of one report.
pub(super) struct Sheet<R> {
    /// Of the file, where it is saved.
    pub(super) file_name: &'static str,
    pub(super) columns: &'static [&'static str],
    pub(super) cells: Cells<R>,
}

/// Streams what `read` reads, page by page.
pub(super) async fn respond<R, Read, Reading>(
    permit: Permit,
    sheet: Sheet<R>,
    read: Read,
) -> Result<HttpResponse, Problem>
where
    R: 'static,
    Read: Fn(Page) -> Reading + 'static,
    Reading: Future<Output = Result<Vec<Stored<R>>, StoreError>>,
{
    let (file_name, columns, cells) = (sheet.file_name, sheet.columns, Rc::new(sheet.cells));
    send(permit, file_name, columns, move |after| {
        let (reading, cells) = (read(Page { after, limit: PAGE_ROWS }), Rc::clone(&cells));
        async move {
            let rows = reading.await?;
            let is_full = rows.len() >= PAGE_ROWS as usize;
            let after = rows.last().filter(|_| is_full).map(|stored| stored.cursor);
            Ok(Part { text: write(rows.iter().map(|stored| cells(&stored.row))), after })
        }
    })
    .await
}

/// Streams parts as they are taken: `read` gets the cursor after which one begins. The first is read
/// before anything is sent, so that a store that fails then is a problem and not a broken file; a later
/// failure breaks the connection off.
pub(super) async fn send<Read, Reading>(
    permit: Permit,
    file_name: &str,
    columns: &[&str],
    read: Read,
) -> Result<HttpResponse, Problem>
where
    Read: Fn(i64) -> Reading + 'static,
    Reading: Future<Output = Result<Part, StoreError>>,
{
    let mut first = read(0).await?;
    let head = write(std::iter::once(columns.iter().map(|name| (*name).to_owned()).collect()));
    first.text.splice(0..0, head);
    let parts = stream::try_unfold((read, Next::Send(first), permit), |state| async move {
        let (read, next, permit) = state;
        let part = match next {
            Next::Send(part) => part,
            Next::Read(after) => {
                permit.give_way().await;
                let part = filled(&read, after).await;
                part.inspect_err(|error| tracing::error!(%error, "an export broke off"))?
            }
            Next::End => return Ok(None),
        };
        let next = part.after.map_or(Next::End, Next::Read);
        Ok::<_, StoreError>(Some((Bytes::from(part.text), (read, next, permit))))
    });
    Ok(HttpResponse::Ok()
        .content_type(CONTENT_TYPE)
        .insert_header((CONTENT_DISPOSITION, disposition(file_name)))
        .streaming(parts))
}

/// A file that is in memory as a whole, because its rows are few.
pub(super) fn whole(
    file_name: &str,
    columns: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> HttpResponse {
    let head = columns.iter().map(|name| (*name).to_owned()).collect();
    HttpResponse::Ok()
        .content_type(CONTENT_TYPE)
        .insert_header((CONTENT_DISPOSITION, disposition(file_name)))
        .body(write(std::iter::once(head).chain(rows)))
}

const CONTENT_TYPE: &str = "text/csv; charset=utf-8; header=present";

fn disposition(file_name: &str) -> String {
    format!("attachment; filename=\"{file_name}.csv\"")
}

/// What a stream does when it is asked for more.
enum Next {
    Send(Part),
    Read(i64),
    End,
}

/// The next part with something in it, or the last one: an empty chunk would end the answer.
async fn filled<Read, Reading>(read: &Read, mut after: i64) -> Result<Part, StoreError>
where
    Read: Fn(i64) -> Reading,
    Reading: Future<Output = Result<Part, StoreError>>,
{
    loop {
        let part = read(after).await?;
        match part.after {
            Some(next) if part.text.is_empty() => after = next,
            Some(_) | None => return Ok(part),
        }
    }
}

/// Lines that are written cell by cell.
pub(super) struct Lines {
    writer: Writer<Vec<u8>>,
    zone: Tz,
    catalogue: Arc<Catalogue>,
    /// The last two instants as they were written, the one written later last: the records of one login share
    /// theirs, those of one interval its start and its end.
    instants: [(DateTime<Utc>, String); 2],
}

impl Lines {
    /// With times as clocks in `zone` show them, and the names of licence types.
    pub(super) fn new(zone: Tz, catalogue: Arc<Catalogue>) -> Self {
        let epoch = (DateTime::UNIX_EPOCH, words::local_instant(DateTime::UNIX_EPOCH, zone));
        Self { writer: writer(), zone, catalogue, instants: [epoch.clone(), epoch] }
    }

    /// # Panics
    /// Never: memory takes what is written.
    pub(super) fn cell(&mut self, text: &str) {
        let written = self.writer.write_field(defused(text).as_bytes());
        written.expect("memory takes what is written");
    }

    pub(super) fn time(&mut self, at: DateTime<Utc>) {
        if self.instants.iter().all(|(written, _)| *written != at) {
            self.instants.swap(0, 1);
            self.instants[1] = (at, words::local_instant(at, self.zone));
        }
        let [before, last] = &self.instants;
        let written = self.writer.write_field(if last.0 == at { &last.1 } else { &before.1 });
        written.expect("memory takes what is written");
    }

    pub(super) fn number(&mut self, number: impl Into<u64>) {
        self.cell(&number.into().to_string());
    }

    /// A licence type by its name.
    pub(super) fn licence(&mut self, key: &str) {
        let catalogue = Arc::clone(&self.catalogue);
        self.cell(words::name_of(&catalogue, key));
    }

    pub(super) fn end_line(&mut self) {
        let written = self.writer.write_record(None::<&[u8]>);
        written.expect("memory takes what is written");
    }

    pub(super) fn into_text(self) -> Vec<u8> {
        self.writer.into_inner().expect("memory takes what is written")
    }
}

fn writer() -> Writer<Vec<u8>> {
    WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new())
}

/// # Panics
/// Never: memory takes what is written.
pub(super) fn write(rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = writer();
    for cells in rows {
        let cells = cells.iter().map(|cell| defused(cell).into_owned());
        writer.write_record(cells).expect("memory takes what is written");
    }
    writer.into_inner().expect("memory takes what is written")
}

/// A cell that a spreadsheet would take for a formula, made text by an apostrophe (SPEC §10).
fn defused(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::admission::Admission;
    use crate::limits::Limits;
    use actix_web::body::to_bytes;
    use std::cell::RefCell;
    use std::rc::Rc;

    fn permit() -> Permit {
        let admission = Admission::new(&Limits::default());
        admission.export().expect("the first")
    }

    fn sheet() -> Sheet<i64> {
        let cells = Box::new(|row: &i64| vec![row.to_string(), "a,\"b\"\nc".to_owned()]);
        Sheet { file_name: "test", columns: &["Number", "Text"], cells }
    }

    fn rows(page: Page, all: i64) -> Vec<Stored<i64>> {
        let last = all.min(page.after + i64::from(page.limit));
        (page.after + 1..=last).map(|row| Stored { cursor: row, row }).collect()
    }

    #[test]
    fn cells_that_would_be_formulas_are_text() {
        for dangerous in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(defused(dangerous), format!("'{dangerous}"));
        }
        for harmless in ["", "edred", "a=1", "'=1", "エドレッド", " =1"] {
            assert_eq!(defused(harmless), harmless);
        }
    }

    #[actix_web::test]
    async fn all_pages_are_sent_after_one_head() {
        for all in [0, 1, i64::from(PAGE_ROWS), i64::from(PAGE_ROWS) + 1, 2_500] {
            let asked = Rc::new(RefCell::new(Vec::new()));
            let seen = Rc::clone(&asked);
            let read = move |page: Page| {
                seen.borrow_mut().push(page.after);
                std::future::ready(Ok(rows(page, all)))
            };
            let response = respond(permit(), sheet(), read).await.expect("a file");
            let text = to_bytes(response.into_body()).await.expect("all of it");
            let mut reader = csv::Reader::from_reader(&*text);
            assert_eq!(reader.headers().expect("a head"), vec!["Number", "Text"]);
            let read: Vec<i64> = reader
                .records()
                .map(|record| record.expect("a row")[0].parse().expect("a number"))
                .collect();
            assert_eq!(read, (1..=all).collect::<Vec<_>>());
            assert!(asked.borrow().len() as i64 <= all / i64::from(PAGE_ROWS) + 1);
        }
    }

    #[actix_web::test]
    async fn a_store_that_fails_at_first_is_a_problem_and_later_breaks_off() {
        let refuse = || Err(StoreError::Aborted("busy".to_owned()));
        let at_once = respond(permit(), sheet(), move |_| std::future::ready(refuse())).await;
        assert!(at_once.is_err());
        let later = move |page: Page| {
            std::future::ready(if page.after == 0 { Ok(rows(page, 5_000)) } else { refuse() })
        };
        let response = respond(permit(), sheet(), later).await.expect("a beginning");
        assert!(to_bytes(response.into_body()).await.is_err());
    }

    #[actix_web::test]
    async fn a_part_with_nothing_in_it_does_not_end_the_file() {
        let read = |after| {
            let text = if after == 3 { b"3\r\n".to_vec() } else { Vec::new() };
            std::future::ready(Ok(Part { text, after: (after < 5).then_some(after + 1) }))
        };
        let response = send(permit(), "test", &["Number"], read).await.expect("a file");
        let text = to_bytes(response.into_body()).await.expect("all of it");
        assert_eq!(text, "Number\r\n3\r\n");
    }

    #[test]
    fn lines_written_cell_by_cell_are_read_as_they_were_meant() {
        let zone = chrono_tz::Europe::London;
        let mut lines = Lines::new(zone, crate::catalogue_file::built_in());
        for (at, key) in
            [("2026-03-29T00:59:59Z", "agent_email"), ("2026-03-29T01:00:00Z", "of_old")]
        {
            lines.time(at.parse().expect("an instant"));
            lines.licence(key);
            lines.cell("=a,\"b\"\nc");
            lines.cell("");
            lines.end_line();
        }
        let text = lines.into_text();
        assert!(text.ends_with(b"\r\n"));
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&*text);
        let read: Vec<csv::StringRecord> =
            reader.records().map(|line| line.expect("a line")).collect();
        assert_eq!(read[0], vec!["2026-03-29 00:59:59", "Agent E-mail", "'=a,\"b\"\nc", ""]);
        assert_eq!(read[1], vec!["2026-03-29 02:00:00", "of_old", "'=a,\"b\"\nc", ""]);
    }

    #[test]
    fn lines_end_as_rfc_4180_has_it() {
        let text = write(std::iter::once(vec!["a".to_owned(), "b \"c\"".to_owned()]));
        assert_eq!(text, b"a,\"b \"\"c\"\"\"\r\n");
    }
}
