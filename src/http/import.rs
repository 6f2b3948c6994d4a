//! `POST …/users/import`: creates users, and replaces those that are known, many at once.
//!
//! With `?atomic=true`, the default, one rejected row keeps all from being made. `rejected` spells out
//! the first thousand, in the order of the file as far as they can be told from the file alone, then
//! those that the organisation refused; `rejected_count` counts all. A row with status `deleted` deletes.

use super::body;
use super::gate::Caller;
use super::import_file::{Import, Rejections, read_csv, read_json_lines};
use super::query::Parameters;
use super::users::seat_field;
use crate::broker::Broker;
use crate::domain::audit::Author;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::domain::provisioning::{ProvisionUsers, UserRefusal};
use crate::limits::bound::Bound;
use crate::problem::{Answer, Kind, Problem};
use crate::telemetry::count_bound;
use crate::thread_priority;
use actix_web::web::{Data, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

#[derive(Clone, Copy)]
enum Format {
    Csv,
    JsonLines,
}

pub(super) async fn import(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
    caller: ReqData<Caller>,
    body: Payload,
) -> Answer {
    let atomic =
        Parameters::of(&request).read("atomic", "true or false", |word| word.parse().ok())?;
    let atomic = atomic.unwrap_or(true);
    let format = format(&request)?;
    let body = body::read(&request, body, broker.limits.import_body_max_bytes).await?;
    let reader = broker.clone();
    // Up to 32 MiB of text are no work for a thread that also serves sockets.
    let read = thread_priority::blocking(move || {
        let (catalogue, rows_max) = (&reader.catalogue, reader.limits.import_users_max);
        match format {
            Format::Csv => read_csv(&body, catalogue, rows_max),
            Format::JsonLines => read_json_lines(&body, catalogue, rows_max),
        }
    });
    let import =
        read.await.map_err(|_| Problem::new(Kind::Internal, "the import was cut off"))??;
    let (accepted, rejected) =
        provision(&broker, caller.author(), *organisation, import, atomic).await?;
    respond(accepted, &rejected, atomic)
}

fn format(request: &HttpRequest) -> Result<Format, Problem> {
    match body::media_type(request).as_deref() {
        Some("text/csv") => Ok(Format::Csv),
        Some("application/x-ndjson" | "application/ndjson") => Ok(Format::JsonLines),
        _ => {
            let detail = "this path takes text/csv or application/x-ndjson";
            Err(Problem::new(Kind::UnsupportedMediaType, detail))
        }
    }
}

/// How many users were created or replaced, and what became of the other rows.
async fn provision(
    broker: &Broker,
    author: Author,
    organisation: OrganisationId,
    import: Import,
    atomic: bool,
) -> Result<(usize, Rejections), Problem> {
    let Import { changes, lines, mut rejected, .. } = import;
    if changes.is_empty() || (atomic && rejected.count > 0) {
        return Ok((0, rejected));
    }
    let command = ProvisionUsers { changes, atomic };
    let answers = broker.directory.ask_by(Some(author), organisation, command).await?;
    let mut accepted = 0;
    for (answer, line) in answers.iter().zip(lines) {
        match answer {
            Ok(_) => accepted += 1,
            Err(refusal) => {
                let (field, error) = refused(refusal, &broker.catalogue);
                rejected.add(line, Some(field.to_owned()), error);
            }
        }
    }
    Ok((if atomic && rejected.count > 0 { 0 } else { accepted }, rejected))
}

fn refused(refusal: &UserRefusal, catalogue: &Catalogue) -> (&'static str, String) {
    match refusal {
        UserRefusal::FixedExhausted(licence) => {
            let key = catalogue.key(*licence);
            (seat_field(*licence, catalogue), format!("no fixed seat of `{key}` is left"))
        }
        UserRefusal::BaseExhausted(licence) => {
            let key = catalogue.key(*licence);
            ("status", format!("no base licence of `{key}` is available"))
        }
        UserRefusal::TooManyUsers => {
            count_bound(Bound::UsersPerOrganisation);
            ("user", "the organisation has as many users as it may".to_owned())
        }
        // Nothing that creates or replaces is refused for these.
        UserRefusal::Exists | UserRefusal::Unknown | UserRefusal::Changed => {
            ("user", "the user changed meanwhile".to_owned())
        }
    }
}

fn respond(accepted: usize, rejected: &Rejections, atomic: bool) -> Answer {
    if atomic && rejected.count > 0 {
        let detail = format!("{} rows were rejected, so no user was changed", rejected.count);
        return Err(Problem::new(Kind::ImportRejected, detail)
            .with("accepted", 0)
            .with("rejected", json!(rejected.shown))
            .with("rejected_count", rejected.count));
    }
    Ok(HttpResponse::Ok().json(json!({
        "accepted": accepted,
        "rejected": rejected.shown,
        "rejected_count": rejected.count,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::{MessageBody as _, to_bytes};
    use actix_web::http::header::CONTENT_TYPE;
    use actix_web::test::TestRequest;
    use actix_web::{ResponseError as _, http::StatusCode};
    use serde_json::Value;

    fn one() -> Rejections {
        let mut rejected = Rejections::default();
        rejected.add(7, Some("user_type".to_owned()), "is missing");
        rejected
    }

    async fn answered(answer: Answer) -> (StatusCode, Value) {
        let response = answer.unwrap_or_else(|problem| problem.error_response());
        let status = response.status();
        let body = to_bytes(response.into_body().boxed()).await.expect("a body");
        (status, serde_json::from_slice(&body).expect("JSON"))
    }

    #[actix_web::test]
    async fn an_atomic_import_with_a_rejected_row_is_a_problem_that_lists_it() {
        let (status, body) = answered(respond(0, &one(), true)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(
            (&body["type"], &body["accepted"]),
            (&json!("/problems/import_rejected"), &json!(0))
        );
        let row = json!({"line": 7, "field": "user_type", "error": "is missing"});
        assert_eq!(body["rejected"], json!([row]));
    }

    #[actix_web::test]
    async fn any_other_import_answers_what_it_did() {
        let (status, body) = answered(respond(3, &one(), false)).await;
        assert_eq!((status, &body["accepted"]), (StatusCode::OK, &json!(3)));
        assert_eq!(body["rejected"].as_array().map(Vec::len), Some(1));
        let (status, body) = answered(respond(3, &Rejections::default(), true)).await;
        assert_eq!((status, &body["rejected"]), (StatusCode::OK, &json!([])));
    }

    #[test]
    fn a_file_says_what_it_is() {
        let judge = |media_type: &str| {
            let request = TestRequest::post().insert_header((CONTENT_TYPE, media_type));
            format(&request.to_http_request()).is_ok()
        };
        assert!(judge("text/csv; charset=utf-8") && judge("application/x-ndjson"));
        assert!(!judge("application/json"));
        assert!(format(&TestRequest::post().to_http_request()).is_err());
    }
}
