//! Which certificates are served, and how one replaces another.

use crate::authority::{Authority, Files, Issued, NOW};
use crate::secure::Secure;
use crate::support::broker::Setup;
use crate::support::eventually::eventually;
use crate::support::socket::PATIENCE;
use aws_lc_rs::encoding::{AsDer, EcPrivateKeyRfc5915Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use licence_broker::limits::Limits;
use licence_broker::transport::certificate::Reload;
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::json;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

/// So long that only whoever asks has the files looked at.
const NEVER: Duration = Duration::from_secs(3_600);

async fn start(tls_look_every: Duration) -> Secure {
    let limits = Limits { tls_look_every, ..Limits::default() };
    Secure::start(Setup { limits, ..Setup::default() }).await
}

#[tokio::test]
async fn new_handshakes_see_a_new_certificate_and_running_sessions_go_on() {
    let secure = start(NEVER).await;
    let _operator = secure.centre().await;
    let mut desktop = secure.connect("session").await;
    assert_eq!(desktop.ask(secure.login()).await["type"], "logged_in");
    assert_eq!(secure.shown().await, secure.issued.der);
    assert_eq!(secure.certificate.reload(), Reload::Unchanged);
    let renewed = secure.authority.issue(NOW);
    secure.files.write(&renewed.cert, &renewed.key);
    assert_eq!(secure.certificate.reload(), Reload::Loaded);
    assert_eq!(secure.shown().await, renewed.der);
    assert_eq!(desktop.ask(json!({ "type": "ping" })).await["type"], "pong");
    desktop.log_out().await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_served_leaves_the_old_one_until_it_is_mended() {
    let secure = start(NEVER).await;
    let (renewed, other) = (secure.authority.issue(NOW), secure.authority.issue(NOW));
    let past = secure.authority.issue((2000, 2001));
    let future = secure.authority.issue((2100, 2101));
    let half = |text: &str| text[..text.len() / 2].to_owned();
    let broken = [
        ("the key is of another", renewed.cert.clone(), other.key.clone()),
        ("half a certificate", half(&renewed.cert), renewed.key.clone()),
        ("half a key", renewed.cert.clone(), half(&renewed.key)),
        ("nothing", String::new(), String::new()),
        ("expired", past.cert, past.key),
        ("not valid yet", future.cert, future.key),
    ];
    for (what, cert, key) in broken {
        secure.files.write(&cert, &key);
        assert_eq!(secure.certificate.reload(), Reload::Refused, "{what}");
        assert_eq!(secure.certificate.reload(), Reload::Unchanged, "{what}: said once");
        assert_eq!(secure.shown().await, secure.issued.der, "{what}");
    }
    std::fs::remove_file(secure.files.names().key).unwrap();
    assert_eq!(secure.certificate.reload(), Reload::Refused);
    secure.files.write(&renewed.cert, &renewed.key);
    assert_eq!(secure.certificate.reload(), Reload::Loaded);
    assert_eq!(secure.shown().await, renewed.der);
    let metrics = secure.broker.inside.metrics.render();
    assert!(metrics.contains("licence_broker_tls_reloads_total{outcome=\"refused\"}"));
    assert!(metrics.contains("licence_broker_tls_reloads_total{outcome=\"loaded\"}"));
    // The first of January 2120.
    assert!(metrics.contains("licence_broker_tls_certificate_expiry_seconds 4733510400"));
}

#[tokio::test]
async fn the_files_are_looked_at_by_themselves() {
    let secure = start(Duration::from_millis(20)).await;
    let renewed = secure.authority.issue(NOW);
    secure.files.write(&renewed.cert, &renewed.key);
    let is_shown = async || secure.shown().await == renewed.der;
    eventually(PATIENCE, "the new certificate is served", is_shown).await;
}

#[tokio::test]
async fn sighup_has_the_files_looked_at() {
    let secure = start(NEVER).await;
    let renewed = secure.authority.issue(NOW);
    secure.files.write(&renewed.cert, &renewed.key);
    let own = std::process::id().to_string();
    assert!(Command::new("kill").args(["-HUP", &own]).status().unwrap().success());
    let is_shown = async || secure.shown().await == renewed.der;
    eventually(PATIENCE, "the new certificate is served", is_shown).await;
}

#[test]
fn what_a_broker_cannot_start_with_is_named_with_its_setting_and_file() {
    let authority = Authority::new();
    let (issued, other) = (authority.issue(NOW), authority.issue(NOW));
    let files = Files::with(&issued);
    let complaint = |cert: &str, key: &str| {
        files.write(cert, key);
        files.load().expect_err("cannot be served").to_string()
    };
    let said = complaint(&issued.cert, &other.key);
    assert!(said.starts_with("tls_key: ") && said.contains("key.pem is not the key of"), "{said}");
    let said = complaint("", &issued.key);
    assert!(said.starts_with("tls_cert: ") && said.contains("cert.pem: holds no cert"), "{said}");
    let said = complaint(&issued.cert, &issued.cert);
    assert!(said.starts_with("tls_key: ") && said.contains("holds no private key"), "{said}");
    let said = complaint(&"x".repeat(2_000_000), &issued.key);
    assert!(said.starts_with("tls_cert: ") && said.contains("bytes"), "{said}");
    std::fs::remove_file(files.names().cert).unwrap();
    let said = files.load().expect_err("no file").to_string();
    assert!(said.starts_with("tls_cert: cannot read ") && said.contains("cert.pem"), "{said}");
}

#[test]
fn an_expired_certificate_does_not_keep_a_broker_from_starting() {
    let files = Files::with(&Authority::new().issue((2000, 2001)));
    assert!(files.load().is_ok());
}

/// It is served all the same, and the log warns of it.
#[test]
fn a_key_that_everybody_may_read_is_noticed() {
    let files = Files::with(&Authority::new().issue(NOW));
    for (mode, expected) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true)] {
        std::fs::set_permissions(files.names().key, Permissions::from_mode(mode)).unwrap();
        let loaded = licence_broker::transport::files::load(&files.names()).unwrap();
        assert_eq!(loaded.is_key_public, expected, "{mode:o}");
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// PKCS#8 says what kind of key it holds; what stands before the key itself has this length for RSA with
/// 2,048 bits.
const BEFORE_THE_KEY: usize = 26;

#[test]
fn keys_are_taken_in_every_usual_form() {
    let authority = Authority::new();
    let elliptic = KeyPair::generate().unwrap();
    let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let sec1 = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, elliptic.serialized_der());
    let sec1: EcPrivateKeyRfc5915Der<'_> = sec1.unwrap().private_key().as_der().unwrap();
    let pkcs1 = &rsa.serialized_der()[BEFORE_THE_KEY..];
    let forms = [
        (&elliptic, elliptic.serialize_pem()),
        (&elliptic, pem("EC PRIVATE KEY", sec1.as_ref())),
        (&rsa, rsa.serialize_pem()),
        (&rsa, pem("RSA PRIVATE KEY", pkcs1)),
    ];
    for (pair, key) in forms {
        let Issued { cert, .. } = authority.issue_for(pair, NOW);
        let files = Files::with(&Issued { cert, key, der: Vec::new().into() });
        let label = std::fs::read_to_string(files.names().key).unwrap();
        assert!(files.load().is_ok(), "{}", label.lines().next().unwrap());
    }
}
