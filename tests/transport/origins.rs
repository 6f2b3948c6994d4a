//! Which pages may connect, by WebSocket and as a stream of events alike; and that no other page reads
//! the API.

use crate::support::broker::{Setup, TestBroker};
use crate::support::http::Api;
use licence_broker::auth::Role;

async fn start() -> (TestBroker, Api) {
    let allowed_origins = vec!["https://desk.example".to_owned()];
    let broker = TestBroker::with(Setup { allowed_origins, ..Setup::default() }).await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    (broker, operator)
}

/// The statuses with which a device's socket, a wallboard's socket and a stream of events are answered.
async fn statuses(broker: &TestBroker, lines: &str) -> [u16; 3] {
    let status = |head: String| head[9..12].parse().unwrap();
    let upgrade = async |path: &str| {
        let path = format!("/v1/organisations/129/{path}");
        status(broker.tcp(None).await.upgrade(&path, lines).await)
    };
    let token = broker.token(Role::Supervisor, 129, "somebody");
    let events = format!(
        "GET /v1/organisations/129/live HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
         {lines}\r\n",
        broker.address
    );
    let events = status(broker.tcp(None).await.request(&events).await);
    [upgrade("session").await, upgrade("live").await, events]
}

const LET_IN: [u16; 3] = [101, 101, 200];
const KEPT_OUT: [u16; 3] = [403, 403, 403];

#[tokio::test]
async fn own_pages_and_allowed_ones_connect_and_others_do_not() {
    let (broker, _operator) = start().await;
    let own = broker.address;
    for lines in [
        String::new(),
        format!("Origin: http://{own}\r\n"),
        format!("Origin: https://{own}\r\n"),
        "Origin: https://desk.example\r\n".to_owned(),
        "Origin: HTTPS://Desk.Example\r\n".to_owned(),
    ] {
        assert_eq!(statuses(&broker, &lines).await, LET_IN, "{lines}");
    }
    let port = own.port() ^ 1;
    for lines in [
        "Origin: null\r\n".to_owned(),
        "Origin: \r\n".to_owned(),
        "Origin: http://desk.example\r\n".to_owned(),
        "Origin: https://desk.example:8443\r\n".to_owned(),
        "Origin: https://desk.example.evil.example\r\n".to_owned(),
        "Origin: https://evil.example\r\n".to_owned(),
        "Origin: https://desk.example https://evil.example\r\n".to_owned(),
        "Origin: https://desk.example\r\nOrigin: https://evil.example\r\n".to_owned(),
        "Origin: https://evil.example\r\nOrigin: https://desk.example\r\n".to_owned(),
        format!("Origin: http://127.0.0.1:{port}\r\n"),
        format!("Origin: ftp://{own}\r\n"),
        format!("Origin: {own}\r\n"),
    ] {
        assert_eq!(statuses(&broker, &lines).await, KEPT_OUT, "{lines}");
    }
}

/// Whoever reaches the broker could say what a proxy says.
#[tokio::test]
async fn what_a_proxy_says_makes_no_page_the_brokers_own_and_no_address_a_peers() {
    let (broker, operator) = start().await;
    for said in [
        "X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\n",
        "Forwarded: for=192.0.2.1;host=evil.example;proto=https\r\n",
    ] {
        let lines = format!("Origin: https://evil.example\r\n{said}");
        assert_eq!(statuses(&broker, &lines).await, KEPT_OUT, "{said}");
    }
    operator.buy(129, "inbound_agent", 1, 0).await;
    operator.add_user(129, "edred", "inbound_agent", &[]).await;
    let headers = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")];
    let mut socket = broker.try_connect(129, "session", &headers).await.unwrap();
    let login = broker.login_message(129, "edred", "agent_desktop", serde_json::json!({}));
    socket.send_text(&login).await;
    assert_eq!(socket.message().await["type"], "logged_in");
    let sessions = operator.all("/v1/organisations/129/sessions").await;
    assert_eq!(sessions[0]["address"], "127.0.0.1");
}

/// Pages of other origins connect, where they are allowed; the API they do not read: a browser shows them
/// no answer that does not say so.
#[tokio::test]
async fn no_answer_lets_pages_of_other_origins_read_it() {
    let (_broker, operator) = start().await;
    for method in [reqwest::Method::GET, reqwest::Method::OPTIONS] {
        for path in ["/v1/organisations/129", "/healthz"] {
            let request = operator
                .request(method.clone(), path)
                .header("origin", "https://desk.example")
                .header("access-control-request-method", "DELETE");
            let response = request.send().await.unwrap();
            let told = response.headers().keys().map(|name| name.as_str().to_owned());
            let cors: Vec<_> = told.filter(|name| name.starts_with("access-control-")).collect();
            assert_eq!(cors, [""; 0], "{method} {path}");
        }
    }
}
