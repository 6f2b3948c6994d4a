//! Where the broker is: one address or several nodes', and where each organisation was found last.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::{Request, StatusCode, Uri};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::limits::{ENDPOINT_WAIT, HTTP_ANSWER_BYTES_MAX};

const HTTP_PORT: u16 = 80;

/// The broker. Clones share what is known of where organisations are.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The first of its addresses, looked up once.
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Never empty.
    homes: Vec<Place>,
    /// Whether each connection asks first which node has its organisation.
    asks: bool,
    /// Counts what went to the homes, which take turns.
    turn: AtomicUsize,
    /// Where organisations were found last; an entry goes when nobody is there.
    found: Mutex<HashMap<u64, Place>>,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// One address of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// `None`: to be looked up.
    address: Option<SocketAddr>,
    /// `host:port` as the URL has it.
    authority: String,
    /// Path before `/v1`, without a slash at its end; usually empty.
    prefix: String,
}

/// What the question for an organisation's node is answered.
#[derive(Deserialize)]
struct Endpoint {
    url: String,
    /// Whether whoever answers has it.
    here: bool,
}

impl Target {
    /// Reads the URL, or several with commas between them, and looks their hosts up; an IPv4 address is
    /// preferred. Of several, connections ask first which has their organisation.
    ///
    /// # Errors
    ///
    /// A URL that is none, a scheme other than http, or a host that is not known.
    pub(crate) async fn resolve(urls: &str) -> Result<Self> {
        let mut homes = Vec::new();
        for url in urls.split(',') {
            let mut place = Place::read(url).with_context(|| format!("--url {url}"))?;
            let address = place.look_up().await.with_context(|| format!("--url {url}"))?;
            place.address = Some(address);
            homes.push(place);
        }
        let address = homes.first().and_then(|home| home.address).context("--url is empty")?;
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        let (asks, turn, found) = (homes.len() > 1, AtomicUsize::new(0), Mutex::default());
        Ok(Self { address, shared: Arc::new(Shared { homes, asks, turn, found, client }) })
    }

    /// Connections ask first, of one address as well.
    pub(crate) fn asking(self, asks: bool) -> Self {
        let Shared { homes, asks: already, client, .. } = &*self.shared;
        let (homes, asks, client) = (homes.clone(), asks || *already, client.clone());
        let (turn, found) = (AtomicUsize::new(0), Mutex::default());
        Self { shared: Arc::new(Shared { homes, asks, turn, found, client }), ..self }
    }

    /// URL of an HTTP resource; `path` begins with `/v1`.
    pub(crate) fn http(&self, path: &str) -> String {
        self.shared.homes[0].http(path)
    }

    /// Where to connect to for an organisation: where it was found, else where it is by the answer of one
    /// of the homes, else one of these.
    pub(crate) async fn place(&self, organisation: u64, authorization: &HeaderValue) -> Place {
        if let Some(found) = self.found().get(&organisation) {
            return found.clone();
        }
        let homes = &self.shared.homes;
        let turn = self.shared.turn.fetch_add(1, Ordering::Relaxed);
        let home = homes[turn % homes.len()].clone();
        if self.shared.asks {
            let asked = timeout(ENDPOINT_WAIT, self.ask(&home, organisation, authorization)).await;
            if let Ok(Some(Endpoint { url, here: false })) = asked
                && let Ok(place) = Place::read(&url)
            {
                return place;
            }
        }
        home
    }

    async fn ask(
        &self,
        home: &Place,
        organisation: u64,
        authorization: &HeaderValue,
    ) -> Option<Endpoint> {
        let request =
            Request::get(home.http(&format!("/v1/organisations/{organisation}/endpoint")))
                .header(AUTHORIZATION, authorization)
                .body(Full::default())
                .ok()?;
        let answer = self.shared.client.request(request).await.ok()?;
        if answer.status() != StatusCode::OK {
            return None;
        }
        let body = Limited::new(answer.into_body(), HTTP_ANSWER_BYTES_MAX).collect().await.ok()?;
        serde_json::from_slice(&body.to_bytes()).ok()
    }

    /// An organisation's connections were sent to this URL. Whether anybody can go there.
    pub(crate) fn moved(&self, organisation: u64, url: &str) -> bool {
        let place = Place::read(url);
        let is_one = place.is_ok();
        if let Ok(place) = place {
            self.found().insert(organisation, place);
        }
        is_one
    }

    /// Nobody is where the organisation was found.
    pub(crate) fn lost(&self, organisation: u64) {
        self.found().remove(&organisation);
    }

    fn found(&self) -> MutexGuard<'_, HashMap<u64, Place>> {
        self.shared.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Of a URL, with or without the path of one of the broker's resources.
    fn read(url: &str) -> Result<Self> {
        let (authority, path) = parse(url)?;
        let prefix = path.split("/v1/").next().unwrap_or_default().trim_end_matches('/').to_owned();
        Ok(Self { address: authority.parse().ok(), authority, prefix })
    }

