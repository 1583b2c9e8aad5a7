//! CloudFormation's double with moto beside it.

#![allow(dead_code, reason = "each of the tests that share this file uses a part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use crate::environment::{python, script};
use serde_json::{Value, json};

/// Where the double says that it is.
pub const REGION: &str = "eu-west-1";

/// The Python with everything that `requirements.txt` names.
pub struct Python {
    path: PathBuf,
}

impl Python {
    /// It is made on first use and kept; none where this machine cannot, which has been said then.
    ///
    /// # Panics
    /// Where it cannot be set up and `CI` is set.
    pub fn find() -> Option<Self> {
        python("infrastructure", "CloudFormation's double").map(|path| Self { path })
    }

    /// The command that runs a script of this folder.
    pub fn script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.path);
        command.arg(script("infrastructure", name));
        command
    }

    /// What a tool that was installed with it prints, and how it ended.
    pub fn tool(&self, name: &str, arguments: &[&str]) -> Output {
        Command::new(self.path.with_file_name(name)).args(arguments).output().unwrap()
    }

    /// What IAM would say of each request: `allowed`, `refused`, or `denied`.
    pub fn decide(&self, policies: &[Value], requests: &[Value]) -> Vec<String> {
        let mut command = self.script("policy.py");
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let question = json!({ "policies": policies, "requests": requests });
        process.stdin.take().unwrap().write_all(question.to_string().as_bytes()).unwrap();
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "policy.py failed");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Every action of a service, as botocore knows it.
    pub fn actions(&self, service: &str) -> Vec<String> {
        let output = self.script("policy.py").args(["actions", service]).output().unwrap();
        assert!(output.status.success(), "policy.py failed");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// CloudFormation's double and moto, in one process that ends with this value, or with the test's own process.
pub struct Double {
    process: Child,
    /// What it runs on.
    pub python: Python,
    /// Where CloudFormation is.
    pub cloudformation: String,
    /// Where everything else is.
    pub moto: String,
    cognito: Option<String>,
}

impl Double {
    /// Starts it; none where this machine cannot, which has been said then.
    pub fn start() -> Option<Self> {
        Self::with(None)
    }

    /// Starts it with Cognito at another endpoint than moto: the stack's user pool, client and identity pool are made there.
    pub fn with(cognito: Option<&str>) -> Option<Self> {
        let python = Python::find()?;
        let mut command = python.script("double.py");
        command.args(["--region", REGION]);
        if let Some(url) = cognito {
            command.args(["--cognito", url]);
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("start double.py");
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let urls: Value = serde_json::from_str(&line).expect("double.py prints where it listens");
        let url = |name: &str| urls[name].as_str().unwrap().to_owned();
        let (cloudformation, moto) = (url("cloudformation"), url("moto"));
        Some(Self { process, python, cloudformation, moto, cognito: cognito.map(ToOwned::to_owned) })
    }

    /// The program with a command of `provision`, as an administrator would start it, and nothing of this machine's own AWS
    /// settings.
    pub fn provision(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloudwatch-publisher"));
        command.arg("provision").args(arguments).envs(self.environment());
        command.env_remove("AWS_PROFILE").env_remove("AWS_SESSION_TOKEN").stdin(Stdio::null());
        command
    }

    /// The variables that lead every client of the SDK here.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut all = vec![
            ("AWS_ENDPOINT_URL", self.moto.clone()),
            ("AWS_ENDPOINT_URL_CLOUDFORMATION", self.cloudformation.clone()),
            ("AWS_ENDPOINT_URL_CLOUDWATCH", self.cloudformation.clone()),
            ("AWS_ACCESS_KEY_ID", "made-up".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "made-up".to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        if let Some(url) = &self.cognito {
            all.push(("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", url.clone()));
            all.push(("AWS_ENDPOINT_URL_COGNITO_IDENTITY", url.clone()));
        }
        all
    }

    /// Tells the double how to behave; `double.py` says what it understands.
    pub fn control(&self, wish: &Value) {
        self.http("POST", "/control", &wish.to_string());
    }

    /// Has CloudFormation do something, as somebody with another tool would.
    pub fn by_hand(&self, action: &str, stack: &str) {
        self.http("POST", "/", &format!("Action={action}&StackName={stack}"));
    }

    /// All stacks with their resources, and how many calls of each kind there were.
    pub fn state(&self) -> Value {
        serde_json::from_str(&self.http("GET", "/state", "")).unwrap()
    }

    /// One stack; null where there is none.
    pub fn stack(&self, name: &str) -> Value {
        self.state()["stacks"][name].clone()
    }

    /// The policies of the role that devices get.
    pub fn policies(&self, stack: &str) -> Vec<Value> {
        let stack = self.stack(stack);
        let resources = stack["resources"].as_object().unwrap().values();
        let policies = resources.filter(|resource| resource["type"] == "AWS::IAM::RolePolicy");
        policies.map(|policy| policy["properties"]["PolicyDocument"].clone()).collect()
    }

    fn http(&self, method: &str, path: &str, body: &str) -> String {
        let host = self.cloudformation.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{method} {path}: {answer}");
        body.to_owned()
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        // Closing its standard input would do, but not at once.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
