//! The whole road of a fleet with the real program at both ends: an administrator deploys the stack and adds systems, a device
//! signs in with the configuration that was written for it, its logs and metrics arrive, its password is rotated, it is
//! removed, the stack is destroyed.
//!
//! It is walked twice: with the Cognito of the embedded endpoint, which checks every proof and lets a device into its own
//! groups only; and with moto's, which nobody of this project wrote.

#![cfg(feature = "provision")]
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests state what must be, and each uses a part of what they share"
)]

#[path = "infrastructure/double.rs"]
mod double;
#[path = "support/python.rs"]
mod environment;
#[path = "support/agent.rs"]
mod scene;
#[path = "moto/stand_in.rs"]
mod stand_in;

use std::fs;
use std::path::{Path, PathBuf};

use cloudwatch_publisher::local::Operation;
use double::Double;
use scene::{Agent, PATIENCE, Scene, Written, poll, wait_until};
use serde_json::{Value, json};
use stand_in::StandIn;

const SYSTEM: &str = "rpi-1";
const GROUP: &str = "/system/rpi/rpi-1";
const SYSTEMS: &str = "# the fleet\nrpi-1   # in the cellar\n\nrpi-10\r\nsrv-00ff.example_1\nrpi-1\n";

#[test]
fn a_fleet_from_deploy_to_destroy_with_a_cognito_that_checks_every_proof() {
    let scene = Scene::new(&["app.log"]);
    scene.endpoint.set_up_cognito(|cognito| cognito.isolation = vec!["/system/rpi".to_owned()]);
    let Some((double, alarms)) = Double::with(Some(&scene.endpoint.url())).zip(StandIn::start()) else { return };
    Road { scene, double, alarms, flow: None }.walk(|road, outputs| {
        let counts = road.scene.endpoint.counts();
        assert_eq!(counts.requests_to(Operation::RespondToAuthChallenge), 1, "the password was not proved");
        assert_eq!(counts.refused.get("AccessDeniedException"), None, "a device was kept out of its own group");
        let pool = outputs["UserPoolId"].as_str().unwrap();
        assert_eq!(road.scene.endpoint.users(pool), 3);
    });
}

#[test]
fn a_fleet_from_deploy_to_destroy_with_motos_cognito() {
    let scene = Scene::new(&["app.log"]);
    let Some((double, alarms)) = Double::start().zip(StandIn::start()) else { return };
    // It takes any proof, and its secret block is none: it is the password that it checks.
    Road { scene, double, alarms, flow: Some("USER_PASSWORD_AUTH") }.walk(|_, _| {});
}

struct Road {
    scene: Scene,
    double: Double,
    /// Where alarms are.
    alarms: StandIn,
    /// Put into the configuration; none where the written file itself serves.
    flow: Option<&'static str>,
}

impl Road {
    fn walk(&self, look: impl FnOnce(&Self, &Value)) {
        self.double.control(&json!({ "seconds": 0.01 }));
        let outputs: Value = serde_json::from_str(&self.administrator(&["deploy", "--json"])).unwrap();
        let config = self.enrol();

        let mut app = Written::open(&self.scene, "app.log");
        app.lines(50);
        let agent = self.device(&config);
        self.wait_for(50);
        wait_until("the samples came", PATIENCE, || {
            let come = self.scene.endpoint.metrics();
            let has = |name: &str| come.iter().any(|series| series.name == name);
            ["heartbeat", "cpu_usage_active", "mem_used_percent", "self_resident_bytes"].into_iter().all(has)
        });
        agent.stop();
        let of_system = |series: &cloudwatch_publisher::local::Series| {
            series.dimensions.iter().any(|(name, value)| name == "InstanceId" && value == SYSTEM)
        };
        assert!(self.scene.endpoint.metrics().iter().all(of_system), "metrics under another name");
        look(self, &outputs);

        let (enrolment, template) = (self.path("enrolment"), self.template());
        let before = fs::read_to_string(&config).unwrap();
        self.administrator(&["rotate", SYSTEM, "--output", &enrolment, "--template", &template]);
        assert_ne!(fs::read_to_string(&config).unwrap(), before, "the configuration has the old password");
        app.lines(50);
        let agent = self.device(&config);
        self.wait_for(100);
        agent.stop();

        self.administrator(&["remove", SYSTEM, "--yes"]);
        let listed = self.administrator(&["list"]);
        let has = |name: &str| listed.lines().any(|line| line.split_whitespace().next() == Some(name));
        assert!(!has(SYSTEM) && has("rpi-10"), "{listed}");
        fs::write(self.scene.path("agent.log"), "").unwrap();
        app.lines(50);
        let agent = self.device(&config);
        wait_until("the removed device is refused", PATIENCE, || self.scene.own_log().contains("cannot sign in"));
        agent.stop();
        assert_eq!(self.scene.endpoint.taken(GROUP, "app.log"), 100, "a removed device still writes");

        assert_eq!(self.alarms.ask(&["alarms"]).as_array().unwrap().len(), 6, "three a system that is there");
        self.administrator(&["destroy", "--yes"]);
        assert_eq!(self.alarms.ask(&["alarms"]), json!([]), "alarms of nobody cost on");
        let state = self.double.state();
        assert_eq!(
            (&state["stacks"], &state["seen"]["DeleteStack"]),
            (&json!({}), &json!(1)),
            "the stack is still there"
        );
    }

