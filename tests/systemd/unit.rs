//! The hardened unit: what it keeps from the agent, and what it must not keep from it.

use std::collections::BTreeSet;
use std::path::Path;

use cloudwatch_publisher::local::{PoolSetup, Series};
use serde_json::json;

use crate::machine::until;
use crate::scene::{CONFIG, FILE, GROUP, HOME, NAMESPACE, PROGRAM, Scene, UNIT};

/// The exposure that is promised, in tenths.
const EXPOSURE: u32 = 20;
/// The default set.
const METRICS: usize = 13;
const PASSWORD: &str = "Kept9!between_the-2of+us*XyZ~012";

#[test]
fn the_unit_is_well_formed_and_exposes_no_more_than_promised() {
    let Some(scene) = Scene::booted("exposure") else { return };
    scene.enable();
    let path = format!("/etc/systemd/system/{UNIT}");
    let said = scene.machine.attempt(&format!("systemd-analyze verify --man=no {path}"));
    assert_eq!((said.code, said.text.as_str()), (0, ""));
    scene.machine.run(&format!("systemd-analyze security --offline=true --threshold={EXPOSURE} {path}"));
}

#[test]
fn the_machine_is_measured_inside_the_unit_as_outside_of_it() {
    let Some(mut scene) = Scene::booted("measured") else { return };
    scene.start();
    // A second agent with nothing around it, on the same machine at the same time.
    scene.set("/agent/instance/serial", "outside");
    scene.set("/agent/state_directory", "/var/lib/outside");
    scene.set("/logs", json!({}));
    let other = "/root/outside.json";
    scene.machine.write(other, &scene.config.to_string(), 0o600);
    scene.machine.run(&format!(
        "systemd-run --quiet --unit=outside -E AWS_ACCESS_KEY_ID=made-up -E AWS_SECRET_ACCESS_KEY=made-up-too {PROGRAM} run {other}"
    ));
    let of = |instance: &str| -> Vec<Series> {
        let series = scene.endpoint.metrics().into_iter();
        series
            .filter(|series| series.namespace == NAMESPACE && series.dimension("InstanceId") == Some(instance))
            .collect()
    };
    until("both have measured rates", || {
        ["test-machine", "test-outside"].iter().all(|instance| {
            let series = of(instance);
            series.len() == METRICS && series.iter().all(|series| series.points.len() >= 2)
        })
    });
    let (inside, outside) = (of("test-machine"), of("test-outside"));
    let names =
        |all: &[Series]| all.iter().map(|series| (series.name.clone(), series.unit.clone())).collect::<BTreeSet<_>>();
    assert_eq!(names(&inside), names(&outside));
    let newest = |all: &[Series], name: &str| {
        all.iter().find(|series| series.name == name).unwrap().points.back().unwrap().value
    };
    assert!((newest(&inside, "CPUCount") - newest(&outside, "CPUCount")).abs() < f64::EPSILON);
    let memory = |all: &[Series]| newest(all, "MemoryAvailable") / (1.0 - newest(all, "MemoryUtilization") / 100.0);
    let (inside, outside) = (memory(&inside), memory(&outside));
    assert!((inside / outside - 1.0).abs() < 0.01, "{inside} bytes of memory inside, {outside} outside");
}

#[test]
fn disks_are_measured_inside_the_unit() {
    let Some(scene) = Scene::booted("disks") else { return };
    scene.start();
    scene.wait_for_samples();
    let written =
        || scene.metric("DiskWriteBytes").map(|series| series.points.iter().map(|point| point.value).sum::<f64>());
    until("what is written to the disk is seen", || {
        scene.machine.run("dd if=/dev/urandom of=/var/tmp/block bs=1M count=8 conv=fsync status=none");
        written().is_some_and(|bytes| bytes > f64::from(1 << 20))
    });
}

#[test]
fn a_log_below_home_is_read_and_roots_own_only_with_the_drop_in() {
    let Some(mut scene) = Scene::booted("rights") else { return };
    let files = scene.config.pointer_mut("/logs/logs_collected/files/collect_list").unwrap();
    for path in ["/home/pi/app.log", "/var/log/root.log", "/var/log/adm.log"] {
        files.as_array_mut().unwrap().push(json!({"file_path": path, "initial_position": "beginning"}));
    }
    scene.configure();
    scene.machine.write("/home/pi/app.log", "at home\n", 0o644);
    scene.machine.write("/var/log/root.log", "for root\n", 0o600);
    scene.machine.write("/var/log/adm.log", "for adm\n", 0o640);
    scene.machine.run("chgrp adm /var/log/adm.log");
    scene.start();
    scene.assert_exactly("app.log", &["at home".to_owned()]);
    scene.assert_exactly("adm.log", &["for adm".to_owned()]);
    scene.wait_for_more(FILE, 20);
    assert_eq!(scene.endpoint.taken(GROUP, "root.log"), 0);

    let drop_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("installers/service/drop-ins/60-read-all-logs.conf");
    scene.machine.copy(&drop_in, &format!("/etc/systemd/system/{UNIT}.d/60-read-all-logs.conf"), 0o644);
    scene.machine.run(&format!("systemctl daemon-reload && systemctl restart {UNIT}"));
    scene.assert_exactly("root.log", &["for root".to_owned()]);
    let reads = scene.machine.attempt("setpriv --reuid cloudwatch-publisher --clear-groups cat /var/log/root.log");
    assert_ne!(reads.code, 0, "its user may not by himself: {}", reads.text);
}

#[test]
fn the_password_is_handed_over_by_systemd_and_its_file_stays_roots() {
    let Some(mut scene) = Scene::booted("password") else { return };
    let pool = scene.endpoint.add_user_pool(&PoolSetup::default());
    scene.endpoint.add_user(&pool, "test-machine", PASSWORD);
    let authentication = json!({
        "accountId": "123456789012", "userPoolId": pool.user_pool, "identityPoolId": pool.identity_pool, "appClientId": pool.client,
    });
    scene.set("/agent/authentication", authentication);
    scene.configure();
    scene.machine.write(&format!("{HOME}/etc/cognito-password"), &format!("{PASSWORD}\n"), 0o600);
    let drop_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("installers/service/drop-ins/50-password.conf");
    scene.machine.copy(&drop_in, &format!("/etc/systemd/system/{UNIT}.d/50-password.conf"), 0o644);
    scene.start();
    scene.wait_for_more(FILE, 20);
    let principals =
        scene.endpoint.counts().requests_to(cloudwatch_publisher::local::Operation::GetCredentialsForIdentity);
    assert!(principals > 0, "it signed in with Cognito");
    let environment = scene.machine.run(&format!("tr '\\0' '\\n' </proc/$(systemctl show -P MainPID {UNIT})/environ"));
    assert!(!environment.contains(PASSWORD) && environment.contains("CREDENTIALS_DIRECTORY"), "{environment}");
    assert!(!scene.machine.read(CONFIG).contains(PASSWORD));
}
