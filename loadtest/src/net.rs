//! From which addresses the broker is connected to.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Result, ensure};
use tokio::net::{TcpSocket, TcpStream};

use crate::limits::{CONNECTIONS_PER_ADDRESS, SOURCE_ADDRESSES_MAX};

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
