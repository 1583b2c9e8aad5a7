//! Finds out who this machine is: the instance id, the host name and the boot.
//!
//! The id is `{prefix}-{serial}`. A command that gives the serial must succeed and print one line: anything else is an error,
//! since a device under a wrong id mixes its logs with another's. It has 10 s; then it ends with everything it started.

use std::io::Read;
use std::net::{IpAddr, UdpSocket};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::config::Instance;
use crate::record::BootId;

/// The serial where neither `serial` nor `command` is given: the predecessor's.
pub const NO_SERIAL: &str = "000000000000";

/// How long a command may take.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// What is read of a command's output at the most: a serial that is longer is none.
const MAX_OUTPUT_BYTES: u64 = 64 * 1024;

/// The longest id: a Cognito user name has at most 128 characters.
const MAX_ID_CHARS: usize = 128;

/// By these the service manager tells the daemon, and no child of it, how to speak to it.
const SERVICE_MANAGER: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// Why there is no instance id.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum IdentityError {
    /// The shell could not be started.
    #[error("finding the instance id: agent.instance.command `{command}` could not be started: {reason}")]
    NotStarted {
        /// The command.
        command: String,
        /// The system's reason.
        reason: String,
    },
    /// It ended with an error.
    #[error("finding the instance id: agent.instance.command `{command}` failed ({how}){said}")]
    Failed {
        /// The command.
        command: String,
        /// Exit code or signal.
        how: String,
        /// The last line of its error output, led in by `: `; empty where it was silent.
        said: String,
    },
    /// It was still running when its time was up.
    #[error("finding the instance id: agent.instance.command `{command}` was not done within {} s", TIME_LIMIT.as_secs())]
    TooSlow {
        /// The command.
        command: String,
    },
    /// It printed nothing but white space.
    #[error("finding the instance id: agent.instance.command `{command}` printed nothing; one line is right")]
    Silent {
        /// The command.
        command: String,
    },
    /// It printed more than a line.
    #[error("finding the instance id: agent.instance.command `{command}` printed {lines} lines; one line is right")]
    SeveralLines {
        /// The command.
        command: String,
        /// How many.
        lines: usize,
    },
    /// The id holds what neither a Cognito user nor a dimension may have.
    #[error("finding the instance id: `{id}` holds `{character}`; visible ASCII characters without spaces are right")]
    Character {
        /// The id, control characters made visible.
        id: String,
        /// The character.
        character: String,
    },
    /// The id is too long.
    #[error("finding the instance id: it has {chars} characters; {MAX_ID_CHARS} are the most")]
    TooLong {
        /// How many.
        chars: usize,
    },
}

/// The instance id. Runs the command where the configuration has one and no serial.
///
/// # Errors
/// When the command does not give one line, or what comes out cannot be an id.
pub fn instance_id(instance: &Instance) -> Result<String, IdentityError> {
    instance_id_within(instance, TIME_LIMIT)
}

/// Whether nothing names this machine: worth a warning, since every such machine has the same id.
pub fn is_nameless(instance: &Instance) -> bool {
    instance.serial.is_none() && instance.command.is_none()
}

/// The host's name, as the system has it.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The address of the interface with the default route, as the routing table says: nothing is sent. None without a network.
pub fn ip_address() -> Option<IpAddr> {
    // Of documentation (RFC 5737, RFC 3849): to be told of a route nobody has to be there.
    let routes = [("0.0.0.0:0", "198.51.100.1:9"), ("[::]:0", "[2001:db8::1]:9")];
    routes.into_iter().find_map(|(own, other)| {
        let socket = UdpSocket::bind(own).ok()?;
        socket.connect(other).ok()?;
        let address = socket.local_addr().ok()?.ip();
        (!address.is_unspecified() && !address.is_loopback()).then_some(address)
    })
}

/// The name of the user that this process runs as; its number where it has none.
pub fn user_name() -> String {
    let number = rustix::process::geteuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let own = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    own.unwrap_or(number)
}

/// What tells this run of the machine from others.
pub fn boot_id() -> BootId {
    let linux = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
    let macos = || run("/usr/sbin/sysctl -n kern.bootsessionuuid", TIME_LIMIT).ok();
    let id = linux.or_else(|| if cfg!(target_os = "macos") { macos() } else { None });
    match id.map(|id| id.trim().to_string()).filter(|id| !id.is_empty()) {
        Some(id) => BootId(id),
        None => BootId(format!("started-{}", sysinfo::System::boot_time().unwrap_or_default())),
    }
}

fn instance_id_within(instance: &Instance, limit: Duration) -> Result<String, IdentityError> {
    let serial = match (&instance.serial, &instance.command) {
        (Some(serial), _) => serial.clone(),
        (None, Some(command)) => one_line(command, &run(command, limit)?)?,
        (None, None) => NO_SERIAL.to_string(),
    };
    let id = format!("{}-{serial}", instance.prefix);
    if let Some(strange) = id.chars().find(|c| !c.is_ascii_graphic()) {
        return Err(IdentityError::Character {
            id: id.escape_debug().to_string(),
            character: strange.escape_debug().to_string(),
        });
    }
    match id.chars().count() {
        chars if chars > MAX_ID_CHARS => Err(IdentityError::TooLong { chars }),
        _ => Ok(id),
    }
}

/// The serial in a command's output: its one line, trimmed and lower-cased.
fn one_line(command: &str, output: &str) -> Result<String, IdentityError> {
    let text = output.trim();
    let lines = text.lines().count();
    match lines {
        0 => Err(IdentityError::Silent { command: command.to_string() }),
        1 => Ok(text.to_lowercase()),
        _ => Err(IdentityError::SeveralLines { command: command.to_string(), lines }),
    }
}

