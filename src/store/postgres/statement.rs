//! A statement with its values: unnamed, with the types said, so that it needs one round trip and leaves
//! nothing behind on a connection that a pooler may give to somebody else.

use std::borrow::Cow;
use std::fmt;
use tokio_postgres::types::{ToSql, Type};

/// A value as the driver takes it.
type Boxed<'a> = Box<dyn ToSql + Sync + Send + 'a>;

/// What a value is in PostgreSQL.
pub(super) trait Typed: ToSql + Sync + Send + Sized {
    /// Its type.
    const TYPE: Type;

    /// The value as it is sent. No text of PostgreSQL has the character NUL in it, and clients send what they
    /// please: it becomes U+FFFD, in what is kept and in what is looked for alike.
    fn boxed<'a>(self) -> Boxed<'a>
    where
        Self: 'a,
    {
        Box::new(self)
    }
}

macro_rules! typed {
    ($($rust:ty => $postgres:ident),+ $(,)?) => {
        $(impl Typed for $rust { const TYPE: Type = Type::$postgres; })+
    };
}

typed! {
    i64 => INT8, Option<i64> => INT8, Vec<i64> => INT8_ARRAY, Vec<Option<i64>> => INT8_ARRAY,
    bool => BOOL, Vec<bool> => BOOL_ARRAY,
    Vec<u8> => BYTEA, &[u8] => BYTEA, Vec<&[u8]> => BYTEA_ARRAY, Vec<Option<Vec<u8>>> => BYTEA_ARRAY,
    f64 => FLOAT8,
}

macro_rules! typed_text {
    ($($rust:ty),+) => {
        $(impl Typed for $rust {
            const TYPE: Type = Type::TEXT;

            fn boxed<'a>(self) -> Boxed<'a>
            where
                Self: 'a,
            {
                if has_nul(&self) { Box::new(without_nul(&self)) } else { Box::new(self) }
            }
        }

        impl Typed for Vec<$rust> {
            const TYPE: Type = Type::TEXT_ARRAY;

            fn boxed<'a>(self) -> Boxed<'a>
            where
                Self: 'a,
            {
                if !self.iter().any(has_nul) {
                    return Box::new(self);
                }
                Box::new(self.iter().map(without_nul).collect::<Vec<_>>())
            }
        })+
    };
}

typed_text!(String, Option<String>, &str, Option<&str>);

/// A text, or none.
trait Text {
    fn text(&self) -> Option<&str>;
}

impl Text for String {
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

impl Text for &str {
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

impl<T: Text> Text for Option<T> {
    fn text(&self) -> Option<&str> {
        self.as_ref().and_then(Text::text)
    }
}

fn has_nul(value: &impl Text) -> bool {
    value.text().is_some_and(|text| text.contains('\0'))
}

fn without_nul(value: &impl Text) -> Option<String> {
    value.text().map(|text| text.replace('\0', "\u{fffd}"))
}

/// A text with the values of its parameters `$1`, `$2`, …
pub(super) struct Statement<'a> {
    text: Cow<'a, str>,
    values: Vec<(Boxed<'a>, Type)>,
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
        self.values.push((value.boxed(), T::TYPE));
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
