//! `install-linux.sh`, run for real in throw-away roots: what it promises when it installs, upgrades, takes over from the Python
//! publisher, is interrupted, and removes. systemd itself is a stand-in here; `tests/systemd.rs` has the real one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests state what must be"
)]

#[path = "installers/predecessor.rs"]
mod predecessor;
#[path = "installers/root.rs"]
mod root;

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use root::{PATH, Root, SPIED_PATH, Shell, UNIT, difference};

const HOME: &str = "/opt/aws/amazon-cloudwatch-publisher";
const CONFIG: &str = "/opt/aws/amazon-cloudwatch-publisher/etc/amazon-cloudwatch-publisher.json";
const PROGRAM: &str = "/opt/aws/amazon-cloudwatch-publisher/bin/cloudwatch-publisher";
const SECRET: &str = "/opt/aws/amazon-cloudwatch-publisher/etc/cognito-password";
const DROP_INS: &str = "/etc/systemd/system/amazon-cloudwatch-publisher.service.d";
const LINK: &str = "/own/usr-local/bin/cloudwatch-publisher";

/// Everything that Cognito needs but the password.
const COGNITO: [&str; 12] = [
    "--region",
    "eu-central-1",
    "--account-id",
    "123456789012",
    "--user-pool-id",
    "eu-central-1_AbCdEf123",
    "--identity-pool-id",
    "eu-central-1:01234567-89ab-cdef-0123-456789abcdef",
    "--app-client-id",
    "4s0meCl1ent1d",
    "--serial",
    "1",
];
/// Installed, and not delivering: there is no daemon behind the stand-in for systemctl.
const NOT_DELIVERING: i32 = 69;
const AWKWARD: [&str; 8] = [
    "plain",
    "a&b\\1/c",
    "it's \"quoted\"",
    "$HOME `id` $(id)",
    "  two  spaces  ",
    "!@#$%^&*()",
    "-n \\n %s",
    "üß😀\\",
];

fn options<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&COGNITO[..], &["--wait", "0"], more].concat()
}

fn value(root: &Root, pointer: &str) -> serde_json::Value {
    let config: serde_json::Value = serde_json::from_str(&root.read(CONFIG)).unwrap();
    config.pointer(pointer).cloned().unwrap_or_default()
}

/// Installs by options, with a password.
fn installed(root: &Root) {
    root.write("/src/password", "pass&word\n");
    root.install(&options(&["--password-file", "/src/password"])).ended(NOT_DELIVERING);
    root.asked();
}

#[test]
fn by_options_everything_is_where_it_belongs_and_nobody_else_reads_the_password() {
    for shell in [Shell::Dash, Shell::Busybox] {
        let Some(root) = Root::new(shell) else { return };
        root.write("/src/password", "pass&word\n");
        let run =
            root.install(&options(&["--password-file", "/src/password", "--prefix", "srv"])).ended(NOT_DELIVERING);
        assert!(run.out.contains("instance id: srv-1\n"), "{}", run.out);
        let (_, _, group) = root.rights(CONFIG);
        assert!(group > 0);
        assert_eq!(root.rights(CONFIG), (0o640, 0, group));
        assert_eq!(root.rights(&format!("{HOME}/etc")), (0o750, 0, group));
        assert_eq!(root.rights(SECRET), (0o600, 0, 0));
        assert_eq!(root.rights(PROGRAM), (0o755, 0, 0));
        assert_eq!(root.read(SECRET), "pass&word\n");
        assert_eq!(value(&root, "/agent/authentication/userPoolId"), "eu-central-1_AbCdEf123");
        assert_eq!(value(&root, "/agent/authentication/password"), serde_json::Value::Null);
        assert_eq!(root.read(&format!("/etc/systemd/system/{UNIT}")), root.read(&format!("/src/service/{UNIT}")));
        assert_eq!(
            root.read(&format!("{DROP_INS}/50-groups.conf")),
            "[Service]\nSupplementaryGroups=adm systemd-journal\n"
        );
        assert_eq!(
            root.read(&format!("{DROP_INS}/50-password.conf")),
            format!("[Service]\nLoadCredential=cognito-password:{SECRET}\n")
        );
        assert_eq!(fs::read_link(root.at(LINK)).unwrap().to_str(), Some(PROGRAM));
        assert_eq!(root.asked(), ["daemon-reload", &format!("enable --quiet {UNIT}"), &format!("restart {UNIT}")]);
        assert!(!root.exists(&format!("{HOME}/.install")));
    }
}

