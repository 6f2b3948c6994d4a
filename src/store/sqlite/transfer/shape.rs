//! The tables of an organisation, as the schema has them.

use crate::store::StoreError;
use crate::store::sqlite::error::aborted;
use crate::store::sqlite::value::Reader;
use sqlx::sqlite::SqliteConnection;

/// The table of the organisations themselves; its row comes first.
pub(super) const ORGANISATIONS: &str = "organisations";

/// Tables that the store makes from others by itself.
const DERIVED: &[&str] = &["usage_of_user"];

/// A table that has rows of an organisation.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) name: String,
    /// Those that are carried over: not the organisation's key, and no id that is given anew.
    pub(super) columns: Vec<Column>,
    /// The columns of the primary key.
    key: Vec<String>,
}

/// A column that is carried over.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) is_binary: bool,
}

/// Every table that has rows of an organisation, [`ORGANISATIONS`] first.
pub(super) async fn tables(connection: &mut SqliteConnection) -> Result<Vec<Table>, StoreError> {
    let text = "SELECT name FROM sqlite_schema s WHERE type = 'table' AND (name = 'organisations' \
                OR EXISTS (SELECT 1 FROM pragma_table_info(s.name) WHERE name = 'organisation')) \
                ORDER BY name <> 'organisations', name";
    let names: Vec<String> =
        sqlx::query_scalar(text).fetch_all(&mut *connection).await.map_err(aborted)?;
    let mut tables = Vec::with_capacity(names.len());
    for name in names.into_iter().filter(|name| !DERIVED.contains(&name.as_str())) {
        tables.push(table(connection, name).await?);
    }
    Ok(tables)
}

async fn table(connection: &mut SqliteConnection, name: String) -> Result<Table, StoreError> {
    let text = "SELECT name, type, pk FROM pragma_table_info(?) ORDER BY cid";
    let query = sqlx::query(text).bind(name.clone());
    let rows = query.fetch_all(connection).await.map_err(aborted)?;
    let (mut columns, mut key) = (Vec::new(), Vec::new());
    for row in rows.iter().map(Reader) {
        let (column, kind) = (row.text("name")?.to_owned(), row.text("type")?);
        let is_in_key = row.integer("pk")? > 0;
        let is_own_id = is_in_key && ["id", "key"].contains(&column.as_str()) && kind == "INTEGER";
        if is_in_key {
            key.push(column.clone());
        }
        if !is_own_id && column != "organisation" {
            columns.push(Column { name: column, is_binary: kind == "BLOB" });
        }
    }
    Ok(Table { name, columns, key })
}

impl Table {
    /// The statement that answers the rows of the organisation with the key `?1`, each as a line.
    pub(super) fn select(&self) -> String {
        let pairs: Vec<String> = self.columns.iter().map(Column::pair).collect();
        let (name, pairs, order) = (&self.name, pairs.join(", "), self.key.join(", "));
        let owner = self.owner();
        format!(
            "SELECT json_object('table', '{name}', 'row', json_object({pairs})) FROM {name} \
             WHERE {owner} = ?1 ORDER BY {order}"
        )
    }

    /// The statement that keeps the row of the line `?1` for the organisation with the key `?2`; of the
    /// organisation itself under the number `?2`.
    pub(super) fn insert(&self) -> String {
        let is_organisation = self.name == ORGANISATIONS;
        let taken =
            self.columns.iter().filter(|column| !is_organisation || column.name != "number");
        let taken: Vec<&Column> = taken.collect();
        let names: Vec<&str> = taken.iter().map(|column| column.name.as_str()).collect();
        let values: Vec<String> = taken.iter().map(|column| column.value()).collect();
        let owner = if is_organisation { "number" } else { "organisation" };
        format!(
            "INSERT INTO {} ({owner}, {}) SELECT ?2, {}",
            self.name,
            names.join(", "),
            values.join(", ")
        )
    }

    fn owner(&self) -> &'static str {
        if self.name == ORGANISATIONS { "key" } else { "organisation" }
    }
}

impl Column {
    fn pair(&self) -> String {
        let Self { name, is_binary } = self;
        if *is_binary {
            format!("'{name}', lower(hex({name}))")
        } else {
            format!("'{name}', {name}")
        }
    }

    fn value(&self) -> String {
        let value = format!("json_extract(?1, '$.row.{}')", self.name);
        if self.is_binary { format!("unhex({value})") } else { value }
    }
}
