//! All rows of a database, table by table: written into one that is empty, read from one that may be in use.

use super::StoreError;
use super::connections::Connections;
use super::location::Location;
use super::open;
use super::statement::Statement;
use super::transaction::Transaction;
use super::value::Reader;
use crate::store::sqlite::whole::{AsyncTake, Source, Target};
use crate::store::whole::CHUNK_ROWS;
use crate::store::whole::shape::{Column, Kind, Row, Shape, Value};

/// What a database begins with that nobody has used: its row is another's now.
const BEGINNINGS: &[&str] = &["unknown_sign_ins", "life"];

/// A column of JSON; as a text everywhere else.
const HELD: &str = "held";

/// Fills an empty database with everything that a source has. How many rows.
///
/// # Errors
/// [`StoreError::Aborted`] if it is not empty, or a node has it.
pub(in crate::store) async fn fill(url: &str, source: &mut Source) -> Result<u64, StoreError> {
    let location = Location::parse(url)?;
    let named = |error: StoreError| error.of(&location);
    let connections = open::open(&location).await.map_err(named)?;
    fill_from(&connections, source).await.map_err(named)
}

async fn fill_from(connections: &Connections, source: &mut Source) -> Result<u64, StoreError> {
    let transaction = connections.transaction().await?;
    transaction.execute(&Statement::new("LOCK TABLE organisations IN EXCLUSIVE MODE")).await?;
    must_be_empty(&transaction).await?;
    for table in BEGINNINGS {
        transaction.execute(&Statement::new(format!("DELETE FROM {table}"))).await?;
    }
    let mut filling = Filling { transaction: &transaction };
    let mut rows = 0;
    for shape in source.shapes.clone() {
        rows += source.rows(&shape, CHUNK_ROWS, &mut filling).await?;
    }
    for (table, last) in source.last_numbers().await? {
        go_on_after(&transaction, &source.shapes, &table, last).await?;
    }
    transaction.commit().await?;
    Ok(rows)
}

async fn must_be_empty(transaction: &Transaction) -> Result<(), StoreError> {
    const USED: &str = "SELECT EXISTS (SELECT 1 FROM organisations) \
        OR EXISTS (SELECT 1 FROM accounts) OR EXISTS (SELECT 1 FROM audit) AS has_rows, \
        EXISTS (SELECT 1 FROM nodes WHERE lease_until > now() AND NOT is_over) AS has_node";
    let refuse = |why: &str| Err(StoreError::Aborted(why.to_owned()));
    let row = transaction.one(&Statement::new(USED)).await?;
    let Some(row) = row.as_ref().map(Reader) else { return refuse("it does not answer") };
    if row.integer("has_rows")? != 0 {
        return refuse("it is not empty: name a new database");
    }
    if row.integer("has_node")? != 0 {
        return refuse("a node has it: stop all nodes");
    }
    Ok(())
}

/// The next number that a table gives is a greater one.
async fn go_on_after(
    transaction: &Transaction,
    shapes: &[Shape],
    table: &str,
    last: i64,
) -> Result<(), StoreError> {
    const GO_ON: &str = "SELECT setval(pg_get_serial_sequence($1, $2)::regclass, $3) AS last";
    let shape = shapes.iter().find(|shape| shape.table == table);
    let Some(key) = shape.and_then(|shape| shape.key.first()) else { return Ok(()) };
    if last > 0 {
        let go_on = Statement::new(GO_ON).bind(table).bind(key.as_str()).bind(last);
        transaction.rows(&go_on).await?;
    }
    Ok(())
}

/// A database that is being filled.
struct Filling<'a> {
    transaction: &'a Transaction,
}

#[async_trait::async_trait]
impl AsyncTake for Filling<'_> {
    async fn take(&mut self, shape: &Shape, rows: Vec<Row>) -> Result<(), StoreError> {
        let expected = rows.len() as u64;
        let written = self.transaction.execute(&insert(shape, rows)).await?;
        if written != expected {
            let what = format!("{written} of {expected} rows of {} were taken", shape.table);
            return Err(StoreError::Aborted(what));
        }
        Ok(())
    }
}

