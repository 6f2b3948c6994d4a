//! `GET POST …/users`, `GET PATCH DELETE …/users/{user}`.

use super::body::{self, Invalid};
use super::cursor::List;
use super::etag;
use super::gate::Caller;
use super::page::Page;
use super::query::Parameters;
use super::user_fields::RawUser;
use super::words;
use crate::broker::Broker;
use crate::domain::catalogue::{Catalogue, Class, Model};
use crate::domain::ids::{LicenceId, OrganisationId, UserName};
use crate::domain::provisioning::{ProvisionUsers, UserChange, UserRefusal};
use crate::domain::reason::UserStatus;
use crate::domain::user::UserRecord;
use crate::limits::bound::Bound;
use crate::problem::{Answer, Kind, Problem};
use crate::store::{self, UserFilter};
use crate::telemetry::count_bound;
use actix_web::http::header::{ETAG, LOCATION};
use actix_web::web::{Data, Path, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Serialize)]
struct Shape {
    user: UserName,
    name: Arc<str>,
    status: &'static str,
    user_type: Arc<str>,
    features: Vec<Arc<str>>,
    fixed_seats: Vec<Arc<str>>,
    base_licence: bool,
    created_at: String,
}

impl Shape {
    fn new(record: UserRecord, catalogue: &Catalogue) -> Self {
        let is_seat = |licence: &LicenceId| catalogue.get(*licence).model == Model::FixedSeat;
        Self {
            status: record.status.as_str(),
            user_type: catalogue.key(record.user_type).clone(),
            features: words::keys(catalogue, record.all_features().iter()),
            fixed_seats: words::keys(catalogue, record.licences().iter().filter(is_seat)),
            base_licence: record.status == UserStatus::Active
                && catalogue.get(record.user_type).base,
            created_at: words::instant(record.created_at),
            user: record.user,
            name: record.name,
        }
    }
}

fn respond(
    mut response: HttpResponseBuilder,
    record: UserRecord,
    catalogue: &Catalogue,
) -> HttpResponse {
    let tag = (ETAG, etag::tag(record.version));
    response.insert_header(tag).json(Shape::new(record, catalogue))
}

#[derive(Deserialize)]
pub(super) struct UserPath {
    pub(super) user: String,
}

pub(super) async fn list(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
) -> Answer {
    let parameters = Parameters::of(&request);
    let limit = parameters.limit(broker.limits.page_limit_max)?;
    let after = parameters.after(List::Users)?.unwrap_or(0);
    let filter = filter(&parameters, &broker.catalogue)?;
    let page = store::Page { after, limit: limit + 1 };
    let rows = broker.store.users_page(*organisation, &filter, page).await?;
    let shape = |record| Shape::new(record, &broker.catalogue);
    Ok(Page::stored(rows, limit, List::Users, shape).respond())
}

/// A status that no user of the list has and a type that is none are told, not answered with nobody.
fn filter(parameters: &Parameters, catalogue: &Catalogue) -> Result<UserFilter, Invalid> {
    let is_user_type = |id: &LicenceId| catalogue.get(*id).class == Class::UserType;
    let user_type = |key: &str| catalogue.find(key).filter(is_user_type);
    let user_type = parameters.read("user_type", "the key of a user type", user_type)?;
    Ok(UserFilter {
        search: parameters.get("search").filter(|part| !part.is_empty()).map(str::to_owned),
        status: parameters.word("status", UserStatus::ALL, UserStatus::as_str)?,
        user_type: user_type.map(|id| catalogue.key(id).to_string()),
    })
}

pub(super) async fn create(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
    caller: ReqData<Caller>,
    body: Payload,
) -> Answer {
    let fields = body::fields(&request, body, broker.limits.body_max_bytes).await?;
    let draft = RawUser::of(&fields)?.draft(&broker.catalogue)?;
    if draft.status == UserStatus::Deleted {
        return Err(fields.invalid("status", "a new user cannot be deleted").into());
    }
    let record = decide(&broker, &caller, *organisation, UserChange::Create(draft)).await?;
    let mut response = HttpResponse::Created();
    let name = percent_encoded(&record.user);
    response.insert_header((LOCATION, format!("/v1/organisations/{}/users/{name}", *organisation)));
    Ok(respond(response, record, &broker.catalogue))
}

pub(super) async fn show(
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
    path: Path<UserPath>,
) -> Answer {
    let record = broker.store.user(*organisation, &path.user).await?.ok_or_else(unknown)?;
    Ok(respond(HttpResponse::Ok(), record, &broker.catalogue))
}