    /// Adds the systems of a list, twice; answers the configuration that was written for one of them.
    fn enrol(&self) -> PathBuf {
        let (systems, enrolment, template) = (self.path("systems.txt"), self.path("enrolment"), self.template());
        fs::write(&systems, SYSTEMS).unwrap();
        let arguments = ["users", &systems, "--output", &enrolment, "--template", &template];
        self.administrator(&[&arguments[..], &["--alarms", "--yes"]].concat());
        let config = PathBuf::from(&enrolment).join("rpi-1.json");
        let first = fs::read_to_string(&config).unwrap();
        self.administrator(&arguments);
        assert_eq!(fs::read_to_string(&config).unwrap(), first, "a second run changed what was there");
        config
    }

    fn template(&self) -> String {
        let url = self.scene.endpoint.url();
        let template = json!({
            "agent": {
                "logs_collection_interval": 1,
                "state_directory": self.scene.path("state"),
                "logfile": self.scene.path("agent.log"),
            },
            "metrics": {"namespace": "System/RaspberryPi", "force_flush_interval": 1, "endpoint_override": url},
            "logs": {
                "log_group_name": "/system/rpi/{instance_id}",
                "endpoint_override": url,
                "logs_collected": {"files": {"collect_list": [
                    {"file_path": self.scene.path("app.log"), "initial_position": "beginning"},
                ]}},
            },
        });
        let path = self.path("template.json");
        fs::write(&path, template.to_string()).unwrap();
        path
    }

    /// What a command of the administrator prints; it has to end well.
    fn administrator(&self, arguments: &[&str]) -> String {
        let mut command = self.double.provision(arguments);
        command.env("XDG_STATE_HOME", self.path("administrator"));
        command.env("AWS_ENDPOINT_URL_CLOUDWATCH", &self.alarms.proxy);
        let ended = command.output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert!(ended.status.success(), "provision {arguments:?}: {}\n{out}\n{err}", ended.status);
        out.into_owned()
    }

    /// The agent with the configuration that was written, and nothing in its environment that could sign in for it.
    fn device(&self, written: &Path) -> Agent {
        let mut command = self.scene.program(&["run"]);
        command.arg(match self.flow {
            None => written.to_path_buf(),
            Some(flow) => self.with_flow(written, flow),
        });
        for (name, value) in self.double.environment() {
            if name.starts_with("AWS_ENDPOINT_URL") {
                command.env(name, value);
            }
        }
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"] {
            command.env_remove(name);
        }
        self.scene.spawn(command)
    }

    fn with_flow(&self, written: &Path, flow: &str) -> PathBuf {
        let mut config: Value = serde_json::from_str(&fs::read_to_string(written).unwrap()).unwrap();
        config["agent"]["authentication"]["authFlow"] = flow.into();
        let here = self.scene.path("here.json");
        fs::write(&here, config.to_string()).unwrap();
        here
    }

    fn wait_for(&self, count: u64) {
        let taken = || self.scene.endpoint.taken(GROUP, "app.log");
        let enough = poll(PATIENCE, || (taken() >= count).then_some(()));
        assert!(enough.is_some(), "{} of {count} records came; the agent says\n{}", taken(), self.scene.own_log());
    }

    fn path(&self, name: &str) -> String {
        self.scene.path(name).display().to_string()
    }
}