#[test]
fn the_drop_ins_that_are_shown_are_those_that_are_written() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    root.write("/src/password", "x\n");
    root.install(&options(&["--password-file", "/src/password", "--read-all-logs", "--no-start"])).ended(0);
    for name in ["50-password.conf", "50-groups.conf", "60-read-all-logs.conf"] {
        let shown = fs::read_to_string(format!("{}/installers/service/drop-ins/{name}", env!("CARGO_MANIFEST_DIR")));
        let shown: Vec<String> =
            shown.unwrap().lines().filter(|line| !line.starts_with('#')).map(str::to_string).collect();
        assert_eq!(root.read(&format!("{DROP_INS}/{name}")).lines().collect::<Vec<_>>(), shown, "{name}");
    }
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit_and_little_to_attack() {
    let unit = format!("{}/installers/service/{UNIT}", env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    // Here is no program of that path.
    let text = fs::read_to_string(&unit).unwrap().replace(PROGRAM, "/bin/true");
    fs::write(folder.path().join(UNIT), text).unwrap();
    let asked = |words: &[&str], unit: &Path| Command::new("systemd-analyze").args(words).arg(unit).output();
    let Ok(verified) = asked(&["verify", "--man=no"], &folder.path().join(UNIT)) else {
        assert!(std::env::var_os("CI").is_none(), "systemd-analyze is not here, and CI does without no test");
        let _ = std::io::stderr().write_all(b"skipped: systemd-analyze is not here\n");
        return;
    };
    assert_eq!((verified.status.success(), String::from_utf8_lossy(&verified.stderr).as_ref()), (true, ""));
    // 20 is an exposure of 2.0.
    let judged = asked(&["security", "--offline=true", "--threshold=20"], Path::new(&unit)).unwrap();
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
}

#[test]
fn by_the_environment_alone_nothing_is_asked() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    let environment = [
        ("CLOUDWATCH_PUBLISHER_REGION", "eu-central-1"),
        ("CLOUDWATCH_PUBLISHER_ACCOUNT_ID", "123456789012"),
        ("CLOUDWATCH_PUBLISHER_USER_POOL_ID", "eu-central-1_AbCdEf123"),
        ("CLOUDWATCH_PUBLISHER_IDENTITY_POOL_ID", "eu-central-1:01234567-89ab-cdef-0123-456789abcdef"),
        ("CLOUDWATCH_PUBLISHER_APP_CLIENT_ID", "4s0meCl1ent1d"),
        ("CLOUDWATCH_PUBLISHER_PASSWORD", "p w"),
        ("CLOUDWATCH_PUBLISHER_SERIAL", "7"),
        ("CLOUDWATCH_PUBLISHER_TEMPLATE", "minimal"),
        ("CLOUDWATCH_PUBLISHER_WAIT", "0"),
    ];
    let run = root.install_with(&[], &environment).ended(NOT_DELIVERING);
    assert!(run.out.contains("instance id: sys-7\n"), "{}", run.out);
    assert_eq!(root.read(SECRET), "p w\n");
}

#[test]
fn a_ready_configuration_arrives_as_it_is() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    let text = predecessor::config("p&w\\1\"", r#""serial": "9""#);
    root.write("/src/rpi-9.json", &text);
    root.mode("/src/rpi-9.json", 0o600);
    let run = root.install(&["--config", "/src/rpi-9.json", "--wait", "0"]).ended(NOT_DELIVERING);
    assert!(run.out.contains("instance id: rpi-9\n"), "{}", run.out);
    assert_eq!(root.read(CONFIG), text);
    assert_eq!(root.rights(CONFIG).0, 0o640);
    assert!(!root.exists(SECRET) && !root.exists(&format!("{DROP_INS}/50-password.conf")));
}

#[test]
fn without_cognito_it_is_the_standard_chain() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    let options =
        ["--unattended", "--region", "eu-west-1", "--template", "raspberry-pi", "--serial", "5", "--no-start"];
    root.install(&options).ended(0);
    assert_eq!(value(&root, "/agent/authentication"), serde_json::Value::Null);
    assert_eq!(value(&root, "/agent/region"), "eu-west-1");
    assert_eq!(root.asked(), ["daemon-reload"]);
}

