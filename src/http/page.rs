//! Lists: `{"items":[…],"next_cursor":…}`.

use super::cursor::List;
use crate::store::Stored;
use actix_web::HttpResponse;
use serde::Serialize;

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

    pub(super) fn respond(&self) -> HttpResponse {
        HttpResponse::Ok().json(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_list_has_exactly_two_members() {
        let text = serde_json::to_string(&Page::whole(vec![1])).expect("JSON");
        assert_eq!(text, r#"{"items":[1],"next_cursor":null}"#);
    }
}
