//! The Python publisher as its installer left it, and what becomes of it.

use std::fs;
use std::os::unix::fs::{lchown, symlink};
use std::process::Command;

use super::root::{Root, SPIED_PATH, Shell, Tree, UNIT, difference};
use super::{CONFIG, DROP_INS, HOME, NOT_DELIVERING, PROGRAM, value};

/// Its user.
const OLD_USER: u32 = 998;

/// A configuration as it was written then; `instance` is what names the machine.
pub fn config(password: &str, instance: &str) -> String {
    let password = serde_json::Value::from(password);
    format!(
        r#"{{
    "agent": {{
        "instance": {{"prefix": "rpi", {instance}}},
        "authentication": {{
            "accountId": "123456789012",
            "userPoolId": "eu-central-1_AbCdEf123",
            "identityPoolId": "eu-central-1:01234567-89ab-cdef-0123-456789abcdef",
            "appClientId": "4s0meCl1ent1d",
            "password": {password}
        }},
        "region": "eu-central-1",
        "metrics_collection_interval": 300,
        "logfile": "/opt/aws/amazon-cloudwatch-publisher/logs/amazon-cloudwatch-publisher.log",
        "debug": false
    }},
    "metrics": {{"namespace": "System/Default"}},
    "logs": {{
        "logs_collected": {{"files": {{"collect_list": [{{"file_path": "/var/log/syslog", "include_patterns": []}}]}}}}
    }}
}}
"#
    )
}

/// An installation of it, running.
pub fn old_style(instance: &str) -> Option<Root> {
    let root = Root::new(Shell::Dash)?;
    let passwd = root.read("/etc/passwd");
    root.write(
        "/etc/passwd",
        &format!("{passwd}cwpublisher:x:{OLD_USER}:{OLD_USER}::/nonexistent:/usr/sbin/nologin\n"),
    );
    root.write("/etc/group", &format!("{}cwpublisher:x:{OLD_USER}:\n", root.read("/etc/group")));
    root.write(CONFIG, &config("p&w\\1", instance));
    root.write(&format!("{HOME}/bin/amazon-cloudwatch-publisher"), "#!/usr/bin/env python3\n");
    root.write(&format!("{HOME}/logs/amazon-cloudwatch-publisher.log"), "an old line\n");
    // What its installer ends with.
    let home = root.at(HOME);
    for (tool, what) in [("chown", "998:998"), ("chmod", "u+rwX,g-rwx,o-rwx")] {
        assert!(Command::new(tool).args(["-R", what]).arg(&home).status().unwrap().success());
    }
    root.write(
        &format!("/etc/systemd/system/{UNIT}"),
        &format!(
            "[Unit]\nDescription=Amazon CloudWatch Publisher\nAfter=network.target\n\n[Service]\nType=simple\nUser=cwpublisher\n\
             ExecStart=/usr/bin/env python3 {HOME}/bin/amazon-cloudwatch-publisher\n\n[Install]\nWantedBy=multi-user.target\n"
        ),
    );
    root.write(&format!("{DROP_INS}/override.conf"), "[Service]\nExecStart=\nExecStart=/usr/bin/python3 /somewhere\n");
    root.write("/fake/active", "");
    // What only root can read, as `sudo` would.
    root.write("/root/serial", "00AB\n");
    root.mode("/root", 0o700);
    Some(root)
}

