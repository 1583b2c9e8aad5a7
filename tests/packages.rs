//! The packages: what is inside, and what becomes of a machine that installs, upgrades, removes and purges them.
//!
//! They are made of the program under test. What goes on under a running systemd is `tests/systemd.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests state what must be")]

#[path = "support/kept.rs"]
#[allow(dead_code, reason = "this file takes what it needs")]
mod kept;
#[path = "support/package.rs"]
mod package;
#[path = "systemd/root.rs"]
mod root;
#[path = "packages/rpm.rs"]
mod rpm;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kept::{or_skipped, said};
use package::Kind;
use tempfile::TempDir;

const PROGRAM: &str = "/opt/aws/amazon-cloudwatch-publisher/bin/cloudwatch-publisher";

/// Files of both packages, with their modes.
const FILES: [(&str, &str); 11] = [
    (PROGRAM, "-rwxr-xr-x"),
    ("/usr/lib/cloudwatch-publisher/prepare", "-rwxr-xr-x"),
    ("/lib/systemd/system/amazon-cloudwatch-publisher.service", "-rw-r--r--"),
    ("/lib/systemd/system/amazon-cloudwatch-publisher.service.d/10-configured.conf", "-rw-r--r--"),
    ("/usr/lib/sysusers.d/cloudwatch-publisher.conf", "-rw-r--r--"),
    ("/usr/share/doc/cloudwatch-publisher/examples/raspberry-pi.json", "-rw-r--r--"),
    ("/usr/share/doc/cloudwatch-publisher/installation.md", "-rw-r--r--"),
    ("/usr/share/doc/cloudwatch-publisher/packages.md", "-rw-r--r--"),
    ("/usr/share/man/man1/cloudwatch-publisher.1.gz", "-rw-r--r--"),
    ("/usr/share/man/man5/cloudwatch-publisher.json.5.gz", "-rw-r--r--"),
    ("/usr/share/bash-completion/completions/cloudwatch-publisher", "-rw-r--r--"),
];

#[test]
fn the_deb_has_everything_in_its_place_and_lives_a_whole_life() {
    let folder = TempDir::new().unwrap();
    let Some(deb) = or_skipped("a .deb", package::build(Kind::Deb, folder.path())) else { return };
    let list = said(Command::new("dpkg-deb").arg("-c").arg(&deb)).unwrap();
    for (path, mode) in FILES {
        let line = list.lines().find(|line| line.ends_with(&format!(" .{path}"))).expect(path);
        assert!(line.starts_with(mode) && line.contains(" 0/0 "), "{line}");
    }
    assert!(list.contains(&format!("./usr/bin/cloudwatch-publisher -> {PROGRAM}")), "{list}");
    assert!(!list.contains("amazon-cloudwatch-publisher.json\n"), "no configuration is shipped over another\n{list}");
    let control = said(Command::new("dpkg-deb").arg("-f").arg(&deb)).unwrap();
    for field in [&format!("Version: {}-1", env!("CARGO_PKG_VERSION")), &depends(), "Recommends: ca-certificates"] {
        assert!(control.contains(field), "{field}\n{control}");
    }
    unpacked(&deb, &folder.path().join("unpacked"));
    let Some(()) = or_skipped("a root for it", root::unpack(&folder.path().join("root"))) else { return };
    lives(&deb, &folder.path().join("root"));
}

/// What the program under test asks for, by its symbols.
fn depends() -> String {
    let symbols =
        said(Command::new("readelf").args(["--wide", "--version-info", env!("CARGO_BIN_EXE_cloudwatch-publisher")]));
    let symbols = symbols.unwrap();
    let versions = symbols.split("GLIBC_2.").skip(1).filter_map(|rest| {
        rest.split(|next: char| !next.is_ascii_digit()).next().and_then(|number| number.parse::<u32>().ok())
    });
    format!("Depends: libc6 (>= 2.{}), libgcc-s1 | libgcc1\n", versions.max().unwrap())
}

/// What can be looked at without installing it.
fn unpacked(deb: &Path, place: &Path) {
    said(Command::new("dpkg-deb").arg("-x").arg(deb).arg(place)).unwrap();
    let shell = place.join("usr/share/bash-completion/completions/cloudwatch-publisher");
    let loaded =
        said(Command::new("bash").args(["-c", ". \"$0\" && complete -p cloudwatch-publisher"]).arg(shell)).unwrap();
    assert!(loaded.contains("cloudwatch-publisher"), "{loaded}");
    for page in pages(place) {
        let output =
            Command::new("man").args(["--warnings", "-E", "UTF-8", "-l"]).arg(&page).env("MANWIDTH", "200").output();
        let output = output.unwrap();
        let problems = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && problems.is_empty(), "{}: {problems}", page.display());
        assert!(String::from_utf8_lossy(&output.stdout).contains("NAME"), "{}", page.display());
    }
    // The program under test may name folders of this machine, its texts may not.
    let home = env!("CARGO_MANIFEST_DIR");
    let strange = Command::new("grep").args(["-rlF", "--exclude-dir=bin", home]).arg(place).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&strange.stdout), "");
}

fn pages(place: &Path) -> Vec<PathBuf> {
    let sections = ["man1", "man5"].map(|section| place.join("usr/share/man").join(section));
    let pages = sections.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    pages.collect()
}

fn lives(deb: &Path, root: &Path) {
    fs::copy(deb, root.join("package.deb")).unwrap();
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packages/life.sh"), root.join("life.sh")).unwrap();
    // One that hangs fails its test, and not the whole of CI.
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", "600", "chroot"]).arg(root).arg("/life.sh");
    let output = command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output();
    let output = output.unwrap();
    let (story, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && story.contains("== purged"), "{story}\n{errors}");
}

#[test]
fn the_rpm_has_everything_in_its_place_and_its_scripts() {
    let folder = TempDir::new().unwrap();
    let Some(rpm) = or_skipped("an .rpm", package::build(Kind::Rpm, folder.path())) else { return };
    let ask = |what: &[&str]| said(Command::new("rpm").arg("-qp").args(what).arg(&rpm));
    let Some(list) = or_skipped("rpm", ask(&["-lv"])) else { return };
    for (path, mode) in FILES {
        let path = path.replacen("/lib/systemd", "/usr/lib/systemd", 1).replace("/usr/usr", "/usr");
        let line = list.lines().find(|line| line.ends_with(&format!(" {path}"))).expect(&path);
        assert!(line.starts_with(mode) && line.contains(" root     root "), "{line}");
    }
    let scripts = ask(&["--scripts"]).unwrap();
    for script in ["postinstall scriptlet", "preuninstall scriptlet", "postuninstall scriptlet"] {
        assert!(scripts.contains(script), "{scripts}");
    }
}