#[test]
fn on_a_terminal_what_is_missing_is_asked_and_the_password_is_not_shown() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    let password = AWKWARD.concat();
    let run = root.answer(
        &[
            ("User Pool ID: ", "us-west-2_AbCdEf123"),
            ("Region [us-west-2]: ", ""),
            ("Account ID: ", "123456789012"),
            ("Identity Pool ID: ", "us-west-2:01234567-89ab-cdef-0123-456789abcdef"),
            ("App Client ID: ", "4s0meCl1ent1d"),
            ("Password of the Cognito user: ", &password),
        ],
        &["--serial", "1", "--wait", "0"],
    );
    let run = run.ended(NOT_DELIVERING);
    assert!(!run.out.contains(&password) && run.out.contains("Password"), "{}", run.out);
    assert_eq!(root.read(SECRET), format!("{password}\n"));
    assert_eq!(value(&root, "/agent/region"), "us-west-2");
    assert_eq!(value(&root, "/agent/authentication/appClientId"), "4s0meCl1ent1d");
}

#[test]
fn ctrl_c_at_a_question_leaves_nothing() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    let before = root.tree();
    let run = root.answer(&[("User Pool ID: ", "us-west-2_AbCdEf123"), ("Region", "^C")], &[]);
    assert_eq!(run.code, 130, "{}", run.out);
    assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
}

#[test]
fn every_password_arrives_and_no_program_ever_sees_it() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    for (number, password) in AWKWARD.iter().enumerate() {
        // One that is exported already must not take the password along.
        let variables = [("CLOUDWATCH_PUBLISHER_PASSWORD", *password), ("PATH", SPIED_PATH), ("password", "exported")];
        let by_file = [("PATH", SPIED_PATH), ("password", "exported")];
        root.write("/src/password", password);
        let run = match number % 2 {
            0 => root.install_with(&options(&["--no-start"]), &variables),
            _ => root.install_with(&options(&["--no-start", "--password-file", "/src/password"]), &by_file),
        };
        run.ended(0);
        assert_eq!(root.read(SECRET), format!("{password}\n"));
    }
    let seen = root.read("/fake/calls") + &root.read("/fake/environments");
    assert!(seen.contains("chown") && seen.lines().count() > 50, "the spy saw nothing");
    for password in AWKWARD.iter().filter(|password| **password != "plain") {
        assert!(!seen.contains(password), "`{password}` was an argument or in the environment of a program");
    }
}

#[test]
fn what_is_missing_is_said_at_once_and_nothing_is_done() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    let before = root.tree();
    let cases: [(&[&str], i32, &str); 12] = [
        (
            &["--user-pool-id", "eu-central-1_a"],
            64,
            "missing: --region --account-id --identity-pool-id --app-client-id --password-file;",
        ),
        (&[], 64, "missing: --region;"),
        (&["--passwrd", "x"], 64, "--passwrd is unknown"),
        (&["--password", "x"], 64, "a password is no argument"),
        (&["--purge"], 64, "--purge goes with --uninstall"),
        (&["--region", "eu-west-1", "--set", "agent.instance.serial=a\nb"], 64, "--set takes one line"),
        (&["--wait", "soon"], 64, "--wait takes seconds"),
        (&["--config", "/nowhere"], 66, "/nowhere cannot be read"),
        (&["--binary", "/nowhere"], 66, "/nowhere does not exist"),
        (&["--region", "eu-west-1", "--serial", "a b"], 78, "this machine has no instance id"),
        (&["--region", "eu-west-1", "--set", "agent.regoin=x"], 78, "did you mean `region`?"),
        (&["--region", "eu-west-1", "--template", "iot-device"], 78, "give them with --set PATH=TEXT"),
    ];
    for (options, code, said) in cases {
        let run = root.install(options).ended(code);
        assert!(run.err.contains(said), "{options:?}: {}", run.err);
        assert_eq!(difference(&before, &root.tree()), Vec::<String>::new(), "{options:?}");
    }
    assert_eq!(root.asked(), Vec::<String>::new());
}

#[test]
fn a_second_run_changes_nothing_and_restarts_nothing() {
    for shell in [Shell::Dash, Shell::Busybox] {
        let Some(root) = Root::new(shell) else { return };
        installed(&root);
        let before = root.tree();
        root.install(&["--wait", "0"]).ended(NOT_DELIVERING);
        root.install(&options(&["--password-file", "/src/password"])).ended(NOT_DELIVERING);
        assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
        assert!(root.asked().iter().all(|asked| !asked.starts_with("restart") && !asked.starts_with("reload")));
    }
}

