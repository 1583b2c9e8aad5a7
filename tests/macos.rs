//! What macOS gets besides the program: the plist, the installer, the formula. No Mac was here: launchd, dscl and the rest are
//! stand-ins that note what they are asked, and the installer runs for real in a throw-away root.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests state what must be")]

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

const LABEL: &str = "com.amazonaws.amazon-cloudwatch-publisher";
const HOME: &str = "/opt/aws/amazon-cloudwatch-publisher";
const CONFIG: &str = "/opt/aws/amazon-cloudwatch-publisher/etc/amazon-cloudwatch-publisher.json";
const PROGRAM: &str = "/opt/aws/amazon-cloudwatch-publisher/bin/cloudwatch-publisher";
const PLIST: &str = "/Library/LaunchDaemons/com.amazonaws.amazon-cloudwatch-publisher.plist";
/// Installed, and not delivering: nothing runs behind the stand-in for launchctl.
const NOT_DELIVERING: i32 = 69;
const FAKES: [&str; 12] =
    ["sleep", "uname", "sysctl", "sw_vers", "file", "arch", "xattr", "codesign", "sudo", "stat", "launchctl", "dscl"];

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// None, with a line that says so, where something is missing that only a build server must have.
fn skipped(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "{what}, and CI does without no test");
    let _ = std::io::stderr().write_all(format!("skipped: {what}\n").as_bytes());
}

