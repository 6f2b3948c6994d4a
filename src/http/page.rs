//! Lists: `{"items":[…],"next_cursor":…}`.

use super::cursor::List;
use super::query::Parameters;
use crate::problem::Problem;
use crate::store::Stored;
use actix_web::HttpResponse;
use serde::Serialize;
use std::fmt::Display;
use std::str::FromStr;

/// A part of a list, and where the next part begins.
#[derive(Debug, Serialize)]
pub(super) struct Page<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

impl<T: Serialize> Page<T> {
    /// A list that is answered whole.
    pub(super) fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }

    /// Of `limit` rows and one more, if there are so many, the first `limit`.
    pub(super) fn of<R>(
        mut rows: Vec<R>,
        limit: u32,
        cursor: impl Fn(&R) -> String,
        shape: impl Fn(R) -> T,
    ) -> Self {
        let limit = limit as usize;
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| has_more).map(cursor);
        Self { items: rows.into_iter().map(shape).collect(), next_cursor }
    }

    /// [`Self::of`] for rows of the store.
    pub(super) fn stored<R>(
        rows: Vec<Stored<R>>,
        limit: u32,
        list: List,
        shape: impl Fn(R) -> T,
    ) -> Self {
        Self::of(rows, limit, |row| list.cursor(row.cursor), |stored| shape(stored.row))
    }

    /// A list that is at hand as a whole, in the order of the rows' positions: all that comes after the
    /// cursor, in pages only where the caller names a `limit`.
    pub(super) fn at_hand<P: Display + FromStr + Ord>(
        rows: impl IntoIterator<Item = (P, T)>,
        list: List,
        parameters: &Parameters,
        limit_max: u32,
    ) -> Result<Self, Problem> {
        let limit = match parameters.get("limit") {
            Some(_) => parameters.limit(limit_max)?,
            None => u32::MAX,
        };
        let after: Option<P> = parameters.after(list)?;
        let rows = rows.into_iter();
        let rows = rows.filter(|(position, _)| after.as_ref().is_none_or(|after| position > after));
        let rows = rows.take(limit as usize + 1).collect();
        Ok(Self::of(rows, limit, |(position, _)| list.cursor(position), |(_, row)| row))
    }

    pub(super) fn respond(&self) -> HttpResponse {
        HttpResponse::Ok().json(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn page(rows: usize) -> Page<i64> {
        let rows = (1..=rows as i64).map(|row| Stored { cursor: row, row: row * 10 }).collect();
        Page::stored(rows, 2, List::Users, |row| row)
    }

    #[test]
    fn a_cursor_is_given_only_where_there_is_more() {
        assert_eq!(page(2).next_cursor, None);
        assert_eq!(page(0).next_cursor, None);
        let first = page(3);
        assert_eq!(first.items, [10, 20]);
        assert_eq!(first.next_cursor, Some(List::Users.cursor(2)));
    }

    #[test]
    fn a_list_at_hand_is_whole_unless_a_limit_is_named() {
        let page = |query: &str| {
            let request = TestRequest::with_uri(&format!("/x?{query}")).to_http_request();
            let rows = [(1_u32, 10), (3, 30), (5, 50)];
            Page::at_hand(rows, List::Prices, &Parameters::of(&request), 2)
        };
        assert_eq!(page("").expect("a page").items, [10, 30, 50]);
        let first = page("limit=1").expect("a page");
        assert_eq!(
            (&first.items[..], &first.next_cursor),
            (&[10][..], &Some(List::Prices.cursor(1)))
        );
        let cursor = List::Prices.cursor(2);
        let rest = page(&format!("limit=9&cursor={cursor}")).expect("a page");
        assert_eq!((&rest.items[..], rest.next_cursor), (&[30, 50][..], None));
        assert!(page("limit=0").is_err() && page("cursor=x").is_err());
    }

    #[test]
    fn a_list_has_exactly_two_members() {
        let text = serde_json::to_string(&Page::whole(vec![1])).expect("JSON");
        assert_eq!(text, r#"{"items":[1],"next_cursor":null}"#);
    }
}
