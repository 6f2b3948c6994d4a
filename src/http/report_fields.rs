//! `GET …/reports/fields`: what custom reports can be made of.

use super::cursor::List;
use super::page::Page;
use super::query::Parameters;
use crate::broker::Broker;
use crate::problem::Answer;
use crate::store::report_fields::{Field, FieldKind, Operator, Source};
use actix_web::HttpRequest;
use actix_web::web::Data;
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

pub(super) async fn list(request: HttpRequest, broker: Data<Broker>) -> Answer {
    let sources = Source::ALL.iter().map(|source| Shape::new(*source)).enumerate();
    let limit_max = broker.limits.page_limit_max;
    let page = Page::at_hand(sources, List::ReportFields, &Parameters::of(&request), limit_max)?;
    Ok(page.respond())
}
