//! Speaks to systemd, as `sd_notify(3)` describes it: a datagram of `NAME=value` lines to the socket that it named.
//!
//! Of our own, since the crate `sd-notify` (0.5) takes an abstract socket's name for a path, looks the variable up at each message
//! and needs `unsafe` to keep it from children: what is needed here is a `send_to`. Where nobody named a socket, nothing happens.
//! The rule that is easy to break: a message must never hold the program up, so one that finds the queue full is lost; what counts is
//! told again.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// A way to the service manager, where there is one.
#[derive(Debug, Default)]
pub struct Notifier {
    way: Option<(UnixDatagram, SocketAddr)>,
}

impl Notifier {
    /// The way that the environment names.
    pub fn from_environment() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Self::default();
        };
        match open(&name) {
            Ok(way) => Self { way: Some(way) },
            Err(error) => {
                log::warn!(path:% = name.display(), error:%; "cannot speak to the service manager");
                Self::default()
            }
        }
    }

    /// Whether anybody listens.
    pub fn is_heard(&self) -> bool {
        self.way.is_some()
    }

    /// The service runs.
    pub fn ready(&self) -> bool {
        self.send("READY=1")
    }

    /// It takes a new configuration over; `monotonic_us` is the time on the kernel's `CLOCK_MONOTONIC`. [`Notifier::ready`] ends it.
    pub fn reloading(&self, monotonic_us: u64) -> bool {
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={monotonic_us}"))
    }

    /// It ends.
    pub fn stopping(&self) -> bool {
        self.send("STOPPING=1")
    }

    /// It is alive.
    pub fn alive(&self) -> bool {
        self.send("WATCHDOG=1")
    }

    /// How it fares, in one line.
    pub fn status(&self, line: &str) -> bool {
        self.send(&format!("STATUS={}", line.replace(['\n', '\r'], " ")))
    }

    fn send(&self, message: &str) -> bool {
        self.way.as_ref().is_none_or(|(socket, address)| socket.send_to_addr(message.as_bytes(), address).is_ok())
    }
}

fn open(name: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address(name)?))
}

/// A path, or behind an `@` a name that stands in no folder.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        [b'@', name @ ..] => {
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(name)
        }
        [b'/', ..] => SocketAddr::from_pathname(name),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "a socket's name begins with `/` or `@`")),
    }
}

/// How long the service manager waits for a sign of life, where it does for this process.
pub fn watchdog_limit() -> Option<Duration> {
    limit(&|name| std::env::var(name).ok(), std::process::id())
}

fn limit(variable: &dyn Fn(&str) -> Option<String>, pid: u32) -> Option<Duration> {
    let is_ours = variable("WATCHDOG_PID").is_none_or(|owner| owner == pid.to_string());
    let limit = variable("WATCHDOG_USEC")?.parse().ok().filter(|limit| *limit > 0)?;
    is_ours.then(|| Duration::from_micros(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speak(name: &OsStr, listener: &UnixDatagram, act: impl Fn(&Notifier) -> bool) -> String {
        let notifier = Notifier { way: Some(open(name).unwrap()) };
        assert!(act(&notifier));
        let mut heard = [0; 1024];
        let length = listener.recv(&mut heard).unwrap();
        String::from_utf8_lossy(&heard[..length]).into_owned()
    }

    #[test]
    fn a_message_reaches_a_socket_in_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        assert_eq!(speak(path.as_os_str(), &listener, Notifier::ready), "READY=1");
        assert_eq!(speak(path.as_os_str(), &listener, |to| to.status("a\nb")), "STATUS=a b");
        assert_eq!(
            speak(path.as_os_str(), &listener, |to| to.reloading(17)),
            "RELOADING=1\nMONOTONIC_USEC=17",
            "both in one message: systemd takes no reload without the time"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_message_reaches_an_abstract_socket() {
        use std::os::linux::net::SocketAddrExt;
        let name = format!("cloudwatch-publisher-test-{}", std::process::id());
        let listener = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        assert_eq!(speak(OsStr::new(&format!("@{name}")), &listener, Notifier::alive), "WATCHDOG=1");
    }

    #[test]
    fn nobody_is_told_where_nobody_listens_and_a_full_queue_holds_nothing_up() {
        assert!(Notifier::default().ready());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _listener = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier { way: Some(open(path.as_os_str()).unwrap()) };
        assert!((0..100_000).any(|_| !notifier.alive()), "the queue has no end");
    }

    #[test]
    fn a_watchdog_that_is_meant_for_another_process_is_none() {
        let variable = |usec: &'static str, pid: &'static str| {
            move |name: &str| match name {
                "WATCHDOG_USEC" => Some(usec.to_owned()).filter(|usec| !usec.is_empty()),
                _ => Some(pid.to_owned()).filter(|pid| !pid.is_empty()),
            }
        };
        let minute = Some(Duration::from_secs(60));
        assert_eq!(limit(&variable("60000000", "7"), 7), minute);
        assert_eq!(limit(&variable("60000000", ""), 7), minute);
        assert_eq!(limit(&variable("60000000", "8"), 7), None);
        assert_eq!(limit(&variable("", "7"), 7), None);
        assert_eq!(limit(&variable("soon", "7"), 7), None);
    }
}
