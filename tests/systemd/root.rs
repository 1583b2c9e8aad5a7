//! The system that the machines of these tests boot: Debian of this machine's release, as small as systemd lets it be, made by
//! mmdebstrap once and kept as a tar.
//!
//! The release must be this machine's: the program under test is linked to its libc. Packages come from where this machine's
//! own apt takes them.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kept::{self, said};

/// What is in it: systemd, and what an installation needs that stands on a device already. Python is the predecessor's.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,ca-certificates,procps,sudo,python3-minimal";
/// What no test reads.
const LEFT_OUT: [&str; 3] = ["/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*"];
/// What of apt's own settings reaches further than to a list of sources.
const APT_SETTINGS: [&str; 3] = ["Acquire::http", "Acquire::https", "Acquire::Check-"];

/// The tar, built where it is not there yet.
#[allow(clippy::print_stdout, reason = "it takes minutes, once")]
pub fn tar() -> Result<PathBuf, String> {
    let release = release()?;
    let mut name = DefaultHasher::new();
    (PACKAGES, LEFT_OUT, &release).hash(&mut name);
    let tar = kept::folder()?.join(format!("systemd-{:016x}.tar", name.finish()));
    let _turn = kept::turn("systemd-lock")?;
    if tar.exists() {
        return Ok(tar);
    }
    println!("making a {release} with systemd in {} (once)", tar.display());
    let unfinished = tar.with_extension("unfinished.tar");
    let mut command = Command::new("mmdebstrap");
    command.args(["--quiet", "--variant=minbase"]).arg(format!("--include={PACKAGES}"));
    command.args(LEFT_OUT.map(|path| format!("--dpkgopt=path-exclude={path}")));
    command.args(apt_settings()?.iter().map(|setting| format!("--aptopt={setting}")));
    command.arg(&release).arg(&unfinished).args(apt_sources()?);
    said(&mut command)?;
    fs::rename(&unfinished, &tar).map_err(|error| format!("rename {}: {error}", unfinished.display()))?;
    Ok(tar)
}

/// Unpacks it.
pub fn unpack(into: &Path) -> Result<(), String> {
    let tar = tar()?;
    fs::create_dir_all(into).map_err(|error| format!("create {}: {error}", into.display()))?;
    said(Command::new("tar").arg("-C").arg(into).arg("--numeric-owner").arg("-xf").arg(tar)).map(|_| ())
}

/// The name of this machine's release.
fn release() -> Result<String, String> {
    let about = fs::read_to_string("/etc/os-release").map_err(|error| format!("read /etc/os-release: {error}"))?;
    let name = about.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    Ok(name.ok_or("this machine is no Debian: /etc/os-release has no VERSION_CODENAME")?.trim_matches('"').to_owned())
}

/// Where this machine's apt takes packages from.
fn apt_sources() -> Result<Vec<PathBuf>, String> {
    let more = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path());
    let is_read = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "list" || ending == "sources");
    let all = [PathBuf::from("/etc/apt/sources.list")].into_iter().chain(more.filter(is_read));
    let sources: Vec<PathBuf> = all.filter(|path| fs::metadata(path).is_ok_and(|about| about.len() > 0)).collect();
    if sources.is_empty() { Err("apt has no sources on this machine".to_owned()) } else { Ok(sources) }
}

/// How this machine's apt reaches them, such as a proxy.
fn apt_settings() -> Result<Vec<String>, String> {
    let all = said(Command::new("apt-config").args(["dump", "--no-empty", "--format", "%f \"%v\";%n", "Acquire"]))?;
    let reaches = |line: &&str| APT_SETTINGS.iter().any(|name| line.starts_with(name));
    Ok(all.lines().filter(reaches).map(str::to_owned).collect())
}
