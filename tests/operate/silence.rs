//! A process at its most talkative tells no secret, and no file that it makes is for others to read.
//!
//! The process is a real one, so that whatever its libraries log is looked at too.

use crate::support::http::Api;
use crate::support::signer::{Signer, base64url, key_set};
use crate::support::socket::{Heard, Socket};
use crate::support::until::until_seen;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{TimeDelta, Utc};
use licence_broker::auth::{Authenticator, Claims, KeySources, Role};
use licence_broker::domain::ids::OrganisationId;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use totp_rs::Totp;

const PASSWORD: &str = "correct-horse-battery";
const SECRET: &str = "hs256-secret-of-the-broker-0123456789";

const KEY_SERVER_PASSWORD: &str = "password-of-the-key-server";

/// Answers everybody with a key set, for as long as the test's process lives.
fn publish(keys: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4_096];
            // A request this short comes in one piece.
            let _ = stream.read(&mut head).unwrap();
            let length = keys.len();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            stream.write_all((head + &keys).as_bytes()).unwrap();
        }
    });
    address
}

/// A broker's process whose log goes into a file, and every secret that was used on it.
struct Told {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
    authenticator: Authenticator,
    issuer: Signer,
    secrets: Vec<String>,
}

impl Told {
    /// With the operator's secret in a file, or with the broker's own key.
    async fn start(format: &str, has_secret_file: bool) -> Self {
        let folder = TempDir::new().unwrap();
        let issuer = Signer::ed();
        std::fs::write(folder.path().join("secret"), SECRET).unwrap();
        let keys = key_set(&[issuer.named("k1")]);
        let jwks = if has_secret_file {
            let server = publish(keys);
            format!("http://broker:{KEY_SERVER_PASSWORD}@{server}/keys.json")
        } else {
            std::fs::write(folder.path().join("keys.json"), keys).unwrap();
            "keys.json".to_owned()
        };
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_licence-broker"));
        command.current_dir(folder.path()).stdin(Stdio::null());
        command.stderr(File::create(folder.path().join("log")).unwrap());
        command.args(["serve", "--listen", &address.to_string(), "--database", "sqlite://it.db"]);
        command.args(["--data-dir", "data", "--jwks", &jwks, "--heartbeat-s", "1"]);
        command.args([
            "--log-level",
            "trace,actix_http::h1::dispatcher=trace",
            "--log-format",
            format,
        ]);
        if has_secret_file {
            command.args(["--jwt-secret-file", "secret"]);
        }
        let child = command.spawn().unwrap();
        let url = format!("http://{address}/readyz");
        until_seen("a broker that is ready", async || {
            reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()).then_some(())
        })
        .await;
        let secret_file = has_secret_file.then(|| folder.path().join("secret"));
        let sources = KeySources { data_dir: folder.path().join("data"), secret_file, jwks: None };
        let authenticator = Authenticator::open(&sources).unwrap();
        let mut secrets = vec![SECRET.to_owned(), KEY_SERVER_PASSWORD.to_owned()];
        // As a header says it (RFC 7617).
        secrets.push(STANDARD.encode(format!("broker:{KEY_SERVER_PASSWORD}")));
        if let Ok(own) = std::fs::read_to_string(folder.path().join("data/token-key")) {
            secrets.push(own.trim().to_owned());
        }
        Self { child, address, folder, authenticator, issuer, secrets }
    }

    fn token(&mut self, role: Role, subject: &str, life_s: i64) -> String {
        let now = Utc::now();
        let organisation = OrganisationId::new(129).filter(|_| role != Role::Operator);
        let expires_at = now + TimeDelta::seconds(life_s);
        let claims = Claims { subject: subject.into(), organisation, role, expires_at };
        let token = self.authenticator.issue(&claims, now).unwrap();
        self.keep(&token)
    }

    /// A token of the other issuer.
    fn foreign(&mut self, key_id: &str) -> String {
        let exp = (Utc::now() + TimeDelta::hours(1)).timestamp();
        let claims = json!({"sub": "edred", "org": 129, "role": "device", "exp": exp});
        let token = self.issuer.token(key_id, &claims);
        self.keep(&token)
    }

    /// Notes a secret; of a token, its signature alone too.
    fn keep(&mut self, secret: &str) -> String {
        self.secrets.push(secret.to_owned());
        if let Some((_, signature)) = secret.rsplit_once('.') {
            self.secrets.push(signature.to_owned());
        }
        secret.to_owned()
    }

    fn api(&self, token: &str) -> Api {
        Api::new(format!("http://{}", self.address), token)
    }

    async fn connect(&self, path: &str, header: Option<&str>) -> Socket {
        let url = format!("ws://{}/v1/organisations/129/{path}", self.address);
        let mut request = url.into_client_request().unwrap();
        if let Some(token) = header {
            let value = format!("Bearer {token}").parse().unwrap();
            request.headers_mut().insert("authorization", value);
        }
        Socket(tokio_tungstenite::connect_async(request).await.unwrap().0)
    }

    /// Sends bytes as they are and does not wait.
    async fn throw(&self, bytes: &str) {
        let mut stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // It may have been cut off.
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await;
    }

    /// Stops the process as SIGTERM does, and gives what it logged.
    async fn stop(&mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let ended = until_seen("the end", async || self.child.try_wait().unwrap()).await;
        assert!(ended.success(), "{ended}");
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

/// Accounts: made, signed in to rightly and wrongly, reset.
async fn use_accounts(told: &mut Told, operator: &Api) {
    let accounts = "/v1/organisations/129/accounts";
    let body = json!({"user": "alice", "role": "admin", "password": PASSWORD});
    let created = operator.send(Method::POST, accounts, body).await;
    let app = Totp::from_url(created["otpauth_uri"].as_str().unwrap()).unwrap();
    told.keep(created["totp_secret"].as_str().unwrap());
    told.keep(PASSWORD);
    let code = app.generate(Utc::now().timestamp().unsigned_abs()).to_string();
    let proof = json!({"organisation": 129, "user": "alice", "password": PASSWORD, "code": code});
    let nobody = told.api("no.token.here");
    let sign_in = "/v1/auth/login";
    for (field, wrong) in [
        ("password", "wrong-password-1"),
        ("user", "password-in-the-wrong-field"),
        ("code", "code-in-words"),
        ("organisation", "password-as-organisation"),
    ] {
        let mut proof = proof.clone();
        proof[field] = json!(told.keep(wrong));
        let (status, _) = nobody.call(Method::POST, sign_in, Some(proof)).await;
        assert!(status.is_client_error(), "{field}: {status}");
    }
    let (status, answer) = nobody.call(Method::POST, sign_in, Some(proof)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let token = told.keep(answer["token"].as_str().unwrap());
    let changed = json!({"old": told.keep("wrong-old-password"), "new": told.keep("a-new-long-password"),
        "code": code});
    let (status, _) = told.api(&token).call(Method::PUT, "/v1/auth/password", Some(changed)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let reset = json!({"password": told.keep("a-password-by-reset"), "new_totp_secret": true});
    let reset = operator.send(Method::POST, &format!("{accounts}/alice/reset"), reset).await;
    told.keep(reset["totp_secret"].as_str().unwrap());
    let (status, _) = told.api(&token).call(Method::GET, accounts, None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "the account was reset");
}

/// Bodies, queries and frames that are broken, with a secret in each.
async fn break_things(told: &mut Told, operator: &Api) {
    let token = told.token(Role::Operator, "operator", 60);
    for path in
        ["/v1/organisations/129/users", "/v1/organisations/129/nothing", "/metrics", "/nothing"]
    {
        let url = format!("http://{}{path}?access_token={token}&limit={token}", told.address);
        reqwest::get(url).await.unwrap();
        operator.call(Method::GET, &format!("{path}?cursor={token}&from={token}"), None).await;
    }
    let host = "HTTP/1.1\r\nhost: broker\r\n";
    for bytes in [
        format!(
            "POST /v1/auth/login {host}content-type: application/json\r\ncontent-length: 99\r\n\r\n\
                 {{\"password\":\"{PASSWORD}\",\"user\":"
        ),
        format!(
            "POST /v1/auth/login {host}content-type: application/json\r\ncontent-length: 40\r\n\r\n\
                 {{\"password\":\"{PASSWORD}\",,,,,,,,,,,,,,,,,,"
        ),
        format!(
            "GET /v1/organisations {host}authorization: Bearer {token}\r\nbroken {token}\r\n\r\n"
        ),
        format!("GET /v1/organisations {host}authorization: Basic {}\r\n\r\n", base64url(PASSWORD)),
        format!(
            "GET /v1/organisations/129/session {host}connection: upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-version: 7\r\nauthorization: Bearer {token}\r\n\r\n"
        ),
    ] {
        told.throw(&bytes).await;
    }
    for message in [
        json!({"type": "login", "token": {"is": token}, "device": "agent_desktop"}).to_string(),
        json!({"type": token, "token": token}).to_string(),
        json!({"type": "login", "token": token, "device": token}).to_string(),
        json!({"type": "resume", "token": token, "session": token, "resume_token": token})
            .to_string(),
        format!("{{\"type\":\"login\",\"token\":\"{token}"),
    ] {
        let mut socket = told.connect("session", None).await;
        socket.send_text(&message).await;
        while let Heard::Message(_) = socket.hear().await {}
    }
}

/// Sessions: by every way that a token comes, refreshed, resumed, ended.
async fn use_sockets(told: &mut Told) {
    let device = told.token(Role::Device, "edred", 3_600);
    let mut desk = told.connect("session", Some(&device)).await;
    let login = json!({"type": "login", "device": "agent_desktop", "grace_s": 20, "channels": []});
    let welcome = desk.ask(login).await;
    let resume_token = told.keep(welcome["resume_token"].as_str().unwrap());
    let fresh = told.foreign("k1");
    assert_eq!(desk.ask(json!({"type": "refresh", "token": fresh})).await["type"], "refreshed");
    desk.vanish();
    let resume = |resume_token: &str| json!({"type": "resume", "token": fresh, "session": welcome["session"], "resume_token": resume_token});
    let mut desk = told.connect("session", None).await;
    assert_eq!(desk.ask(resume(&resume_token)).await["type"], "resumed");
    let wrong = told.keep(&resume_token.chars().rev().collect::<String>());
    let mut failed = told.connect("session", None).await;
    failed.send(resume(&wrong)).await;
    assert_eq!(failed.closed().await.0, 4508);
    let (unknown, expired) = (told.foreign("k9"), told.token(Role::Device, "edred", -60));
    for worthless in [&*unknown, &expired, "not.a.token"] {
        let mut socket = told.connect("session", None).await;
        socket.send(json!({"type": "login", "token": worthless, "device": "agent_desktop"})).await;
        assert_eq!(socket.closed().await.0, 4502);
    }
    desk.send(json!({"type": "refresh", "token": expired})).await;
    assert_eq!(desk.closed().await.0, 4502);
    let board = told.token(Role::Wallboard, "lobby", 3_600);
    let mut live = told.connect("live", None).await;
    assert_eq!(live.ask(json!({"type": "subscribe", "token": board})).await["type"], "snapshot");
    let url = format!("http://{}/v1/organisations/129/live", told.address);
    let stream = reqwest::Client::new().get(url).bearer_auth(&board).send().await.unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
}

async fn use_all(told: &mut Told) {
    let token = told.token(Role::Operator, "operator", 3_600);
    let operator = told.api(&token);
    operator.create_organisation(129).await;
    operator.buy(129, "inbound_agent", 2, 0).await;
    operator.add_user(129, "edred", "inbound_agent", &["agent_email"]).await;
    let asked = json!({"tokens": [{"sub": "edred", "org": 129, "role": "device"}]});
    let issued = operator.send(Method::POST, "/v1/tokens", asked).await;
    told.keep(issued["items"][0]["token"].as_str().unwrap());
    use_accounts(told, &operator).await;
    use_sockets(told).await;
    break_things(told, &operator).await;
    let import = operator.request(Method::POST, "/v1/organisations/129/users/import");
    let rows =
        format!("user,name,status,user_type,features\r\n{token},x,nonsense,inbound_agent,\r\n");
    let import = import.header("content-type", "text/csv").body(rows).send().await.unwrap();
    assert_eq!(import.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

/// Where the log tells a secret: the line of each.
fn leaks<'l>(log: &'l str, secrets: &[String]) -> Vec<&'l str> {
    let forms = secrets.iter().flat_map(|secret| {
        [
            secret.clone(),
            base64url(secret),
            secret.replace('-', "%2D"),
            base64url(secret).to_lowercase(),
        ]
    });
    let mut forms: Vec<String> = forms.collect();
    forms.push("$argon2".to_owned());
    log.lines().filter(|line| forms.iter().any(|form| line.contains(form.as_str()))).collect()
}

async fn assert_silent(format: &str, has_secret_file: bool) {
    let mut told = Told::start(format, has_secret_file).await;
    use_all(&mut told).await;
    let log = told.stop().await;
    let secrets = &told.secrets;
    assert!(secrets.len() > 30, "{}", secrets.len());
    assert!(log.contains("TRACE") && log.lines().count() > 500, "it was at its most talkative");
    assert_eq!(leaks(&log, secrets), [""; 0]);
    let probe = format!("{log}\n oh {} \n", secrets[3]);
    assert_eq!(leaks(&probe, secrets).len(), 1, "a leak would be found");
    assert_private(told.folder.path());
}

/// What the process made is its owner's alone. The files that the test made are not looked at.
fn assert_private(folder: &Path) {
    let made = ["it.db", "it.db.lock", "data", "data/token-key", "it.db-wal", "it.db-shm"];
    let there = made.iter().map(|name| folder.join(name)).filter(|path| path.exists());
    let there: Vec<_> = there.collect();
    assert!(there.len() >= 3, "{there:?}");
    for path in there {
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
    }
}

#[tokio::test]
async fn a_process_that_logs_everything_for_people_tells_no_secret() {
    assert_silent("human", true).await;
}

#[tokio::test]
async fn a_process_that_logs_everything_for_machines_tells_no_secret() {
    assert_silent("json", false).await;
}

#[tokio::test]
async fn the_files_of_a_running_broker_and_their_copies_are_its_owners_alone() {
    let mut told = Told::start("human", false).await;
    assert_private(told.folder.path());
    let backup = Command::new(env!("CARGO_BIN_EXE_licence-broker"))
        .current_dir(told.folder.path())
        .args(["backup", "--database", "sqlite://it.db", "--to", "copy.db"])
        .status();
    assert!(backup.unwrap().success());
    let mode = told.folder.path().join("copy.db").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    told.stop().await;
    assert_private(told.folder.path());
}

#[test]
fn no_command_takes_a_secret_on_its_command_line_which_others_can_see() {
    for command in ["serve", "token", "user", "demo", "check", "export", "import", "backup"] {
        let help =
            Command::new(env!("CARGO_BIN_EXE_licence-broker")).args([command, "--help"]).output();
        let help = String::from_utf8(help.unwrap().stdout).unwrap();
        for flag in
            ["--password ", "--password=", "--token ", "--jwt-secret ", "--secret ", "--totp"]
        {
            assert!(!help.contains(flag), "{command}: {flag}");
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