/// Runs a shell command to its end and gives what it printed.
fn run(command: &str, limit: Duration) -> Result<String, IdentityError> {
    let deadline = Instant::now() + limit;
    let not_started =
        |error: std::io::Error| IdentityError::NotStarted { command: command.to_string(), reason: error.to_string() };
    let mut shell = Command::new("/bin/sh");
    for name in SERVICE_MANAGER {
        shell.env_remove(name);
    }
    let mut child = shell
        .arg("-c")
        .arg(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own, so that what it started ends with it.
        .process_group(0)
        .spawn()
        .map_err(not_started)?;
    let (printed, complained) = match (read_aside(child.stdout.take()), read_aside(child.stderr.take())) {
        (Ok(printed), Ok(complained)) => (printed, complained),
        (Err(error), _) | (_, Err(error)) => {
            end_group(&mut child);
            return Err(not_started(error));
        }
    };
    let (Some(printed), Some(status)) = (by(&printed, deadline), ended_by(&mut child, deadline)) else {
        end_group(&mut child);
        return Err(IdentityError::TooSlow { command: command.to_string() });
    };
    if status.success() {
        return Ok(printed);
    }
    // What it left behind may hold its error output open: that is not worth the whole time limit.
    let complaint = by(&complained, Instant::now() + Duration::from_millis(200)).unwrap_or_default();
    Err(failed(command, status, &complaint))
}

/// Reads a pipe to its end on a thread of its own: a full pipe would otherwise hold the command up.
///
/// # Errors
/// When the system gives no thread.
fn read_aside(pipe: Option<impl Read + Send + 'static>) -> std::io::Result<Receiver<String>> {
    let (send, receive) = channel();
    std::thread::Builder::new().name("instance-id".to_owned()).spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            // What was read before an error is all there is.
            let _ = pipe.take(MAX_OUTPUT_BYTES).read_to_end(&mut bytes);
        }
        // Nobody waits any more once the time is up.
        let _ = send.send(String::from_utf8_lossy(&bytes).into_owned());
    })?;
    Ok(receive)
}

fn by(text: &Receiver<String>, deadline: Instant) -> Option<String> {
    text.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
}

fn ended_by(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) | Err(_) => return None,
        }
    }
}

fn end_group(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // It may have ended by itself just now.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.wait();
}

fn failed(command: &str, status: ExitStatus, complaint: &str) -> IdentityError {
    let how = match status.code() {
        Some(code) => format!("exit code {code}"),
        None => "ended by a signal".to_string(),
    };
    let last = complaint.lines().rev().find(|line| !line.trim().is_empty());
    let said = last.map(|line| format!(": {}", line.trim())).unwrap_or_default();
    IdentityError::Failed { command: command.to_string(), how, said }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(serial: Option<&str>, command: Option<&str>) -> Instance {
        Instance { prefix: "rpi".to_string(), serial: serial.map(str::to_string), command: command.map(str::to_string) }
    }

    fn by_command(command: &str) -> Result<String, String> {
        instance_id(&instance(None, Some(command))).map_err(|error| error.to_string())
    }

    #[test]
    fn the_serial_wins_over_the_command_and_stays_verbatim() {
        assert_eq!(instance_id(&instance(Some("AB12"), Some("echo no"))), Ok("rpi-AB12".to_string()));
    }

    #[test]
    fn the_commands_output_is_trimmed_and_lower_cased() {
        assert_eq!(by_command("echo '  00AB '; echo"), Ok("rpi-00ab".to_string()));
    }

    #[test]
    fn a_machine_that_nothing_names_has_the_predecessors_id() {
        let nameless = Instance { prefix: "sys".to_string(), ..instance(None, None) };
        assert_eq!(instance_id(&nameless), Ok("sys-000000000000".to_string()));
        assert!(is_nameless(&nameless));
    }

    #[test]
    fn a_command_that_gives_no_id_says_why() {
        let start = "finding the instance id: ";
        let cases = [
            (
                "echo first >&2; echo gone >&2; exit 3",
                "agent.instance.command `echo first >&2; echo gone >&2; exit 3` failed (exit code 3): gone",
            ),
            ("false", "agent.instance.command `false` failed (exit code 1)"),
            ("kill -9 $$", "agent.instance.command `kill -9 $$` failed (ended by a signal)"),
            ("echo", "agent.instance.command `echo` printed nothing; one line is right"),
            ("printf 'a\\nb\\n'", "agent.instance.command `printf 'a\\nb\\n'` printed 2 lines; one line is right"),
            ("echo a b", "`rpi-a b` holds ` `; visible ASCII characters without spaces are right"),
            ("printf 'a\\033b'", "`rpi-a\\u{1b}b` holds `\\u{1b}`; visible ASCII characters without spaces are right"),
        ];
        for (command, message) in cases {
            assert_eq!(by_command(command), Err(format!("{start}{message}")));
        }
    }

    #[test]
    fn a_command_that_hangs_ends_with_everything_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let command = format!("(sleep 1; echo > {}) & sleep 30", mark.display());
        let started = Instant::now();
        let error = instance_id_within(&instance(None, Some(&command)), Duration::from_millis(200));
        assert_eq!(error, Err(IdentityError::TooSlow { command }));
        assert!(started.elapsed() < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(1300));
        assert!(!mark.exists(), "its child lived on");
    }

    #[test]
    fn a_command_with_more_output_than_a_pipe_holds_is_no_hang() {
        assert!(by_command("yes | head -c 1000000").is_err());
    }

    #[test]
    fn one_boot_has_one_id() {
        assert_eq!(boot_id(), boot_id());
        assert!(!boot_id().0.is_empty());
        assert!(!host_name().is_empty());
    }
}
