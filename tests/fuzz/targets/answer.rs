//! What every refusal must be.

use actix_web::body::MessageBody as _;
use actix_web::{HttpResponse, ResponseError as _};
use licence_broker::problem::Problem;
use serde_json::Value;

/// It blames the caller, says what is wrong in one object, and names the field if one is wrong.
pub(crate) fn check(problem: &Problem) {
    let response: HttpResponse = problem.error_response();
    let status = response.status();
    assert!(status.is_client_error(), "{problem:?}");
    let body = response.into_body().try_into_bytes().expect("a problem is whole");
    let body: Value = serde_json::from_slice(&body).expect("a problem is JSON");
    assert_eq!(body["status"], status.as_u16(), "{body}");
    if status.as_u16() == 422 {
        // The name of a member that is not known may be empty.
        assert!(body["field"].is_string(), "{body}");
    }
}
