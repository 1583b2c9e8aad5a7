//! One look at the processes of this machine, shared by all that want it at the same moment.
//!
//! A look reads what a process is recognised by (a file each); its command line and the path of its program only where somebody asks.
//! Nothing is kept from one look to the next. A process that ends in the middle is simply not there.
//!
//! Decides nothing: who is meant is `procstat`'s affair.

use std::cell::OnceCell;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{Mode, OFlags};

use super::macos;
use super::sections::process::{self, Figure, Stat};
use super::trouble::Trouble;

/// The longest command line that is looked at: what one word of it may be at the most (`MAX_ARG_STRLEN`, execve(2)).
const MAX_COMMAND_BYTES: u64 = 128 * 1024;
/// What is looked at of a file that holds a process id.
const MAX_PID_BYTES: u64 = 64;

/// The processes at one moment.
pub struct Scan {
    source: Source,
    found: Option<Vec<Rc<Process>>>,
}

/// Where they are looked for.
enum Source {
    /// Linux: under a root.
    Tree(PathBuf),
    /// macOS: `sysinfo`.
    System,
}

/// A program at work.
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// When it began, in whatever unit: of two with the same id only one did so then.
    pub started: u64,
    name: String,
    command: OnceCell<Vec<u8>>,
    path: OnceCell<Option<String>>,
    /// What was told along with it, where nothing more has to be read.
    told: Option<Told>,
}

/// What there is to say of a process.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Milliseconds of processors that it has used.
    pub used_ms: u64,
    /// The figures of `procstat`.
    pub figures: Vec<Figure>,
    /// Something may not be read by the user that the agent runs as.
    pub is_forbidden: bool,
}

impl Process {
    /// One that is known without reading any more.
    pub fn known(pid: u32, started: u64, name: String, path: Option<String>, command: Vec<u8>, told: Told) -> Self {
        Self { pid, started, name, command: command.into(), path: path.into(), told: Some(told) }
    }
}

impl Scan {
    /// Of the machine whose `proc` is under `root`. Looks when it is asked for the first time.
    pub fn new(root: &Path) -> Self {
        let is_macos = cfg!(target_os = "macos") && root == Path::new("/");
        Self { source: if is_macos { Source::System } else { Source::Tree(root.to_owned()) }, found: None }
    }

    /// Through `sysinfo`, wherever it runs.
    pub fn of_system() -> Self {
        Self { source: Source::System, found: None }
    }

    /// All programs at work.
    pub fn all(&mut self) -> Result<&[Rc<Process>], Trouble> {
        let found = match self.found.take() {
            Some(found) => found,
            None => match &self.source {
                Source::Tree(root) => look(&root.join("proc"))?,
                Source::System => macos::processes()?,
            }
            .into_iter()
            .map(Rc::new)
            .collect(),
        };
        Ok(self.found.insert(found))
    }

    /// Those of which `is_meant` says so.
    pub fn select(&mut self, is_meant: impl Fn(&Self, &Process) -> bool) -> Result<Vec<Rc<Process>>, Trouble> {
        self.all()?;
        let found = self.found.take().unwrap_or_default();
        let meant = found.iter().filter(|process| is_meant(self, process)).cloned().collect();
        self.found = Some(found);
        Ok(meant)
    }

    /// The one with this id, without a look at the others where that can be.
    pub fn one(&mut self, pid: u32) -> Result<Option<Rc<Process>>, Trouble> {
        match &self.source {
            Source::Tree(root) => {
                let found = read_process(&root.join("proc"), pid);
                let unseen = |error| Trouble::unanswered(&format!("process {pid}"), error);
                Ok(found.map_err(unseen)?.map(Rc::new))
            }
            Source::System => Ok(self.all()?.iter().find(|process| process.pid == pid).cloned()),
        }
    }

