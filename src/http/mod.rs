//! The HTTP API (SPEC §10).
//!
//! [`configure`] is the URL table: path, method, the least role that may use it, and what answers. The
//! order of judgement is in `gate`, what goes wrong in [`crate::problem`]; a file per resource holds the rest.
//!
//! The WebSocket paths below an organisation (`session`, `live`) are not here: they judge tokens in
//! their own way, and must be registered before this table, whose scope takes every other path.

mod account_tokens;
mod accounts;
mod advice;
mod audit;
mod billing;
mod body;
mod bought;
mod by_time;
mod carried;
mod csv;
mod cursor;
mod demand;
mod denials;
mod denied_demand;
mod etag;
mod framing;
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod headers;
mod health;
mod holders;
mod import;
mod import_file;
mod licence_metrics;
mod licence_sync;
mod licences;
mod nodes;
mod observe;
mod openapi;
mod organisation_usage;
mod organisations;
mod pace;
mod page;
mod pages;
mod prices;
mod query;
mod range;
mod report_fields;
mod report_request;
mod reports;
mod sessions;
mod sign_in;
mod standing;
mod tokens;
mod usage;
mod usage_shapes;
mod user_fields;
mod users;
mod wallboards;
mod words;

pub use framing::{has_two_readings, refuse_two_readings};
pub use pace::keep_pace;

use crate::problem::{self, Problem};
use actix_web::http::header::{HeaderName, STRICT_TRANSPORT_SECURITY};
use actix_web::middleware::{Condition, DefaultHeaders, from_fn};
use actix_web::web::{self, PathConfig, ServiceConfig};
use gate::Who::{Admin, Anyone, Bearer, Operator, Supervisor};
use gate::{delete, get, patch, path, post, put};
pub use headers::headers;
pub use observe::{REQUEST_ID, Seen, observe};

/// The URL table.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(path("/", [get(Anyone, pages::index)]))
        .service(path("/desk", [get(Anyone, pages::desk)]))
        .service(path("/wallboard", [get(Anyone, pages::wallboard)]))
        .service(path("/static/{path:.*}", [get(Anyone, pages::file)]))
        .service(path("/docs", [get(Anyone, pages::docs)]))
        .service(path("/openapi.json", [get(Anyone, openapi::document)]))
        .service(path("/healthz", [get(Anyone, health::alive)]))
        .service(path("/readyz", [get(Anyone, health::ready)]))
        .service(path("/metrics", [get(Anyone, health::metrics)]))
        .service(path("/v1/auth/login", [post(Anyone, sign_in::sign_in)]))
        .service(path("/v1/auth/password", [put(Supervisor, accounts::change_own_password)]))
        .service(path("/v1/tokens", [post(Admin, tokens::issue)]))
        .service(path(
            "/v1/organisations",
            [get(Admin, organisations::list), post(Operator, organisations::create)],
        ))
        .service(path("/v1/nodes", [get(Operator, nodes::list)]))
        .service(
            web::scope("/v1/organisations/{org}")
                .wrap(from_fn(gate::admit))
                .app_data(PathConfig::default().error_handler(|_, _| unreadable_path().into()))
                .configure(below_an_organisation)
                .configure(administrators)
                .default_service(web::to(problem::no_such_path)),
        )
        .default_service(web::to(problem::no_such_path));
}

fn below_an_organisation(config: &mut ServiceConfig) {
    config
        .service(path(
            "",
            [
                get(Admin, organisations::show),
                patch(Admin, organisations::change),
                delete(Operator, organisations::remove),
            ],
        ))
        .service(path("/licences", [get(Supervisor, licences::list)]))
        .service(path("/licences/{licence}", [put(Admin, licences::set)]))
        .service(path("/licences/{licence}/bought", [get(Supervisor, bought::list)]))
        .service(path("/prices", [get(Admin, prices::list)]))
        .service(path("/prices/{licence}", [put(Admin, prices::set)]))
        .service(path("/billing/{month}", [get(Admin, billing::statement)]))
        .service(path("/billing/{month}/{licence}", [get(Admin, billing::line)]))
        .service(path("/licence-metrics", [get(Supervisor, licence_metrics::show)]))
        .service(path("/licence-metrics/wallboard", [put(Admin, licence_metrics::set_maximum)]))
        .service(path(
            "/wallboards",
            [get(Supervisor, wallboards::list), post(Admin, wallboards::create)],
        ))
        .service(path("/wallboards/{id}", [delete(Admin, wallboards::remove)]))
        .service(path("/licence-sync/{licence}", [put(Admin, licence_sync::put)]))
        .service(path("/users", [get(Admin, users::list), post(Admin, users::create)]))
        // A user may be called `import`.
        .service(path(
            "/users/{user:import}",
            [
                post(Admin, import::import),
                get(Admin, users::show),
                patch(Admin, users::change),
                delete(Admin, users::remove),
            ],
        ))
        .service(path(
            "/users/{user}",
            [get(Admin, users::show), patch(Admin, users::change), delete(Admin, users::remove)],
        ))
        .service(path("/sessions", [get(Supervisor, sessions::list)]))
        .service(path("/sessions/{session}", [delete(Supervisor, sessions::force_logout)]))
        .service(path("/holders", [get(Supervisor, holders::list)]))
        .service(path("/endpoint", [get(Bearer, nodes::endpoint)]))
        .service(path("/move", [post(Operator, nodes::relocate)]))
        .configure(what_was_recorded)
        // `GET` is taken before it comes here; this is for the other methods.
        .service(path("/session", [get(Supervisor, problem::no_such_path)]))
        .service(path("/live", [get(Supervisor, problem::no_such_path)]));
}

/// What happened below an organisation, as it is and as reports show it.
fn what_was_recorded(config: &mut ServiceConfig) {
    config
        .service(path("/licence-usage", [get(Supervisor, usage::list)]))
        .service(path("/denials", [get(Supervisor, denials::list)]))
        .service(path("/organisation-licence-usage", [get(Supervisor, organisation_usage::list)]))
        .service(path("/denied-demand", [get(Supervisor, denied_demand::list)]))
        .service(path("/demand", [get(Supervisor, demand::list)]))
        .service(path("/reports/fields", [get(Supervisor, report_fields::list)]))
        .service(path("/reports", [post(Supervisor, reports::create)]))
        .service(path("/advice", [get(Admin, advice::list)]));
}

/// Who signs in to the broker itself, and what was done by them.
fn administrators(config: &mut ServiceConfig) {
    config
        .service(path("/accounts", [get(Admin, accounts::list), post(Admin, accounts::create)]))
        .service(path(
            "/accounts/{user}",
            [
                get(Admin, accounts::show),
                patch(Admin, accounts::change),
                delete(Admin, accounts::remove),
            ],
        ))
        .service(path("/accounts/{user}/reset", [post(Admin, accounts::reset)]))
        .service(path("/accounts/{user}/password", [put(Supervisor, accounts::change_password)]))
        .service(path("/audit", [get(Admin, audit::list)]));
}

/// For a year, browsers come by TLS alone.
pub const BY_TLS_ALONE: (HeaderName, &str) = (STRICT_TRANSPORT_SECURITY, "max-age=31536000");

/// What every response carries where the broker itself serves TLS: [`BY_TLS_ALONE`]. Behind a proxy that
/// serves it, that is the proxy's to say.
pub fn transport_security(serves_tls: bool) -> Condition<DefaultHeaders> {
    Condition::new(serves_tls, DefaultHeaders::new().add(BY_TLS_ALONE))
}

fn unreadable_path() -> Problem {
    Problem::not_found("there is no such path")
}
