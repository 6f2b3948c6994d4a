//! `GET …/reports/fields`: what custom reports can be made of.

use super::page::Page;
use crate::problem::Answer;
use crate::store::report_fields::{Field, FieldKind, Operator, Source};
use serde::Serialize;

#[derive(Serialize)]
struct Shape {
    source: &'static str,
    fields: Vec<FieldShape>,
    metrics: Vec<MetricShape>,
}

#[derive(Serialize)]
struct FieldShape {
    name: &'static str,
    r#type: &'static str,
    /// The words that there are; `null` where anything may stand.
    values: Option<Vec<&'static str>>,
    filter: bool,
    operators: Vec<&'static str>,
    dimension: bool,
}

#[derive(Serialize)]
struct MetricShape {
    name: &'static str,
    r#type: &'static str,
}

impl Shape {
    fn new(source: Source) -> Self {
        let metrics = source.metrics().iter().map(|metric| MetricShape {
            name: metric.name,
            r#type: if metric.is_hundredths { "number" } else { "integer" },
        });
        Self {
            source: source.as_str(),
            fields: source.fields().iter().map(FieldShape::new).collect(),
            metrics: metrics.collect(),
        }
    }
}

impl FieldShape {
    fn new(field: &Field) -> Self {
        let (kind, values) = match field.kind {
            FieldKind::Text => ("string", None),
            FieldKind::Integer => ("integer", None),
            FieldKind::Time | FieldKind::Calendar(_) => ("time", None),
            FieldKind::Word(words) => ("word", Some(words())),
        };
        Self {
            name: field.name,
            r#type: kind,
            values,
            filter: !field.operators.is_empty(),
            operators: field.operators.iter().map(|operator| Operator::as_str(*operator)).collect(),
            dimension: field.is_dimension,
        }
    }
}

pub(super) async fn list() -> Answer {
    let sources = Source::ALL.iter().map(|source| Shape::new(*source)).collect();
    Ok(Page::whole(sources).respond())
}
