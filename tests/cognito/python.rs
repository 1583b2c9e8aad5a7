//! Sets up a Python with pycognito in it, and has it sign in.
//!
//! The rule that is easy to break: a machine without Python skips these tests with a line that says so, but never where `CI`
//! is set: there a skipped test would pass for one that held.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

use serde_json::Value;

const REQUIREMENTS: &str = include_str!("requirements.txt");

/// What the script `sign_in.py` answers to `steps`; none where this machine has no Python, which has been said then.
///
/// # Panics
/// Where it cannot be set up and `CI` is set.
pub fn sign_in(steps: &Value) -> Option<Value> {
    match environment() {
        Ok(python) => Some(run(&python, steps)),
        Err(reason) if env::var_os("CI").is_none() => {
            // Not `println!`: of a test that passes the harness swallows that.
            let line = format!("skipped: pycognito could not be set up: {reason}\n");
            let _ = io::stderr().write_all(line.as_bytes());
            None
        }
        Err(reason) => panic!("pycognito could not be set up, and CI does without no test: {reason}"),
    }
}

fn run(python: &Path, steps: &Value) -> Value {
    let mut process = Command::new(python)
        .args(["-W", "ignore"])
        .arg(script("sign_in.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start sign_in.py");
    process.stdin.take().unwrap().write_all(steps.to_string().as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "sign_in.py failed");
    serde_json::from_slice(&output.stdout).expect("sign_in.py answers in JSON")
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cognito").join(name)
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
    let folder = home.join(format!("cognito-{:016x}", name.finish()));
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
    println!("setting up pycognito in {} (once)", folder.display());
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
