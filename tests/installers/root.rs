//! A throw-away root in which the installer runs for real: own `/etc`, `/opt`, `/run`, `/var`, this machine's programs, and a
//! systemctl that only notes what it is asked.
//!
//! The rule that is easy to break: it needs root and mount namespaces. Where they are missing a test is skipped with a line that
//! says so, but never where `CI` is set.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Which programs the installer finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// Debian's.
    Dash,
    /// Nothing but busybox.
    Busybox,
}

/// A root.
pub struct Root {
    folder: TempDir,
    shell: Shell,
}

/// How a run ended.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Run {
    /// # Panics
    /// Where it ended otherwise.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
}

/// What a file is: mode, owner, group, and its text or where it leads.
pub type Tree = BTreeMap<PathBuf, (u32, u32, u32, Vec<u8>)>;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nadm:x:4:\nsystemd-journal:x:101:\nnogroup:x:65534:\n";
/// What the tools that make users leave behind wherever they ran.
const NOT_OURS: [&str; 6] = [
    "etc/passwd-",
    "etc/group-",
    "etc/shadow-",
    "etc/gshadow-",
    "etc/.pwd.lock",
    // A lock's file stays, until the machine starts again.
    "run/cloudwatch-publisher-install.lock",
];
/// Everything that the installer runs and that changes something, for a spy to stand before.
const SPIED: [&str; 16] = [
    "chmod",
    "chown",
    "cp",
    "cat",
    "find",
    "groupadd",
    "ln",
    "mkdir",
    "mv",
    "rm",
    "sed",
    "setpriv",
    "stat",
    "systemctl",
    "useradd",
    "readlink",
];

impl Root {
    /// A root with systemd's looks, the installer and the program in `/src`; none where this machine cannot.
    ///
    /// # Panics
    /// Where it cannot be made and `CI` is set.
    pub fn new(shell: Shell) -> Option<Self> {
        match Self::made(shell) {
            Ok(root) => Some(root),
            Err(reason) if std::env::var_os("CI").is_none() => {
                // Not `println!`: of a test that passes the harness swallows that.
                let _ = std::io::stderr()
                    .write_all(format!("skipped: the installer's throw-away root: {reason}\n").as_bytes());
                None
            }
            Err(reason) => {
                panic!("the installer's throw-away root cannot be made, and CI does without no test: {reason}")
            }
        }
    }

