//! `configs/schema.json`, judged by a validator of others: what the program takes it takes, what is wrong in shape it refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use cloudwatch_publisher::config;

use super::python::{python, script};
use super::{cwagent, examples, json_files, root};

/// The broken configurations in which a value alone is wrong: its type, its name, or a key. The others are wrong by what several values say together.
const WRONG_IN_SHAPE: [&str; 4] = ["entries", "no-object", "unknown-keys", "wrong-types"];

fn judged(files: &[PathBuf]) -> Option<BTreeMap<PathBuf, Vec<String>>> {
    let python = python("schema", "the validator of JSON schemas")?;
    let schema = root().join("configs/schema.json");
    let output = Command::new(python).arg(script("schema", "validate.py")).arg(schema).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn the_schema_takes_what_the_program_takes() {
    let mut files = examples();
    let theirs = cwagent::files().unwrap_or_default();
    files.extend(theirs.into_values().flatten().filter(|path| config::load(path).is_ok()));
    let Some(judged) = judged(&files) else { return };
    let refused: Vec<_> = judged.iter().filter(|(_, said)| !said.is_empty()).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    assert_eq!(judged.len(), files.len());
}

#[test]
fn the_schema_refuses_what_is_wrong_in_shape() {
    let is_json = |path: &PathBuf| {
        std::fs::read(path).is_ok_and(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).is_ok())
    };
    let files: Vec<PathBuf> = json_files("tests/configs/broken").into_iter().filter(is_json).collect();
    let Some(judged) = judged(&files) else { return };
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    let refused: BTreeSet<String> =
        judged.iter().filter(|(_, said)| !said.is_empty()).map(|(path, _)| name(path)).collect();
    let accepted: Vec<&&str> = WRONG_IN_SHAPE.iter().filter(|name| !refused.contains(**name)).collect();
    assert!(accepted.is_empty(), "accepted: {accepted:?}");
}
