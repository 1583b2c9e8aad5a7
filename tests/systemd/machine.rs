//! A machine that boots with real systemd in a container, and everything that is left of it when it goes: nothing.
//!
//! Each has a root of its own, a place of its own in the tree of control groups (two that share one would kill each other's
//! services), and ends with the test: by `Drop`, by the signal that it gets when the test's thread is gone, or, where not even that
//! worked, at the start of the next run.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::agent::{PATIENCE, poll, wait_until};
use crate::kept::{self, said};
use crate::root;

/// Exit code of systemd-nspawn when the machine inside wants to start again.
const WANTS_REBOOT: i32 = 133;
/// What no command inside takes, in seconds.
const COMMAND_LIMIT: &str = "180";
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The trees of control groups in which a machine has a place.
const GROUP_TREES: [&str; 3] = ["/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"];
/// What the names of machines begin with.
const NAME: &str = "cwp-test";

/// Whether a machine is on the network of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// It shares everything, so this machine's 127.0.0.1 is its own.
    Shared,
    /// There is a loopback interface and nothing else.
    None,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    /// Its exit code.
    pub code: i32,
    /// Its output, errors among it.
    pub text: String,
}

/// The machine.
pub struct Machine {
    name: String,
    folder: PathBuf,
    running: Option<Running>,
}

struct Running {
    container: Child,
    /// The container's process 1, as this machine counts.
    first: u32,
}

impl Machine {
    /// A fresh machine that is not started yet; none where this computer cannot, which has been said then.
    pub fn new(name: &str) -> Option<Self> {
        kept::or_skipped("a machine with systemd", Self::set_up(name))
    }

    fn set_up(name: &str) -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("only root can boot one".to_owned());
        }
        for (program, package) in [("systemd-nspawn", "systemd-container"), ("mmdebstrap", "mmdebstrap")] {
            said(Command::new(program).arg("--version")).map_err(|error| format!("install `{package}`: {error}"))?;
        }
        sweep()?;
        let name = format!("{NAME}-{}-{name}", std::process::id());
        let machine = Self { folder: machines()?.join(&name), name, running: None };
        root::unpack(&machine.root())?;
        Ok(machine)
    }

    fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// A path inside, as this machine sees it. Not below /run and /tmp, which are mounted inside.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.root().join(inside.trim_start_matches('/'))
    }

    /// Writes a file, its folder too, with these rights.
    pub fn write(&self, inside: &str, text: &str, mode: u32) {
        self.put(inside, mode, |path| fs::write(path, text).unwrap());
    }

    /// Copies a file of this machine into it, with these rights.
    pub fn copy(&self, from: &Path, inside: &str, mode: u32) {
        self.put(inside, mode, |path| {
            fs::copy(from, path).unwrap();
        });
    }

    fn put(&self, inside: &str, mode: u32, write: impl FnOnce(&Path)) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write(&path);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The text of a file inside; empty where there is none.
    pub fn read(&self, inside: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(inside)).unwrap_or_default()).into_owned()
    }

    /// Starts it, and waits until systemd takes orders.
    pub fn boot(&mut self, network: Network) {
        assert!(self.running.is_none(), "it runs already");
        let container = self.container(network).spawn().unwrap();
        let children = format!("/proc/{0}/task/{0}/children", container.id());
        // Held from here on, so that a boot that fails leaves nothing behind.
        self.running = Some(Running { container, first: 0 });
        let first = poll(PATIENCE, || {
            let first: u32 = fs::read_to_string(&children).ok()?.split_whitespace().next()?.parse().ok()?;
            Path::new(&format!("/proc/{first}/root/run/systemd/private")).exists().then_some(first)
        });
        let first = first.unwrap_or_else(|| panic!("it does not boot:\n{}", self.console()));
        self.running.as_mut().unwrap().first = first;
        self.wait("it booted", "systemctl is-active -q basic.target");
    }

    /// In its own place of every tree of control groups, and gone with the thread that started it.
    fn container(&self, network: Network) -> Command {
        let mut enter = String::new();
        for group in self.groups() {
            let _ = fs::create_dir(&group);
            writeln!(enter, "echo $$ >{}/cgroup.procs", group.display()).unwrap();
        }
        enter.push_str("exec setpriv --pdeathsig KILL systemd-nspawn \"$@\"");
        let console = File::options().create(true).append(true).open(self.folder.join("console")).unwrap();
        let mut command = Command::new("sh");
        command.args([
            "-ec",
            &enter,
            "sh",
            "-q",
            "--register=no",
            "--keep-unit",
            "--link-journal=no",
            "--console=pipe",
        ]);
        command.arg("-D").arg(self.root()).args(["-M", &self.name]);
        if network == Network::None {
            command.arg("--private-network");
        }
        command.arg("-b").stdin(Stdio::null()).stdout(console.try_clone().unwrap()).stderr(console);
        command
    }

    /// Its places in the trees of control groups that this machine has.
    fn groups(&self) -> Vec<PathBuf> {
        trees().map(|tree| tree.join(&self.name)).collect()
    }

    fn console(&self) -> String {
        fs::read_to_string(self.folder.join("console")).unwrap_or_default()
    }

    /// Runs a shell script inside as root; what it said, whatever its exit code.
    pub fn attempt(&self, script: &str) -> Said {
        let first = self.running.as_ref().expect("it does not run").first.to_string();
        let mut command = Command::new("timeout");
        command.args(["-k", "5", COMMAND_LIMIT, "nsenter", "-t", &first, "-a", "--", "env", "-i", PATH]);
        command.args(["HOME=/root", "LC_ALL=C.UTF-8", "SYSTEMD_PAGER=", "sh", "-c", &format!("exec 2>&1\n{script}")]);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        Said { code: output.status.code().unwrap_or(-1), text }
    }

    /// Runs a shell script inside as root, which must not fail; what it said.
    pub fn run(&self, script: &str) -> String {
        let said = self.attempt(script);
        assert_eq!(said.code, 0, "{script}\n{}", said.text);
        said.text.trim_end().to_owned()
    }

    /// Waits until a shell script inside succeeds.
    pub fn wait(&self, what: &str, script: &str) {
        let mut last = None;
        let held = poll(PATIENCE, || {
            let said = self.attempt(script);
            let held = said.code == 0;
            last = Some(said);
            held.then_some(())
        });
        assert!(held.is_some(), "after {PATIENCE:?} still not so: {what}: {last:?}");
    }

    /// Has it start again, as its operator would.
    pub fn reboot(&mut self, network: Network) {
        let _ = self.attempt("systemctl reboot");
        assert_eq!(self.end().code(), Some(WANTS_REBOOT), "it did not want to start again:\n{}", self.console());
        self.boot(network);
    }

    /// Pulls the plug.
    pub fn pull_the_plug(&mut self) {
        if let Some(mut running) = self.running.take() {
            kill(running.first);
            let ended = poll(Duration::from_secs(10), || running.container.try_wait().ok().flatten());
            if ended.is_none() {
                let _ = running.container.kill();
                let _ = running.container.wait();
            }
        }
    }

    fn end(&mut self) -> ExitStatus {
        let running = self.running.as_mut().expect("it does not run");
        let status = poll(PATIENCE, || running.container.try_wait().unwrap());
        let status = status.unwrap_or_else(|| panic!("it does not end:\n{}", self.console()));
        self.running = None;
        assert_eq!(status.signal(), None, "{}", self.console());
        status
    }

    /// What its journal holds, read from outside; also when it does not run.
    pub fn journal(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("journalctl");
        command.arg("-D").arg(self.path("/var/log/journal")).args(["--no-pager", "-q"]).args(arguments);
        said(&mut command).unwrap_or_else(|error| error)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("the console of {}:\n{}", self.name, self.console());
            println!("{}", self.journal(&["-n", "80", "--no-hostname"]));
        }
        self.pull_the_plug();
        remove(&self.name);
    }
}

