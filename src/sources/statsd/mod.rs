//! Metrics that programs of this machine send by UDP, in the language of StatsD.
//!
//! A task of its own empties the socket in bursts and sums up; whoever publishes takes the sums. An address that cannot be bound is
//! told once and tried again: the agent runs on without it. Easy to break: what was summed up must outlive a socket that fails.

mod aggregate;
mod lost;
mod parse;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket2::SockRef;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::config::StatsdConfig;
use crate::record::{Monotonic, Sample};
use aggregate::{LeftOut, Sums};
use parse::{Oddities, Rules};

/// The longest packet of UDP over IPv4 is 65,507 bytes.
const MAX_PACKET: usize = 65_536;
/// Bytes read at a go; then everybody else has a turn. One packet of the longest, or 128 without a byte.
const BURST: usize = 65_536;
/// What a packet costs beside its bytes.
const PACKET_COST: usize = 512;
/// What the system is asked to keep for a packet that waits.
const PACKET_BYTES: usize = 1_024;
/// An address that could not be bound is tried again after this, then after twice as long, up to the longest pause.
const BIND_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_BIND_PAUSE: Duration = Duration::from_secs(30);
/// How often the own log is told. Longer than the minute in which it takes the same warning once: a number left out is never told.
const WARN_PAUSE: Duration = Duration::from_secs(61);
/// Apart from each other, so that the last is not left out for the one before.
const UNUSED: &str = "some of what was sent by StatsD was not used";
const UNUSED_AT_LAST: &str = "at last, some of what was sent by StatsD was not used";

/// What listens, and what it has summed up. Listening ends with it.
pub struct Statsd {
    shared: Arc<Mutex<Shared>>,
    task: Option<JoinHandle<()>>,
    warned_at: Option<Monotonic>,
    /// The socket that was asked last, and how many packets had been lost at it.
    lost_before: (String, u64),
}

#[derive(Default)]
struct Shared {
    sums: Sums,
    oddities: Oddities,
    /// Where it listens; the reason where it does not.
    listening: Option<Result<SocketAddr, String>>,
    /// Which socket it is, where the system tells.
    socket: Option<String>,
}

fn locked(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    // A panic elsewhere leaves sums that are as good as before.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Statsd {
    /// Begins to listen.
    pub fn listen(config: &StatsdConfig) -> Self {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let first = bind(config);
        tell(&shared, config.address, &first, true);
        let task = Handle::try_current().ok().map(|runtime| {
            let ears = Ears { config: config.clone(), shared: Arc::clone(&shared) };
            runtime.spawn(ears.run(first.ok()))
        });
        Self { shared, task, warned_at: None, lost_before: <(String, u64)>::default() }
    }

    /// What was summed up since it was last asked: each metric once, its dimensions its kind and its tags.
    pub fn take(&mut self, now: Monotonic) -> Vec<Sample> {
        if self.warned_at.is_none_or(|at| now.since(at) >= WARN_PAUSE) && self.warns(UNUSED) {
            self.warned_at = Some(now);
        }
        locked(&self.shared).sums.take(now)
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        locked(&self.shared).listening.as_ref().and_then(|listening| listening.as_ref().ok().copied())
    }

    /// What keeps it from listening.
    pub fn trouble(&self) -> Option<String> {
        locked(&self.shared).listening.as_ref().and_then(|listening| listening.as_ref().err().cloned())
    }

    /// Tells what was sent and could not be used, where there was any.
    fn warns(&mut self, message: &'static str) -> bool {
        let lost = self.newly_lost();
        let mut shared = locked(&self.shared);
        let Oddities { malformed, foreign, tags } = std::mem::take(&mut shared.oddities);
        let LeftOut { crowded, too_great } = shared.sums.left_out();
        drop(shared);
        let is_any = malformed + foreign + tags + crowded + too_great + lost > 0;
        if is_any {
            let max_metrics = aggregate::MAX_METRICS;
            log::warn!(malformed, events = foreign, tags, crowded, too_great, lost_packets = lost, max_metrics;
                "{message}");
        }
        is_any
    }

    /// Packets that the system dropped since this was asked last.
    fn newly_lost(&mut self) -> u64 {
        let Some(socket) = locked(&self.shared).socket.clone() else { return 0 };
        let Some(lost) = lost::packets(&socket) else { return 0 };
        let (of, before) = &self.lost_before;
        let news = if *of == socket { lost.saturating_sub(*before) } else { lost };
        self.lost_before = (socket, lost);
        news
    }
}