pub(super) async fn change(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
    caller: ReqData<Caller>,
    path: Path<UserPath>,
    body: Payload,
) -> Answer {
    let expected_version = etag::expected_version(&request)?;
    // A path that leads nowhere is told before its body is judged.
    broker.store.user(*organisation, &path.user).await?.ok_or_else(unknown)?;
    let fields = body::fields(&request, body, broker.limits.body_max_bytes).await?;
    let raw = RawUser::of(&fields)?;
    if raw.user.is_some_and(|user| user != path.user) {
        return Err(fields.invalid("user", "cannot change").into());
    }
    let patch = raw.patch(&broker.catalogue)?;
    let user = path.user.as_str().into();
    let change = UserChange::Patch { user, patch, expected_version };
    let record = decide(&broker, &caller, *organisation, change).await?;
    Ok(respond(HttpResponse::Ok(), record, &broker.catalogue))
}

pub(super) async fn remove(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
    caller: ReqData<Caller>,
    path: Path<UserPath>,
) -> Answer {
    let expected_version = etag::expected_version(&request)?;
    let change = UserChange::Delete { user: path.user.as_str().into(), expected_version };
    decide(&broker, &caller, *organisation, change).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn decide(
    broker: &Broker,
    caller: &Caller,
    organisation: OrganisationId,
    change: UserChange,
) -> Result<UserRecord, Problem> {
    let command = ProvisionUsers { changes: vec![change], atomic: true };
    let answers = broker.directory.ask_by(Some(caller.author()), organisation, command).await?;
    let answer = answers.into_iter().next();
    let answer = answer.ok_or_else(|| Problem::new(Kind::Internal, "a change has no answer"))?;
    answer.map_err(|refusal| refused(&refusal, &broker.catalogue))
}

fn refused(refusal: &UserRefusal, catalogue: &Catalogue) -> Problem {
    match refusal {
        UserRefusal::Exists => {
            Problem::new(Kind::Exists, "the login name is taken").with("field", "user")
        }
        UserRefusal::Unknown => unknown(),
        UserRefusal::Changed => etag::changed(),
        UserRefusal::FixedExhausted(licence) => {
            let key = &**catalogue.key(*licence);
            Problem::new(Kind::FixedExhausted, format!("no fixed seat of `{key}` is left"))
                .with("field", seat_field(*licence, catalogue))
                .with("licence", key)
        }
        UserRefusal::BaseExhausted(licence) => {
            let key = &**catalogue.key(*licence);
            Problem::new(Kind::BaseExhausted, format!("no base licence of `{key}` is available"))
                .with("field", "status")
                .with("licence", key)
        }
        UserRefusal::TooManyUsers => {
            count_bound(Bound::UsersPerOrganisation);
            Problem::new(Kind::TooManyUsers, "the organisation has as many users as it may")
        }
    }
}

/// The field by which a user asks for a seat of this type.
pub(super) fn seat_field(licence: LicenceId, catalogue: &Catalogue) -> &'static str {
    match catalogue.get(licence).class {
        Class::UserType => "user_type",
        Class::Feature | Class::Product | Class::Device => "features",
    }
}

fn unknown() -> Problem {
    Problem::not_found("there is no such user")
}

/// A login name as a segment of a path (RFC 3986 §2.3: everything but the unreserved is encoded).
pub(super) fn percent_encoded(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue_file;
    use chrono::DateTime;
    use serde_json::json;

    fn record(user_type: &str, features: &[&str], status: UserStatus) -> UserRecord {
        let catalogue = catalogue_file::built_in();
        let find = |key: &&str| catalogue.find(key).expect("a type");
        UserRecord {
            user: "edred".into(),
            name: "Edred".into(),
            status,
            user_type: find(&user_type),
            features: features.iter().map(find).collect(),
            synced: crate::domain::ids::LicenceSet::EMPTY,
            created_at: DateTime::UNIX_EPOCH,
            version: 7,
        }
    }

    #[test]
    fn a_user_has_the_shape_of_the_contract() {
        let record = record("inbound_agent", &["agent_email", "agent_calls"], UserStatus::Active);
        let shape = Shape::new(record, &catalogue_file::built_in());
        assert_eq!(
            serde_json::to_value(shape).expect("JSON"),
            json!({"user": "edred", "name": "Edred", "status": "active",
                "user_type": "inbound_agent", "features": ["agent_calls", "agent_email"],
                "fixed_seats": [], "base_licence": true,
                "created_at": "1970-01-01T00:00:00.000Z"})
        );
    }

    #[test]
    fn seats_are_those_of_the_type_and_the_features_and_a_base_licence_is_for_the_active() {
        let catalogue = catalogue_file::built_in();
        let seats = record("uc_user", &["padlock", "agent_calls"], UserStatus::Active);
        let seats = Shape::new(seats, &catalogue).fixed_seats;
        assert_eq!(seats.iter().map(|key| &**key).collect::<Vec<_>>(), ["uc_user", "padlock"]);
        let suspended = record("inbound_agent", &[], UserStatus::Suspended);
        assert!(!Shape::new(suspended, &catalogue).base_licence);
    }

    #[test]
    fn a_login_name_of_any_script_is_a_segment_of_a_path() {
        assert_eq!(percent_encoded("a.b-c_d~1"), "a.b-c_d~1");
        assert_eq!(percent_encoded("é/ %?"), "%C3%A9%2F%20%25%3F");
    }
}