#[test]
fn the_python_publisher_is_replaced_and_its_configuration_stays_to_the_byte() {
    let Some(root) = old_style(r#""serial": "1""#) else { return };
    let (config, unit) = (root.read(CONFIG), root.read(&format!("/etc/systemd/system/{UNIT}")));
    let run = root.install(&["--unattended", "--wait", "0"]).ended(NOT_DELIVERING);
    assert!(run.out.contains("its user cwpublisher"), "{}", run.out);
    assert_eq!(root.read(CONFIG), config);
    for folder in [HOME.to_owned(), format!("{HOME}/bin")] {
        assert_eq!(root.rights(&folder), (0o755, 0, 0), "{folder}: it was its user's alone");
    }
    let (mode, owner, group) = root.rights(CONFIG);
    assert_eq!((mode, owner), (0o640, 0));
    assert!(root.read(&format!("/etc/systemd/system/{UNIT}")).contains(&format!("ExecStart={PROGRAM} run")));
    assert_eq!(root.read(&format!("{HOME}/etc/{UNIT}.predecessor")), unit);
    assert!(root.exists(&format!("{HOME}/bin/amazon-cloudwatch-publisher")));
    assert!(!root.exists(&format!("{DROP_INS}/override.conf")));
    assert!(root.exists(&format!("{DROP_INS}/override.conf.predecessor")));
    let log = format!("{HOME}/logs/amazon-cloudwatch-publisher.log");
    assert_eq!(root.rights(&log).2, group);
    assert_eq!(root.read(&log), "an old line\n");
    assert_eq!(root.asked(), ["daemon-reload", &format!("enable --quiet {UNIT}"), &format!("restart {UNIT}")]);
}

#[test]
fn where_the_services_user_gets_another_id_than_root_roots_serial_is_stored() {
    let commands = [
        // None at all, and another one.
        (r#""command": "cat /root/serial""#, "rpi-00ab", "00ab"),
        (r#""command": "cat /root/serial 2>/dev/null || echo other""#, "rpi-00ab", "00ab"),
    ];
    for (instance, id, serial) in commands {
        let Some(root) = old_style(instance) else { return };
        let config = root.read(CONFIG);
        let run = root.install(&["--unattended", "--wait", "0"]).ended(NOT_DELIVERING);
        assert!(run.out.contains(&format!("instance id: {id};")), "{}", run.out);
        assert_eq!(value(&root, "/agent/instance/serial"), serial);
        assert_eq!(root.read(CONFIG).replace(&format!(", \"serial\": \"{serial}\""), ""), config);
        // It was judged in the unit's sandbox, the order of its lines kept.
        let sandbox = root.read("/fake/sandbox");
        let place =
            |line: &str| sandbox.lines().position(|word| word == line).unwrap_or_else(|| panic!("{line}: {sandbox}"));
        assert!(place("SystemCallFilter=@system-service") < place("SystemCallFilter=~@privileged"));
        assert!(place("NoNewPrivileges=yes") > 0);
    }
    let Some(root) = old_style(r#""command": "echo same""#) else { return };
    let config = root.read(CONFIG);
    root.install(&["--unattended", "--wait", "0"]).ended(NOT_DELIVERING);
    assert_eq!(root.read(CONFIG), config);
}

#[test]
fn a_machine_that_has_no_id_keeps_what_it_has() {
    let Some(root) = old_style(r#""command": "false""#) else { return };
    let before = root.tree();
    let run = root.install(&["--unattended", "--wait", "0"]).ended(78);
    assert!(run.err.contains("this machine has no instance id; give one with --serial"), "{}", run.err);
    assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
    assert_eq!(root.asked(), Vec::<String>::new());
}

#[test]
fn what_does_not_start_gives_way_to_what_ran_before() {
    let Some(root) = old_style(r#""command": "cat /root/serial""#) else { return };
    let before = root.tree();
    root.write("/fake/broken", "");
    let run = root.install(&["--unattended", "--wait", "0"]).ended(70);
    assert!(run.err.contains("going back to what ran before"), "{}", run.err);
    assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
    let asked = root.asked();
    assert_eq!(asked[asked.len() - 2..], ["daemon-reload".to_string(), format!("restart {UNIT}")]);
}

#[test]
fn a_link_that_the_old_user_laid_leads_root_nowhere() {
    for place in ["bin", "logs", "etc/amazon-cloudwatch-publisher.json"] {
        let Some(root) = old_style(r#""serial": "1""#) else { return };
        let place = format!("{HOME}/{place}");
        fs::rename(root.at(&place), root.at("/root/moved")).unwrap();
        symlink("/root/moved", root.at(&place)).unwrap();
        lchown(root.at(&place), Some(OLD_USER), Some(OLD_USER)).unwrap();
        let before = root.tree();
        let run = root.install(&["--unattended", "--wait", "0"]).ended(78);
        assert!(run.err.contains(&format!("{place} is a link that another user")), "{}", run.err);
        assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
    }
    // Among its logs too: there and back.
    let Some(root) = old_style(r#""serial": "1""#) else { return };
    root.write("/etc/own", "root's");
    root.mode("/etc/own", 0o600);
    symlink("/etc/own", root.at(&format!("{HOME}/logs/soft"))).unwrap();
    fs::hard_link(root.at("/etc/own"), root.at(&format!("{HOME}/logs/hard"))).unwrap();
    symlink("/etc/own", root.at(&format!("{HOME}/etc/soft"))).unwrap();
    root.write("/fake/broken", "");
    let before = root.tree();
    root.install(&["--unattended", "--wait", "0"]).ended(70);
    assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
    fs::remove_file(root.at("/fake/broken")).unwrap();
    root.install(&["--unattended", "--wait", "0"]).ended(NOT_DELIVERING);
    assert_eq!(root.rights("/etc/own"), (0o600, 0, 0));
}

#[test]
fn a_link_that_the_old_user_lays_behind_the_look_leads_root_nowhere() {
    for (place, victim) in [("etc", "/var/victim"), ("bin", "/var/victim"), ("logs", "/var/victim")] {
        let Some(root) = old_style(r#""serial": "1""#) else { return };
        fs::create_dir(root.at(victim)).unwrap();
        root.mode(victim, 0o700);
        // At the last moment at which it can.
        let swap = format!(
            "grep -q 'chown root:root {HOME}$' /fake/calls && cd {HOME} && mv {place} moved && ln -s {victim} {place}\n"
        );
        root.write("/fake/meanwhile", &swap);
        let run = root.install_with(&["--unattended", "--wait", "0"], &[("PATH", SPIED_PATH)]).ended(78);
        assert!(run.err.contains("is a link that another user"), "{}", run.err);
        assert!(!root.exists("/fake/meanwhile"), "the old user did nothing");
        assert_eq!(root.rights(victim), (0o700, 0, 0), "{place}");
        assert_eq!(fs::read_dir(root.at(victim)).unwrap().count(), 0, "{place}");
    }
}

/// The lines of `collect_list` in a configuration of the predecessor.
fn collects(root: &Root, path: &str, mode: u32, owner: u32, group: u32) {
    root.write(path, "a line\n");
    root.mode(path, mode);
    lchown(root.at(path), Some(owner), Some(group)).unwrap();
    let config = root.read(CONFIG).replace("/var/log/syslog", path);
    root.write(CONFIG, &config);
}

#[test]
fn a_log_that_only_the_old_user_reads_is_named_before_the_old_one_is_stopped() {
    let Some(root) = old_style(r#""serial": "1""#) else { return };
    collects(&root, "/var/log/old.log", 0o600, OLD_USER, OLD_USER);
    let before = root.tree();
    let run = root.install(&["--unattended", "--wait", "0"]).ended(78);
    assert!(run.err.contains("/var/log/old.log") && run.err.contains("the old one runs on"), "{}", run.err);
    assert!(run.err.contains("--read-all-logs") && run.err.contains("chgrp cloudwatch-publisher"), "{}", run.err);
    assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
    assert_eq!(root.asked(), Vec::<String>::new());
    // Each of the ways out that it names.
    root.install(&["--unattended", "--wait", "0", "--read-all-logs"]).ended(NOT_DELIVERING);
    let run = root.install(&["--unattended", "--wait", "0"]).ended(NOT_DELIVERING);
    assert!(!run.err.contains("cannot read"), "{}", run.err);
    let Some(root) = old_style(r#""serial": "1""#) else { return };
    collects(&root, "/var/log/old.log", 0o640, OLD_USER, 4);
    let run = root.install(&["--unattended", "--wait", "0"]).ended(NOT_DELIVERING);
    assert!(!run.err.contains("cannot read"), "{}", run.err);
}

#[test]
fn whose_the_old_service_is_says_its_process_and_not_its_unit_alone() {
    for (owner, groups) in [("0", "--clear-groups"), ("998", "--groups=4242,4243")] {
        let Some(root) = old_style(r#""serial": "1""#) else { return };
        let mut process = Command::new("setpriv")
            .args([&format!("--reuid={owner}"), &format!("--regid={owner}"), groups, "sleep", "300"])
            .spawn()
            .unwrap();
        root.write("/fake/process", &process.id().to_string());
        collects(&root, "/var/log/theirs.log", 0o640, 0, 4243);
        let before = root.tree();
        let run = root.install(&["--unattended", "--wait", "0"]);
        process.kill().unwrap();
        process.wait().unwrap();
        let run = run.ended(78);
        assert!(run.err.contains("the Python publisher can read /var/log/theirs.log"), "{}", run.err);
        assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
        // As its unit says it could not.
        fs::remove_file(root.at("/fake/process")).unwrap();
        root.install(&["--unattended", "--wait", "0"]).ended(NOT_DELIVERING);
    }
}

#[test]
fn a_log_that_nobody_read_before_is_only_named() {
    let Some(root) = old_style(r#""serial": "1""#) else { return };
    collects(&root, "/var/log/roots.log", 0o600, 0, 0);
    let run = root.install(&["--unattended", "--wait", "0"]).ended(NOT_DELIVERING);
    assert!(run.err.contains("cannot read /var/log/roots.log"), "{}", run.err);
    // A service that delivers is not stopped for it.
    let run = root.install(&["--unattended", "--wait", "0"]).ended(NOT_DELIVERING);
    assert!(run.err.contains("cannot read /var/log/roots.log"), "{}", run.err);
}

#[test]
fn after_no_start_the_old_one_is_guarded_as_before() {
    let Some(root) = old_style(r#""serial": "1""#) else { return };
    let units =
        |root: &Root| root.tree().into_iter().filter(|(path, _)| path.starts_with("etc/systemd")).collect::<Tree>();
    let before = units(&root);
    let run = root.install(&["--unattended", "--no-start"]).ended(0);
    assert!(run.out.contains("what ran before runs on until"), "{}", run.out);
    assert!(run.out.contains(&format!("systemctl restart {UNIT}")), "{}", run.out);
    collects(&root, "/var/log/old.log", 0o600, OLD_USER, OLD_USER);
    let run = root.install(&["--unattended", "--wait", "0"]).ended(78);
    assert!(run.err.contains("the old one runs on"), "{}", run.err);
    root.mode("/var/log/old.log", 0o644);
    root.asked();
    root.write("/fake/broken", "");
    let run = root.install(&["--unattended", "--wait", "0"]).ended(70);
    assert!(run.err.contains("going back to what ran before"), "{}", run.err);
    assert_eq!(difference(&before, &units(&root)), Vec::<String>::new());
    let asked = root.asked();
    assert_eq!(asked[asked.len() - 2..], ["daemon-reload".to_string(), format!("restart {UNIT}")]);
    // Its user has again what it needs.
    let old = ["setpriv", "--reuid=998", "--regid=998", "--clear-groups", "--no-new-privs", "/bin/sh", "-c"];
    let reads = format!(
        "cat {CONFIG} {HOME}/bin/amazon-cloudwatch-publisher && echo on >>{HOME}/logs/amazon-cloudwatch-publisher.log"
    );
    root.run(&[&old[..], &[&reads]].concat(), &[]).ended(0);
    // And from there it goes on as ever.
    fs::remove_file(root.at("/fake/broken")).unwrap();
    root.install(&["--unattended", "--wait", "0"]).ended(NOT_DELIVERING);
    assert!(root.read(&format!("/etc/systemd/system/{UNIT}")).contains("Type=notify"));
    assert!(root.exists(&format!("{DROP_INS}/50-groups.conf")));
    assert!(root.exists(&format!("{DROP_INS}/override.conf.predecessor")));
}

#[test]
fn after_no_start_credentials_that_were_given_to_the_new_service_are_enough() {
    let Some(root) = old_style(r#""serial": "1""#) else { return };
    root.write("/nonexistent/.aws/credentials", "x");
    let text = root.read(CONFIG);
    let (before, rest) = text.split_once("\"authentication\"").unwrap();
    root.write(CONFIG, &format!("{before}{}", rest.split_once("},").unwrap().1));
    root.install(&["--unattended", "--no-start"]).ended(0);
    root.install(&["--unattended", "--wait", "0"]).ended(78);
    root.write(&format!("{DROP_INS}/override.conf"), "[Service]\nEnvironment=AWS_SHARED_CREDENTIALS_FILE=/x\n");
    root.install(&["--unattended", "--wait", "0"]).ended(NOT_DELIVERING);
    assert!(root.exists(&format!("{DROP_INS}/override.conf")));
}

#[test]
fn an_upgrade_that_does_not_start_goes_back_to_the_old_version() {
    let Some(root) = old_style(r#""serial": "1""#) else { return };
    root.install(&["--unattended", "--wait", "0"]).ended(NOT_DELIVERING);
    let before = root.tree();
    let mut newer = fs::read(root.at("/src/cloudwatch-publisher")).unwrap();
    newer.push(0);
    fs::write(root.at("/src/newer"), &newer).unwrap();
    root.write("/fake/broken", "");
    root.install(&["--wait", "0", "--binary", "/src/newer", "--set", "metrics.namespace=Other"]).ended(70);
    assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
}

#[test]
fn what_the_services_user_cannot_read_is_found_before_the_old_one_is_stopped() {
    let Some(root) = old_style(r#""serial": "1""#) else { return };
    root.write("/root/password", "secret\n");
    let config = root.read(CONFIG).replace("\"password\": \"p&w\\\\1\"", "\"password_file\": \"/root/password\"");
    root.write(CONFIG, &config);
    let before = root.tree();
    let run = root.install(&["--unattended", "--wait", "0"]).ended(78);
    assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
    assert!(run.err.contains("/root/password") && run.err.contains("the old one runs on"), "{}", run.err);
    assert_eq!(root.asked(), Vec::<String>::new());
    assert!(!root.exists(PROGRAM));
}

#[test]
fn the_way_back_that_the_manual_shows_leads_back() {
    let Some(root) = old_style(r#""serial": "1""#) else { return };
    let before = root.tree();
    root.install(&["--unattended", "--wait", "0"]).ended(NOT_DELIVERING);
    root.asked();
    let manual = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/installation.md")).unwrap();
    let shown = manual.split("The way back").nth(1).and_then(|rest| rest.split("```\n").nth(1)).unwrap();
    root.run(&["/bin/dash", "-euc", &shown.replace("sudo ", "")], &[]).ended(0);
    let name = UNIT.trim_end_matches(".service");
    assert_eq!(root.asked(), [&format!("stop {name}"), "daemon-reload", &format!("start {name}")]);
    let units = "etc/systemd";
    let only = |tree: Tree| tree.into_iter().filter(|(path, _)| path.starts_with(units)).collect::<Tree>();
    assert_eq!(difference(&only(before), &only(root.tree())), Vec::<String>::new());
    let old = ["setpriv", "--reuid=998", "--regid=998", "--clear-groups", "--no-new-privs", "/bin/sh", "-c"];
    let reads = format!(
        "cat {CONFIG} {HOME}/bin/amazon-cloudwatch-publisher && echo on >>{HOME}/logs/amazon-cloudwatch-publisher.log"
    );
    root.run(&[&old[..], &[&reads]].concat(), &[]).ended(0);
}

#[test]
fn credentials_that_only_the_old_user_has_are_named_before_the_old_one_is_stopped() {
    for place in ["/nonexistent/.aws/credentials", &format!("{DROP_INS}/keys.conf")] {
        let Some(root) = old_style(r#""serial": "1""#) else { return };
        root.write(place, "[Service]\nEnvironment=AWS_ACCESS_KEY_ID=x\n");
        let text = root.read(CONFIG);
        let (before, rest) = text.split_once("\"authentication\"").unwrap();
        root.write(CONFIG, &format!("{before}{}", rest.split_once("},").unwrap().1));
        let before = root.tree();
        let run = root.install(&["--unattended", "--wait", "0"]).ended(78);
        assert!(run.err.contains("does not see that") && run.err.contains("The old one runs on"), "{}", run.err);
        assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
        assert_eq!(root.asked(), Vec::<String>::new());
        let run = root.install(&["--unattended", "--no-start"]).ended(0);
        assert!(run.err.contains("credentials of its own"), "{}", run.err);
    }
}

#[test]
fn the_python_publisher_is_not_uninstalled_by_a_script_that_did_not_install_it() {
    let Some(root) = old_style(r#""serial": "1""#) else { return };
    let before = root.tree();
    root.install(&["--uninstall", "--purge"]).ended(64);
    assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
}
