//! Tokens of every wrong kind, at every door: the HTTP API, the upgrade's header, the first message and the
//! stream of events. Each would be an administrator's, whom every door takes, if it were believed.

use crate::raw;
use crate::support::broker::{Setup, TestBroker};
use crate::support::signer::{Signer, base64url, key_set};
use crate::support::socket::Heard;
use chrono::{TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use std::net::TcpListener;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Error;

/// The longest token that is looked at.
const TOKEN_MAX_BYTES: usize = 8 * 1024;

/// A broker that trusts three keys of another issuer beside its own secret.
struct Stage {
    broker: TestBroker,
    rsa: Signer,
    ec: Signer,
    ed: Signer,
    _folder: TempDir,
}

impl Stage {
    async fn open() -> Self {
        let (rsa, ec, ed) = (Signer::rsa(), Signer::ec(), Signer::ed());
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("keys.json");
        let set = key_set(&[rsa.named("rsa"), ec.named("ec"), ed.named("ed")]);
        std::fs::write(&path, set).unwrap();
        let jwks = Some(path.to_str().unwrap().to_owned());
        let broker = TestBroker::with(Setup { jwks, ..Setup::default() }).await;
        broker.operator().create_organisation(129).await;
        Self { broker, rsa, ec, ed, _folder: folder }
    }

    /// How each door answers a token: statuses, and the close codes or types of first messages.
    async fn doors(&self, token: &str) -> Vec<String> {
        let api =
            raw::ask_as(&self.broker, token, "GET /v1/organisations/129/users", &[], b"").await;
        let mut told = vec![api.status.to_string()];
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_str())];
        for path in ["session", "live"] {
            told.push(match self.broker.try_connect(129, path, &headers).await {
                Ok(_) => "101".to_owned(),
                Err(refused) => {
                    let Error::Http(answer) = *refused else { panic!("{refused}") };
                    answer.status().as_u16().to_string()
                }
            });
        }
        let stream = reqwest::Client::new().get(self.broker.url("/v1/organisations/129/live"));
        let stream = stream.header("authorization", &authorization).send().await.unwrap();
        told.push(stream.status().as_u16().to_string());
        for (path, kind) in [("session", "login"), ("live", "subscribe")] {
            let mut socket = self.broker.connect(129, path).await;
            socket.send(json!({"type": kind, "token": token, "device": "agent_desktop"})).await;
            told.push(match socket.hear().await {
                Heard::Message(message) => message["type"].to_string(),
                Heard::Closed(code, _) => code.to_string(),
                Heard::Ended => "ended".to_owned(),
            });
        }
        told
    }

    async fn takes(&self, what: &str, token: &str) {
        let taken = ["200", "101", "101", "200", "\"login_refused\"", "\"snapshot\""];
        assert_eq!(self.doors(token).await, taken, "{what}");
    }

    async fn refuses(&self, what: &str, token: &str) {
        let refused = ["401", "401", "401", "401", "4502", "4502"];
        assert_eq!(self.doors(token).await, refused, "{what}: {token}");
    }

    async fn refuses_all(&self, table: Vec<(String, String)>) {
        for (what, token) in table {
            self.refuses(&what, &token).await;
        }
    }
}

fn claims() -> Value {
    let exp = (Utc::now() + TimeDelta::hours(1)).timestamp();
    json!({"sub": "ada", "org": 129, "role": "admin", "exp": exp})
}

