//! What becomes of a machine that installs, upgrades and erases the `.rpm`: by real rpm, in a root that is Debian's else.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::kept::{or_skipped, said};
use crate::package::{self, Kind};
use crate::root;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_rpm_lives_a_whole_life_and_nothing_stays() {
    let folder = TempDir::new().unwrap();
    let packages = [1, 2].map(|number| package::revision(Kind::Rpm, folder.path(), number));
    let Some([first, second]) = or_skipped("an .rpm", both(packages)) else { return };
    let root = folder.path().join("root");
    let Some(()) = or_skipped("a root for it", root::unpack(&root)) else { return };
    let Some(_) = or_skipped("rpm", said(Command::new("rpm").arg("--version"))) else { return };
    fs::write(root.join("purge.sh"), in_place_of_a_purge()).unwrap();

    let mut life = Command::new(Path::new(HERE).join("tests/packages/rpm-life.sh"));
    let output = life.arg(&root).arg(first).arg(second).output().unwrap();
    let (story, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && story.ends_with("== gone\n"), "{story}\n{errors}");
}

fn both<T>([first, second]: [Result<T, String>; 2]) -> Result<[T; 2], String> {
    Ok([first?, second?])
}

/// What the manual shows.
fn in_place_of_a_purge() -> String {
    let manual = fs::read_to_string(Path::new(HERE).join("docs/packages.md")).unwrap();
    let shown = manual.split("RPM has no\npurge:").nth(1).and_then(|rest| rest.split("```\n").nth(1)).unwrap();
    assert!(shown.contains("userdel"), "{shown}");
    shown.to_owned()
}