fn kill(process: u32) {
    let process = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(process) = process {
        let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
    }
}

fn machines() -> Result<PathBuf, String> {
    Ok(kept::folder()?.join("machines"))
}

fn trees() -> impl Iterator<Item = &'static Path> {
    GROUP_TREES.iter().map(Path::new).filter(|tree| tree.join("cgroup.procs").exists())
}

/// Removes what a machine that ended has left on this one.
fn remove(name: &str) {
    for tree in trees() {
        // Processes that were killed leave their group a moment later.
        poll(Duration::from_secs(10), || remove_group(&tree.join(name)).then_some(()));
    }
    let _ = fs::remove_dir_all(Path::new("/run/systemd/nspawn/propagate").join(name));
    if let Ok(machines) = machines() {
        let _ = fs::remove_dir_all(machines.join(name));
    }
}

fn remove_group(group: &Path) -> bool {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group(&entry.path());
        }
    }
    let _ = fs::remove_dir(group);
    !group.exists()
}

/// Removes what is left of runs that were killed.
fn sweep() -> Result<(), String> {
    static SWEPT: Mutex<bool> = Mutex::new(false);
    let mut swept = SWEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if !std::mem::replace(&mut *swept, true) {
        let folders = trees().map(Path::to_owned).chain([machines()?]);
        let left = folders.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
        for name in left.map(|entry| entry.file_name().to_string_lossy().into_owned()) {
            let run = name.strip_prefix(NAME).and_then(|rest| rest.split('-').nth(1));
            if run.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
                remove(&name);
            }
        }
    }
    Ok(())
}

/// Waits for a condition that has nothing to do with a machine's inside.
pub fn until(what: &str, is_so: impl FnMut() -> bool) {
    wait_until(what, PATIENCE, is_so);
}
