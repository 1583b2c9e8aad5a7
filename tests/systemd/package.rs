//! The Debian package on a machine: installed before anybody configured it, started, upgraded, removed, purged.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::deb::{self, Kind};
use crate::kept::or_skipped;
use crate::machine::{Network, until};
use crate::scene::{CONFIG, FILE, Scene, UNIT};

const DEB: &str = "/root/package.deb";

#[test]
fn the_package_waits_for_its_configuration_delivers_survives_an_upgrade_and_purges_itself() {
    let folder = TempDir::new().unwrap();
    let Some(package): Option<PathBuf> = or_skipped("a .deb", deb::build(Kind::Deb, folder.path())) else { return };
    let Some(mut scene) = Scene::bare("package") else { return };
    scene.machine.copy(&package, DEB, 0o644);
    scene.machine.boot(Network::Shared);
    let before = users(&scene);
    scene.machine.run(&format!("dpkg --force-depends -i {DEB}"));
    assert_eq!(scene.property("LoadState"), "loaded");
    assert_eq!(scene.property("ActiveState"), "inactive", "nobody has configured it");

    scene.keys();
    scene.configure();
    scene.machine.run(&format!(
        "/usr/lib/cloudwatch-publisher/prepare && systemctl daemon-reload && systemctl start writer {UNIT}"
    ));
    scene.wait_for_more(FILE, 20);
    assert_eq!(scene.property("User"), "cloudwatch-publisher");
    assert_eq!(scene.property("UnitFileState"), "enabled");

    let process = scene.property("MainPID");
    scene.machine.run(&format!("dpkg --force-depends -i {DEB}"));
    until("the new one runs", || scene.property("ActiveState") == "active" && scene.property("MainPID") != process);
    scene.wait_for_more(FILE, 20);
    scene.machine.reboot(Network::Shared);
    scene.machine.run("systemctl start writer");
    scene.wait_for_more(FILE, 20);
    scene.machine.run("systemctl stop writer");
    scene.assert_exactly(FILE, &scene.written());

    scene.machine.run("dpkg -r cloudwatch-publisher");
    assert_eq!(scene.machine.attempt("pgrep -u cloudwatch-publisher").code, 1, "nothing of it runs");
    assert!(scene.machine.path(CONFIG).exists(), "the configuration stays until it is purged");
    scene.machine.run("dpkg -P cloudwatch-publisher");
    assert_eq!(users(&scene), before);
    // The drop-in is this test's own.
    let left = scene.machine.run(
        "find / -xdev -name '*cloudwatch-publisher*' ! -path '/etc/systemd/system/*.d*' ! -path '/var/log/journal/*'",
    );
    assert_eq!(left, "");
}

fn users(scene: &Scene) -> String {
    scene.machine.run("cat /etc/passwd /etc/group")
}
