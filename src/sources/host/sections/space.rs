//! Asks file systems how full they are, without ever waiting for one that does not answer.
//!
//! Asking a network file system whose server is gone can take for ever, and nothing ends it. So whatever needs somebody else
//! to answer is asked on a thread of its own and waited for a moment. Where no answer came, that file system is left out, and
//! not asked again until its thread came back: one thread for each that hangs, however long.
//!
//! Decides nothing but whom to wait for.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::disk::Usage;
use super::mounts::Mount;

/// How long an answer is waited for. A server at the other end of the world answers in less.
const PATIENCE: Duration = Duration::from_millis(500);

/// Whom to ask.
pub enum Space {
    /// The file systems.
    System(Asked),
    /// Nobody: what is mounted where is as full as it says here.
    Told(BTreeMap<PathBuf, Usage>),
}

impl Space {
    /// The file systems of the machine under `root`.
    pub fn new(root: &Path) -> Self {
        Self::System(Asked::new(root, usage_of))
    }

    /// How full each is; those that did not answer or refused are left out.
    pub fn of(&mut self, mounts: &[Mount]) -> BTreeMap<PathBuf, Usage> {
        match self {
            Self::System(asked) => asked.of(mounts),
            Self::Told(usages) => usages.clone(),
        }
    }
}

fn usage_of(path: &Path) -> io::Result<Usage> {
    let it = rustix::fs::statvfs(path)?;
    Ok(Usage {
        block_bytes: it.f_frsize,
        blocks: it.f_blocks,
        blocks_free: it.f_bfree,
        blocks_available: it.f_bavail,
        inodes: it.f_files,
        inodes_free: it.f_ffree,
    })
}

type Answer = (PathBuf, io::Result<Usage>);
type Ask = fn(&Path) -> io::Result<Usage>;

/// The file systems that are asked, and those that still owe an answer.
pub struct Asked {
    root: PathBuf,
    ask: Ask,
    answers: Receiver<Answer>,
    answer: Sender<Answer>,
    hanging: BTreeSet<PathBuf>,
    /// Those that were told of: they hang, or refused.
    told: BTreeSet<PathBuf>,
}

impl Asked {
    fn new(root: &Path, ask: Ask) -> Self {
        let (answer, answers) = channel();
        Self { root: root.to_owned(), ask, answers, answer, hanging: BTreeSet::new(), told: BTreeSet::new() }
    }

    fn of(&mut self, mounts: &[Mount]) -> BTreeMap<PathBuf, Usage> {
        // What was answered too late is old by now: its file system is asked again.
        while let Ok((point, _)) = self.answers.try_recv() {
            self.hanging.remove(&point);
        }
        let (slow, quick): (Vec<_>, Vec<_>) = mounts.iter().partition(|mount| mount.may_hang());
        let awaited =
            slow.into_iter().filter(|mount| self.ask_aside(&mount.point)).map(|mount| mount.point.clone()).collect();
        let mut answers: Vec<Answer> =
            quick.into_iter().map(|mount| (mount.point.clone(), (self.ask)(&self.place_of(&mount.point)))).collect();
        answers.extend(self.wait(awaited));
        let usages =
            answers.into_iter().filter_map(|(point, answer)| Some((point.clone(), self.settle(point, answer)?)));
        usages.collect()
    }

    /// Where a mount point is to be found.
    fn place_of(&self, point: &Path) -> PathBuf {
        self.root.join(point.strip_prefix("/").unwrap_or(point))
    }

    /// Whether it is being asked now: not where the last question is still open.
    fn ask_aside(&mut self, point: &Path) -> bool {
        if self.hanging.contains(point) {
            return false;
        }
        let (ask, answer, place, point) = (self.ask, self.answer.clone(), self.place_of(point), point.to_owned());
        self.hanging.insert(point.clone());
        let asked = point.clone();
        let thread = std::thread::Builder::new().name("statvfs".to_owned()).spawn(move || {
            let usage = ask(&place);
            // Nobody waits any more where the agent ended meanwhile.
            let _ = answer.send((point, usage));
        });
        // A machine that has no thread left has other troubles: the next look tries again.
        thread.is_ok() || !self.hanging.remove(&asked)
    }