impl Drop for Statsd {
    fn drop(&mut self) {
        self.warns(UNUSED_AT_LAST);
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// What listens.
struct Ears {
    config: StatsdConfig,
    shared: Arc<Mutex<Shared>>,
}

impl Ears {
    /// Listens for ever.
    async fn run(self, mut socket: Option<UdpSocket>) {
        let mut pause = BIND_PAUSE;
        loop {
            let error = match socket.take().map(tokio::net::UdpSocket::from_std) {
                Some(Ok(socket)) => self.hear(&socket).await,
                Some(Err(error)) => error,
                None => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_BIND_PAUSE);
                    let bound = bind(&self.config);
                    tell(&self.shared, self.config.address, &bound, false);
                    socket = bound.ok();
                    continue;
                }
            };
            tell(&self.shared, self.config.address, &Err(error), true);
            pause = BIND_PAUSE;
        }
    }

    /// Empties the socket as long as it works.
    async fn hear(&self, socket: &tokio::net::UdpSocket) -> io::Error {
        let mut buffer = vec![0; MAX_PACKET];
        loop {
            if let Err(error) = socket.readable().await {
                return error;
            }
            let mut taken = 0;
            while taken < BURST {
                match socket.try_recv(&mut buffer) {
                    Ok(length) => {
                        self.take_in(buffer.get(..length).unwrap_or_default());
                        taken += length + PACKET_COST;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // What another host answered to a packet that nobody here sent, or a signal.
                    Err(error)
                        if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::Interrupted) =>
                    {
                        taken += PACKET_COST;
                    }
                    Err(error) => return error,
                }
            }
            tokio::task::yield_now().await;
        }
    }

    fn take_in(&self, packet: &[u8]) {
        let rules = Rules { separator: &self.config.separator, max_tags: self.config.max_tags };
        let mut shared = locked(&self.shared);
        let Shared { sums, oddities, .. } = &mut *shared;
        parse::packet(packet, rules, oddities, |measured| sums.add(measured));
    }
}

/// A socket with room for as many packets as the configuration wants, as far as the system allows it.
fn bind(config: &StatsdConfig) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(config.address)?;
    socket.set_nonblocking(true)?;
    let wanted = config.max_pending.saturating_mul(PACKET_BYTES);
    let reference = SockRef::from(&socket);
    // The system keeps to its own limit (`net.core.rmem_max`), and what it has given may already be more.
    if reference.recv_buffer_size().is_ok_and(|bytes| bytes < wanted)
        && let Err(error) = reference.set_recv_buffer_size(wanted)
    {
        log::debug!(error:% = error, wanted; "the room for packets of StatsD stays as it is");
    }
    Ok(socket)
}

/// Notes whether it listens. The own log hears of a failure where it `is_news`, and of the end of it.
fn tell(shared: &Mutex<Shared>, address: SocketAddr, bound: &io::Result<UdpSocket>, is_news: bool) {
    let listening = match bound {
        Ok(socket) => socket.local_addr().map_err(|error| error.to_string()),
        Err(error) => Err(format!("cannot listen for StatsD at udp {address}: {error}")),
    };
    match &listening {
        Ok(address) => log::info!(address:% = address; "listening for StatsD"),
        Err(error) if is_news => {
            log::error!(error; "metrics that programs send are not heard; it is tried again");
        }
        Err(_) => {}
    }
    let mut shared = locked(shared);
    shared.socket = bound.as_ref().ok().and_then(lost::name_of);
    shared.listening = Some(listening);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_asked_for_room_for_as_many_packets_as_may_wait() {
        let bytes = |max_pending| {
            let config = StatsdConfig {
                address: SocketAddr::from(([127, 0, 0, 1], 0)),
                aggregation: WARN_PAUSE,
                interval: WARN_PAUSE,
                separator: "_".into(),
                max_pending,
                max_tags: 20,
                drop_original: Vec::new(),
            };
            SockRef::from(&bind(&config).unwrap()).recv_buffer_size().unwrap()
        };
        assert!(bytes(10_000) > bytes(1), "{} {}", bytes(10_000), bytes(1));
    }
}
