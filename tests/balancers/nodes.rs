//! Three brokers that have the same organisations and nothing in common: what an organisation is called, and how much
//! was bought, tells which broker answered.

use crate::balancer::Balancer;
use crate::support::broker::TestBroker;
use crate::support::socket::Socket;
use licence_broker::auth::Role;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

pub(crate) const NAMES: [&str; 3] = ["a", "b", "c"];
/// Enough of them that each node gets some.
pub(crate) const ORGANISATIONS: std::ops::RangeInclusive<u64> = 1..=24;
/// What the first node's organisations bought; each further node's one more.
pub(crate) const BOUGHT: u32 = 10;

pub(crate) struct Nodes {
    brokers: BTreeMap<&'static str, TestBroker>,
    /// In the order of the names; a node that has died keeps its own.
    pub(crate) addresses: Vec<SocketAddr>,
    /// A token of the operator, good at all of them.
    pub(crate) token: String,
}

impl Nodes {
    pub(crate) async fn start() -> Self {
        let mut brokers = BTreeMap::new();
        let (mut addresses, mut token) = (Vec::new(), String::new());
        for (name, bought) in NAMES.into_iter().zip(BOUGHT..) {
            let broker = TestBroker::start().await;
            let operator = broker.operator();
            for organisation in ORGANISATIONS {
                let body = json!({ "id": organisation, "name": name });
                operator.send(Method::POST, "/v1/organisations", body).await;
                operator.buy(organisation, "inbound_agent", bought, 0).await;
                operator.add_user(organisation, "edred", "inbound_agent", &[]).await;
            }
            addresses.push(broker.address);
            operator.token().clone_into(&mut token);
            brokers.insert(name, broker);
        }
        Self { brokers, addresses, token }
    }

    /// The broker of this name, past any balancer.
    pub(crate) fn broker(&self, name: &str) -> &TestBroker {
        &self.brokers[name]
    }

    /// As if this node's process were killed.
    pub(crate) async fn kill(&mut self, name: &str) {
        self.brokers.remove(name).expect("it lives").halt().await;
    }

    /// Which node answers for an organisation through the balancer, on a connection of its own.
    pub(crate) async fn answering(&self, balancer: &Balancer, organisation: u64) -> String {
        let (status, body) = self.get(balancer, &format!("/v1/organisations/{organisation}")).await;
        assert_eq!(status, StatusCode::OK, "{:?} {organisation}: {body}", balancer.kind);
        body["name"].as_str().unwrap().to_owned()
    }

    /// Each organisation's node.
    pub(crate) async fn map(&self, balancer: &Balancer) -> BTreeMap<u64, String> {
        let mut found = BTreeMap::new();
        for organisation in ORGANISATIONS {
            found.insert(organisation, self.answering(balancer, organisation).await);
        }
        found
    }

    /// Asks through the balancer, on a connection of its own.
    pub(crate) async fn get(&self, balancer: &Balancer, path: &str) -> (StatusCode, Value) {
        let request = Client::new().get(balancer.url(path)).bearer_auth(&self.token);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// Edred logs in through the balancer at this path, as a page of the balancer's address would.
    pub(crate) async fn login(&self, balancer: &Balancer, path: &str, organisation: u64) -> Socket {
        let url = format!("ws://{}{path}", balancer.address);
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("origin", balancer.url("").parse().unwrap());
        headers.insert("sec-websocket-protocol", "licence-broker.v1".parse().unwrap());
        let (socket, answer) = tokio_tungstenite::connect_async(request).await.unwrap();
        assert_eq!(answer.headers()["sec-websocket-protocol"], "licence-broker.v1");
        let mut socket = Socket(socket);
        let any = self.brokers.values().next().expect("a node that lives");
        let token = any.token(Role::Device, organisation, "edred");
        let login = json!({ "type": "login", "token": token, "device": "agent_desktop" });
        let logged_in = socket.ask(login).await;
        assert_eq!(logged_in["type"], "logged_in", "{logged_in}");
        socket
    }

    /// The nodes at which an organisation has sessions.
    pub(crate) async fn holding(&self, organisation: u64) -> Vec<&'static str> {
        let mut holding = Vec::new();
        for (name, broker) in &self.brokers {
            let path = format!("/v1/organisations/{organisation}/sessions");
            if !broker.operator().all(&path).await.is_empty() {
                holding.push(*name);
            }
        }
        holding
    }
}
