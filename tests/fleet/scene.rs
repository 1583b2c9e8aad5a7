//! A stack, a Cognito and a folder, and the real binary in between.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cognitoidentityprovider::types::{AuthFlowType, ChallengeNameType, MessageActionType};
use cloudwatch_publisher::local::{Endpoint, Options, PoolIds, PoolSetup};
use cloudwatch_publisher::srp;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Without a pace: what a test does not measure must not take time.
pub const AT_ONCE: [&str; 4] = ["--creation-rate", "10000", "--password-rate", "10000"];

/// A fleet's Cognito and stack, and a folder of the administrator's.
pub struct Scene {
    /// Cognito.
    pub endpoint: Endpoint,
    /// The ids of the stack.
    pub pool: PoolIds,
    stack: String,
    home: TempDir,
    client: Client,
    runtime: Runtime,
}

impl Scene {
    /// With a stack of ours, without users.
    pub fn new() -> Self {
        Self::with(&PoolSetup::default(), &OURS)
    }

    /// With such a pool, and with these outputs beside the ids.
    pub fn with(setup: &PoolSetup, outputs: &[(&str, &str)]) -> Self {
        let endpoint = Endpoint::start_on_own_thread(Options::default()).unwrap();
        let pool = endpoint.add_user_pool(setup);
        let ids = [
            ("Region", pool.region.as_str()),
            ("AccountId", "123456789012"),
            ("UserPoolId", &pool.user_pool),
            ("IdentityPoolId", &pool.identity_pool),
            ("AppClientId", &pool.client),
        ];
        let stack = serve_stack(&[&ids, outputs].concat());
        let settings = aws_sdk_cognitoidentityprovider::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(pool.region.clone()))
            .credentials_provider(Credentials::new("made-up", "made-up", None, None, "test"))
            .endpoint_url(endpoint.url());
        Self {
            client: Client::from_conf(settings.build()),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            endpoint,
            pool,
            stack,
            home: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Writes a list of systems.
    pub fn list(&self, text: &str) -> String {
        let path = self.path("systems.txt");
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// `provision` with these arguments, as an administrator would run it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloudwatch-publisher"));
        command.arg("provision").args(arguments).stdin(Stdio::null());
        command
            .envs([("AWS_ACCESS_KEY_ID", "made-up"), ("AWS_SECRET_ACCESS_KEY", "made-up"), ("AWS_REGION", "eu-west-1")])
            .env("AWS_ENDPOINT_URL", self.endpoint.url())
            .env("AWS_ENDPOINT_URL_CLOUDFORMATION", &self.stack)
            .env("AWS_ENDPOINT_URL_CLOUDWATCH", &self.stack)
            .env("XDG_STATE_HOME", self.path("state"))
            // All of it is on this machine, whatever proxy the rest of the world is behind.
            .env("NO_PROXY", "127.0.0.1");
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().unwrap())
    }

