//! `GET …/denied-demand`: demand that could not be served, by licence type and hour or day.

use super::by_time::{self, Length};
use super::csv::{self, Sheet};
use super::cursor::List;
use super::page::Page;
use super::query::Parameters;
use super::words;
use crate::broker::Broker;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::domain::organisation::Settings;
use crate::problem::Answer;
use crate::store;
use crate::store::reports::{ByTime, DeniedRow};
use actix_web::HttpRequest;
use actix_web::web::{Data, ReqData};
use serde::Serialize;
use std::rc::Rc;
use std::sync::Arc;

const COLUMNS: &[&str] = &[
    "Organisation ID",
    "Licence Type",
    "Start Date Time",
    "End Date Time",
    "Denials",
    "Users",
    "Refused",
    "Partial",
    "Waiting",
];

#[derive(Serialize)]
struct Shape {
    licence: String,
    start: String,
    end: String,
    denials: u64,
    users: u64,
    refused: u64,
    partial: u64,
    waiting: u64,
}

impl From<DeniedRow> for Shape {
    fn from(row: DeniedRow) -> Self {
        Self {
            licence: row.licence,
            start: words::instant(row.span.start),
            end: words::instant(row.span.end),
            denials: row.denials,
            users: row.users,
            refused: row.refused,
            partial: row.partial,
            waiting: row.waiting,
        }
    }
}

pub(super) async fn list(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
) -> Answer {
    let parameters = Parameters::of(&request);
    let settings = by_time::settings(&broker, *organisation).await?;
    let length = by_time::length(&parameters, &[Length::Hour, Length::Day])?;
    let question = ByTime {
        filter: by_time::filter(&parameters, &broker.catalogue)?,
        period: length.unwrap_or(Length::Hour).period(),
        zone: settings.time_zone,
    };
    if parameters.wants_csv(&request)? {
        return as_csv(broker, settings, question).await;
    }
    let limit = parameters.limit(broker.limits.page_limit_max)?;
    let after = parameters.after(List::DeniedDemand)?.unwrap_or(0);
    let page = store::Page { after, limit: limit + 1 };
    let rows = broker.store.denied_page(*organisation, &question, page).await?;
    Ok(Page::stored(rows, limit, List::DeniedDemand, Shape::from).respond())
}

async fn as_csv(broker: Data<Broker>, settings: Settings, question: ByTime) -> Answer {
    let organisation = settings.id;
    let catalogue = Arc::clone(&broker.catalogue);
    let cells = Box::new(move |row: &DeniedRow| cells(row, &settings, &catalogue));
    let sheet = Sheet { file_name: "denied-demand", columns: COLUMNS, cells };
    let question = Rc::new(question);
    csv::respond(broker.admission.export()?, sheet, move |page| {
        let (broker, question) = (broker.clone(), Rc::clone(&question));
        async move { broker.store.denied_page(organisation, &question, page).await }
    })
    .await
}

fn cells(row: &DeniedRow, settings: &Settings, catalogue: &Catalogue) -> Vec<String> {
    let mut cells = vec![
        settings.id.to_string(),
        words::name_of(catalogue, &row.licence).to_owned(),
        words::local_instant(row.span.start, settings.time_zone),
        words::local_instant(row.span.end, settings.time_zone),
    ];
    let numbers = [row.denials, row.users, row.refused, row.partial, row.waiting];
    cells.extend(numbers.map(|number| number.to_string()));
    cells
}
