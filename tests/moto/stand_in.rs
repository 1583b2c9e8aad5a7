//! Sets moto up, starts it with the proxy before it, and asks it through boto3.
//!
//! The rule that is easy to break: a machine without Python skips these tests with a line that says so, but never where `CI`
//! is set: there a skipped test would pass for one that held.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs, io};

use serde_json::Value;

const REQUIREMENTS: &str = include_str!("requirements.txt");

/// moto and its proxy, in one process that ends with this value, or with the test's own process.
pub struct StandIn {
    process: Child,
    python: PathBuf,
    moto: String,
    /// What to give the agent as `endpoint_override`.
    pub proxy: String,
}

impl StandIn {
    /// Starts it; none where this machine cannot, which has been said then.
    ///
    /// # Panics
    /// Where it cannot be set up and `CI` is set.
    pub fn start() -> Option<Self> {
        match environment() {
            Ok(python) => Some(Self::with(python)),
            Err(reason) if env::var_os("CI").is_none() => {
                // Not `println!`: of a test that passes the harness swallows that.
                let line = format!("skipped: moto could not be set up: {reason}\n");
                let _ = io::stderr().write_all(line.as_bytes());
                None
            }
            Err(reason) => panic!("moto could not be set up, and CI does without no test: {reason}"),
        }
    }

    fn with(python: PathBuf) -> Self {
        let mut process = Command::new(&python)
            .arg(script("proxy.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start proxy.py");
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let urls: Value = serde_json::from_str(&line).expect("proxy.py prints where it listens");
        let url = |name: &str| urls[name].as_str().unwrap().to_owned();
        Self { moto: url("moto"), proxy: url("proxy"), process, python }
    }

    /// What `ask.py` answers; its own text names the questions.
    pub fn ask(&self, question: &[&str]) -> Value {
        let mut asking = Command::new(&self.python);
        let answer =
            asking.arg(script("ask.py")).arg(&self.moto).args(question).stderr(Stdio::inherit()).output().unwrap();
        assert!(answer.status.success(), "ask.py {question:?} failed");
        serde_json::from_slice(&answer.stdout).unwrap()
    }

    /// How many requests of each kind came through the proxy, and in what form.
    pub fn seen(&self) -> Value {
        self.ask(&["seen", &self.proxy])
    }

    /// The messages of a stream, oldest first; none where there is no such stream.
    pub fn messages(&self, group: &str, stream: &str) -> Vec<String> {
        let events = self.ask(&["events", group, stream]);
        events.as_array().unwrap().iter().map(|event| event[1].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // Closing its standard input would do, but not at once.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/moto").join(name)
}

/// The Python of a virtual environment that holds exactly [`REQUIREMENTS`], made on first use and kept for the next.
fn environment() -> Result<PathBuf, String> {
    let version = said(Command::new("python3").arg("--version"))?;
    let mut name = DefaultHasher::new();
    (REQUIREMENTS, version).hash(&mut name);
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache =
        cache.or_else(|| Some(env::home_dir()?.join(".cache"))).ok_or("there is no home folder to keep it in")?;
    let home = cache.join("cloudwatch-publisher-tests");
    let folder = home.join(format!("moto-{:016x}", name.finish()));
    let python = folder.join("bin/python");
    fs::create_dir_all(&home).map_err(|error| format!("create {}: {error}", home.display()))?;
    // Two tests that start at once must not build one environment in parallel.
    let lock = fs::File::create(home.join("lock")).and_then(|file| file.lock().map(|()| file));
    let _lock = lock.map_err(|error: io::Error| format!("lock {}: {error}", home.display()))?;
    let is_complete = folder.join("complete");
    if is_complete.exists() {
        return Ok(python);
    }
    let _ = fs::remove_dir_all(&folder);
    println!("setting up moto in {} (once)", folder.display());
    said(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "-r"];
    said(Command::new(&python).args(install).arg(script("requirements.txt")))?;
    fs::write(&is_complete, "").map_err(|error| format!("write {}: {error}", is_complete.display()))?;
    Ok(python)
}

/// Runs `command`; what it printed, or why it failed.
fn said(command: &mut Command) -> Result<String, String> {
    let what = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{what}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{what}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
}
