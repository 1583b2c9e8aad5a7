//! `configure` and `instance-id`, as scripts call them: what is written, with what rights, and with what exit codes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests state what must be")]

use std::fs::{self, Permissions};
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