    /// The process id in a file.
    pub fn pid_in(&self, path: &Path) -> Result<u32, Trouble> {
        let path = match &self.source {
            Source::Tree(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
            Source::System => path.to_owned(),
        };
        let text = read_beginning(&path).map_err(|error| Trouble::unreadable(&path, &error))?;
        let pid = text.split_ascii_whitespace().next().and_then(|word| word.parse().ok());
        pid.ok_or_else(|| Trouble::not_understood(&path, "holds no process id").of_absence())
    }

    /// Its name: whole, where the kernel cut it.
    pub fn name(&self, process: &Process) -> String {
        process::whole_name(&process.name, self.command_bytes(process))
    }

    /// Its command line; empty where it cannot be read.
    pub fn command(&self, process: &Process) -> String {
        process::parse_command(self.command_bytes(process))
    }

    /// The path of its program; none where it may not be read.
    pub fn path<'a>(&self, process: &'a Process) -> Option<&'a str> {
        let read = || {
            let link = fs::read_link(self.file(process.pid, "exe")?).ok()?;
            let path = link.to_string_lossy();
            // A program that was replaced while it runs is called so.
            Some(path.strip_suffix(" (deleted)").unwrap_or(&path).to_owned())
        };
        process.path.get_or_init(read).as_deref()
    }

    fn command_bytes<'a>(&self, process: &'a Process) -> &'a [u8] {
        process.command.get_or_init(|| {
            let mut bytes = Vec::new();
            if let Some(file) = self.file(process.pid, "cmdline").and_then(|path| File::open(path).ok()) {
                // What was read before it failed is still its command line's beginning.
                let _ = file.take(MAX_COMMAND_BYTES).read_to_end(&mut bytes);
            }
            bytes
        })
    }

    /// What there is to say of it now; none where it has ended.
    pub fn tell(&self, process: &Process) -> Option<Told> {
        if let Some(told) = &process.told {
            return Some(told.clone());
        }
        let Source::Tree(root) = &self.source else { return None };
        let folder = root.join("proc").join(process.pid.to_string());
        let mut told = Told::default();
        for (name, parse) in FILES {
            match read(&folder.join(name)) {
                Ok(text) => told.figures.extend(parse(&text)),
                Err(error) => told.is_forbidden |= is_forbidden(&error),
            }
        }
        match count_descriptors(&folder.join("fd")) {
            Ok(count) => told.figures.push(("num_fds", count as f64)),
            Err(error) => told.is_forbidden |= is_forbidden(&error),
        }
        // Read last: where this is still the one that was found, all that was read in between was its own.
        let stat = read_stat(&folder).filter(|stat| stat.started == process.started && stat.is_program)?;
        told.figures.extend(stat.figures());
        told.used_ms = stat.used().saturating_mul(10);
        Some(told)
    }

    fn file(&self, pid: u32, name: &str) -> Option<PathBuf> {
        match &self.source {
            Source::Tree(root) => Some(root.join("proc").join(pid.to_string()).join(name)),
            Source::System => None,
        }
    }
}

type Parse = fn(&str) -> Vec<Figure>;

/// What is read of a process, and by whom.
const FILES: [(&str, Parse); 3] =
    [("status", process::parse_status), ("limits", process::parse_limits), ("io", process::parse_io)];

fn look(proc: &Path) -> Result<Vec<Process>, Trouble> {
    let entries = fs::read_dir(proc).map_err(|error| Trouble::unreadable(proc, &error))?;
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(pids.filter_map(|pid| read_process(proc, pid).ok().flatten()).collect())
}

/// None where there is no such program; an error where that cannot be seen.
fn read_process(proc: &Path, pid: u32) -> io::Result<Option<Process>> {
    let text = match read(&proc.join(pid.to_string()).join("stat")) {
        Err(error) if is_gone(&error) => {
            fs::metadata(proc)?;
            return Ok(None);
        }
        text => text?,
    };
    let program = process::parse_stat(&text).filter(|stat| stat.is_program);
    let (command, path) = (OnceCell::new(), OnceCell::new());
    Ok(program.map(|stat| Process { pid, started: stat.started, name: stat.name, command, path, told: None }))
}

/// A process may end while it is looked at.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

fn read_stat(folder: &Path) -> Option<Stat> {
    process::parse_stat(&read(&folder.join("stat")).ok()?)
}

/// A name that is no UTF-8 is bent rather than let spoil the rest.
fn read(path: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
}

/// The beginning of a regular file. Whatever else stands at its place is not waited for.
fn read_beginning(path: &Path) -> io::Result<String> {
    let file = File::from(rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_PID_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// How many descriptors a process has. Since Linux 6.2 the folder's size says so to those who may not look into it.
fn count_descriptors(folder: &Path) -> io::Result<u64> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.count() as u64),
        Err(error) => match fs::metadata(folder) {
            Ok(metadata) if is_forbidden(&error) && metadata.len() > 0 => Ok(metadata.len()),
            _ => Err(error),
        },
    }
}

fn is_forbidden(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}