#[test]
fn a_changed_value_is_a_reload_and_a_changed_password_a_restart() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    installed(&root);
    let run =
        root.install(&["--wait", "0", "--template", "minimal", "--set-json", "agent.metrics_collection_interval=120"]);
    let run = run.ended(NOT_DELIVERING);
    assert!(run.err.contains("--template minimal is for a new configuration"), "{}", run.err);
    assert_eq!(value(&root, "/agent/metrics_collection_interval"), 120);
    assert!(root.asked().contains(&format!("reload {UNIT}")));
    root.write("/src/password", "another\n");
    root.install(&["--wait", "0", "--password-file", "/src/password"]).ended(NOT_DELIVERING);
    assert_eq!(root.read(SECRET), "another\n");
    assert!(root.asked().contains(&format!("restart {UNIT}")));
}

#[test]
fn an_upgrade_keeps_the_configuration_and_one_that_does_not_fit_keeps_the_old_program() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    installed(&root);
    let text = root.read(CONFIG);
    let size = newer(&root, "/src/newer");
    root.install(&["--wait", "0", "--binary", "/src/newer"]).ended(NOT_DELIVERING);
    assert_eq!(root.at(PROGRAM).metadata().unwrap().len(), size);
    assert_eq!(root.read(CONFIG), text);
    assert!(root.asked().contains(&format!("restart {UNIT}")));
    let before = root.tree();
    fs::copy("/bin/false", root.at("/src/broken")).unwrap();
    root.install(&["--wait", "0", "--binary", "/src/broken"]).ended(65);
    assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
    root.write(CONFIG, &text.replace("\"region\"", "\"regoin\""));
    let before = root.tree();
    let run = root.install(&["--wait", "0", "--binary", "/src/cloudwatch-publisher"]).ended(78);
    assert!(run.err.contains("did you mean `region`?") && run.err.contains(CONFIG), "{}", run.err);
    assert!(!run.err.contains(".new"), "{}", run.err);
    assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
}

#[test]
fn what_is_merged_over_the_configuration_is_judged_with_it() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    installed(&root);
    let text = root.read(CONFIG);
    let region = text.lines().find(|line| line.contains("\"region\"")).unwrap().to_owned() + "\n";
    root.write(CONFIG, &text.replace(&region, ""));
    let fragment = CONFIG.replace(".json", ".d/10-place.json");
    root.write(&fragment, r#"{"agent": {"region": "eu-west-1"}}"#);
    newer(&root, "/src/newer");
    root.install(&["--wait", "0", "--binary", "/src/newer"]).ended(NOT_DELIVERING);
    assert!(root.asked().contains(&format!("restart {UNIT}")));
    assert!(!root.read(CONFIG).contains("region"), "it stays where the administrator put it");
    let names = || {
        let folder = root.at(CONFIG).parent().unwrap().to_owned();
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    assert!(names().iter().all(|name| !name.starts_with('.')), "{:?}", names());
    root.mode(&fragment, 0o600);
    let before = root.tree();
    let run = root.install(&["--wait", "0", "--binary", "/src/newer"]).ended(78);
    assert!(run.err.contains("cannot read") && run.err.contains("10-place.json: chgrp"), "{}", run.err);
    assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
    root.mode(&fragment, 0o644);
    root.write(&fragment, r#"{"agent": {"regoin": "eu-west-1"}}"#);
    let before = root.tree();
    let run = root.install(&["--wait", "0", "--binary", "/src/newer"]).ended(78);
    let place = "amazon-cloudwatch-publisher.d/10-place.json, line 1, column 12: agent.regoin";
    assert!(run.err.contains(place) && !run.err.contains("/.amazon"), "{}", run.err);
    assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
}

/// The same program with another byte behind its end is another version; its size.
fn newer(root: &Root, path: &str) -> u64 {
    let mut bytes = fs::read(root.at("/src/cloudwatch-publisher")).unwrap();
    bytes.push(0);
    // It may be a hard link of the one under test.
    let _ = fs::remove_file(root.at(path));
    fs::write(root.at(path), &bytes).unwrap();
    root.mode(path, 0o755);
    u64::try_from(bytes.len()).unwrap()
}

#[test]
fn by_its_bare_name_it_finds_the_program_beside_it() {
    for shell in ["/bin/dash", "/bin/busybox sh"] {
        let Some(root) = Root::new(Shell::Dash) else { return };
        installed(&root);
        let size = newer(&root, "/src/cloudwatch-publisher");
        let line = format!("cd /src && exec {shell} install-linux.sh --wait 0");
        root.run(&["/bin/dash", "-c", &line], &[]).ended(NOT_DELIVERING);
        assert_eq!(root.at(PROGRAM).metadata().unwrap().len(), size, "{shell}");
    }
    // Without one beside it, it says what it does.
    let Some(root) = Root::new(Shell::Dash) else { return };
    installed(&root);
    fs::remove_file(root.at("/src/cloudwatch-publisher")).unwrap();
    let run = root.install(&["--wait", "0"]).ended(NOT_DELIVERING);
    assert!(run.out.contains("the one that is installed stays"), "{}", run.out);
}

#[test]
fn an_upgrade_that_does_not_start_leaves_the_old_one_the_rights_it_had() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    installed(&root);
    let before = root.tree();
    root.write("/fake/broken", "");
    let run = root.install(&["--wait", "0", "--read-all-logs"]).ended(70);
    assert!(run.err.contains("going back to what ran before"), "{}", run.err);
    assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
}

#[test]
fn what_an_administrator_stopped_and_disabled_stays_so() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    installed(&root);
    root.run(&["systemctl", "disable", "--now", UNIT], &[]).ended(0);
    root.asked();
    let size = newer(&root, "/src/newer");
    for binary in ["/src/newer", "/src/cloudwatch-publisher"] {
        let run = root.install(&["--binary", binary]).ended(0);
        assert!(run.out.contains("stopped and disabled; it stays so"), "{}", run.out);
        assert!(run.out.contains(&format!("systemctl enable --now {UNIT}")), "{}", run.out);
        assert_eq!(root.at(PROGRAM).metadata().unwrap().len() == size, binary == "/src/newer");
        assert!(root.asked().iter().all(|asked| asked == "daemon-reload"));
    }
    // What `--no-start` alone left stopped is started by the next run.
    let Some(root) = Root::new(Shell::Dash) else { return };
    root.write("/src/password", "x\n");
    root.install(&options(&["--password-file", "/src/password", "--no-start"])).ended(0);
    // By one that came to nothing in between, too.
    root.write("/fake/unable", "");
    root.install(&["--wait", "0"]).ended(70);
    fs::remove_file(root.at("/fake/unable")).unwrap();
    root.install(&["--wait", "0"]).ended(NOT_DELIVERING);
    assert!(root.asked().contains(&format!("restart {UNIT}")));
}

