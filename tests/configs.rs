//! The configurations of this repository: the examples that people start from, and a folder of broken ones, each with the
//! exact message it must give.
//!
//! `UPDATE_EXPECTED=1 cargo test --test configs` writes the messages anew; then read the difference.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a panic is how a test fails, in its helpers too"
)]

#[path = "configs/cwagent.rs"]
mod cwagent;
#[path = "support/python.rs"]
mod python;
#[path = "configs/schema.rs"]
mod schema;

use std::path::{Path, PathBuf};

use cloudwatch_publisher::config::{self, Facts, Loaded};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn json_files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(!files.is_empty(), "no JSON in {folder}");
    files
}

/// The ready configurations. The schema lies beside them.
fn examples() -> Vec<PathBuf> {
    let mut files = json_files("configs");
    files.retain(|path| !path.ends_with("schema.json"));
    files
}

fn example(name: &str) -> Loaded {
    config::load(&root().join("configs").join(name)).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn every_example_is_accepted_with_the_expected_warnings_only() {
    let expected: [(&str, &[&str]); 5] = [
        ("iot-device.json", &[]),
        ("linux-server.json", &[]),
        ("macos.json", &[]),
        ("minimal.json", &[]),
        ("raspberry-pi.json", &[]),
    ];
    let names: Vec<String> =
        examples().iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, expected.map(|(name, _)| name), "an example without its line here");
    for (name, warnings) in expected {
        let mut given: Vec<String> = example(name).warnings.into_iter().map(|warning| warning.message).collect();
        // An example is for everybody to read, unless the clone was made otherwise.
        given.retain(|warning| !warning.contains("everybody on this machine can read it"));
        assert_eq!(given, warnings, "{name}");
    }
}

#[test]
fn every_example_has_names_that_cloudwatch_takes() {
    let facts = Facts {
        instance_id: "rpi-00000000abcdef12".to_string(),
        hostname: "raspberrypi".to_string(),
        ..Facts::default()
    };
    for path in examples() {
        let loaded = config::load(&path).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(config::check_for(&loaded.config, &facts), Ok(()));
        assert!(!loaded.config.logs.entries.is_empty());
    }
}

#[test]
fn every_broken_configuration_gives_its_exact_message() {
    let mut wrong = Vec::new();
    for path in json_files("tests/configs/broken") {
        let failure = config::load(&path).expect_err(&path.display().to_string());
        let folder = format!("{}/", path.parent().unwrap().display());
        let message = format!("{}\n", failure.to_string().replace(&folder, ""));
        let expected_path = path.with_extension("txt");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&expected_path, &message).unwrap();
        }
        let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
        if message != expected {
            wrong.push(format!("{}:\n--- expected\n{expected}--- given\n{message}", expected_path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let failure = config::load(Path::new("/nowhere/x.json")).unwrap_err();
    assert!(failure.to_string().starts_with("error: reading the configuration: `/nowhere/x.json` does not exist"));
}

#[test]
fn a_folder_is_no_configuration() {
    let failure = config::load(root()).unwrap_err();
    assert!(failure.to_string().ends_with("cannot be read: it is a folder"), "{failure}");
}
