//! Python for the tests that ask somebody else's code: a virtual environment a folder of `tests/`, made on first use.

#[path = "kept.rs"]
mod kept;

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use self::kept::said;

/// The Python that holds exactly what `requirements.txt` of a folder of `tests/` names, for `what`; none where this machine
/// cannot, which has been said then.
///
/// # Panics
/// Where it cannot be set up and `CI` is set.
pub fn python(folder: &str, what: &str) -> Option<PathBuf> {
    kept::or_skipped(what, environment(folder, what))
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
    let place = kept::folder()?.join(format!("{folder}-{:016x}", name.finish()));
    let python = place.join("bin/python");
    let _turn = kept::turn("lock")?;
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
