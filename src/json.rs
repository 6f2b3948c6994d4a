//! A JSON object from outside, read one level deep and without copying its texts.
//!
//! Messages of devices and claims of tokens are small objects of which a few fields matter, and each of them is
//! judged by itself, so that a refusal names the field. Building a whole tree for that costs more than all
//! the judging.

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// A value, as far as anybody looks at it. It may be a secret, so it is not printed.
#[derive(Clone, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Flag(bool),
    /// A number without sign, fraction and exponent, that 64 bits hold.
    Unsigned(u64),
    /// The same below zero.
    Negative(i64),
    /// Any other number.
    Fraction(f64),
    /// A text; borrowed unless something in it is escaped.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Self>),
    /// An object, whatever is in it.
    Object,
    /// JSON that no other variant holds: a number beyond a double, half of a surrogate pair, lists nested
    /// deeper than 127 levels. RFC 8259 §9 leaves such bounds to the reader.
    Unreadable,
}

impl Value<'_> {
    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The number, if it is a whole one from 0 on.
    pub fn as_u64(&self) -> Option<u64> {
        if let Self::Unsigned(number) = self { Some(*number) } else { None }
    }

    /// The number, if it is a whole one that 64 bits with a sign hold.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Unsigned(number) => i64::try_from(*number).ok(),
            Self::Negative(number) => Some(*number),
            Self::Null
            | Self::Flag(_)
            | Self::Fraction(_)
            | Self::Text(_)
            | Self::List(_)
            | Self::Object
            | Self::Unreadable => None,
        }
    }

    /// The number, as near as a float comes to it.
    #[expect(clippy::cast_precision_loss, reason = "as near as a float comes")]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Unsigned(number) => Some(*number as f64),
            Self::Negative(number) => Some(*number as f64),
            Self::Fraction(number) => Some(*number),
            Self::Null
            | Self::Flag(_)
            | Self::Text(_)
            | Self::List(_)
            | Self::Object
            | Self::Unreadable => None,
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(…)")
    }
}

/// The fields of an object that were asked for.
pub struct Fields<'a, const N: usize> {
    names: &'static [&'static str; N],
    values: [Option<Value<'a>>; N],
    /// Which of them came more than once.
    repeated: [bool; N],
}

impl<'a, const N: usize> Fields<'a, N> {
    /// Reads one object and nothing behind it, and keeps the fields of these names; of several with one name
    /// the last counts. What nobody asked for only has to be JSON.
    ///
    /// # Errors
    /// If it is no JSON, or no object.
    pub fn read(text: &'a str, names: &'static [&'static str; N]) -> serde_json::Result<Self> {
        // A value that cannot be held breaks the first reading off wherever it is in the text.
        Self::read_as::<Value<'a>>(text, names).or_else(|_| Self::read_as::<Apart<'a>>(text, names))
    }

    fn read_as<T: Deserialize<'a> + Into<Value<'a>>>(
        text: &'a str,
        names: &'static [&'static str; N],
    ) -> serde_json::Result<Self> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let fields = Wanted { names, value: PhantomData::<T> }.deserialize(&mut reader)?;
        reader.end()?;
        Ok(fields)
    }

    /// The field of a name that was asked for, `null` as well; `None` where there is none.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        let place = self.names.iter().position(|wanted| *wanted == name)?;
        self.values[place].as_ref()
    }

    /// Whether a field that was asked for came more than once.
    pub fn repeats(&self, name: &str) -> bool {
        self.names.iter().zip(self.repeated).any(|(wanted, repeated)| *wanted == name && repeated)
    }

    /// What was asked for, in the order of the names.
    pub fn into_values(self) -> [Option<Value<'a>>; N] {
        self.values
    }
}

/// Reads each name, and each value that was asked for, as a `T`.
struct Wanted<T, const N: usize> {
    names: &'static [&'static str; N],
    value: PhantomData<T>,
}

impl<'de, T: Deserialize<'de> + Into<Value<'de>>, const N: usize> DeserializeSeed<'de>
    for Wanted<T, N>
{
    type Value = Fields<'de, N>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de> + Into<Value<'de>>, const N: usize> Visitor<'de> for Wanted<T, N> {
    type Value = Fields<'de, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let (values, repeated) = ([const { None }; N], [false; N]);
        let mut fields = Fields { names: self.names, values, repeated };
        while let Some(name) = map.next_key::<T>()? {
            let name = name.into();
            let place = self.names.iter().position(|wanted| Some(*wanted) == name.as_str());
            if let Some(place) = place {
                let value = map.next_value::<T>()?.into();
                fields.repeated[place] |= fields.values[place].replace(value).is_some();
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(fields)
    }
}

/// A value or a name that is cut out of the text before it is read: if it cannot be held, the rest still can.
struct Apart<'a>(Value<'a>);

