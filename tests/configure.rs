//! `configure` and `instance-id`, as scripts call them: what is written, with what rights, and with what exit codes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests state what must be")]

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const TEXT: &str = "\u{feff}{\r\n  \"zebra\": {\"kept\": [1.50, null]},\r\n  \"agent\": {\"region\": \"eu-west-1\", \"instance\": \
                    {\"prefix\": \"my-rpi\", \"serial\": \"1\"}}\r\n}\r\n";

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with(text: &str) -> Self {
        let place = Self::new();
        fs::write(place.file(), text).unwrap();
        place
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("c.json")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    /// Exit code, and everything that was said.
    fn configure(&self, options: &[&str]) -> (i32, String) {
        let file = self.file();
        said(&[&["configure", file.to_str().unwrap()], options].concat())
    }
}

fn said(words: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cloudwatch-publisher")).args(words).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

fn rights(path: &Path) -> (u32, u32, u32) {
    let found = path.symlink_metadata().unwrap();
    (found.mode() & 0o7777, found.uid(), found.gid())
}

#[test]
fn only_what_is_named_changes() {
    let place = Place::with(TEXT);
    assert_eq!(place.configure(&["--set", "agent.region=us-east-1"]).0, 0);
    assert_eq!(place.text(), TEXT.replace("eu-west-1", "us-east-1"));
    assert_eq!(place.configure(&["--unset", "agent.region", "--set-json", "agent.debug=true"]).0, 0);
    assert_eq!(
        place.text(),
        TEXT.replace("\"region\": \"eu-west-1\", ", "").replace("\"1\"}", "\"1\"}, \"debug\": true")
    );
}

#[test]
fn what_is_added_to_a_file_of_windows_has_its_line_ends() {
    let place = Place::with("{\r\n  \"agent\": {\r\n    \"region\": \"eu-west-1\"\r\n  }\r\n}\r\n");
    let list = "logs.logs_collected.files.collect_list=[\n  {\"file_path\": \"/a\"}\n]";
    assert_eq!(place.configure(&["--set", "agent.instance.serial=1", "--set-json", list]).0, 0);
    let text = place.text();
    assert!(text.contains("serial") && text.contains("/a"), "{text}");
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{text:?}");
}

#[test]
fn an_empty_serial_is_told_to_be_none_and_makes_no_id_of_a_prefix_alone() {
    for (rest, id) in [("", "my-rpi-000000000000\n"), (", \"command\": \"echo 7\"", "my-rpi-7\n")] {
        let place = Place::with(&TEXT.replace("\"serial\": \"1\"", &format!("\"serial\": \"1\"{rest}")));
        let (code, text) = place.configure(&["--set", "agent.instance.serial="]);
        assert!(code == 0 && text.contains("agent.instance.serial is empty: it counts as absent"), "{text}");
        let file = place.file();
        assert_eq!(said(&["instance-id", file.to_str().unwrap()]), (0, id.to_string()));
        let (code, text) = said(&["check", file.to_str().unwrap()]);
        assert!(code == 0 && text.contains("is empty: it counts as absent"), "{text}");
    }
}

#[test]
fn rights_and_owner_stay_and_a_link_stays_a_link() {
    let place = Place::with(TEXT);
    fs::set_permissions(place.file(), Permissions::from_mode(0o640)).unwrap();
    // Only root can give a file away.
    let is_root = chown(place.file(), Some(12), Some(34)).is_ok();
    let before = rights(&place.file());
    assert!(!is_root || before == (0o640, 12, 34));
    let link = place.0.path().join("link");
    symlink(place.file(), &link).unwrap();
    let (code, text) = said(&["configure", link.to_str().unwrap(), "--set", "agent.region=us-east-1"]);
    assert_eq!(code, 0, "{text}");
    assert!(link.is_symlink());
    assert_eq!(rights(&place.file()), before);
    assert!(place.text().contains("us-east-1"));
    assert_eq!(fs::read_dir(place.0.path()).unwrap().count(), 2, "something is left beside it");
}

#[test]
fn a_new_one_comes_from_a_template_and_is_its_owners_alone() {
    for name in ["iot-device", "linux-server", "macos", "minimal", "raspberry-pi"] {
        let place = Place::new();
        let (code, text) = place.configure(&["--template", name, "--set", "agent.region=eu-west-3"]);
        assert_eq!(code, 0, "{name}: {text}");
        assert_eq!(rights(&place.file()).0, 0o600);
        let config: serde_json::Value = serde_json::from_str(&place.text()).unwrap();
        assert_eq!(config["agent"]["region"], "eu-west-3");
    }
}

#[test]
fn what_is_wrong_is_said_and_the_file_is_as_it_was() {
    let place = Place::with(TEXT);
    let cases: [(&[&str], i32, &str); 10] = [
        (&["--set", "agent.regoin=x"], 78, "did you mean `region`?"),
        (&["--set", "agent.debug=true"], 78, "agent.debug"),
        (&["--set-json", "agent.debug={]"], 64, "the value of agent.debug is no JSON"),
        (&["--set", "agent.region"], 64, "PATH=VALUE is right"),
        (&["--set", "agent.region.x=1"], 64, "agent.region is a text and not an object"),
        (&["--template", "minimal"], 64, "is there already"),
        (&["--set", "agent.authentication.password=secret"], 64, "a password is not taken from the command line"),
        (&["--set-json", "agent.authentication.password=\"secret\""], 64, "a password is not taken"),
        (&["--set-json", "agent={\"authentication\": {\"password\": \"secret\"}}"], 64, "a password is not taken"),
        (&["--set-json", "agent.authentication={\"pass\\u0077ord\": \"secret\"}"], 64, "a password is not taken"),
    ];
    for (options, code, part) in cases {
        let (ended, text) = place.configure(options);
        assert_eq!(ended, code, "{options:?}: {text}");
        assert!(text.contains(part) && text.contains("nothing was written"), "{options:?}: {text}");
        assert!(!text.contains("secret"), "{text}");
        assert_eq!(place.text(), TEXT, "{options:?}");
    }
    let commented = Place::with("{ // mine\n}");
    assert_eq!(commented.configure(&["--set", "agent.region=x"]).0, 78);
    assert_eq!(commented.text(), "{ // mine\n}");
    let (code, text) = Place::new().configure(&["--set", "agent.region=x"]);
    assert!(code == 64 && text.contains("--template makes it: `iot-device`, "), "{text}");
    let (code, text) = Place::new().configure(&["--template", "rpi"]);
    assert!(code == 64 && text.contains("`rpi` is no template"), "{text}");
}

#[test]
fn print_writes_nothing_and_what_is_as_wanted_is_not_written_again() {
    let place = Place::with(TEXT);
    let (code, text) = place.configure(&["--set", "agent.region=us-east-1", "--print"]);
    assert_eq!(
        (code, text.as_str()),
        (0, format!("{}\n", TEXT.replace("eu-west-1", "us-east-1").trim_end_matches('\n')).as_str())
    );
    let before = place.file().metadata().unwrap().ino();
    let (code, text) = place.configure(&["--set", "agent.region=eu-west-1"]);
    assert!(code == 0 && text.contains("as wanted already"), "{text}");
    assert_eq!(place.file().metadata().unwrap().ino(), before);
    assert_eq!(place.text(), TEXT);
}

#[test]
fn the_instance_id_is_printed_and_nothing_else() {
    let place = Place::with(TEXT);
    let file = place.file();
    let file = file.to_str().unwrap();
    assert_eq!(said(&["instance-id", file]), (0, "my-rpi-1\n".to_string()));
    assert_eq!(said(&["instance-id", "--serial", file]), (0, "1\n".to_string()));
    fs::write(file, r#"{"agent": {"instance": {"prefix": "rpi", "command": "exit 3"}}}"#).unwrap();
    let (code, text) = said(&["instance-id", file]);
    assert!(code == 78 && text.contains("`exit 3` failed (exit code 3)"), "{text}");
    assert_eq!(said(&["instance-id", "/nowhere"]).0, 78);
}

/// `check` as a user who is not root; none where only root could become one.
fn checked_as_nobody(file: &Path) -> Option<String> {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", env!("CARGO_BIN_EXE_cloudwatch-publisher")]);
    let output = command.arg("check").arg(file).output().ok()?;
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let is_other = output.status.success() || text.contains("cannot be read");
    if !is_other {
        assert!(
            std::env::var_os("CI").is_none(),
            "setpriv cannot make another user, and CI does without no test: {text}"
        );
        let _ = std::io::stderr().write_all(format!("skipped: another user: {text}\n").as_bytes());
    }
    is_other.then_some(text)
}

#[test]
fn check_names_what_is_collected_and_may_not_be_read() {
    let place = Place::new();
    fs::set_permissions(place.0.path(), Permissions::from_mode(0o755)).unwrap();
    let at = |name: &str| place.0.path().join(name);
    fs::create_dir(at("closed")).unwrap();
    fs::write(at("closed/a.log"), "x\n").unwrap();
    fs::set_permissions(at("closed"), Permissions::from_mode(0o700)).unwrap();
    for (name, mode) in
        [("open.log", 0o644), ("root's\n.log", 0o600), ("root's.log.gz", 0o600), ("left-out.log", 0o600)]
    {
        fs::write(at(name), "x\n").unwrap();
        fs::set_permissions(at(name), Permissions::from_mode(mode)).unwrap();
    }
    let folder = place.0.path().display();
    let config = format!(
        r#"{{"agent": {{"region": "eu-west-1", "instance": {{"serial": "1"}}}}, "logs": {{"logs_collected": {{"files": {{"collect_list":
        [{{"file_path": "{folder}/*.log*", "blacklist": "^left(?!er)"}}, {{"file_path": "{folder}/closed/*"}}, {{"file_path": "{folder}/none"}}]
        }}}}}}}}"#
    );
    fs::write(place.file(), config).unwrap();
    fs::set_permissions(place.file(), Permissions::from_mode(0o644)).unwrap();
    let Some(text) = checked_as_nobody(&place.file()) else { return };
    let told: Vec<&str> = text.lines().filter(|line| line.starts_with("warning: cannot read")).collect();
    assert_eq!(
        told,
        [
            format!("warning: cannot read `{folder}/closed`: permission denied"),
            format!("warning: cannot read `{folder}/root's\u{fffd}.log`: permission denied"),
        ]
    );
    assert!(text.contains("--read-all-logs") && text.contains("chgrp"), "{text}");
    fs::set_permissions(at("closed"), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(at("root's\n.log"), Permissions::from_mode(0o644)).unwrap();
    let text = checked_as_nobody(&place.file()).unwrap();
    assert!(!text.contains("cannot read"), "{text}");
}
