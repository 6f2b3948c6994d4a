//! What frames cost without a broker: a bare loop that writes the same bytes to as many sockets.
//!
//! Whatever is in a write to a loopback socket (the system call, both ends of TCP, waking the reader) is
//! in this figure, and no server can do without it.

use std::io::Write;
use std::net::TcpStream as Blocking;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinSet, spawn_blocking};

use crate::limits::{FLOOR_PAUSE, FLOOR_ROUNDS};
use crate::process::of_this_thread;

/// Processor time of one write of so many bytes, as the mean of many rounds over so many sockets.
///
/// # Errors
///
/// Where the sockets cannot be had.
pub(crate) async fn per_write(sockets: usize, bytes: usize) -> Result<Duration> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("a port for the bare loop")?;
    let address = listener.local_addr()?;
    let mut readers = JoinSet::new();
    let mut ends = Vec::with_capacity(sockets);
    for _ in 0..sockets {
        let (reader, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        readers.spawn(read_all(reader?));
        let end = accepted?.0.into_std()?;
        end.set_nonblocking(false)?;
        end.set_nodelay(true)?;
        ends.push(end);
    }
    spawn_blocking(move || write_all(&mut ends, bytes)).await.context("the bare loop broke")?
}

async fn read_all(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(1..) = stream.read(&mut buffer).await {}
}

fn write_all(ends: &mut [Blocking], bytes: usize) -> Result<Duration> {
    let frame = vec![b'x'; bytes];
    let begun = of_this_thread()?;
    for _ in 0..FLOOR_ROUNDS {
        for end in &mut *ends {
            end.write_all(&frame)?;
        }
        // As far apart as frames of counts are: readers are asleep when the next comes.
        std::thread::sleep(FLOOR_PAUSE);
    }
    let writes = u32::try_from(ends.len())?.saturating_mul(FLOOR_ROUNDS).max(1);
    Ok(of_this_thread()?.saturating_sub(begun) / writes)
}
