//! A statement with its values: unnamed, with the types said, so that it needs one round trip and leaves
//! nothing behind on a connection that a pooler may give to somebody else.

use std::borrow::Cow;
use std::fmt;
use tokio_postgres::types::{ToSql, Type};

/// What a value is in PostgreSQL.
pub(super) trait Typed: ToSql + Sync + Send {
    /// Its type.
    const TYPE: Type;
}

macro_rules! typed {
    ($($rust:ty => $postgres:ident),+ $(,)?) => {
        $(impl Typed for $rust { const TYPE: Type = Type::$postgres; })+
    };
}

typed! {
    i64 => INT8, Option<i64> => INT8, Vec<i64> => INT8_ARRAY, Vec<Option<i64>> => INT8_ARRAY,
    bool => BOOL, Vec<bool> => BOOL_ARRAY,
    String => TEXT, Option<String> => TEXT, &str => TEXT, Option<&str> => TEXT, Cow<'_, str> => TEXT,
    Vec<String> => TEXT_ARRAY, Vec<Option<String>> => TEXT_ARRAY,
    Vec<Cow<'_, str>> => TEXT_ARRAY, Vec<&str> => TEXT_ARRAY, Vec<Option<&str>> => TEXT_ARRAY,
    Vec<u8> => BYTEA, &[u8] => BYTEA, Vec<&[u8]> => BYTEA_ARRAY,
    f64 => FLOAT8,
}

/// A text with the values of its parameters `$1`, `$2`, …
pub(super) struct Statement<'a> {
    text: Cow<'a, str>,
    values: Vec<(Box<dyn ToSql + Sync + Send + 'a>, Type)>,
}

impl<'a> Statement<'a> {
    /// Without values yet.
    pub(super) fn new(text: impl Into<Cow<'a, str>>) -> Self {
        Self { text: text.into(), values: Vec::new() }
    }

    /// The value of the next parameter.
    #[must_use]
    pub(super) fn bind<T: Typed + 'a>(mut self, value: T) -> Self {
        self.add(value);
        self
    }

    /// Goes on with this text.
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// Goes on with the next parameter, which has this value.
    pub(super) fn push_bind<T: Typed + 'a>(&mut self, value: T) -> &mut Self {
        let number = self.add(value);
        self.text.to_mut().push_str(&format!("${number}"));
        self
    }

    fn add<T: Typed + 'a>(&mut self, value: T) -> usize {
        self.values.push((Box::new(value), T::TYPE));
        self.values.len()
    }

    /// Its text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Its values as the driver takes them.
    pub(super) fn values(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        let lent = self.values.iter();
        lent.map(|(value, kind)| (&**value as &(dyn ToSql + Sync), kind.clone())).collect()
    }
}

impl fmt::Debug for Statement<'_> {
    /// Without the values: among them are password hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement").field("text", &self.text).finish_non_exhaustive()
    }
}
