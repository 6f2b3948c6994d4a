//! The body of a custom report, judged member by member: whatever is wrong is named.

use super::body::{Fields, Invalid};
use super::by_time::Length;
use super::query;
use super::range;
use crate::domain::organisation::Settings;
use crate::limits::{
    REPORT_DIMENSIONS_MAX, REPORT_FILTERS_MAX, REPORT_ROWS_MAX, REPORT_VALUES_MAX,
};
use crate::store::Range;
use crate::store::report_fields::{Calendar, Field, FieldKind, Operator, Source};
use crate::store::reports::{ReportFilter, ReportQuery, ReportValue};
use chrono::{DateTime, Utc};
use serde_json::Value;

const MEMBERS: &[&str] =
    &["source", "dimensions", "metrics", "filters", "interval", "from", "to", "order", "limit"];

/// Rows where the caller does not say.
const LIMIT_DEFAULT: u32 = 100;

/// Characters of a value that is compared.
const TEXT_MAX: usize = 256;

/// Reads the whole request. `now` is where a range without an end ends.
pub(super) fn read(
    body: Fields,
    settings: &Settings,
    now: DateTime<Utc>,
) -> Result<ReportQuery, Invalid> {
    body.only(MEMBERS)?;
    let source = body.needed("source", word(&body, "source", Source::ALL, Source::as_str)?)?;
    let dimensions = dimensions(&body, source)?;
    let metrics = metrics(&body, source)?;
    let order = order(&body, source, &dimensions, &metrics)?;
    let instant = |name: &str| {
        let text = body.text(name)?;
        let read = |text| query::instant(text).ok_or_else(|| body.invalid(name, NO_TIME));
        text.map(read).transpose()
    };
    let range = Range { from: instant("from")?, to: instant("to")? };
    let limit = body.integer("limit", 1..=REPORT_ROWS_MAX.into())?;
    Ok(ReportQuery {
        source,
        span: range::bounded(range, now)?,
        zone: settings.time_zone,
        dimensions,
        metrics,
        order,
        limit: limit.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(LIMIT_DEFAULT),
        filters: filters(body, source)?,
    })
}

const NO_TIME: &str = "must be a time in RFC 3339";

fn word<T: Copy>(
    body: &Fields,
    name: &str,
    all: &[T],
    word_of: impl Fn(T) -> &'static str,
) -> Result<Option<T>, Invalid> {
    let Some(text) = body.text(name)? else { return Ok(None) };
    let found = all.iter().copied().find(|value| word_of(*value) == text);
    let words: Vec<&str> = all.iter().map(|value| word_of(*value)).collect();
    let complaint = || body.invalid(name, format!("must be one of: {}", words.join(", ")));
    found.map(Some).ok_or_else(complaint)
}

/// The positions of names in a list of what there is; each may be named once.
fn positions(
    body: &Fields,
    name: &str,
    known: &[&'static str],
    max: usize,
) -> Result<Vec<usize>, Invalid> {
    let names = body.texts(name)?.unwrap_or_default();
    if names.len() > max {
        return Err(body.invalid(name, format!("at most {max} at once")));
    }
    let mut positions = Vec::with_capacity(names.len());
    for (index, asked) in names.iter().enumerate() {
        let complain = |why: String| body.invalid(&format!("{name}[{index}]"), why);
        let position = known.iter().position(|known| known == asked);
        let position =
            position.ok_or_else(|| complain(format!("must be one of: {}", known.join(", "))))?;
        if positions.contains(&position) {
            return Err(complain("is named twice".to_owned()));
        }
        positions.push(position);
    }
    Ok(positions)
}

/// Fields that are no dimension cannot be named as one. `interval` is another name of a stretch of the
/// calendar, and comes first.
fn dimensions(body: &Fields, source: Source) -> Result<Vec<usize>, Invalid> {
    let fields = source.fields();
    let known: Vec<&str> =
        fields.iter().filter(|field| field.is_dimension).map(|field| field.name).collect();
    let named = positions(body, "dimensions", &known, REPORT_DIMENSIONS_MAX)?;
    let place = |name: &str| fields.iter().position(|field| field.name == name);
    let mut dimensions: Vec<usize> =
        named.into_iter().filter_map(|position| place(known[position])).collect();
    let lengths = [Length::FiveMinutes, Length::Hour, Length::Day];
    let interval = word(body, "interval", &lengths, Length::as_str)?.map(|length| match length {
        Length::FiveMinutes => Calendar::FiveMinutes,
        Length::Hour => Calendar::Hour,
        Length::Day => Calendar::Day,
    });
    let interval = interval.and_then(|calendar| place(calendar.as_str()));
    if let Some(interval) = interval.filter(|position| !dimensions.contains(position)) {
        dimensions.insert(0, interval);
    }
    Ok(dimensions)
}

fn metrics(body: &Fields, source: Source) -> Result<Vec<usize>, Invalid> {
    let known: Vec<&str> = source.metrics().iter().map(|metric| metric.name).collect();
    let metrics = positions(body, "metrics", &known, known.len())?;
    if metrics.is_empty() {
        return Err(body.invalid("metrics", "must name at least one metric"));
    }
    Ok(metrics)
}

/// Columns of the answer, with `-` before those whose greatest value comes first.
fn order(
    body: &Fields,
    source: Source,
    dimensions: &[usize],
    metrics: &[usize],
) -> Result<Vec<(usize, bool)>, Invalid> {
    let columns = columns(source, dimensions, metrics);
    let names = body.texts("order")?.unwrap_or_default();
    if names.len() > columns.len() {
        return Err(body.invalid("order", "at most as many as there are columns"));
    }
    let one = |(index, asked): (usize, &&str)| {
        let (name, descends) = asked.strip_prefix('-').map_or((*asked, false), |name| (name, true));
        let position = columns.iter().position(|column| *column == name);
        let why = || format!("must be one of the columns: {}", columns.join(", "));
        let complaint = || body.invalid(&format!("order[{index}]"), why());
        Ok((position.ok_or_else(complaint)?, descends))
    };
    names.iter().enumerate().map(one).collect()
}

/// The names of the answer's columns.
pub(super) fn columns(
    source: Source,
    dimensions: &[usize],
    metrics: &[usize],
) -> Vec<&'static str> {
    let dimensions = dimensions.iter().map(|position| source.fields()[*position].name);
    dimensions.chain(metrics.iter().map(|position| source.metrics()[*position].name)).collect()
}

