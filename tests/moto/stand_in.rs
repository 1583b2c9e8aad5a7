//! Sets moto up, starts it with the proxy before it, and asks it through boto3.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::environment::{python, script};
use serde_json::Value;

/// moto and its proxy, in one process that ends with this value, or with the test's own process.
pub struct StandIn {
    process: Child,
    python: PathBuf,
    moto: String,
    /// What to give the agent as `endpoint_override`.
    pub proxy: String,
}

impl StandIn {
    /// Starts it; none where this machine cannot, which has been said then.
    ///
    /// # Panics
    /// Where it cannot be set up and `CI` is set.
    pub fn start() -> Option<Self> {
        python("moto", "moto").map(Self::with)
    }

    fn with(python: PathBuf) -> Self {
        let mut process = Command::new(&python)
            .arg(script("moto", "proxy.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start proxy.py");
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let urls: Value = serde_json::from_str(&line).expect("proxy.py prints where it listens");
        let url = |name: &str| urls[name].as_str().unwrap().to_owned();
        Self { moto: url("moto"), proxy: url("proxy"), process, python }
    }

    /// What `ask.py` answers; its own text names the questions.
    pub fn ask(&self, question: &[&str]) -> Value {
        let mut asking = Command::new(&self.python);
        let answer = asking
            .arg(script("moto", "ask.py"))
            .arg(&self.moto)
            .args(question)
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(answer.status.success(), "ask.py {question:?} failed");
        serde_json::from_slice(&answer.stdout).unwrap()
    }

    /// How many requests of each kind came through the proxy, and in what form.
    pub fn seen(&self) -> Value {
        self.ask(&["seen", &self.proxy])
    }

    /// The messages of a stream, oldest first; none where there is no such stream.
    pub fn messages(&self, group: &str, stream: &str) -> Vec<String> {
        let events = self.ask(&["events", group, stream]);
        events.as_array().unwrap().iter().map(|event| event[1].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // Closing its standard input would do, but not at once.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
