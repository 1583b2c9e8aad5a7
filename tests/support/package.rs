//! Packages for the tests: made of the program that Cargo built for them, by the script that makes the real ones.

// Each test file compiles this for itself and takes what it needs.
#![allow(dead_code, reason = "see above")]

#[path = "../../examples/manual/main.rs"]
mod manual;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// A kind of package.
#[derive(Clone, Copy)]
pub enum Kind {
    Deb,
    Rpm,
}

/// A package of `kind` in `folder`; the reason where this machine cannot make one.
pub fn build(kind: Kind, folder: &Path) -> Result<PathBuf, String> {
    revision(kind, folder, 1)
}

/// The same, packed for the `number`th time: an upgrade from all before.
pub fn revision(kind: Kind, folder: &Path, number: u32) -> Result<PathBuf, String> {
    let manual = folder.join("manual");
    manual::write(&manual).map_err(|error| format!("write the manual: {error}"))?;
    let name = if matches!(kind, Kind::Deb) { "deb" } else { "rpm" };
    let packages = folder.join(format!("{name}-{number}"));
    let mut script = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("installers/package/build"));
    script.arg("--program").arg(env!("CARGO_BIN_EXE_cloudwatch-publisher")).arg("--manual").arg(manual);
    script.arg("--into").arg(&packages).args(["--revision", &number.to_string(), "--test", name]);
    let output = script.stdin(Stdio::null()).output().map_err(|error| format!("installers/package/build: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let mut made = fs::read_dir(&packages).map_err(|error| error.to_string())?.filter_map(Result::ok);
    made.next().map(|entry| entry.path()).ok_or_else(|| format!("{} stayed empty", packages.display()))
}

/// Whether a test may be left out for `reason`, which is said then.
///
/// # Panics
/// Where `CI` is set: there a skipped test would pass for one that held.
pub fn skip(reason: &str) {
    use std::io::Write;
    assert!(env::var_os("CI").is_none(), "CI does without no test: {reason}");
    // Not `println!`: of a test that passes the harness swallows that.
    let _ = std::io::stderr().write_all(format!("skipped: {reason}\n").as_bytes());
}