#[test]
fn a_configuration_that_is_roots_link_stays_one() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    installed(&root);
    fs::create_dir(root.at("/var/own")).unwrap();
    fs::rename(root.at(CONFIG), root.at("/var/own/here.json")).unwrap();
    symlink("here.json", root.at("/var/own/there.json")).unwrap();
    symlink("/var/own/there.json", root.at(CONFIG)).unwrap();
    root.install(&["--wait", "0", "--set", "metrics.namespace=Other"]).ended(NOT_DELIVERING);
    assert_eq!(fs::read_link(root.at(CONFIG)).unwrap().to_str(), Some("/var/own/there.json"));
    assert!(root.read("/var/own/here.json").contains("\"Other\""), "{}", root.read("/var/own/here.json"));
    assert_eq!(root.rights("/var/own/here.json").0, 0o640);
    assert_eq!(fs::read_dir(root.at("/var/own")).unwrap().count(), 2);
    fs::remove_file(root.at("/var/own/there.json")).unwrap();
    symlink(CONFIG, root.at("/var/own/there.json")).unwrap();
    let run = root.install(&["--wait", "0"]).ended(78);
    assert!(run.err.contains("leads to itself"), "{}", run.err);
}

#[test]
fn a_configuration_in_another_users_folder_is_not_followed_to() {
    for (mode, owner) in [(0o755, 1997), (0o775, 0), (0o757, 0)] {
        let Some(root) = Root::new(Shell::Dash) else { return };
        installed(&root);
        fs::create_dir_all(root.at("/var/theirs/own")).unwrap();
        fs::rename(root.at(CONFIG), root.at("/var/theirs/own/here.json")).unwrap();
        symlink("/var/theirs/own/here.json", root.at(CONFIG)).unwrap();
        root.mode("/var/theirs", mode);
        std::os::unix::fs::chown(root.at("/var/theirs"), Some(owner), Some(owner)).unwrap();
        let before = root.tree();
        let run = root.install(&["--wait", "0", "--set", "metrics.namespace=Other"]).ended(78);
        assert!(run.err.contains("others than root write in /var/theirs;"), "{}", run.err);
        assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
    }
}