    fn made(shell: Shell) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        // The service's user has to come through.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).map_err(|error| error.to_string())?;
        let root = Self { folder, shell };
        for place in [
            "etc/systemd/system",
            "opt",
            "run/systemd/system",
            "tmp",
            "var/lib",
            "root",
            "fake",
            "src/service",
            "spy",
            "bb",
            "own/usr-local/bin",
        ] {
            fs::create_dir_all(root.at(place)).map_err(|error| error.to_string())?;
        }
        for (name, text) in [
            ("etc/passwd", PASSWD),
            ("etc/group", GROUP),
            ("etc/shadow", "root:*:19000:0:99999:7:::\n"),
            ("etc/gshadow", "root:*::\nadm:*::\n"),
            ("etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\n"),
        ] {
            root.write(name, text);
        }
        // Loaders that look for libraries need the machine's list.
        let _ = fs::copy("/etc/ld.so.cache", root.at("etc/ld.so.cache"));
        // Whom the program trusts: it looks when it judges a configuration.
        fs::create_dir_all(root.at("etc/ssl/certs")).map_err(|error| error.to_string())?;
        let _ = fs::copy("/etc/ssl/certs/ca-certificates.crt", root.at("etc/ssl/certs/ca-certificates.crt"));
        let installers = Path::new(env!("CARGO_MANIFEST_DIR")).join("installers");
        root.place(&installers.join("install-linux.sh"), "src/install-linux.sh");
        root.place(&installers.join("service").join(UNIT), &format!("src/service/{UNIT}"));
        root.place(Path::new(env!("CARGO_BIN_EXE_cloudwatch-publisher")), "src/cloudwatch-publisher");
        let fakes = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/installers");
        for name in ["systemctl", "systemd-run", "spy"] {
            root.place(&fakes.join("fake").join(name), &format!("fake/{name}"));
        }
        root.place(&fakes.join("answer.py"), "fake/answer.py");
        SPIED.iter().for_each(|name| symlink("/fake/spy", root.at("spy").join(name)).unwrap());
        let probe = finished(root.command(&["true"], &[], PATH).output().map_err(|error| error.to_string())?);
        if probe.code != 0 {
            return Err(format!("it needs root and mount namespaces: {}", probe.err.trim()));
        }
        if shell == Shell::Busybox {
            let installed = root.command(&["busybox", "--install", "-s", "/bb"], &[], "/usr/bin:/bin").output();
            let installed = installed.map_err(|error| error.to_string())?;
            if !installed.status.success() {
                return Err(format!("busybox: {}", String::from_utf8_lossy(&installed.stderr).trim()));
            }
            // Debian's busybox makes no users.
            for name in ["groupadd", "groupdel", "useradd", "userdel", "usermod"] {
                symlink(format!("/usr/sbin/{name}"), root.at("bb").join(name)).map_err(|error| error.to_string())?;
            }
        }
        Ok(root)
    }

    /// A path of the root, seen from outside. `usr/local` is there as `own/usr-local`.
    pub fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    pub fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn exists(&self, path: &str) -> bool {
        self.at(path).symlink_metadata().is_ok()
    }

    pub fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.at(path), Permissions::from_mode(mode)).unwrap();
    }

    /// Mode, owner and group, as `0640 0:999`.
    pub fn rights(&self, path: &str) -> (u32, u32, u32) {
        let found = self.at(path).metadata().unwrap();
        (found.mode() & 0o7777, found.uid(), found.gid())
    }

    /// A hard link where that goes, since the program is large.
    pub fn place(&self, from: &Path, to: &str) {
        let _ = fs::remove_file(self.at(to));
        fs::hard_link(from, self.at(to)).or_else(|_| fs::copy(from, self.at(to)).map(drop)).unwrap();
    }

    /// The installer, never asking.
    pub fn install(&self, options: &[&str]) -> Run {
        self.install_with(options, &[])
    }

    /// The same with variables of the environment.
    pub fn install_with(&self, options: &[&str], environment: &[(&str, &str)]) -> Run {
        let shell = if self.shell == Shell::Busybox { "/bb/sh" } else { "/bin/dash" };
        let words = [&[shell, "/src/install-linux.sh"], options].concat();
        self.run(&words, environment)
    }

    /// The installer on a terminal, its questions answered.
    pub fn answer(&self, answers: &[(&str, &str)], options: &[&str]) -> Run {
        let words = [&["python3", "/fake/answer.py", "/bin/dash", "/src/install-linux.sh"], options].concat();
        let mut child = self.command(&words, &[], PATH).stdin(Stdio::piped()).spawn().unwrap();
        let text = serde_json::to_string(answers).unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        finished(child.wait_with_output().unwrap())
    }

    pub fn run(&self, words: &[&str], environment: &[(&str, &str)]) -> Run {
        let path = if self.shell == Shell::Busybox { "/fake:/bb" } else { PATH };
        finished(self.command(words, environment, path).output().unwrap())
    }

    fn command(&self, words: &[&str], environment: &[(&str, &str)], path: &str) -> Command {
        let enter = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/installers/enter.sh");
        // One that hangs fails its test, and not the whole of CI.
        let mut command = Command::new("timeout");
        command.args(["--kill-after=10", "300", "unshare", "--mount", "--fork", "--kill-child"]);
        command.args(["setsid", "--wait", "sh"]);
        command.arg(enter).arg(self.folder.path());
        command.args(["env", "-i"]).arg(format!("PATH={path}"));
        command.args(environment.iter().map(|(name, value)| format!("{name}={value}")));
        command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// What the fake systemctl was asked, without questions; and forgets it.
    pub fn asked(&self) -> Vec<String> {
        let asked = fs::read_to_string(self.at("fake/asked")).unwrap_or_default();
        let _ = fs::remove_file(self.at("fake/asked"));
        let is_act =
            |line: &&str| !line.starts_with("is-") && !line.starts_with("show") && !line.starts_with("--version");
        asked.lines().filter(is_act).map(str::to_string).collect()
    }

    /// Everything in it that an installer could change.
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        for top in ["etc", "opt", "run", "tmp", "var", "root", "own"] {
            for entry in walkdir::WalkDir::new(self.at(top)) {
                let entry = entry.unwrap();
                let path = entry.path().strip_prefix(self.folder.path()).unwrap().to_path_buf();
                if NOT_OURS.contains(&path.to_str().unwrap()) {
                    continue;
                }
                let found = entry.path().symlink_metadata().unwrap();
                let text = match found {
                    ref it if it.is_symlink() => {
                        fs::read_link(entry.path()).unwrap().into_os_string().into_encoded_bytes()
                    }
                    // The program is large, and equal where its size is.
                    ref it if it.len() > 1_000_000 => it.len().to_string().into_bytes(),
                    ref it if it.is_file() => fs::read(entry.path()).unwrap(),
                    _ => Vec::new(),
                };
                tree.insert(path, (found.mode(), found.uid(), found.gid(), text));
            }
        }
        tree
    }
}

/// Where Debian has its programs, behind what stands in for systemd.
pub const PATH: &str = "/fake:/usr/sbin:/usr/bin:/sbin:/bin";
/// The same with a spy before each program.
pub const SPIED_PATH: &str = "/spy:/fake:/usr/sbin:/usr/bin:/sbin:/bin";
/// The unit's name.
pub const UNIT: &str = "amazon-cloudwatch-publisher.service";

/// What two trees differ in, in words.
pub fn difference(before: &Tree, after: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for path in before.keys().chain(after.keys().filter(|path| !before.contains_key(*path))) {
        let shown = |tree: &Tree| {
            tree.get(path).map(|(mode, owner, group, text)| {
                let text: String = String::from_utf8_lossy(text).chars().take(300).collect();
                format!("{mode:o} {owner}:{group} {text:?}")
            })
        };
        if before.get(path) != after.get(path) {
            found.push(format!("{}: {:?} -> {:?}", path.display(), shown(before), shown(after)));
        }
    }
    found
}

fn finished(output: Output) -> Run {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Run { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}