/// The claims with one otherwise, or without it for `null`.
fn claims_but(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// A token with this header, signed HS256 with these bytes as the secret.
fn hs256(header: &Value, secret: &[u8]) -> String {
    let message = format!("{}.{}", base64url(header.to_string()), base64url(claims().to_string()));
    let key = EncodingKey::from_secret(secret);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

#[tokio::test]
async fn every_door_takes_a_token_of_every_trusted_key() {
    let stage = Stage::open().await;
    for (name, signer) in [("rsa", &stage.rsa), ("ec", &stage.ec), ("ed", &stage.ed)] {
        stage.takes(name, &signer.token(name, &claims())).await;
        let unnamed = signer.sign(&json!({"alg": signer.algorithm_name()}), claims().to_string());
        stage.takes(&format!("{name}, not named"), &unnamed).await;
    }
}

#[tokio::test]
async fn no_door_takes_a_token_that_is_not_signed() {
    let stage = Stage::open().await;
    let good = stage.ed.token("ed", &claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let payload = base64url(claims().to_string());
    let mut table = vec![
        ("the signature cut off".to_owned(), message.to_owned()),
        ("an empty signature".to_owned(), format!("{message}.")),
        ("a shorter signature".to_owned(), good[..good.len() - 4].to_owned()),
        ("a signature of zeros".to_owned(), format!("{message}.{}", base64url([0; 64]))),
        ("two signatures".to_owned(), format!("{good}.{signature}")),
    ];
    for algorithm in ["none", "None", "NONE", "nOnE", " none", "none\0", ""] {
        for header in [json!({"alg": algorithm}), json!({"alg": algorithm, "kid": "ed"})] {
            let unsigned = format!("{}.{payload}.", base64url(header.to_string()));
            table.push((format!("unsigned, {header}"), unsigned.clone()));
            table.push((format!("signed, {header}"), format!("{unsigned}{signature}")));
            table.push((
                format!("rightly signed, {header}"),
                stage.ed.sign(&header, claims().to_string()),
            ));
        }
    }
    let zeros = json!({"alg": "ES256", "kid": "ec"});
    let zeros = format!("{}.{payload}.{}", base64url(zeros.to_string()), base64url([0; 64]));
    table.push(("ES256 with r = s = 0".to_owned(), zeros));
    let several = json!({"payload": payload, "signatures": [{"protected": message.split_once('.').unwrap().0,
        "signature": signature}]});
    table.push(("the JSON serialisation".to_owned(), several.to_string()));
    stage.refuses_all(table).await;
}

#[tokio::test]
async fn no_door_takes_a_public_key_for_a_secret() {
    let stage = Stage::open().await;
    let point = [stage.ec.part("x"), stage.ec.part("y")].concat();
    let secrets = [
        ("rsa", stage.rsa.part("n")),
        ("rsa", stage.rsa.named("rsa").to_string().into_bytes()),
        ("rsa", stage.rsa.jwk["n"].as_str().unwrap().as_bytes().to_vec()),
        ("ec", [&[4][..], &point].concat()),
        ("ec", point),
        ("ec", stage.ec.part("x")),
        ("ed", stage.ed.part("x")),
        ("ed", stage.ed.jwk["x"].as_str().unwrap().as_bytes().to_vec()),
    ];
    for (name, secret) in secrets {
        for algorithm in ["HS256", "RS256", "ES256", "EdDSA"] {
            for header in [json!({"alg": algorithm}), json!({"alg": algorithm, "kid": name})] {
                stage.refuses(&format!("{name}: {header}"), &hs256(&header, &secret)).await;
            }
        }
    }
}

#[tokio::test]
async fn no_door_takes_a_token_under_the_name_of_another_key() {
    let stage = Stage::open().await;
    let mut table = Vec::new();
    for key_id in ["ec", "rsa", "unknown", "", "ED", "../../../dev/null", "ed' OR '1'='1"] {
        table.push((format!("named {key_id:?}"), stage.ed.token(key_id, &claims())));
    }
    for key_id in [json!(7), json!(["ed"]), json!({"ed": 1}), json!(null)] {
        let header = json!({"alg": "EdDSA", "kid": key_id});
        table.push((header.to_string(), stage.ed.sign(&header, claims().to_string())));
    }
    let stranger = Signer::ed();
    table.push(("a stranger's under a known name".to_owned(), stranger.token("ed", &claims())));
    let unnamed = stranger.sign(&json!({"alg": "EdDSA"}), claims().to_string());
    table.push(("a stranger's".to_owned(), unnamed));
    stage.refuses_all(table).await;
}

#[tokio::test]
async fn no_door_takes_a_key_that_a_token_brings_along_nor_goes_where_it_points() {
    let stage = Stage::open().await;
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let url = format!("http://{}/keys.json", elsewhere.local_addr().unwrap());
    let stranger = Signer::ed();
    for (name, value) in [
        ("jwk", stranger.named("ed")),
        ("jku", json!(url)),
        ("x5u", json!(url)),
        ("x5c", json!([base64url(stranger.part("x"))])),
    ] {
        for key_id in ["ed", "stranger"] {
            let mut header = json!({"alg": "EdDSA", "kid": key_id});
            header[name] = value.clone();
            stage.refuses(name, &stranger.sign(&header, claims().to_string())).await;
        }
    }
    let nobody_came = elsewhere.accept().map_err(|error| error.kind()).map(|_| ());
    assert_eq!(nobody_came, Err(std::io::ErrorKind::WouldBlock));
}

#[tokio::test]
async fn no_door_takes_claims_that_are_not_what_they_must_be() {
    let stage = Stage::open().await;
    let at = |seconds: i64| (Utc::now() + TimeDelta::seconds(seconds)).timestamp();
    let mut table: Vec<(&str, Value)> = vec![
        ("never expiring", without("exp")),
        ("expired beyond every leeway", claims_but("exp", json!(at(-6)))),
        ("expired long ago", claims_but("exp", json!(1))),
        ("not valid yet", claims_but("nbf", json!(at(60)))),
        ("valid from a word on", claims_but("nbf", json!("now"))),
        ("of nobody", without("sub")),
        ("of no role", without("role")),
        ("of no organisation", without("org")),
    ];
    for exp in [
        json!(-1),
        json!(1e300),
        json!(i64::MAX),
        json!("9999999999"),
        json!(null),
        json!(true),
        json!(0.5),
    ] {
        table.push(("expiring at no time", claims_but("exp", exp)));
    }
    for org in [
        json!("129"),
        json!(129.5),
        json!(-129),
        json!(0),
        json!([129]),
        json!(null),
        json!({"id": 129}),
    ] {
        table.push(("of no number", claims_but("org", org)));
    }
    for role in
        [json!("root"), json!("Admin"), json!("admin "), json!(["admin"]), json!(null), json!(1)]
    {
        table.push(("of no known role", claims_but("role", role)));
    }
    for sub in [
        json!(""),
        json!(7),
        json!(null),
        json!(["ada"]),
        json!("a\nda"),
        json!("ada\0"),
        json!("\u{1b}[2Jada"),
        json!("x".repeat(513)),
    ] {
        table.push(("of no name", claims_but("sub", sub)));
    }
    for (what, claims) in table {
        stage.refuses(&format!("{what}: {claims}"), &stage.ed.token("ed", &claims)).await;
    }
    let fraction = Utc::now().timestamp_millis() as f64 / 1_000.0 + 60.5;
    stage.takes("a fraction", &stage.ed.token("ed", &claims_but("exp", json!(fraction)))).await;
}

#[tokio::test]
async fn no_door_takes_a_token_of_another_form() {
    let stage = Stage::open().await;
    let good = stage.ed.token("ed", &claims());
    let parts: Vec<&str> = good.split('.').collect();
    let sign = |header: &Value| stage.ed.sign(header, claims().to_string());
    let encrypted = json!({"alg": "RSA-OAEP", "enc": "A256GCM"}).to_string();
    let encrypted = format!("{}.a2V5.aXY.Y2lwaGVydGV4dA.dGFn", base64url(encrypted));
    let header = json!({"alg": "EdDSA", "kid": "ed"});
    let padding = claims_but("filling", json!("x".repeat(TOKEN_MAX_BYTES)));
    let table = [
        ("encrypted", encrypted),
        (
            "an unknown extension is critical",
            sign(&json!({"alg": "EdDSA", "kid": "ed", "crit": ["exp"]})),
        ),
        ("no extension is critical", sign(&json!({"alg": "EdDSA", "kid": "ed", "crit": []}))),
        ("not encoded", sign(&json!({"alg": "EdDSA", "kid": "ed", "b64": false, "crit": ["b64"]}))),
        ("a header without an algorithm", sign(&json!({"kid": "ed"}))),
        ("a header that is a list", sign(&json!(["EdDSA"]))),
        ("an algorithm that is a number", sign(&json!({"alg": 256, "kid": "ed"}))),
        ("claims that are a list", stage.ed.sign(&header, json!([claims()]).to_string())),
        ("claims that are no JSON", stage.ed.sign(&header, "{")),
        ("claims that are no UTF-8", stage.ed.sign(&header, b"{\"sub\":\"\xff\"}")),
        ("a token within a token", stage.ed.sign(&header, &good)),
        ("padded", format!("{}=.{}.{}", parts[0], parts[1], parts[2])),
        ("two parts", format!("{}.{}", parts[1], parts[2])),
        ("another order", format!("{}.{}.{}", parts[1], parts[0], parts[2])),
        ("too long", stage.ed.token("ed", &padding)),
        ("dots", "..".to_owned()),
    ];
    for (what, token) in table {
        stage.refuses(what, &token).await;
    }
    let spare = TOKEN_MAX_BYTES - good.len() - 64;
    let long = claims_but("filling", json!("x".repeat(spare / 4 * 3)));
    stage.takes("as long as may be", &stage.ed.token("ed", &long)).await;
}

#[tokio::test]
async fn a_token_is_taken_from_one_authorization_header_and_from_nowhere_else() {
    let stage = Stage::open().await;
    let good = stage.ed.token("ed", &claims());
    let bearer = format!("authorization: Bearer {good}");
    let lower = format!("Authorization: bearer {good}");
    let cookie = format!("cookie: token={good}; access_token={good}");
    let alone = format!("authorization: {good}");
    let list = format!("authorization: Bearer {good}, Bearer {good}");
    let query = format!("?access_token={good}&token={good}&authorization=Bearer%20{good}");
    for path in ["/v1/organisations/129/users", "/v1/organisations/129/live"] {
        let ask = async |query: &str, headers: &[&str]| {
            raw::ask(&stage.broker, &format!("GET {path}{query}"), headers, b"").await.status
        };
        if path.ends_with("users") {
            assert_eq!(ask("", &[&bearer]).await, 200, "{path}");
            assert_eq!(
                ask("", &[&lower]).await,
                200,
                "the scheme's case does not matter (RFC 9110 §11.1)"
            );
        }
        assert_eq!(ask(&query, &[]).await, 401, "{path}: in the query");
        for refused in [
            &[&*bearer, &*bearer][..],
            &[&bearer, "authorization: Basic YTpi"],
            &[&cookie],
            &[&alone],
            &[&list],
        ] {
            assert_eq!(ask("", refused).await, 401, "{path}: {refused:?}");
        }
    }
    let mut raw_bytes =
        b"GET /v1/organisations/129/users HTTP/1.1\r\nhost: broker\r\nauthorization: Bearer "
            .to_vec();
    raw_bytes.extend([0xff, 0xfe, b'.', b'a', b'.', b'b', b'\r', b'\n', b'\r', b'\n']);
    assert_eq!(raw::ask_bytes(&stage.broker, &raw_bytes).await.status, 401, "not UTF-8");
}

#[tokio::test]
async fn a_device_logs_in_as_its_tokens_subject_whatever_else_it_says() {
    let stage = Stage::open().await;
    let operator = stage.broker.operator();
    operator.buy(129, "inbound_agent", 2, 0).await;
    for user in ["edred", "osric"] {
        operator.add_user(129, user, "inbound_agent", &[]).await;
    }
    let mut claims = claims_but("role", json!("device"));
    claims["sub"] = json!("edred");
    let token = stage.ed.token("ed", &claims);
    let mut socket = stage.broker.connect(129, "session").await;
    let login = json!({"type": "login", "token": token, "device": "agent_desktop", "user": "osric", "sub": "osric"});
    assert_eq!(socket.ask(login).await["user"], "edred");
}
