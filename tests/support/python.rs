//! Python for the tests that ask somebody else's code: a virtual environment a folder of `tests/`, made on first use.
//!
//! The rule that is easy to break: a machine without Python skips these tests with a line that says so, but never where `CI`
//! is set: there a skipped test would pass for one that held.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

/// The Python that holds exactly what `requirements.txt` of a folder of `tests/` names, for `what`; none where this machine
/// cannot, which has been said then.
///
/// # Panics
/// Where it cannot be set up and `CI` is set.
pub fn python(folder: &str, what: &str) -> Option<PathBuf> {
    match environment(folder, what) {
        Ok(python) => Some(python),
        Err(reason) if env::var_os("CI").is_none() => {
            // Not `println!`: of a test that passes the harness swallows that.
            let _ = io::stderr().write_all(format!("skipped: {what} could not be set up: {reason}\n").as_bytes());
            None
        }
        Err(reason) => panic!("{what} could not be set up, and CI does without no test: {reason}"),
    }
}

/// A script in a folder of `tests/`.
pub fn script(folder: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder).join(name)
}

fn environment(folder: &str, what: &str) -> Result<PathBuf, String> {
    let list = script(folder, "requirements.txt");
    let requirements = fs::read_to_string(&list).map_err(|error| format!("read {}: {error}", list.display()))?;
    let version = said(Command::new("python3").arg("--version"))?;
    let mut name = DefaultHasher::new();
    (requirements, version).hash(&mut name);
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache =
        cache.or_else(|| Some(env::home_dir()?.join(".cache"))).ok_or("there is no home folder to keep it in")?;
    let home = cache.join("cloudwatch-publisher-tests");
    let place = home.join(format!("{folder}-{:016x}", name.finish()));
    let python = place.join("bin/python");
    fs::create_dir_all(&home).map_err(|error| format!("create {}: {error}", home.display()))?;
    // Two tests that start at once must not build one environment in parallel.
    let lock = fs::File::create(home.join("lock")).and_then(|file| file.lock().map(|()| file));
    let _lock = lock.map_err(|error: io::Error| format!("lock {}: {error}", home.display()))?;
    let is_complete = place.join("complete");
    if is_complete.exists() {
        return Ok(python);
    }
    let _ = fs::remove_dir_all(&place);
    println!("setting up {what} in {} (once)", place.display());
    said(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "-r"];
    said(Command::new(&python).args(install).arg(list))?;
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