#[test]
fn somebody_elses_link_stays() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    symlink("/bin/true", root.at(LINK)).unwrap();
    root.write("/src/password", "x\n");
    let run = root.install(&options(&["--password-file", "/src/password"])).ended(NOT_DELIVERING);
    assert!(run.err.contains("is somebody's own and stays"), "{}", run.err);
    assert_eq!(fs::read_link(root.at(LINK)).unwrap().to_str(), Some("/bin/true"));
    root.install(&["--uninstall"]).ended(0);
    assert!(root.exists(LINK));
}

#[test]
fn a_users_path_is_enough() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    root.write("/src/password", "x\n");
    let path = [("PATH", "/fake:/usr/bin:/bin")];
    root.install_with(&options(&["--password-file", "/src/password"]), &path).ended(NOT_DELIVERING);
    assert!(root.read("/etc/passwd").contains("cloudwatch-publisher"));
}

#[test]
fn json_of_several_lines_arrives_whole() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    installed(&root);
    let list = "logs.logs_collected.files.collect_list=[\n  {\"file_path\": \"/var/log/a\"},\n  {\"file_path\": \"/var/log/b\"}\n]";
    root.install(&["--wait", "0", "--set-json", list]).ended(NOT_DELIVERING);
    assert_eq!(value(&root, "/logs/logs_collected/files/collect_list/1/file_path"), "/var/log/b");
}

#[test]
fn a_program_of_64_bits_under_a_system_of_32_is_named_so() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    if !cfg!(target_pointer_width = "64") {
        return;
    }
    root.write("/fake/getconf", "#!/bin/sh\necho 32\n");
    root.mode("/fake/getconf", 0o755);
    let header = fs::read(root.at("/src/cloudwatch-publisher")).unwrap()[..64].to_vec();
    fs::write(root.at("/src/other"), header).unwrap();
    let run = root.install(&["--region", "eu-west-1", "--serial", "1", "--binary", "/src/other"]).ended(65);
    assert!(run.err.contains("armv7-unknown-linux-gnueabihf"), "{}", run.err);
}

#[test]
fn a_masked_service_is_left_as_it_is() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    symlink("/dev/null", root.at(&format!("/etc/systemd/system/{UNIT}"))).unwrap();
    let before = root.tree();
    for options in [&["--region", "eu-west-1"][..], &["--uninstall"]] {
        let run = root.install(options).ended(64);
        assert!(run.err.contains("systemctl unmask"), "{}", run.err);
        assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
    }
}

#[test]
fn a_program_for_another_machine_is_refused_in_a_sentence() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    let before = root.tree();
    let header = fs::read(root.at("/src/cloudwatch-publisher")).unwrap()[..64].to_vec();
    let other: u8 = if cfg!(target_arch = "riscv64") { 0xb7 } else { 0xf3 };
    let patched = |place: usize, byte: u8| {
        let mut bytes = header.clone();
        bytes[place] = byte;
        bytes
    };
    let cases = [
        (patched(18, other), "is built for"),
        (patched(19, 0x77), "a processor that is not known here"),
        (b"#!/bin/sh\necho no program\n".to_vec(), "is no Linux program"),
        (header.clone(), "does not run on this machine"),
    ];
    for (bytes, said) in cases {
        fs::write(root.at("/src/other"), bytes).unwrap();
        root.write("/src/password", "x\n");
        let run = root.install(&options(&["--binary", "/src/other", "--password-file", "/src/password"])).ended(65);
        assert!(run.err.contains(said), "{}", run.err);
        assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
    }
}

#[test]
fn an_archive_is_fetched_and_only_with_its_checksum() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    let mut tar = Command::new("tar");
    // A copy: another test's hard link would be a change while tar reads.
    fs::create_dir(root.at("/packed")).unwrap();
    fs::copy(root.at("/src/cloudwatch-publisher"), root.at("/packed/cloudwatch-publisher")).unwrap();
    fs::copy(root.at(&format!("/src/service/{UNIT}")), root.at(&format!("/packed/{UNIT}"))).unwrap();
    tar.arg("-czf").arg(root.at("/src/a.tar.gz")).arg("-C").arg(root.at("/packed")).arg(".");
    assert!(tar.status().unwrap().success());
    fs::create_dir(root.at("/alone")).unwrap();
    root.place(&root.at("/src/install-linux.sh"), "/alone/install-linux.sh");
    let from = |options: &[&str]| {
        let words = ["/bin/dash", "/alone/install-linux.sh", "--unattended", "--region", "eu-west-1", "--serial", "1"];
        let url = ["--no-start", "--url", "file:///src/a.tar.gz"];
        root.run(&[&words[..], &url, options].concat(), &[("PATH", PATH)])
    };
    let before = root.tree();
    let run = from(&["--sha256", "00"]).ended(65);
    assert!(run.err.contains("it is damaged or another file: nothing was installed"), "{}", run.err);
    from(&[]).ended(69);
    assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
    let sum = root.run(&["sha256sum", "/src/a.tar.gz"], &[]).out;
    root.write("/src/a.tar.gz.sha256", &sum);
    from(&[]).ended(0);
    assert!(root.exists(PROGRAM) && root.exists(&format!("/etc/systemd/system/{UNIT}")));
}

