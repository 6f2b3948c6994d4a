//! Tables, rows and values, whichever database they are in.

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    Text,
    Bytes,
}

/// A column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

impl Column {
    /// As SQL has the name: one of them is a word of its own.
    pub(crate) fn quoted(&self) -> String {
        format!("\"{}\"", self.name)
    }
}

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) table: String,
    /// In the order in which rows have their values.
    pub(crate) columns: Vec<Column>,
    /// The columns by which rows are told apart, and in whose order they are carried over.
    pub(crate) key: Vec<String>,
}

impl Shape {
    /// The names of the columns, for a statement.
    pub(crate) fn names(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(Column::quoted).collect();
        names.join(", ")
    }

    /// The columns of the key, for a statement.
    pub(crate) fn order(&self) -> String {
        let names: Vec<String> = self.key.iter().map(|name| format!("\"{name}\"")).collect();
        names.join(", ")
    }
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// The values of a row, in the order of its table's columns.
pub(crate) type Row = Vec<Value>;