fn filters(body: Fields, source: Source) -> Result<Vec<ReportFilter>, Invalid> {
    if body.value("filters").is_none() {
        return Ok(vec![]);
    }
    let filters = body.objects("filters", REPORT_FILTERS_MAX)?;
    filters.iter().map(|filter| read_filter(filter, source)).collect()
}

fn read_filter(body: &Fields, source: Source) -> Result<ReportFilter, Invalid> {
    body.only(&["field", "op", "value"])?;
    let fields = source.fields();
    let name = body.needed("field", body.text("field")?)?;
    let field = fields.iter().position(|field| field.name == name && !field.operators.is_empty());
    let filterable = fields.iter().filter(|field| !field.operators.is_empty());
    let names: Vec<&str> = filterable.map(|field| field.name).collect();
    let complaint = || body.invalid("field", format!("must be one of: {}", names.join(", ")));
    let field = field.ok_or_else(complaint)?;
    let operators = fields[field].operators;
    let operator = body.needed("op", word(body, "op", operators, Operator::as_str)?)?;
    let value = body.needed("value", body.value("value"))?;
    let one = |value: &Value, name: &str| {
        read_value(&fields[field], value).map_err(|why| body.invalid(name, why))
    };
    let values = match (operator, value) {
        (Operator::In, Value::Array(values)) if (1..=REPORT_VALUES_MAX).contains(&values.len()) => {
            let values = values.iter().enumerate();
            values.map(|(index, value)| one(value, &format!("value[{index}]"))).collect()
        }
        (Operator::In, _) => {
            Err(body.invalid("value", format!("must be a list of 1 to {REPORT_VALUES_MAX} values")))
        }
        (_, value) => one(value, "value").map(|value| vec![value]),
    };
    Ok(ReportFilter { field, operator, values: values? })
}