    /// Starts it, its results going into a file.
    pub fn start(&self, arguments: &[&str], results: &Path) -> Child {
        let results = fs::OpenOptions::new().create(true).append(true).open(results).unwrap();
        self.command(arguments).stdout(results).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Makes a user that never got its password.
    pub fn half_make(&self, name: &str) {
        let asked = self.client.admin_create_user().user_pool_id(&self.pool.user_pool).username(name);
        self.runtime.block_on(asked.message_action(MessageActionType::Suppress).send()).unwrap();
    }

    /// A device that signs in by SRP: its refresh token, or why not.
    pub fn sign_in(&self, name: &str, password: &str) -> Result<String, String> {
        self.runtime.block_on(self.handshake(name, password))
    }

    async fn handshake(&self, name: &str, password: &str) -> Result<String, String> {
        let mut random = [0; srp::RANDOM_BYTES];
        getrandom::fill(&mut random).unwrap();
        let (device, srp_a) = srp::Client::new(srp::pool_name(&self.pool.user_pool), &random);
        let asked = self.client.initiate_auth().client_id(&self.pool.client).auth_flow(AuthFlowType::UserSrpAuth);
        let asked = asked.auth_parameters("USERNAME", name).auth_parameters("SRP_A", srp_a);
        let challenge = asked.send().await.map_err(|error| format!("{:?}", error.into_service_error()))?;
        let given = challenge.challenge_parameters().unwrap();
        let timestamp = srp::timestamp(i64::try_from(now().as_secs()).unwrap());
        let challenge = srp::Challenge {
            user_id: &given["USER_ID_FOR_SRP"],
            salt: &given["SALT"],
            srp_b: &given["SRP_B"],
            secret_block: &given["SECRET_BLOCK"],
        };
        let proof = device.proof(password, &challenge, &timestamp).unwrap();
        let answered = self.client.respond_to_auth_challenge().client_id(&self.pool.client);
        let answered = answered
            .challenge_name(ChallengeNameType::PasswordVerifier)
            .challenge_responses("USERNAME", challenge.user_id)
            .challenge_responses("PASSWORD_CLAIM_SECRET_BLOCK", challenge.secret_block)
            .challenge_responses("PASSWORD_CLAIM_SIGNATURE", proof)
            .challenge_responses("TIMESTAMP", timestamp);
        let answer = answered.send().await.map_err(|error| format!("{:?}", error.into_service_error()))?;
        answer
            .authentication_result()
            .and_then(|result| result.refresh_token().map(ToOwned::to_owned))
            .ok_or_else(|| "another challenge".to_owned())
    }

    /// Whether a refresh token still serves.
    pub fn refreshes(&self, token: &str) -> bool {
        let asked = self.client.initiate_auth().client_id(&self.pool.client);
        let asked = asked.auth_flow(AuthFlowType::RefreshTokenAuth).auth_parameters("REFRESH_TOKEN", token);
        self.runtime.block_on(asked.send()).is_ok()
    }

    /// The password in a device's config.
    pub fn written(&self, folder: &str, name: &str) -> Option<String> {
        let text = fs::read_to_string(self.path(folder).join(format!("{name}.json"))).ok()?;
        let config: Value = serde_json::from_str(&text).unwrap();
        Some(config["agent"]["authentication"]["password"].as_str().unwrap().to_owned())
    }
}

/// What a stack of ours says beside its ids.
pub const OURS: [(&str, &str); 4] = [
    ("LogGroupPrefixes", "/system/rpi,/system/linux"),
    ("MetricNamespaces", "System/RaspberryPi,System/Linux"),
    ("RetentionInDays", "30"),
    ("Template", "cloudwatch-publisher/2"),
];

/// What a run left.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// The results of a run with `--json`.
    pub fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What such a run said at its end.
    pub fn summary(&self) -> Value {
        self.lines().pop().unwrap()["summary"].clone()
    }
}

/// The passwords in what was printed, the last for each system.
pub fn told(out: &str) -> BTreeMap<String, String> {
    let told = out.lines().filter_map(|line| line.split_once(": ")?.1.split_once(" // "));
    told.map(|(name, password)| (name.to_owned(), password.to_owned())).collect()
}

pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// The one request of CloudFormation that these commands make, answered for a stack with these outputs; and of CloudWatch the
/// question for alarms, of which there are none.
fn serve_stack(outputs: &[(&str, &str)]) -> String {
    let outputs: String = outputs
        .iter()
        .map(|(name, value)| {
            format!("<member><OutputKey>{name}</OutputKey><OutputValue>{value}</OutputValue></member>")
        })
        .collect();
    let found = format!(
        "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><DescribeStacksResult><Stacks>\
         <member><StackName>cloudwatch-publisher</StackName><CreationTime>2026-11-21T00:00:00Z</CreationTime>\
         <StackStatus>CREATE_COMPLETE</StackStatus><Outputs>{outputs}</Outputs></member></Stacks></DescribeStacksResult>\
         </DescribeStacksResponse>"
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let found = Arc::new(found);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let found = Arc::clone(&found);
            thread::spawn(move || answer(stream, &found));
        }
    });
    url
}

fn answer(mut stream: TcpStream, found: &str) -> Option<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    let body = loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            break body.to_owned();
        }
    };
    let none = "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id x does not \
                exist</Message></Error></ErrorResponse>";
    let is_about_alarms = String::from_utf8_lossy(&request).contains("/operation/DescribeAlarms");
    let is_found = body.contains("StackName=cloudwatch-publisher");
    let (status, kind, answer): (_, _, &[u8]) = match (is_about_alarms, is_found) {
        // An empty map in CBOR.
        (true, _) => ("200 OK", "application/cbor\r\nsmithy-protocol: rpc-v2-cbor", &[0xa0]),
        (false, true) => ("200 OK", "text/xml", found.as_bytes()),
        (false, false) => ("400 Bad Request", "text/xml", none.as_bytes()),
    };
    let length = answer.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(&[head.as_bytes(), answer].concat()).ok()
}
