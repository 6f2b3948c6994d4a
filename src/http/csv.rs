//! Reports as CSV: every row, page by page from the store, so that memory is bounded by a page.

use crate::problem::Problem;
use crate::store::{Page, StoreError, Stored};
use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_DISPOSITION;
use bytes::Bytes;
use csv::{Terminator, WriterBuilder};
use futures_util::stream;
use std::borrow::Cow;

/// Rows that are read, and held, at a time.
const PAGE_ROWS: u32 = 1_000;

/// What a row says, in the order of the columns and as many.
type Cells<R> = Box<dyn Fn(&R) -> Vec<String>>;

/// The form of one report.
pub(super) struct Sheet<R> {
    /// Of the file, where it is saved.
    pub(super) file_name: &'static str,
    pub(super) columns: &'static [&'static str],
    pub(super) cells: Cells<R>,
}

/// Streams what `page` reads. The first page is read before anything is sent, so that a store that
/// fails then is a problem and not a broken file; a later failure breaks the connection off.
pub(super) async fn respond<R, Read, Reading>(
    sheet: Sheet<R>,
    read: Read,
) -> Result<HttpResponse, Problem>
where
    R: 'static,
    Read: Fn(Page) -> Reading + 'static,
    Reading: Future<Output = Result<Vec<Stored<R>>, StoreError>>,
{
    let first = read(Page { after: 0, limit: PAGE_ROWS }).await?;
    let head =
        write(std::iter::once(sheet.columns.iter().map(|name| (*name).to_owned()).collect()));
    let disposition = disposition(sheet.file_name);
    let start = Progress { pending: head, rows: Some(first) };
    let rows = stream::try_unfold((sheet, read, start), |(sheet, read, progress)| async move {
        let Some((chunk, after)) = progress.advance(&sheet) else { return Ok(None) };
        let rows = match after {
            Some(after) => Some(read(Page { after, limit: PAGE_ROWS }).await?),
            None => None,
        };
        Ok::<_, StoreError>(Some((chunk, (sheet, read, Progress { pending: Vec::new(), rows }))))
    });
    Ok(HttpResponse::Ok()
        .content_type(CONTENT_TYPE)
        .insert_header((CONTENT_DISPOSITION, disposition))
        .streaming(rows))
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

/// What is to be sent next: bytes, then a page; `None` when the last page was sent.
struct Progress<R> {
    pending: Vec<u8>,
    rows: Option<Vec<Stored<R>>>,
}

impl<R> Progress<R> {
    /// The next bytes, and after which row the next page begins if this one was full.
    fn advance(mut self, sheet: &Sheet<R>) -> Option<(Bytes, Option<i64>)> {
        let rows = self.rows?;
        self.pending.extend(write(rows.iter().map(|stored| (sheet.cells)(&stored.row))));
        let is_full = rows.len() >= PAGE_ROWS as usize;
        let after = rows.last().filter(|_| is_full).map(|stored| stored.cursor);
        Some((self.pending.into(), after))
    }
}

/// # Panics
/// Never: memory takes what is written.
fn write(rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
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
    use actix_web::body::to_bytes;
    use std::cell::RefCell;
    use std::rc::Rc;

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
            let response = respond(sheet(), read).await.expect("a file");
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
        let at_once = respond(sheet(), move |_| std::future::ready(refuse())).await;
        assert!(at_once.is_err());
        let later = move |page: Page| {
            std::future::ready(if page.after == 0 { Ok(rows(page, 5_000)) } else { refuse() })
        };
        let response = respond(sheet(), later).await.expect("a beginning");
        assert!(to_bytes(response.into_body()).await.is_err());
    }

    #[test]
    fn lines_end_as_rfc_4180_has_it() {
        let text = write(std::iter::once(vec!["a".to_owned(), "b \"c\"".to_owned()]));
        assert_eq!(text, b"a,\"b \"\"c\"\"\"\r\n");
    }
}
