//! The Debian package on a machine: installed before anybody configured it, started, upgraded, removed, purged.

use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use crate::deb::{self, Kind};
use crate::installer::{OLD_ID, install_predecessor, old_pool};
use crate::kept::or_skipped;
use crate::machine::{Network, until};
use crate::scene::{CONFIG, FILE, HOME, Scene, UNIT};

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

#[test]
fn the_package_takes_over_from_the_python_publisher_and_its_configuration_stays_to_the_byte() {
    let folder = TempDir::new().unwrap();
    let Some(package): Option<PathBuf> = or_skipped("a .deb", deb::build(Kind::Deb, folder.path())) else { return };
    let Some(mut scene) = Scene::bare("taken-over") else { return };
    scene.machine.copy(&package, DEB, 0o644);
    scene.machine.boot(Network::Shared);
    scene.machine.run("systemctl enable -q --now writer");
    let instance = json!({"prefix": "rpi", "command": "awk '{print $NF}' /etc/public-serial"});
    scene.machine.write("/etc/public-serial", "Serial : 00000000ABCDEF12\n", 0o644);
    install_predecessor(&scene, &old_pool(&scene), &instance, Some(scene.endpoint.url()));
    let (config, unit) = (scene.machine.read(CONFIG), scene.machine.read(&format!("/etc/systemd/system/{UNIT}")));

    scene.machine.run(&format!("dpkg --force-depends -i {DEB}"));
    let group = format!("/system/rpi/{OLD_ID}");
    let delivers = |scene: &Scene| {
        let before = scene.endpoint.taken(&group, FILE);
        until("records came", || scene.endpoint.taken(&group, FILE) > before + 20);
    };
    delivers(&scene);
    until("samples came", || scene.metric("CPUCount").is_some());
    assert_eq!(scene.metric("CPUCount").unwrap().dimension("InstanceId"), Some(OLD_ID));
    assert_eq!(scene.machine.read(CONFIG), config);
    let rights = scene.machine.run(&format!("stat -c '%a %U:%G' {CONFIG} {HOME}/bin"));
    assert_eq!(rights, "640 root:cloudwatch-publisher\n755 root:root");
    assert_eq!(scene.property("User"), "cloudwatch-publisher");
    let is_package_s = |path: &str| path.starts_with("/lib/systemd/") || path.starts_with("/usr/lib/systemd/");
    assert!(is_package_s(&scene.property("FragmentPath")), "{}", scene.property("FragmentPath"));
    assert_eq!(scene.machine.read(&format!("{HOME}/etc/{UNIT}.replaced")), unit, "the old unit is kept");
    assert_eq!(scene.machine.attempt("pgrep -u cwpublisher").code, 1, "the old one does not run any more");
    let python = scene.machine.read(&format!("{HOME}/bin/amazon-cloudwatch-publisher"));
    assert!(python.contains("python3"), "its Python is left alone");
    let log = scene.machine.read(&format!("{HOME}/logs/amazon-cloudwatch-publisher.log"));
    assert!(log.starts_with("written by the predecessor\n") && log.lines().count() > 1, "its log goes on: {log}");

    scene.machine.reboot(Network::Shared);
    delivers(&scene);
    assert_eq!(scene.property("NRestarts"), "0");
    assert_eq!(scene.machine.read(CONFIG), config);
}

#[test]
fn where_the_package_cannot_take_over_the_python_publisher_runs_on() {
    let folder = TempDir::new().unwrap();
    let Some(package): Option<PathBuf> = or_skipped("a .deb", deb::build(Kind::Deb, folder.path())) else { return };
    let Some(mut scene) = Scene::bare("left-alone") else { return };
    scene.machine.copy(&package, DEB, 0o644);
    scene.machine.boot(Network::Shared);
    let instance = json!({"prefix": "rpi", "serial": "1"});
    install_predecessor(&scene, &old_pool(&scene), &instance, None);
    let wrong = scene.machine.read(CONFIG).replace("\"retention_in_days\": 7", "\"retention_in_days\": 10");
    scene.machine.write(CONFIG, &wrong, 0o600);
    let process = scene.property("MainPID");
    let said = scene.machine.run(&format!("dpkg --force-depends -i {DEB}"));
    assert!(said.contains("logs.retention_in_days is `10`") && said.contains("runs on"), "{said}");
    assert_eq!(scene.property("MainPID"), process, "it was not stopped for a moment");
    assert_eq!(scene.property("User"), "cwpublisher");
    scene.machine.reboot(Network::Shared);
    until("it runs again", || scene.property("ActiveState") == "active");
    assert_eq!(scene.property("User"), "cwpublisher");
}

fn users(scene: &Scene) -> String {
    scene.machine.run("cat /etc/passwd /etc/group")
}
