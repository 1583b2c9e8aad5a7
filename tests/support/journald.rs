//! A journald of one's own, in a mount namespace where `/run` is empty.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::scene::{PATIENCE, wait_until};

/// Set in the process that runs inside of the namespace.
const INSIDE: &str = "CWP_TEST_IN_NAMESPACE";
const PROGRAM: &str = "/lib/systemd/systemd-journald";
/// Debian's package of the same name has it.
const REMOTE: &str = "/lib/systemd/systemd-journal-remote";
/// Which boot this is, to journald, to journalctl and to the agent.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Runs `work`, the body of the test `name`, in a mount namespace; skips it where this machine cannot.
///
/// # Panics
/// Where it fails, or where it cannot run and `CI` is set.
pub fn in_namespace(name: &str, work: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return work();
    }
    let can = fs::metadata(PROGRAM).is_ok()
        && Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|it| it.success());
    if !can {
        assert!(
            std::env::var_os("CI").is_none(),
            "there is no journald that may be started, and CI does without no test"
        );
        // Not `println!`: of a test that passes the harness swallows that.
        let _ = io::stderr().write_all(b"skipped: there is no journald that may be started here\n");
        return;
    }
    let script = "mount --make-rprivate / && mount -t tmpfs tmpfs /run && exec \"$0\" --exact --nocapture \"$1\"";
    let status = Command::new("unshare")
        .args(["--mount", "--fork", "--kill-child", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{name}: {status}");
}

/// A running journald. Its journal is kept in memory.
pub struct Journald {
    process: Child,
    syslog: UnixDatagram,
}

impl Journald {
    /// Starts it.
    pub fn start() -> Self {
        fs::create_dir_all("/run/systemd/journal").unwrap();
        fs::create_dir_all("/run/systemd/journald.conf.d").unwrap();
        let settings = "[Journal]\nStorage=volatile\nReadKMsg=no\nRateLimitIntervalSec=0\nRuntimeMaxUse=500M\n";
        fs::write("/run/systemd/journald.conf.d/test.conf", settings).unwrap();
        Self { process: run(), syslog: UnixDatagram::unbound().unwrap() }
    }

    /// Starts one that sees another boot than everybody else: so it is in a container for a service with a `/proc` of its own.
    pub fn start_in_another_boot(boot: &str) -> Self {
        let other = "/run/boot_id";
        fs::write(other, format!("{boot}\n")).unwrap();
        run_tool("mount", &["--bind", other, BOOT_ID]);
        let journald = Self::start();
        journald.log("noise", "journald sees its boot by the time that it takes an entry");
        journald.control(&["--sync"]);
        run_tool("umount", &[BOOT_ID]);
        journald
    }

    /// Ends it as a service manager does, and starts it again.
    pub fn restart(&mut self) {
        self.control(&["--sync"]);
        self.end();
        self.process = run();
    }

    /// The machine starts again, as the boot with this number. Its journal is gone as one in memory is, or it is kept; in either case
    /// numbers begin anew, in a series of their own.
    pub fn reboot(&mut self, number: u32, is_kept: bool) {
        self.control(&["--sync"]);
        self.end();
        for file in fs::read_dir(format!("/run/log/journal/{}", machine())).unwrap().map(|file| file.unwrap().path()) {
            match is_kept {
                true if file.ends_with("system.journal") => {
                    fs::rename(&file, file.with_file_name(format!("before-{number}.journal"))).unwrap();
                }
                true => {}
                false => fs::remove_file(file).unwrap(),
            }
        }
        for number in ["seqnum", "kernel-seqnum"] {
            let _ = fs::remove_file(format!("/run/systemd/journal/{number}"));
        }
        let name = format!("/run/boot-{number}");
        fs::write(&name, format!("33333333-3333-4333-8333-{number:012x}\n")).unwrap();
        let mounted = Command::new("mount").args(["--bind", &name, BOOT_ID]).status().unwrap();
        assert!(mounted.success(), "{mounted}");
        self.process = run();
    }

    fn end(&mut self) {
        self.send(rustix::process::Signal::TERM);
        self.process.wait().unwrap();
        for socket in ["socket", "stdout", "dev-log"] {
            let _ = fs::remove_file(format!("/run/systemd/journal/{socket}"));
        }
    }

    /// Stops it, and fills its socket until it takes nothing more.
    pub fn hang(&self) {
        self.send(rustix::process::Signal::STOP);
        let fills = || {
            let socket = UnixDatagram::unbound().unwrap();
            socket.set_nonblocking(true).unwrap();
            (0..1_000).take_while(|_| socket.send_to(b"MESSAGE=noise\n", "/run/systemd/journal/socket").is_ok()).count()
        };
        // One socket may be full before the other's end is.
        let filled = (0..100).any(|_| fills() == 0);
        assert!(filled, "its socket has no end");
    }

    /// Has it go on after [`Journald::hang`].
    pub fn go_on(&self) {
        self.send(rustix::process::Signal::CONT);
    }

    fn send(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.process), signal).unwrap();
    }

    /// The messages of a process.
    pub fn said_by(&self, pid: u32) -> String {
        let output = Command::new("journalctl").args(["-q", "-o", "cat", &format!("_PID={pid}")]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Asks journalctl for something.
    pub fn control(&self, arguments: &[&str]) {
        run_tool("journalctl", arguments);
    }

    /// Writes one entry as syslog does.
    pub fn log(&self, name: &str, text: &str) {
        let line = format!("<13>{name}: {text}");
        self.syslog.send_to(line.as_bytes(), "/run/systemd/journal/dev-log").unwrap();
    }

    /// Writes `count` entries with numbers from `from` on.
    pub fn numbers(&self, from: usize, count: usize) {
        (from..from + count).for_each(|number| self.log("test", &format!("number {number}")));
    }

    /// Writes one entry of any fields; a large one by way of a file, as libsystemd does.
    pub fn native(&self, fields: &[(&str, &[u8])]) {
        let mut bytes = Vec::new();
        for (name, value) in fields {
            bytes.extend([name.as_bytes(), b"\n", &(value.len() as u64).to_le_bytes(), value, b"\n"].concat());
        }
        if bytes.len() < 100_000 {
            self.syslog.send_to(&bytes, "/run/systemd/journal/socket").unwrap();
            return;
        }
        let path = "/run/native";
        fs::write(path, &bytes).unwrap();
        // `logger --journald` splits what it is told at line ends: Python's socket can hand over a descriptor.
        let script = "import array,socket,os\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n\
            f=os.memfd_create('x',os.MFD_ALLOW_SEALING)\nd=open('/run/native','rb').read()\n\
            n=0\nwhile n<len(d): n+=os.write(f,d[n:])\n\
            import fcntl\nfcntl.fcntl(f,1033,15)\n\
            s.connect('/run/systemd/journal/socket')\n\
            s.sendmsg([b''],[(socket.SOL_SOCKET,socket.SCM_RIGHTS,array.array('i',[f]))])";
        let status = Command::new("python3").args(["-c", script]).status().unwrap();
        assert!(status.success(), "{status}");
    }

    /// How many series of numbers there are in the journal, and how many boots.
    pub fn series_and_boots(&self) -> (usize, usize) {
        let output = Command::new("journalctl").args(["--output=export", "--output-fields=_BOOT_ID"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let series = text.lines().filter_map(|line| line.strip_prefix("__CURSOR=s=")?.split(';').next());
        let boots = text.lines().filter_map(|line| line.strip_prefix("_BOOT_ID="));
        (series.collect::<BTreeSet<_>>().len(), boots.collect::<BTreeSet<_>>().len())
    }

    /// Where its files are.
    pub fn folder(&self) -> PathBuf {
        Path::new("/run/log/journal").join(machine())
    }

    /// The boot that it writes into its entries.
    pub fn boot(&self) -> String {
        fs::read_to_string(BOOT_ID).unwrap().trim().replace('-', "")
    }
}

impl Drop for Journald {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether there is what makes journal files of text; says so where there is not.
pub fn has_remote() -> bool {
    let is_there = Path::new(REMOTE).exists();
    assert!(is_there || std::env::var_os("CI").is_none(), "no systemd-journal-remote, and CI does without no test");
    if !is_there {
        // Not `println!`: of a test that passes the harness swallows that.
        let _ = io::stderr().write_all(b"skipped: there is no systemd-journal-remote\n");
    }
    is_there
}

/// An entry of another boot and time, in journald's export format.
pub fn entry(boot: &str, time_ms: i64, fields: &str) -> String {
    let time = time_ms * 1000;
    let machine = machine();
    format!(
        "__REALTIME_TIMESTAMP={time}\n__MONOTONIC_TIMESTAMP={time}\n_BOOT_ID={boot}\n_MACHINE_ID={machine}\n{fields}\n"
    )
}

/// Makes a journal of entries in export format.
pub fn write_journal(path: &Path, entries: &str) {
    let mut remote = Command::new(REMOTE);
    let output = format!("--output={}", path.display());
    let mut remote = remote.args([&output, "-"]).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    remote.stdin.take().unwrap().write_all(entries.as_bytes()).unwrap();
    let status = remote.wait().unwrap();
    assert!(status.success(), "{status}");
}

/// The cursor of the first entry in a file.
pub fn first_cursor(path: &Path) -> String {
    let file = format!("--file={}", path.display());
    let output =
        Command::new("journalctl").args([&file, "--output=export", "--output-fields=_BOOT_ID"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("__CURSOR=")).unwrap().to_owned()
}

fn machine() -> String {
    fs::read_to_string("/etc/machine-id").unwrap().trim().to_owned()
}

fn run() -> Child {
    let process = Command::new(PROGRAM).stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let socket = UnixDatagram::unbound().unwrap();
    wait_until("journald listens", PATIENCE, || socket.connect("/run/systemd/journal/dev-log").is_ok());
    process
}

fn run_tool(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "{program} {arguments:?}: {status}");
}

/// The processes that `pid` started.
pub fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().filter_map(Result::ok);
    let texts = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    texts.flat_map(|text| text.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<u32>>()).collect()
}

/// Kills what `pid` started.
pub fn kill_children(pid: u32) {
    for child in children(pid) {
        let child = rustix::process::Pid::from_raw(i32::try_from(child).unwrap()).unwrap();
        let _ = rustix::process::kill_process(child, rustix::process::Signal::KILL);
    }
}

/// Whether a process is there and no zombie.
pub fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// What a process and what it started have cost.
pub fn figures(pid: u32) -> String {
    let seconds = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields: Vec<u64> = stat
            .rsplit_once(") ")
            .map_or("", |(_, rest)| rest)
            .split(' ')
            .filter_map(|field| field.parse().ok())
            .collect();
        // utime and stime, without the letter of the state before them.
        let ticks: u64 = fields.iter().skip(10).take(2).sum();
        Duration::from_millis(ticks * 10)
    };
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let memory: Vec<&str> =
        status.lines().filter(|line| line.starts_with("VmHWM") || line.starts_with("RssAnon")).collect();
    let of_children: Vec<Duration> = children(pid).into_iter().map(seconds).collect();
    format!("CPU {:?}, journalctl that runs now {of_children:?}, {memory:?}", seconds(pid))
}
