//! What tests build once and keep between runs, and how a test says that it cannot run on this machine.
//!
//! The rule that is easy to break: a machine that lacks a component skips these tests with a line that says so, but never where
//! `CI` is set: there a skipped test would pass for one that held.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs, io};

/// The folder in which tests keep what they built.
pub fn folder() -> Result<PathBuf, String> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache =
        cache.or_else(|| Some(env::home_dir()?.join(".cache"))).ok_or("there is no home folder to keep it in")?;
    let folder = cache.join("cloudwatch-publisher-tests");
    fs::create_dir_all(&folder).map_err(|error| format!("create {}: {error}", folder.display()))?;
    Ok(folder)
}

/// Waits for its turn: two tests that start at once must not build one thing in parallel. The turn ends with the file.
pub fn turn(what: &str) -> Result<File, String> {
    let path = folder()?.join(what);
    let lock = File::create(&path).and_then(|file| file.lock().map(|()| file));
    lock.map_err(|error: io::Error| format!("lock {}: {error}", path.display()))
}

/// Runs `command`; what it printed, or why it failed.
pub fn said(command: &mut Command) -> Result<String, String> {
    let what = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{what}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{what}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
}

/// What was set up; none where this machine cannot, which has been said then.
///
/// # Panics
/// Where it cannot be set up and `CI` is set.
pub fn or_skipped<T>(what: &str, set_up: Result<T, String>) -> Option<T> {
    match set_up {
        Ok(ready) => Some(ready),
        Err(reason) if env::var_os("CI").is_none() => {
            // Not `println!`: of a test that passes the harness swallows that.
            let _ = io::stderr().write_all(format!("skipped: {what} could not be set up: {reason}\n").as_bytes());
            None
        }
        Err(reason) => panic!("{what} could not be set up, and CI does without no test: {reason}"),
    }
}
