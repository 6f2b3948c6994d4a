//! A broker that serves TLS, and clients that trust it.

use crate::authority::{Authority, Files, Issued, NOW};
use crate::support::broker::{Setup, TestBroker};
use crate::support::http::Api;
use crate::support::socket::{PATIENCE, Socket};
use licence_broker::auth::Role;
use licence_broker::transport::certificate::Certificate;
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// A WebSocket within TLS.
pub(crate) type SecureSocket = Socket<TlsStream<TcpStream>>;

pub(crate) struct Secure {
    pub(crate) broker: TestBroker,
    pub(crate) authority: Authority,
    pub(crate) files: Files,
    /// What the broker serves, for having it look at the files.
    pub(crate) certificate: Arc<Certificate>,
    /// What was issued first.
    pub(crate) issued: Issued,
}

impl Secure {
    pub(crate) async fn start(setup: Setup) -> Self {
        let authority = Authority::new();
        let issued = authority.issue(NOW);
        let files = Files::with(&issued);
        let certificate = files.load().unwrap();
        let setup = Setup { certificate: Some(certificate.clone()), ..setup };
        let broker = TestBroker::with(setup).await;
        Self { broker, authority, files, certificate, issued }
    }

    /// The operator, by HTTPS: what is asked in the clear of a port of its own goes on within TLS.
    pub(crate) async fn operator(&self) -> Api {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (client, address) = (Arc::new(self.client()), self.broker.address);
        tokio::spawn(async move {
            while let Ok((mut clear, _)) = listener.accept().await {
                let connector = TlsConnector::from(client.clone());
                tokio::spawn(async move {
                    let stream = TcpStream::connect(address).await.unwrap();
                    let name = ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
                    let mut secure = connector.connect(name, stream).await.unwrap();
                    // Either side may end it.
                    let _ = copy_bidirectional(&mut clear, &mut secure).await;
                });
            }
        });
        Api::new(base, &self.broker.token(Role::Operator, 0, "operator"))
    }

    pub(crate) fn client(&self) -> ClientConfig {
        self.authority.client(&[&TLS13, &TLS12])
    }

    /// Shakes hands.
    pub(crate) async fn stream(
        &self,
        client: ClientConfig,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        self.stream_with(client, None).await
    }

    /// Shakes hands over a connection with a receive buffer as small as is said.
    pub(crate) async fn stream_with(
        &self,
        client: ClientConfig,
        receive_buffer: Option<u32>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let socket = TcpSocket::new_v4()?;
        if let Some(bytes) = receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        let stream = socket.connect(self.broker.address).await?;
        let name = ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let shaking = TlsConnector::from(Arc::new(client)).connect(name, stream);
        timeout(PATIENCE, shaking).await.expect("a handshake in time")
    }

    /// The certificate that a new handshake shows.
    pub(crate) async fn shown(&self) -> CertificateDer<'static> {
        let stream = self.stream(self.client()).await.expect("a handshake");
        let (_, connection) = stream.get_ref();
        connection.peer_certificates().expect("a certificate")[0].clone().into_owned()
    }

    /// A WebSocket within TLS.
    pub(crate) async fn connect(&self, path: &str) -> SecureSocket {
        let stream = self.stream(self.client()).await.expect("a handshake");
        self.upgrade(stream, path).await
    }

    /// The same on a stream that there is.
    pub(crate) async fn upgrade(&self, stream: TlsStream<TcpStream>, path: &str) -> SecureSocket {
        let url = format!("wss://{}/v1/organisations/129/{path}", self.broker.address);
        let mut request = url.into_client_request().unwrap();
        // As a page of the broker itself would.
        let origin = format!("https://{}", self.broker.address);
        request.headers_mut().insert("origin", origin.parse().unwrap());
        Socket(client_async(request, stream).await.expect("an upgrade").0)
    }

    /// An organisation with licences and one agent, `edred`.
    pub(crate) async fn centre(&self) -> Api {
        let operator = self.operator().await;
        operator.create_organisation(129).await;
        operator.buy(129, "inbound_agent", 10, 0).await;
        operator.add_user(129, "edred", "inbound_agent", &[]).await;
        operator
    }

    /// What edred logs in with.
    pub(crate) fn login(&self) -> serde_json::Value {
        let token = self.broker.token(Role::Device, 129, "edred");
        serde_json::json!({ "type": "login", "token": token, "device": "agent_desktop" })
    }
}
