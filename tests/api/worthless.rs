//! Tokens that are worth nothing, each in its own way.

use crate::roles::{FOREIGN, OWN};
use crate::support::broker::{SECRET, TestBroker};
use chrono::{TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use licence_broker::auth::Role;
use serde_json::{Value, json};

fn signed(algorithm: Algorithm, claims: &Value, secret: &[u8]) -> String {
    let key = EncodingKey::from_secret(secret);
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

/// Values of the header `Authorization` that are worth nothing; each would be an operator's, or an
/// administrator's, if it were believed.
pub(crate) fn worthless(broker: &TestBroker) -> Vec<(&'static str, Option<String>)> {
    let good = broker.token(Role::Operator, 0, "operator");
    let parts: Vec<&str> = good.split('.').collect();
    let exp = (Utc::now() + TimeDelta::hours(1)).timestamp();
    let claims = json!({"sub": "operator", "role": "operator", "exp": exp});
    let payload = base64(&claims.to_string());
    let unsigned = |alg: &str| format!("{}.{payload}.", base64(&json!({"alg": alg}).to_string()));
    let device = broker.token(Role::Device, OWN, "edred");
    let device: Vec<&str> = device.split('.').collect();
    let expired = broker.token_for(Role::Operator, 0, "operator", TimeDelta::seconds(-10));
    let without = |name: &str| {
        let mut claims = json!({"sub": "edred", "role": "admin", "org": OWN, "exp": exp});
        claims.as_object_mut().unwrap().remove(name);
        signed(Algorithm::HS256, &claims, SECRET)
    };
    let with = |name: &str, value: Value| {
        let mut claims = json!({"sub": "edred", "role": "admin", "org": OWN, "exp": exp});
        claims[name] = value;
        signed(Algorithm::HS256, &claims, SECRET)
    };
    let bearer = |token: String| Some(format!("Bearer {token}"));
    vec![
        ("missing", None),
        ("empty", Some(String::new())),
        ("no token", Some("Bearer".to_owned())),
        ("blank", Some("Bearer  ".to_owned())),
        ("garbage", bearer("garbage".to_owned())),
        ("three parts of garbage", bearer("a.b.c".to_owned())),
        ("unsigned", bearer(unsigned("none"))),
        ("unsigned, shouted", bearer(unsigned("NONE"))),
        ("unsigned, said to be signed", bearer(unsigned("HS256"))),
        ("the signature cut off", bearer(format!("{}.{}", parts[0], parts[1]))),
        ("the signature of another", bearer(format!("{}.{}.{}", parts[0], parts[1], device[2]))),
        ("the claims of another", bearer(format!("{}.{payload}.{}", device[0], device[2]))),
        ("another secret", bearer(signed(Algorithm::HS256, &claims, b"another secret entirely"))),
        ("an empty secret", bearer(signed(Algorithm::HS256, &claims, b""))),
        ("another algorithm", bearer(signed(Algorithm::HS512, &claims, SECRET))),
        ("expired", bearer(expired)),
        ("never expiring", bearer(without("exp"))),
        ("of nobody", bearer(without("sub"))),
        ("of no role", bearer(without("role"))),
        ("an administrator of nothing", bearer(without("org"))),
        ("of an unknown role", bearer(with("role", json!("root")))),
        ("of two roles", bearer(with("role", json!(["admin", "operator"])))),
        ("of an organisation in quotes", bearer(with("org", json!("129")))),
        ("of two organisations", bearer(with("org", json!([OWN, FOREIGN])))),
        ("of organisation 0", bearer(with("org", json!(0)))),
        ("not valid yet", bearer(with("nbf", json!(exp)))),
        ("expiring on a word", bearer(with("exp", json!("tomorrow")))),
        ("of an empty name", bearer(with("sub", json!("")))),
        ("the wrong scheme", Some(format!("Basic {good}"))),
        ("no scheme", Some(good)),
    ]
}