    /// Its address.
    ///
    /// # Errors
    ///
    /// Where the host is not known.
    pub(crate) async fn look_up(&self) -> Result<SocketAddr> {
        if let Some(address) = self.address {
            return Ok(address);
        }
        let Self { authority, .. } = self;
        let has_port = authority.rsplit_once(':').is_some_and(|(_, p)| p.parse::<u16>().is_ok());
        let with_port =
            if has_port { authority.clone() } else { format!("{authority}:{HTTP_PORT}") };
        let found = lookup_host(&with_port).await.context("the host is not known")?;
        let found: Vec<_> = found.collect();
        let address = found.iter().find(|address| address.is_ipv4()).or(found.first());
        address.copied().context("the host has no address")
    }

    fn http(&self, path: &str) -> String {
        format!("http://{}{}{path}", self.authority, self.prefix)
    }

    /// URL of a socket of an organisation: `session` or `live`.
    pub(crate) fn socket(&self, organisation: u64, kind: &str) -> String {
        let Self { authority, prefix, .. } = self;
        format!("ws://{authority}{prefix}/v1/organisations/{organisation}/{kind}")
    }
}

fn parse(url: &str) -> Result<(String, String)> {
    let uri: Uri = url.parse().with_context(|| format!("{url} is not a URL"))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https" | "wss") => bail!(
            "{url}: TLS is not spoken here; load-test the broker's http port, or a terminating \
             proxy's"
        ),
        _ => bail!("{url}: http://host:port is expected"),
    }
    let authority = uri.authority().with_context(|| format!("{url} has no host"))?;
    ensure!(!authority.as_str().contains('@'), "no user or password belongs into a URL");
    ensure!(uri.query().is_none(), "{url}: no query belongs into it");
    Ok((authority.to_string(), uri.path().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn session_of(target: &Target, organisation: u64) -> String {
        let token = HeaderValue::from_static("Bearer token");
        target.place(organisation, &token).await.socket(organisation, "session")
    }

    #[tokio::test]
    async fn a_url_gives_both_kinds_of_address() {
        let target = Target::resolve("http://127.0.0.1:8080/broker/").await.expect("a target");
        assert_eq!(target.address, "127.0.0.1:8080".parse().expect("an address"));
        assert_eq!(target.http("/v1/tokens"), "http://127.0.0.1:8080/broker/v1/tokens");
        let session = "ws://127.0.0.1:8080/broker/v1/organisations/129/session";
        assert_eq!(session_of(&target, 129).await, session);
    }

    #[tokio::test]
    async fn without_a_port_it_is_80() {
        let target = Target::resolve("http://127.0.0.1").await.expect("a target");
        assert_eq!(target.address.port(), 80);
        let target = Target::resolve("http://[::1]:81").await.expect("a target");
        assert_eq!(target.address.to_string(), "[::1]:81");
    }

    #[tokio::test]
    async fn tls_is_refused_in_words() {
        let error = Target::resolve("https://broker.example").await.expect_err("no TLS");
        assert!(format!("{error:#}").contains("TLS is not spoken here"), "{error:#}");
        for url in ["127.0.0.1:8080", "ftp://x", "", "http://u:p@x", "http://x/?a=b", "http://x,"] {
            Target::resolve(url).await.expect_err(url);
        }
    }

    #[tokio::test]
    async fn an_organisation_is_looked_for_where_it_was_found_last_until_nobody_is_there() {
        let target = Target::resolve("http://127.0.0.1:1").await.expect("a target");
        let home = "ws://127.0.0.1:1/v1/organisations/7/session";
        assert!(target.moved(7, "http://127.0.0.1:2/node/b"));
        assert_eq!(
            session_of(&target.clone(), 7).await,
            "ws://127.0.0.1:2/node/b/v1/organisations/7/session"
        );
        let other = "ws://127.0.0.1:1/v1/organisations/8/session";
        assert_eq!(session_of(&target, 8).await, other, "another organisation");
        assert!(target.moved(7, "http://127.0.0.1:3/v1/organisations/7/session"));
        let there = "ws://127.0.0.1:3/v1/organisations/7/session";
        assert_eq!(session_of(&target, 7).await, there, "with its path");
        assert!(!target.moved(7, "moved"), "no address");
        target.lost(7);
        assert_eq!(session_of(&target, 7).await, home);
    }

    #[tokio::test]
    async fn several_addresses_take_turns() {
        // Nobody is there to be asked.
        let target = Target::resolve("http://127.0.0.1:1,http://127.0.0.1:2").await;
        let target = target.expect("a target");
        for port in [1, 2, 1] {
            let there = format!("ws://127.0.0.1:{port}/v1/organisations/7/session");
            assert_eq!(session_of(&target, 7).await, there);
        }
    }
}