fn insert(shape: &Shape, rows: Vec<Row>) -> Statement<'static> {
    let names = shape.names();
    let values = shape.columns.iter().map(|column| match column.name.as_str() {
        HELD => format!("n.{}::jsonb", column.quoted()),
        _ => format!("n.{}", column.quoted()),
    });
    let values: Vec<String> = values.collect();
    let parameters: Vec<String> =
        (1..=shape.columns.len()).map(|number| format!("${number}")).collect();
    let text = format!(
        "INSERT INTO {} ({names}) OVERRIDING SYSTEM VALUE SELECT {} FROM unnest({}) AS n ({names})",
        shape.table,
        values.join(", "),
        parameters.join(", ")
    );
    let mut rows: Vec<_> = rows.into_iter().map(Vec::into_iter).collect();
    shape.columns.iter().fold(Statement::new(text), |statement, column| {
        let values = rows.iter_mut().map(|row| row.next().unwrap_or(Value::Null));
        array(statement, column.kind, values)
    })
}

/// The values of a column; one of another kind than the column's is none, and refused where one is needed.
fn array(
    statement: Statement<'static>,
    kind: Kind,
    values: impl Iterator<Item = Value>,
) -> Statement<'static> {
    match kind {
        Kind::Integer => {
            let integer = |value| if let Value::Integer(it) = value { Some(it) } else { None };
            statement.bind(values.map(integer).collect::<Vec<Option<i64>>>())
        }
        Kind::Text => {
            let text = |value| if let Value::Text(it) = value { Some(it) } else { None };
            statement.bind(values.map(text).collect::<Vec<Option<String>>>())
        }
        Kind::Bytes => {
            let bytes = |value| if let Value::Bytes(it) = value { Some(it) } else { None };
            statement.bind(values.map(bytes).collect::<Vec<Option<Vec<u8>>>>())
        }
    }
}

/// Copies everything as it stands at one instant into an empty file; commits go on meanwhile.
pub(in crate::store) async fn copy(url: &str, target: &mut Target) -> Result<(), StoreError> {
    let location = Location::parse(url)?;
    let named = |error: StoreError| error.of(&location);
    let connections = Connections::new(&location).map_err(named)?;
    open::judge_schema(&connections).await.map_err(named)?;
    let snapshot = connections.snapshot().await.map_err(named)?;
    for shape in target.shapes.clone() {
        copy_table(&snapshot, &shape, target).await.map_err(named)?;
    }
    snapshot.roll_back().await
}

async fn copy_table(
    snapshot: &Transaction,
    shape: &Shape,
    target: &mut Target,
) -> Result<(), StoreError> {
    let columns: Vec<String> = shape.columns.iter().map(selected).collect();
    let text = format!(
        "DECLARE whole NO SCROLL CURSOR FOR SELECT {} FROM {} ORDER BY {}",
        columns.join(", "),
        shape.table,
        shape.order()
    );
    snapshot.execute(&Statement::new(text)).await?;
    let fetch = Statement::new(format!("FETCH {CHUNK_ROWS} FROM whole"));
    loop {
        let rows = snapshot.rows(&fetch).await?;
        if rows.is_empty() {
            break;
        }
        let rows: Result<Vec<Row>, StoreError> =
            rows.iter().map(|row| values(Reader(row), shape)).collect();
        target.take(shape, rows?).await?;
    }
    snapshot.execute(&Statement::new("CLOSE whole")).await.map(drop)
}

fn selected(column: &Column) -> String {
    match column.name.as_str() {
        HELD => "held::text AS held".to_owned(),
        _ => column.quoted(),
    }
}

fn values(row: Reader<'_, tokio_postgres::Row>, shape: &Shape) -> Result<Row, StoreError> {
    let value = |column: &Column| {
        let name = column.name.as_str();
        Ok(match column.kind {
            Kind::Integer => row.optional_integer(name)?.map_or(Value::Null, Value::Integer),
            Kind::Text => {
                row.optional_text(name)?.map_or(Value::Null, |text| Value::Text(text.to_owned()))
            }
            Kind::Bytes => Value::Bytes(row.blob(name)?.to_vec()),
        })
    };
    shape.columns.iter().map(value).collect()
}
