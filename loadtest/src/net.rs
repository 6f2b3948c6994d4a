//! Where the broker is, and from which addresses it is connected to.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context, Result, bail, ensure};
use hyper::Uri;
use tokio::net::{TcpSocket, TcpStream, lookup_host};

use crate::limits::{CONNECTIONS_PER_ADDRESS, SOURCE_ADDRESSES_MAX};

const HTTP_PORT: u16 = 80;

/// The broker: its address, looked up once, and how it is called.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// `host:port` as the URL has it.
    authority: String,
    /// Path before `/v1`, without a slash at its end; usually empty.
    prefix: String,
}

impl Target {
    /// Reads the URL and looks its host up; an IPv4 address is preferred.
    ///
    /// # Errors
    ///
    /// A URL that is none, a scheme other than http, or a host that is not known.
    pub(crate) async fn resolve(url: &str) -> Result<Self> {
        let (authority, prefix) = parse(url)?;
        let with_port = if authority.rsplit_once(':').is_some_and(|(_, p)| p.parse::<u16>().is_ok())
        {
            authority.clone()
        } else {
            format!("{authority}:{HTTP_PORT}")
        };
        let found: Vec<_> = lookup_host(&with_port)
            .await
            .with_context(|| format!("--url {url}: the host is not known"))?
            .collect();
        let address = found.iter().find(|address| address.is_ipv4()).or(found.first());
        let address = *address.with_context(|| format!("--url {url}: the host has no address"))?;
        Ok(Self { address, authority, prefix })
    }

    /// URL of an HTTP resource; `path` begins with `/v1`.
    pub(crate) fn http(&self, path: &str) -> String {
        format!("http://{}{}{path}", self.authority, self.prefix)
    }

    /// URL of an organisation's live counts.
    pub(crate) fn live(&self, organisation: u64) -> String {
        let Self { authority, prefix, .. } = self;
        format!("ws://{authority}{prefix}/v1/organisations/{organisation}/live")
    }

    /// URL of an organisation's device sessions.
    pub(crate) fn session(&self, organisation: u64) -> String {
        let Self { authority, prefix, .. } = self;
        format!("ws://{authority}{prefix}/v1/organisations/{organisation}/session")
    }
}

fn parse(url: &str) -> Result<(String, String)> {
    let uri: Uri = url.parse().with_context(|| format!("--url {url} is not a URL"))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https" | "wss") => bail!(
            "--url {url}: TLS is not spoken here; load-test the broker's http port, or a \
             terminating proxy's"
        ),
        _ => bail!("--url {url}: http://host:port is expected"),
    }
    let authority = uri.authority().with_context(|| format!("--url {url} has no host"))?;
    ensure!(!authority.as_str().contains('@'), "--url: no user or password belongs into it");
    ensure!(uri.query().is_none(), "--url {url}: no query belongs into it");
    Ok((authority.to_string(), uri.path().trim_end_matches('/').to_owned()))
}

/// Addresses that connections leave from, in turn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SourceAddresses(Vec<Ipv4Addr>);

impl SourceAddresses {
    /// As many as asked for, else as many as the connections need. One alone is left to the
    /// system to choose.
    ///
    /// # Errors
    ///
    /// Where several are asked for or needed and the broker is not on IPv4 loopback, or where
    /// they cannot carry so many connections.
    pub(crate) fn choose(
        target: SocketAddr,
        asked: Option<usize>,
        connections: usize,
    ) -> Result<Self> {
        let needed = connections.div_ceil(CONNECTIONS_PER_ADDRESS).max(1);
        let number = asked.unwrap_or(needed);
        ensure!(
            (1..=SOURCE_ADDRESSES_MAX).contains(&number),
            "--source-addresses: from 1 to {SOURCE_ADDRESSES_MAX}"
        );
        ensure!(
            number >= needed,
            "{connections} connections need {needed} source addresses of \
             {CONNECTIONS_PER_ADDRESS} each, --source-addresses allows {number}"
        );
        if number == 1 {
            return Ok(Self(vec![]));
        }
        let loopback = matches!(target.ip(), IpAddr::V4(address) if address.is_loopback());
        ensure!(
            loopback,
            "{number} source addresses are only to be had on loopback, and {target} is elsewhere: \
             spread the agents over several machines"
        );
        let last_bytes = (2u8..).take(number);
        Ok(Self(last_bytes.map(|byte| Ipv4Addr::new(127, 0, 0, byte)).collect()))
    }

    /// The address of the connection with this index; `None`: the system chooses.
    pub(crate) fn of(&self, index: usize) -> Option<Ipv4Addr> {
        self.0.get(index.checked_rem(self.0.len())?).copied()
    }
}

/// Connects, without Nagle's delay.
///
/// # Errors
///
/// What the system says.
pub(crate) async fn connect(
    address: SocketAddr,
    source: Option<Ipv4Addr>,
) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source {
        socket.bind((source, 0).into())?;
    }
    socket.set_nodelay(true)?;
    socket.connect(address).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> SocketAddr {
        "127.0.0.1:8080".parse().expect("an address")
    }

    #[tokio::test]
    async fn a_url_gives_both_kinds_of_address() {
        let target = Target::resolve("http://127.0.0.1:8080/broker/").await.expect("a target");
        assert_eq!(target.address, here());
        assert_eq!(target.http("/v1/tokens"), "http://127.0.0.1:8080/broker/v1/tokens");
        let session = "ws://127.0.0.1:8080/broker/v1/organisations/129/session";
        assert_eq!(target.session(129), session);
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
        assert!(error.to_string().contains("TLS is not spoken here"), "{error}");
        for url in ["127.0.0.1:8080", "ftp://x", "", "http://u:p@x", "http://x/?a=b"] {
            Target::resolve(url).await.expect_err(url);
        }
    }

    #[test]
    fn up_to_28000_connections_the_system_chooses_the_address() {
        let one = SourceAddresses::choose(here(), None, 28_000).expect("one");
        assert_eq!((one.of(0), one.of(5)), (None, None));
    }

    #[test]
    fn past_that_loopback_addresses_are_taken_in_turn() {
        let three = SourceAddresses::choose(here(), None, 56_001).expect("three");
        let taken: Vec<_> = (0..4).filter_map(|index| three.of(index)).collect();
        let [two, three, four] = [2, 3, 4].map(|byte| Ipv4Addr::new(127, 0, 0, byte));
        assert_eq!(taken, [two, three, four, two]);
    }

    #[test]
    fn several_addresses_are_for_loopback_only_and_never_too_few() {
        let elsewhere: SocketAddr = "10.0.0.1:80".parse().expect("an address");
        SourceAddresses::choose(elsewhere, Some(2), 10).expect_err("elsewhere");
        SourceAddresses::choose(elsewhere, None, 30_000).expect_err("elsewhere");
        SourceAddresses::choose(here(), Some(1), 30_000).expect_err("too few");
        SourceAddresses::choose(here(), Some(251), 10).expect_err("too many");
        SourceAddresses::choose(elsewhere, None, 10).expect("one is always to be had");
    }
}