    /// The answers that come while none is waited for too long.
    fn wait(&mut self, mut awaited: BTreeSet<PathBuf>) -> Vec<Answer> {
        let mut answers = Vec::new();
        while !awaited.is_empty()
            && let Ok((point, usage)) = self.answers.recv_timeout(PATIENCE)
        {
            self.hanging.remove(&point);
            awaited.remove(&point);
            answers.push((point, usage));
        }
        for point in awaited {
            let path = point.display().to_string();
            if self.told.insert(point) {
                log::warn!(path; "a file system does not answer: it is left out until it does");
            }
        }
        answers
    }

    /// What one answered; a refusal is told of once until it answers again.
    fn settle(&mut self, point: PathBuf, answer: io::Result<Usage>) -> Option<Usage> {
        match answer {
            Ok(usage) => {
                if self.told.remove(&point) {
                    log::info!(path:% = point.display(); "a file system answers again");
                }
                Some(usage)
            }
            Err(error) => {
                let path = point.display().to_string();
                if self.told.insert(point) {
                    log::warn!(path, error:%; "cannot ask a file system how full it is");
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn mount(kind: &str, point: &str) -> Mount {
        Mount { point: point.into(), kind: kind.to_owned(), source: b"nas:/x".to_vec(), number: String::new() }
    }

    const USAGE: Usage =
        Usage { block_bytes: 1, blocks: 4, blocks_free: 3, blocks_available: 2, inodes: 1, inodes_free: 1 };

    /// Held while the server of `/mnt/dead` is away.
    static SERVER: Mutex<()> = Mutex::new(());

    fn answers(path: &Path) -> io::Result<Usage> {
        if path.ends_with("mnt/dead") {
            drop(SERVER.lock());
        }
        if path.ends_with("mnt/barred") { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(USAGE) }
    }

    #[test]
    fn one_that_hangs_is_left_out_until_it_answers_and_costs_its_neighbours_nothing() {
        let mut asked = Asked::new(Path::new("/"), answers);
        let mounts = [
            mount("zfs", "/tank"),
            mount("nfs4", "/mnt/dead"),
            mount("nfs4", "/mnt/alive"),
            mount("nfs4", "/mnt/barred"),
        ];
        let names = |usages: &BTreeMap<PathBuf, Usage>| {
            usages.keys().map(|point| point.display().to_string()).collect::<Vec<_>>()
        };
        let away = SERVER.lock().unwrap();
        assert_eq!(names(&asked.of(&mounts)), ["/mnt/alive", "/tank"]);
        let told: Vec<_> = asked.told.iter().map(|point| point.display().to_string()).collect();
        assert_eq!(told, ["/mnt/barred", "/mnt/dead"]);
        assert_eq!(asked.hanging.len(), 1);
        assert_eq!(names(&asked.of(&mounts)), ["/mnt/alive", "/tank"]);
        assert_eq!(asked.hanging.len(), 1, "it is asked once, not once a look");
        drop(away);
        // The open question is answered now; the next look that finds this asks anew.
        let mut looks = 0;
        while !names(&asked.of(&mounts)).contains(&"/mnt/dead".to_owned()) {
            looks += 1;
            assert!(looks < 1_000, "it never answered again");
        }
        assert!(asked.hanging.is_empty() && !asked.told.contains(Path::new("/mnt/dead")));
    }

    #[test]
    fn the_root_of_this_machine_has_space() {
        let usages = Space::new(Path::new("/")).of(&[mount("ext4", "/")]);
        assert!(usages[Path::new("/")].blocks > 0);
    }
}
