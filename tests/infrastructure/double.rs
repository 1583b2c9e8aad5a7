//! Sets up the Python of these tests, and starts CloudFormation's double with moto beside it.
//!
//! The rule that is easy to break: a machine without Python skips these tests with a line that says so, but never where `CI`
//! is set: there a skipped test would pass for one that held.

#![allow(dead_code, reason = "each of the tests that share this file uses a part of it")]

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::{env, fs, io};

use serde_json::{Value, json};

const REQUIREMENTS: &str = include_str!("requirements.txt");
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
        match environment() {
            Ok(path) => Some(Self { path }),
            Err(reason) if env::var_os("CI").is_none() => {
                // Not `println!`: of a test that passes the harness swallows that.
                let line = format!("skipped: CloudFormation's double could not be set up: {reason}\n");
                let _ = io::stderr().write_all(line.as_bytes());
                None
            }
            Err(reason) => panic!("CloudFormation's double could not be set up, and CI does without no test: {reason}"),
        }
    }

    /// The command that runs a script of this folder.
    pub fn script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.path);
        command.arg(script(name));
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

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/infrastructure").join(name)
}

/// The Python of a virtual environment that holds exactly [`REQUIREMENTS`], made on first use and kept for the next.
fn environment() -> Result<PathBuf, String> {
    let version = said(Command::new("python3").arg("--version"))?;
    let mut name = DefaultHasher::new();
    (REQUIREMENTS, version).hash(&mut name);
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache =
        cache.or_else(|| Some(env::home_dir()?.join(".cache"))).ok_or("there is no home folder to keep it in")?;
    let home = cache.join("cloudwatch-publisher-tests");
    let folder = home.join(format!("infrastructure-{:016x}", name.finish()));
    let python = folder.join("bin/python");
    fs::create_dir_all(&home).map_err(|error| format!("create {}: {error}", home.display()))?;
    // Two tests that start at once must not build one environment in parallel.
    let lock = fs::File::create(home.join("lock")).and_then(|file| file.lock().map(|()| file));
    let _lock = lock.map_err(|error: io::Error| format!("lock {}: {error}", home.display()))?;
    let is_complete = folder.join("complete");
    if is_complete.exists() {
        return Ok(python);
    }
    let _ = fs::remove_dir_all(&folder);
    println!("setting up CloudFormation's double in {} (once)", folder.display());
    said(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "-r"];
    said(Command::new(&python).args(install).arg(script("requirements.txt")))?;
    fs::write(&is_complete, "").map_err(|error| format!("write {}: {error}", is_complete.display()))?;
    Ok(python)
}

/// Runs `command`; what it printed, or why it failed.
fn said(command: &mut Command) -> Result<String, String> {
    let what = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{what}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{what}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
}
