//! Has pycognito, an independent client, sign in.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::environment;
use serde_json::Value;

/// What the script `sign_in.py` answers to `steps`; none where this machine has no Python, which has been said then.
///
/// # Panics
/// Where it cannot be set up and `CI` is set.
pub fn sign_in(steps: &Value) -> Option<Value> {
    environment::python("cognito", "pycognito").map(|python| run(&python, steps))
}

fn run(python: &Path, steps: &Value) -> Value {
    let mut process = Command::new(python)
        .args(["-W", "ignore"])
        .arg(environment::script("cognito", "sign_in.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start sign_in.py");
    process.stdin.take().unwrap().write_all(steps.to_string().as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "sign_in.py failed");
    serde_json::from_slice(&output.stdout).expect("sign_in.py answers in JSON")
}