fn plist(path: &Path) -> Option<serde_json::Value> {
    let print = "import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))";
    let Ok(output) = Command::new("python3").args(["-c", print]).arg(path).output() else {
        skipped("python3 is not here to parse the plist");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn the_plist_is_what_launchd_needs_to_run_it_for_years() {
    let Some(plist) = plist(&project(&format!("installers/service/{LABEL}.plist"))) else { return };
    let expected = serde_json::json!({
        "Label": LABEL,
        "ProgramArguments": [PROGRAM, "run"],
        "UserName": "_cloudwatch-publisher",
        "EnvironmentVariables": {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
        "RunAtLoad": true,
        // The predecessor's never restarted; a regular end is one that somebody wanted.
        "KeepAlive": {"SuccessfulExit": false},
        "ThrottleInterval": 15,
        // Ten seconds for what is open, two for the last commit.
        "ExitTimeOut": 30,
        "ProcessType": "Background",
        "LowPriorityIO": true,
        "Umask": 0o077,
        "SoftResourceLimits": {"Core": 0, "NumberOfFiles": 16384},
        "HardResourceLimits": {"NumberOfFiles": 16384},
        "StandardErrorPath": format!("{HOME}/logs/standard-error.log"),
    });
    assert_eq!(plist, expected);
}

#[test]
fn what_launchd_writes_is_rotated() {
    let text = fs::read_to_string(project("installers/service/newsyslog.conf")).unwrap();
    let lines: Vec<Vec<&str>> =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_whitespace().collect()).collect();
    let log = format!("{HOME}/logs/standard-error.log");
    assert_eq!(lines, [[log.as_str(), "_cloudwatch-publisher:_cloudwatch-publisher", "640", "3", "1024", "*", "N"]]);
}

#[test]
fn the_formula_is_ruby() {
    let Ok(output) =
        Command::new("ruby").arg("-c").arg(project("installers/homebrew/cloudwatch-publisher.rb")).output()
    else {
        return skipped("ruby is not here to look at the formula");
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The functions of a shell script by name, each with the text of its body.
fn functions(path: &str) -> BTreeMap<String, String> {
    let text = fs::read_to_string(project(path)).unwrap();
    let mut found = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some((name, start)) = line.split_once("() {") else { continue };
        let mut body = start.to_owned();
        if !start.ends_with('}') {
            lines.by_ref().take_while(|line| *line != "}").for_each(|line| body = format!("{body}\n{line}"));
        }
        found.insert(name.to_owned(), body);
    }
    found
}

#[test]
fn what_is_not_the_systems_own_stands_in_both_installers_alike() {
    let shared = "say warn die has is_dry act put interrupted is_same ask ask_password can_ask read_password \
                  gather signs_in_with_cognito has_changes judged stage_config find_instance_id settle_instance_id make_folders \
                  note_folders refuse_links follow_config refuse_shared_folders note_old_owner find_here judge_as_service warn_of_sign_in warn_of_logs give_folders_back give_folder is_hidden dry_config refuse_lost_credentials home_of \
                  install_config wrong_usage from_environment read_arguments";
    let (linux, macos) = (functions("installers/install-linux.sh"), functions("installers/install-macos.sh"));
    for name in shared.split_whitespace() {
        let in_linux = linux[name].replace("root:root", "root:wheel");
        assert_eq!(macos[name], in_linux, "{name}");
    }
}

/// A throw-away root that looks like a Mac's.
struct Mac {
    folder: TempDir,
}

struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Run {
    #[track_caller]
    fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
}

impl Mac {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let mac = Self { folder };
        for place in
            ["etc/newsyslog.d", "Library/LaunchDaemons", "opt", "run", "tmp", "var/run", "root", "fake", "src/service"]
        {
            fs::create_dir_all(mac.at(place)).unwrap();
        }
        mac.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nsomebody:x:350:350::/:/bin/sh\n");
        mac.write("etc/group", "root:x:0:\nwheel:x:0:\nsomething:x:351:\n");
        mac.write("etc/nsswitch.conf", "passwd: files\ngroup: files\n");
        mac.write("fake/machine", "arm64\n");
        mac.write(
            "fake/kind",
            "Mach-O universal binary with 2 architectures: [x86_64:Mach-O 64-bit executable x86_64] [arm64]\n",
        );
        let _ = fs::copy("/etc/ld.so.cache", mac.at("etc/ld.so.cache"));
        for (from, to) in [
            ("installers/install-macos.sh", "src/install-macos.sh"),
            (&format!("installers/service/{LABEL}.plist"), &format!("src/service/{LABEL}.plist")),
            ("installers/service/newsyslog.conf", "src/service/newsyslog.conf"),
            ("tests/macos/fake", "fake/all"),
            (env!("CARGO_BIN_EXE_cloudwatch-publisher"), "src/cloudwatch-publisher"),
        ] {
            fs::copy(project(from), mac.at(to)).unwrap();
        }
        FAKES.iter().for_each(|name| symlink("/fake/all", mac.at("fake").join(name)).unwrap());
        let probe = mac.run(&["true"]);
        if probe.code != 0 {
            skipped(&format!("the installer's throw-away root needs root and mount namespaces: {}", probe.err.trim()));
            return None;
        }
        Some(mac)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn rights(&self, path: &str) -> (u32, u32, u32) {
        let found = self.at(path).metadata().unwrap();
        (found.mode() & 0o7777, found.uid(), found.gid())
    }

    fn config(&self, pointer: &str) -> serde_json::Value {
        let config: serde_json::Value = serde_json::from_str(&self.read(CONFIG)).unwrap();
        config.pointer(pointer).cloned().unwrap_or_default()
    }

    fn run(&self, words: &[&str]) -> Run {
        // One that hangs fails its test, and not the whole of CI.
        let mut command = Command::new("timeout");
        command.args(["--kill-after=10", "300", "unshare", "--mount", "--fork", "--kill-child"]);
        command.args(["setsid", "--wait", "sh"]).arg(project("tests/installers/enter.sh"));
        command.arg(self.folder.path()).args(["env", "-i", "PATH=/fake:/usr/sbin:/usr/bin:/sbin:/bin"]).args(words);
        let output = command.stdin(Stdio::null()).output().unwrap();
        Run {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn install(&self, options: &[&str]) -> Run {
        self.run(&[&["/bin/dash", "/src/install-macos.sh"], options].concat())
    }

    /// With everything that Cognito needs.
    fn install_with_cognito(&self, more: &[&str]) -> Run {
        self.write("src/password", "p&w \\1\n");
        let options = "--region eu-central-1 --account-id 123456789012 --user-pool-id eu-central-1_AbCdEf123 --identity-pool-id \
                       eu-central-1:01234567-89ab-cdef-0123-456789abcdef --app-client-id 4s0meCl1ent1d --serial 1 --wait 0 \
                       --password-file /src/password";
        self.install(&[&options.split_whitespace().collect::<Vec<_>>(), more].concat())
    }

    /// What the stand-ins were asked, and forgets it.
    fn asked(&self) -> Vec<String> {
        let asked = fs::read_to_string(self.at("fake/asked")).unwrap_or_default();
        let _ = fs::remove_file(self.at("fake/asked"));
        asked.lines().filter(|line| !line.starts_with("launchctl print")).map(str::to_owned).collect()
    }

    /// Every file of the places that the installer writes to.
    fn files(&self) -> Vec<String> {
        let places = ["opt", "Library", "etc/newsyslog.d", "own/usr-local", "var"];
        let all =
            places.iter().flat_map(|place| walkdir::WalkDir::new(self.at(place)).into_iter().filter_map(Result::ok));
        let files = all.filter(|entry| !entry.file_type().is_dir()).map(|entry| entry.path().display().to_string());
        files.collect()
    }
}

#[test]
fn by_options_everything_is_where_it_belongs_and_launchd_is_asked_in_the_right_order() {
    let Some(mac) = Mac::new() else { return };
    let run = mac.install_with_cognito(&[]).ended(NOT_DELIVERING);
    assert!(run.out.contains("instance id: osx-1\n"), "{}", run.out);
    let asked = mac.asked();
    let launchd: Vec<&str> = asked.iter().filter_map(|line| line.strip_prefix("launchctl ")).collect();
    let service = format!("system/{LABEL}");
    let again = format!("bootstrap system {PLIST}");
    assert_eq!(
        launchd,
        [&format!("bootout {service}"), &format!("enable {service}"), &again, &again, &format!("kickstart {service}")]
    );
    // 350 and 351 are others'.
    for told in ["group PrimaryGroupID 352", "user UniqueID 352", "user UserShell /usr/bin/false", "user IsHidden 1"] {
        assert!(asked.iter().any(|line| line == told), "{told}: {asked:?}");
    }
    assert_eq!(mac.rights(PROGRAM), (0o755, 0, 0));
    assert_eq!(mac.rights(PLIST), (0o644, 0, 0));
    assert_eq!(mac.rights(CONFIG), (0o640, 0, 352));
    assert_eq!(mac.rights(&format!("{HOME}/etc")), (0o750, 0, 352));
    assert_eq!(mac.rights(&format!("{HOME}/etc/cognito-password")), (0o640, 0, 352));
    assert_eq!(mac.rights(&format!("{HOME}/state")), (0o700, 352, 352));
    assert_eq!(mac.read(&format!("{HOME}/etc/cognito-password")), "p&w \\1\n");
    assert_eq!(mac.config("/agent/authentication/password_file"), format!("{HOME}/etc/cognito-password"));
    assert_eq!(mac.config("/agent/authentication/password"), serde_json::Value::Null);
    assert_eq!(mac.read(PLIST), fs::read_to_string(project(&format!("installers/service/{LABEL}.plist"))).unwrap());
    assert!(mac.at(&format!("etc/newsyslog.d/{LABEL}.conf")).exists());
    assert_eq!(fs::read_link(mac.at("own/usr-local/bin/cloudwatch-publisher")).unwrap().to_str(), Some(PROGRAM));
}

#[test]
fn a_second_run_changes_nothing_and_a_changed_value_is_told_to_the_daemon() {
    let Some(mac) = Mac::new() else { return };
    mac.install_with_cognito(&[]).ended(NOT_DELIVERING);
    mac.asked();
    let files = mac.files();
    mac.install(&["--wait", "0"]).ended(NOT_DELIVERING);
    let asked = mac.asked();
    assert!(asked.iter().all(|line| !line.starts_with("launchctl") && !line.starts_with("user")), "{asked:?}");
    assert_eq!(mac.files(), files);
}

#[test]
fn for_the_unified_log_it_is_roots_and_stays_so() {
    let Some(mac) = Mac::new() else { return };
    mac.install_with_cognito(&["--read-all-logs"]).ended(NOT_DELIVERING);
    for _ in 0..2 {
        let Some(plist) = plist(&mac.at(PLIST)) else { return };
        assert_eq!(plist.get("UserName"), None);
        assert_eq!(plist["ProgramArguments"][0], PROGRAM);
        assert_eq!(mac.rights(&format!("{HOME}/state")).1, 0);
        mac.install(&["--wait", "0"]).ended(NOT_DELIVERING);
    }
}

const OLD_CONFIG: &str = r#"{"agent": {"instance": {"prefix": "osx", "serial": "9"}, "region": "eu-central-1"}, "logs": {"logs_collected": {"files": {"collect_list": [{"file_path": "/var/log/x"}]}}}}"#;
const OLD_PLIST: &str = "<plist><dict>\n<key>UserName</key> <string>_cwpublisher</string>\n<string>/usr/bin/python3</string></dict></plist>\n";

/// The Python publisher as its installer left it, running.
fn old_style() -> Option<Mac> {
    let mac = Mac::new()?;
    mac.write(CONFIG, OLD_CONFIG);
    mac.write(PLIST, OLD_PLIST);
    mac.write(&format!("{HOME}/bin/amazon-cloudwatch-publisher"), "#!/usr/bin/env python3\n");
    mac.write(&format!("{HOME}/logs/amazon-cloudwatch-publisher.log"), "an old line\n");
    mac.write("etc/passwd", &(mac.read("etc/passwd") + "_cwpublisher:x:240:240::/:/bin/sh\n"));
    mac.write("etc/group", &(mac.read("etc/group") + "_cwpublisher:x:240:\n"));
    // What its installer ends with.
    for (tool, what) in [("chown", "240:240"), ("chmod", "u+rwX,g-rwx,o-rwx")] {
        assert!(Command::new(tool).args(["-R", what]).arg(mac.at(HOME)).status().unwrap().success());
    }
    mac.write("fake/running", "");
    mac.write("fake/loaded", OLD_PLIST);
    Some(mac)
}

#[test]
fn the_python_publisher_is_replaced_and_its_configuration_stays() {
    let Some(mac) = old_style() else { return };
    let run = mac.install(&["--unattended", "--wait", "0"]).ended(NOT_DELIVERING);
    assert!(run.out.contains("running as _cwpublisher"), "{}", run.out);
    assert_eq!(mac.read(CONFIG), OLD_CONFIG);
    assert_eq!(mac.read(&format!("{HOME}/etc/{LABEL}.plist.predecessor")), OLD_PLIST);
    assert!(mac.read(PLIST).contains(PROGRAM));
    for folder in [HOME.to_owned(), format!("{HOME}/bin")] {
        assert_eq!(mac.rights(&folder), (0o755, 0, 0), "{folder}: it was its user's alone");
    }
    let user = mac.rights(&format!("{HOME}/state")).1;
    assert_eq!(mac.rights(&format!("{HOME}/logs/amazon-cloudwatch-publisher.log")).1, user);
}

#[test]
fn a_service_that_takes_its_time_to_end_is_waited_for() {
    let Some(mac) = old_style() else { return };
    mac.install(&["--unattended", "--wait", "0"]).ended(NOT_DELIVERING);
    assert!(mac.read("fake/loaded").contains(PROGRAM));
    mac.asked();
    let mut newer = fs::read(mac.at("src/cloudwatch-publisher")).unwrap();
    newer.push(0);
    fs::write(mac.at("src/newer"), newer).unwrap();
    mac.install(&["--wait", "0", "--binary", "/src/newer"]).ended(NOT_DELIVERING);
    assert!(mac.at("fake/running").exists());
    // Nothing is taken away from under it.
    mac.install(&["--uninstall", "--purge"]).ended(0);
    assert!(!mac.at("fake/ending").exists(), "it was still ending");
}

#[test]
fn a_log_that_only_the_old_user_reads_is_named_before_the_old_one_is_stopped() {
    let Some(mac) = old_style() else { return };
    // As /var/log/system.log is: for administrators, which the old user is.
    mac.write("etc/group", &(mac.read("etc/group") + "admin:x:80:_cwpublisher\n"));
    mac.write("var/log/x", "a line\n");
    fs::set_permissions(mac.at("var/log/x"), Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::chown(mac.at("var/log/x"), Some(0), Some(80)).unwrap();
    let files = mac.files();
    let run = mac.install(&["--unattended", "--wait", "0"]).ended(78);
    assert!(run.err.contains("can read /var/log/x and the new service could not"), "{}", run.err);
    assert_eq!((mac.files(), mac.read(PLIST).as_str()), (files, OLD_PLIST));
    assert!(mac.at("fake/running").exists());
    let run = mac.install(&["--unattended", "--wait", "0", "--read-all-logs"]).ended(NOT_DELIVERING);
    assert!(!run.err.contains("cannot read"), "{}", run.err);
}

#[test]
fn after_no_start_the_old_one_is_guarded_as_before() {
    let Some(mac) = old_style() else { return };
    let run = mac.install(&["--unattended", "--no-start"]).ended(0);
    assert!(run.out.contains("what ran before runs on until this is run again without --no-start"), "{}", run.out);
    assert!(mac.read("fake/loaded").contains("python3") && mac.read(PLIST).contains(PROGRAM));
    mac.write("fake/dies", "");
    let run = mac.install(&["--unattended", "--wait", "0"]).ended(70);
    assert!(run.err.contains("going back to what ran before"), "{}", run.err);
    assert_eq!((mac.read(PLIST).as_str(), mac.read("fake/loaded").as_str()), (OLD_PLIST, OLD_PLIST));
    for path in ["", "/bin", "/etc", "/logs", "/etc/amazon-cloudwatch-publisher.json"] {
        assert_eq!(mac.rights(&format!("{HOME}{path}")).1, 240, "{path}");
    }
    fs::remove_file(mac.at("fake/dies")).unwrap();
    mac.install(&["--unattended", "--wait", "0"]).ended(NOT_DELIVERING);
    assert!(mac.read("fake/loaded").contains(PROGRAM));
}

#[test]
fn what_an_administrator_stopped_and_disabled_stays_so() {
    let Some(mac) = Mac::new() else { return };
    mac.install_with_cognito(&[]).ended(NOT_DELIVERING);
    fs::remove_file(mac.at("fake/running")).unwrap();
    mac.asked();
    for word in ["true", "disabled"] {
        mac.write("fake/disabled", &format!("disabled services = {{\n\t\"{LABEL}\" => {word}\n}}\n"));
        let run = mac.install(&["--wait", "0"]).ended(0);
        assert!(run.out.contains("stopped and disabled; it stays so"), "{}", run.out);
        assert!(mac.asked().iter().all(|line| !line.starts_with("launchctl")));
    }
    mac.write("fake/disabled", &format!("disabled services = {{\n\t\"{LABEL}\" => enabled\n}}\n"));
    mac.install(&["--wait", "0"]).ended(NOT_DELIVERING);
    assert!(mac.at("fake/running").exists());
}

#[test]
fn by_its_bare_name_it_finds_the_program_beside_it() {
    let Some(mac) = Mac::new() else { return };
    mac.write("src/password", "x\n");
    let line = "cd /src && exec /bin/dash install-macos.sh --region eu-west-1 --serial 1 --no-start";
    mac.run(&["/bin/dash", "-c", line]).ended(0);
    assert!(mac.at(PROGRAM).exists());
}

#[test]
fn what_dies_at_its_start_gives_way_to_the_python_publisher_with_all_its_rights() {
    let Some(mac) = old_style() else { return };
    let folders =
        ["", "/bin", "/etc", "/logs", "/logs/amazon-cloudwatch-publisher.log"].map(|at| format!("{HOME}{at}"));
    let rights = || folders.each_ref().map(|path| mac.rights(path));
    let before = rights();
    assert_eq!(before[0], (0o700, 240, 240));
    mac.write("fake/dies", "");
    let run = mac.install(&["--unattended", "--wait", "0"]).ended(70);
    assert!(run.err.contains("going back to what ran before"), "{}", run.err);
    assert_eq!((mac.read(PLIST).as_str(), mac.read(CONFIG).as_str(), rights()), (OLD_PLIST, OLD_CONFIG, before));
    assert!(mac.at("fake/running").exists());
}

#[test]
fn what_does_not_start_gives_way_to_what_ran_before() {
    let Some(mac) = Mac::new() else { return };
    mac.install_with_cognito(&[]).ended(NOT_DELIVERING);
    let (config, files) = (mac.read(CONFIG), mac.files());
    mac.write("fake/broken", "");
    let run = mac.install(&["--wait", "0", "--set", "metrics.namespace=Other", "--read-all-logs"]).ended(70);
    assert!(run.err.contains("Input/output error") && run.err.contains("going back to what ran before"), "{}", run.err);
    assert_eq!((mac.read(CONFIG), mac.files()), (config, files));
    assert!(mac.read(PLIST).contains("UserName"));
}

#[test]
fn a_program_for_another_machine_is_refused_before_anything_is_touched() {
    let cases = [
        ("ELF 64-bit LSB pie executable, x86-64", "no macOS program"),
        ("Mach-O 64-bit executable x86_64", "built for x86_64, and this machine is arm64"),
        ("Mach-O executable ppc", "not known here"),
    ];
    for (file, told) in cases {
        let Some(mac) = Mac::new() else { return };
        mac.write("fake/kind", file);
        let run = mac.install_with_cognito(&[]).ended(65);
        assert!(run.err.contains(told), "{}", run.err);
        assert_eq!(mac.files(), Vec::<String>::new());
        if file.contains("x86_64") {
            mac.write("fake/rosetta", "");
            mac.install_with_cognito(&[]).ended(NOT_DELIVERING);
        }
    }
}

#[test]
fn removed_with_everything_nothing_is_left() {
    let Some(mac) = Mac::new() else { return };
    mac.install_with_cognito(&[]).ended(NOT_DELIVERING);
    mac.asked();
    for name in ["standard-error.log", "standard-error.log.0", "amazon-cloudwatch-publisher.log.1"] {
        mac.write(&format!("{HOME}/logs/{name}"), "a line\n");
    }
    let run = mac.install(&["--uninstall", "--purge", "--dry-run"]).ended(0);
    assert!(!run.out.contains("removed"), "{}", run.out);
    mac.install(&["--uninstall"]).ended(0);
    assert!(mac.at(CONFIG).exists() && !mac.at(PLIST).exists() && !mac.at(PROGRAM).exists());
    assert_eq!(mac.asked(), [format!("launchctl bootout system/{LABEL}")]);
    mac.install(&["--uninstall", "--purge"]).ended(0);
    assert_eq!(mac.files(), Vec::<String>::new());
    assert!(
        !mac.at("opt/aws").exists()
            && !mac.read("etc/passwd").contains("cloudwatch")
            && !mac.read("etc/group").contains("cloudwatch")
    );
}

#[test]
fn a_group_that_a_killed_run_left_gives_its_number_to_the_user() {
    let Some(mac) = Mac::new() else { return };
    mac.write("etc/group", &(mac.read("etc/group") + "_cloudwatch-publisher:*:360:\n"));
    mac.install_with_cognito(&[]).ended(NOT_DELIVERING);
    assert!(mac.read("etc/passwd").contains("_cloudwatch-publisher:*:360:360:"), "{}", mac.read("etc/passwd"));
    assert_eq!(mac.read("etc/group").matches("_cloudwatch-publisher").count(), 1);
}

#[test]
fn one_at_a_time_and_one_that_was_killed_locks_nobody_out() {
    let Some(mac) = Mac::new() else { return };
    let lock = "var/run/cloudwatch-publisher-install.lock";
    mac.write(lock, &format!("{}\n", std::process::id()));
    let run = mac.install_with_cognito(&[]).ended(75);
    assert!(run.err.contains("another run"), "{}", run.err);
    assert!(mac.at(lock).exists(), "it is another's");
    // No process has a number so high.
    mac.write(lock, "99999999\n");
    mac.install_with_cognito(&[]).ended(NOT_DELIVERING);
    assert_eq!(fs::read_dir(mac.at("var/run")).unwrap().count(), 0);
}

#[test]
fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let Some(mac) = Mac::new() else { return };
    let run = mac.install_with_cognito(&["--dry-run"]).ended(0);
    for told in [
        "would write: /Library/LaunchDaemons/",
        "would run: launchctl bootout, enable, bootstrap",
        "would run: dscl . -create",
    ] {
        assert!(run.out.contains(told), "{told}: {}", run.out);
    }
    assert_eq!((mac.files(), mac.asked()), (Vec::new(), Vec::new()));
}