#[test]
fn the_archive_unpacks_into_what_installs_itself() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut pack = Command::new("timeout");
    pack.args(["--kill-after=10", "300"]).arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/archive"));
    let made =
        pack.args([&target, env!("CARGO_BIN_EXE_cloudwatch-publisher")]).arg(root.at("/packed")).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let name = format!("cloudwatch-publisher-{}-{target}", env!("CARGO_PKG_VERSION"));
    let line = format!(
        "cd /packed && sha256sum -c {name}.tar.gz.sha256 && tar -xzf {name}.tar.gz && cd {name} && exec /bin/dash install-linux.sh \
         --region eu-west-1 --serial 1 --no-start"
    );
    let before = root.tree();
    let run = root.run(&["/bin/dash", "-c", &format!("{line} --dry-run")], &[]).ended(0);
    assert!(run.out.contains(&format!("would write: {PROGRAM}")), "{}", run.out);
    assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
    root.run(&["/bin/dash", "-c", &line], &[]).ended(0);
    assert!(root.exists(PROGRAM) && root.exists(&format!("/etc/systemd/system/{UNIT}")));
    assert!(root.exists(&format!("/packed/{name}/docs/installation.md")), "the installer's last words point to it");
}

#[test]
fn what_is_fetched_by_https_comes_by_nothing_else() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    root.write("/fake/curl", "#!/bin/sh\necho \"$*\" >>/fake/fetched\nexit 22\n");
    root.mode("/fake/curl", 0o755);
    let options = ["--region", "eu-west-1", "--serial", "1", "--url", "https://example.org/a.tar.gz"];
    root.install(&options).ended(69);
    let fetched = root.read("/fake/fetched");
    assert!(fetched.contains("--proto =https --proto-redir =https"), "{fetched}");
    // Without curl nothing is taken on the word of a server that nobody looked at.
    let Some(root) = Root::new(Shell::Busybox) else { return };
    let run = root.install(&options).ended(64);
    assert!(run.err.contains("wget may check no certificate"), "{}", run.err);
}

#[test]
fn uninstall_keeps_configuration_and_state_and_purge_leaves_nothing() {
    for shell in [Shell::Dash, Shell::Busybox] {
        let Some(root) = Root::new(shell) else { return };
        let before = root.tree();
        installed(&root);
        root.write("/var/lib/cloudwatch-publisher/state.redb", "positions");
        root.write(&format!("{HOME}/logs/amazon-cloudwatch-publisher.log.1"), "lines");
        let run = root.install(&["--uninstall"]).ended(0);
        assert!(run.out.contains("kept: "), "{}", run.out);
        assert_eq!(
            root.asked(),
            [&format!("disable --now --quiet {UNIT}"), "daemon-reload", &format!("reset-failed {UNIT}")]
        );
        assert!(root.exists(CONFIG) && root.exists(SECRET) && root.exists("/var/lib/cloudwatch-publisher/state.redb"));
        assert!(!root.exists(PROGRAM) && !root.exists(LINK) && !root.exists(DROP_INS));
        // Again, and back again.
        root.install(&["--uninstall"]).ended(0);
        root.install(&["--wait", "0"]).ended(NOT_DELIVERING);
        root.install(&["--uninstall", "--purge"]).ended(0);
        assert_eq!(difference(&before, &root.tree()), Vec::<String>::new(), "{shell:?}");
        root.install(&["--uninstall", "--purge"]).ended(0);
    }
}