impl<'de> Deserialize<'de> for Apart<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let value = <&RawValue>::deserialize(reader)?;
        Ok(Self(serde_json::from_str(value.get()).unwrap_or(Value::Unreadable)))
    }
}

impl<'a> From<Apart<'a>> for Value<'a> {
    fn from(Apart(value): Apart<'a>) -> Self {
        value
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value<'de>, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(Value::Unsigned(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(u64::try_from(number).map_or(Value::Negative(number), Value::Unsigned))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value<'de>, E> {
        Ok(Value::Fraction(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Value<'de>, S::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Value<'de>, M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str; 3] = &["a", "b", "c"];

    fn read(text: &str) -> serde_json::Result<Fields<'_, 3>> {
        Fields::read(text, NAMES)
    }

    #[test]
    fn fields_are_read_as_they_are_and_others_are_passed_over() {
        let fields = read(r#"{"x":{"a":1},"a":"plain","b":[1,-2,3.5,null],"c":{"a":7}}"#);
        let fields = fields.expect("an object");
        assert!(matches!(fields.get("a"), Some(Value::Text(Cow::Borrowed("plain")))));
        let list = [Value::Unsigned(1), Value::Negative(-2), Value::Fraction(3.5), Value::Null];
        assert_eq!(fields.get("b"), Some(&Value::List(list.to_vec())));
        assert_eq!((fields.get("c"), fields.get("x")), (Some(&Value::Object), None));
    }

    #[test]
    fn of_two_fields_with_one_name_the_last_counts_and_escapes_are_undone() {
        let fields = read(r#"{"a":true,"\u0061":"\u00e9\n","b":null}"#).expect("an object");
        assert_eq!(fields.get("a").and_then(Value::as_str), Some("é\n"));
        assert_eq!((fields.get("b"), fields.get("c")), (Some(&Value::Null), None));
    }

    #[test]
    fn what_is_no_json_object_is_refused_where_nobody_asked_for_it_too() {
        let deep = format!(r#"{{"x":{}"#, "[".repeat(100_000));
        for text in [
            "[]",
            "1",
            "null",
            r#""a""#,
            "",
            "{",
            r#"{"a":1}}"#,
            r#"{"a":1} 2"#,
            r#"{"a" 1}"#,
            r#"{"x":"\ud80"}"#,
            r#"{"x":"\x"}"#,
            "{\"x\":\"\n\"}",
            "{\"\n\":1}",
            r#"{"\ud80":1}"#,
            r#"{"x":1e999} 2"#,
            r#"{"x":1e999,"y":[}"#,
            r#"{"x":1e}"#,
            r#"{"x":[1,]}"#,
            r#"{x:1}"#,
            r#"{"x":01}"#,
            r#"{"a":01}"#,
            &deep,
        ] {
            let tree = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text);
            assert!(tree.is_err(), "{text:.20}");
            assert!(read(text).is_err(), "{text:.20}");
        }
    }

    #[test]
    fn json_that_cannot_be_held_spoils_no_other_field() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let deep_object = format!(r#"{}1{}"#, r#"{"y":"#.repeat(100_000), "}".repeat(100_000));
        for value in ["1e999", r#""\ud800""#, r#"["\udc00"]"#, &deep] {
            let text = format!(r#"{{"b":7,"x":{value},"a":{value},"c":"\u00e9"}}"#);
            let fields = read(&text).expect("an object");
            assert_eq!(fields.get("a"), Some(&Value::Unreadable), "{value:.20}");
            assert_eq!(fields.get("b").and_then(Value::as_u64), Some(7), "{value:.20}");
            assert_eq!(fields.get("c").and_then(Value::as_str), Some("é"), "{value:.20}");
        }
        for text in [
            r#"{"b":7,"\ud800":1}"#,
            r#"{"b":7,"a":{"\ud800":1e999}}"#,
            &format!(r#"{{"b":7,"a":{deep_object},"x":{deep_object}}}"#),
        ] {
            let fields = read(text).expect("an object");
            assert_eq!(fields.get("b").and_then(Value::as_u64), Some(7), "{text:.20}");
        }
    }

    #[test]
    fn numbers_are_whole_only_where_they_are_written_so() {
        let fields = read(r#"{"a":18446744073709551615,"b":-9223372036854775808,"c":2.0}"#);
        let fields = fields.expect("an object");
        let number = |name| fields.get(name).expect("a field");
        assert_eq!((number("a").as_u64(), number("a").as_i64()), (Some(u64::MAX), None));
        assert_eq!((number("b").as_u64(), number("b").as_i64()), (None, Some(i64::MIN)));
        assert_eq!((number("c").as_i64(), number("c").as_f64()), (None, Some(2.0)));
    }
}