/// A value that the field may have, or why it may not.
fn read_value(field: &Field, value: &Value) -> Result<ReportValue, String> {
    let text = value.as_str();
    match field.kind {
        FieldKind::Text => text
            .filter(|text| text.chars().take(TEXT_MAX + 1).count() <= TEXT_MAX)
            .map(|text| ReportValue::Text(text.to_owned()))
            .ok_or_else(|| format!("must be a string of at most {TEXT_MAX} characters")),
        FieldKind::Word(words) => text
            .filter(|text| words().contains(text))
            .map(|text| ReportValue::Text(text.to_owned()))
            .ok_or_else(|| format!("must be one of: {}", words().join(", "))),
        FieldKind::Integer => {
            value.as_i64().map(ReportValue::Integer).ok_or_else(|| "must be an integer".to_owned())
        }
        FieldKind::Time | FieldKind::Calendar(_) => {
            text.and_then(query::instant).map(ReportValue::Time).ok_or_else(|| NO_TIME.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::OrganisationId;
    use serde_json::json;

    fn judged(body: &Value) -> Result<ReportQuery, Invalid> {
        let now: DateTime<Utc> = "2026-03-06T12:00:00Z".parse().expect("an instant");
        let settings = Settings {
            id: OrganisationId::new(129).expect("a number"),
            name: "Example".into(),
            time_zone: chrono_tz::UTC,
            max_grace_s: 60,
            scheduled_log_off: None,
            created_at: now,
            version: 1,
        };
        read(Fields::new(body.as_object().expect("an object").clone()), &settings, now)
    }

    fn good() -> Value {
        json!({"source": "licence_usage", "dimensions": ["licence", "hour"], "metrics": ["acquired"]})
    }

    #[test]
    fn a_report_has_defaults_for_all_but_source_and_metrics() {
        let query = judged(&json!({"source": "denials", "metrics": ["users"]})).expect("good");
        assert_eq!((query.limit, query.dimensions.len()), (LIMIT_DEFAULT, 0));
        assert_eq!((query.span.end - query.span.start).num_days(), 366);
    }

    #[test]
    fn an_interval_is_the_first_dimension_unless_it_is_one_already() {
        let named = |dimensions: Value, interval: &str| {
            let mut body = good();
            body["dimensions"] = dimensions;
            body["interval"] = json!(interval);
            let query = judged(&body).expect("good");
            columns(query.source, &query.dimensions, &query.metrics)
        };
        assert_eq!(named(json!(["licence"]), "1d"), ["day", "licence", "acquired"]);
        assert_eq!(named(json!(["licence", "hour"]), "1h"), ["licence", "hour", "acquired"]);
        assert_eq!(named(json!([]), "5m"), ["five_minutes", "acquired"]);
    }

    #[test]
    fn whatever_is_wrong_is_named() {
        let cases = [
            ("source", json!("users"), "source"),
            ("source", json!(7), "source"),
            ("dimensions", json!("licence"), "dimensions"),
            ("dimensions", json!(["licence", "logged_at"]), "dimensions[1]"),
            ("dimensions", json!(["licence", "licence"]), "dimensions[1]"),
            ("dimensions", json!(["licence; DROP TABLE usage"]), "dimensions[0]"),
            ("metrics", json!([]), "metrics"),
            ("metrics", json!(["acquired", "denials"]), "metrics[1]"),
            ("interval", json!("2h"), "interval"),
            ("order", json!(["released"]), "order[0]"),
            ("order", json!(["--acquired"]), "order[0]"),
            ("order", json!(["1"]), "order[0]"),
            ("order", json!(["licence", "hour", "acquired", "licence"]), "order"),
            ("limit", json!(0), "limit"),
            ("limit", json!(10_001), "limit"),
            ("limit", json!("7"), "limit"),
            ("from", json!("yesterday"), "from"),
            ("from", json!("2026-03-07T00:00:00Z"), "from"),
            ("from", json!("2025-01-01T00:00:00Z"), "from"),
            ("to", json!(7), "to"),
            ("colour", json!("red"), "colour"),
            ("filters", json!({}), "filters"),
            ("filters", json!(["user"]), "filters[0]"),
        ];
        for (member, value, field) in cases {
            let mut body = good();
            body[member] = value.clone();
            let refused = judged(&body).expect_err("wrong").field;
            assert_eq!(refused, field, "{member}: {value}");
        }
        for missing in ["source", "metrics"] {
            let mut body = good();
            body.as_object_mut().expect("an object").remove(missing);
            assert_eq!(judged(&body).expect_err("wrong").field, missing);
        }
    }

    #[test]
    fn a_filter_that_does_not_fit_its_field_is_named() {
        let refused = |filter: Value| {
            let mut body = good();
            body["filters"] = json!([{"field": "user", "op": "eq", "value": "edred"}, filter]);
            judged(&body).expect_err("wrong").field
        };
        let filter =
            |field: &str, op: &str, value: Value| json!({"field": field, "op": op, "value": value});
        assert_eq!(refused(filter("hour", "eq", json!("x"))), "filters[1].field");
        assert_eq!(refused(filter("1=1", "eq", json!("x"))), "filters[1].field");
        assert_eq!(refused(filter("user", "lt", json!("x"))), "filters[1].op");
        assert_eq!(refused(filter("user", "= '' OR", json!("x"))), "filters[1].op");
        assert_eq!(refused(filter("user", "eq", json!(7))), "filters[1].value");
        assert_eq!(refused(filter("user", "eq", json!(null))), "filters[1].value");
        assert_eq!(refused(filter("user", "in", json!([]))), "filters[1].value");
        assert_eq!(refused(filter("user", "in", json!(["a", 7]))), "filters[1].value[1]");
        assert_eq!(refused(filter("pool", "eq", json!("swimming"))), "filters[1].value");
        assert_eq!(refused(filter("logged_at", "ge", json!("noon"))), "filters[1].value");
        assert_eq!(refused(json!({"field": "user", "op": "eq"})), "filters[1].value");
        assert_eq!(refused(json!({"op": "eq", "value": 1})), "filters[1].field");
        let and_more = json!({"field": "user", "op": "eq", "value": "a", "or": 1});
        assert_eq!(refused(and_more), "filters[1].or");
    }
}