#[test]
fn purge_leaves_what_it_did_not_bring_and_says_so() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    installed(&root);
    root.write(&format!("{HOME}/etc/private.pem.key"), "a key");
    root.write(&format!("{DROP_INS}/90-own.conf"), "[Service]\n");
    let run = root.install(&["--uninstall", "--purge"]).ended(0);
    assert!(run.out.contains(&format!("{HOME}/etc/private.pem.key")), "{}", run.out);
    assert!(root.exists(&format!("{HOME}/etc/private.pem.key")));
    assert!(root.exists(&format!("{DROP_INS}/90-own.conf")) && !root.exists(&format!("{DROP_INS}/50-groups.conf")));
}

#[test]
fn a_dry_run_says_what_would_be_and_does_none_of_it() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    root.write("/src/password", "secret word\n");
    for options in [options(&["--password-file", "/src/password"]), vec!["--uninstall", "--purge"]] {
        let before = root.tree();
        let run = root.install(&[&options[..], &["--dry-run"]].concat()).ended(0);
        assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
        assert!(!run.out.contains("removed"), "{}", run.out);
        assert!(run.out.contains("would run: ") && !run.out.contains("secret word"), "{}", run.out);
        assert_eq!(root.asked(), Vec::<String>::new());
        installed(&root);
    }
}

#[test]
fn a_dry_run_without_root_says_what_it_cannot_see() {
    let Some(root) = Root::new(Shell::Dash) else { return };
    installed(&root);
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", "/bin/dash"];
    let run = root.run(&[&nobody[..], &["/src/install-linux.sh", "--dry-run"]].concat(), &[]).ended(0);
    assert!(run.out.contains("cannot be seen without root"), "{}", run.out);
}

#[test]
fn without_systemd_it_says_how_to_start() {
    let Some(root) = Root::new(Shell::Busybox) else { return };
    let before = root.tree();
    fs::remove_dir_all(root.at("/run/systemd")).unwrap();
    root.write("/src/password", "pass&word\n");
    let run = root.install(&options(&["--password-file", "/src/password"])).ended(0);
    assert!(run.out.contains(&format!("STATE_DIRECTORY=/var/lib/cloudwatch-publisher {PROGRAM} run")), "{}", run.out);
    let group = root.rights(CONFIG).2;
    // Nobody hands the password over, so the service reads its file.
    assert_eq!(value(&root, "/agent/authentication/password_file"), SECRET);
    assert_eq!(root.rights(SECRET), (0o640, 0, group));
    assert_eq!(root.rights("/var/lib/cloudwatch-publisher").0, 0o700);
    assert!(root.read("/etc/group").contains("adm:x:4:cloudwatch-publisher"), "{}", root.read("/etc/group"));
    assert!(!root.exists(&format!("/etc/systemd/system/{UNIT}")));
    root.install(&["--uninstall", "--purge"]).ended(0);
    fs::create_dir_all(root.at("/run/systemd/system")).unwrap();
    assert_eq!(difference(&before, &root.tree()), Vec::<String>::new());
}

#[test]
fn a_run_that_was_killed_anywhere_can_be_run_again() {
    let fresh = || {
        let root = Root::new(Shell::Dash)?;
        root.write("/src/password", "pass&word\n");
        Some(root)
    };
    killed_anywhere(&fresh, &options(&["--password-file", "/src/password"]));
    killed_anywhere(&|| predecessor::old_style(r#""command": "cat /root/serial""#), &["--unattended", "--wait", "0"]);
}

/// Kills the installer at every fifth of its acts, and runs it again: what comes out is what a whole run makes.
fn killed_anywhere(fresh: &dyn Fn() -> Option<Root>, options: &[&str]) {
    let path = [("PATH", SPIED_PATH)];
    let Some(whole) = fresh() else { return };
    whole.install_with(options, &path).ended(NOT_DELIVERING);
    let calls = whole.read("/fake/calls").lines().count();
    assert!(calls > 20, "the spy saw {calls} calls");
    for at in (1..=calls).step_by(5) {
        let root = fresh().unwrap();
        root.write("/fake/kill-at", &at.to_string());
        root.install_with(options, &path);
        assert!(root.exists("/fake/killed"), "call {at} of {calls} killed nobody");
        fs::remove_file(root.at("/fake/kill-at")).unwrap();
        root.install_with(options, &path).ended(NOT_DELIVERING);
        assert_eq!(difference(&whole.tree(), &root.tree()), Vec::<String>::new(), "killed at call {at}");
        assert!(root.asked().contains(&format!("restart {UNIT}")), "killed at call {at}: what runs is the old one");
    }
}
