//! The stack: its template before cfn-lint, its role's policies before an evaluator that knows IAM's reference only, and the
//! real binary that deploys, changes and destroys it against a double of CloudFormation.
//!
//! The double is CloudFormation as its reference and its error texts are known; that AWS itself does the same no test here
//! can prove.

#![cfg(feature = "provision")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests state what must be"
)]

#[path = "infrastructure/double.rs"]
mod double;
#[path = "support/python.rs"]
mod environment;
#[path = "infrastructure/isolation.rs"]
mod isolation;

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use cloudwatch_publisher::local::{Endpoint, Options};
use cloudwatch_publisher::provision::template::Template;
use double::{Double, Python};
use serde_json::{Value, json};

const STACK: &str = "cloudwatch-publisher";

/// How a command ended.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

fn ended(output: &Output) -> Ended {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ended { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

fn run(mut command: Command) -> Ended {
    ended(&command.output().unwrap())
}

impl Ended {
    /// Panics with everything that was said unless the command ended with `code`.
    fn with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    fn says(&self, text: &str) -> &Self {
        assert!(self.err.contains(text) || self.out.contains(text), "`{text}` in\n{}\n{}", self.out, self.err);
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

fn scene() -> Option<Double> {
    let double = Double::start()?;
    double.control(&json!({ "seconds": 0.01 }));
    Some(double)
}

#[test]
fn cfn_lint_finds_nothing_in_the_template_as_it_is_sent() {
    let Some(python) = Python::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let sent = folder.path().join("sent.json");
    std::fs::write(&sent, Template::read().unwrap().body()).unwrap();
    for file in [sent.to_str().unwrap(), "infrastructure/cloudwatch-publisher.json"] {
        // China has no user pools: there `deploy` says so.
        let regions = ["--regions", "us-east-1", "eu-west-1", "ap-south-1", "us-gov-west-1"];
        let output = ended(&python.tool("cfn-lint", &[&["-t", file, "--include-checks", "W"], &regions[..]].concat()));
        assert_eq!((output.code, output.out.as_str()), (0, ""), "{file}: {}", output.err);
    }
}

#[test]
fn a_stack_is_deployed_with_its_progress_and_its_outputs() {
    let Some(double) = scene() else { return };
    let ended = run(double.provision(&["deploy"])).with(0);
    ended.says("CREATE_COMPLETE  UserPool").says("CREATE_COMPLETE  LogPolicysystemrpi").says("UserPoolId ");
    let stack = double.stack(STACK);
    assert_eq!(stack["status"], "UPDATE_COMPLETE");
    let pool = &stack["resources"]["UserPool"];
    assert_eq!(pool["properties"]["DeletionProtection"], "ACTIVE");
    assert!(ended.out.contains(pool["physical"].as_str().unwrap()), "{}", ended.out);
    assert_eq!(stack["resources"].as_object().unwrap().len(), 14);

    let again = run(double.provision(&["deploy", "--json"])).with(0);
    again.says("nothing changed");
    let outputs = again.json();
    assert_eq!(outputs["Region"], double::REGION);
    assert_eq!(outputs["Template"], "cloudwatch-publisher/2");
    assert_eq!(outputs["RetentionInDays"], 30);
    assert_eq!(outputs["LogGroupPrefixes"].as_array().unwrap().len(), 6);
    assert_eq!(double.state()["seen"]["ExecuteChangeSet"], 2);
}

#[test]
fn a_dry_run_shows_what_would_change_and_leaves_nothing_behind() {
    let Some(double) = scene() else { return };
    run(double.provision(&["deploy", "--dry-run"])).with(0).says("Add     UserPool");
    assert_eq!(double.state()["stacks"], json!({}));

    run(double.provision(&["deploy"])).with(0);
    let ended = run(double.provision(&["deploy", "--dry-run", "--log-group-prefix", "/system/rpi,/fleet"])).with(0);
    ended.says("Add     LogPolicyfleet").says("Remove  LogPolicysystemmacos");
    let stack = double.stack(STACK);
    assert_eq!(stack["change_sets"], 0);
    assert!(stack["resources"]["LogPolicysystemmacos"].is_object());
    run(double.provision(&["deploy", "--dry-run"])).with(0).says("nothing would change");
    let listed = run(double.provision(&["deploy", "--dry-run", "--json", "--dashboard", "false"])).with(0).json();
    assert_eq!(listed[0]["action"], "Remove");
    assert_eq!(listed[0]["resource"], "FleetDashboard");
}

#[test]
fn a_parameter_that_is_not_given_keeps_its_value() {
    let Some(double) = scene() else { return };
    let first = ["deploy", "--log-group-prefix", "/fleet/a", "--log-group-prefix", "/fleet/b", "--retention", "90"];
    run(double.provision(&first)).with(0);
    let pool = double.stack(STACK)["resources"]["UserPool"]["physical"].clone();
    run(double.provision(&["deploy", "--namespace", "Fleet/One", "--dashboard", "false"])).with(0);
    let stack = double.stack(STACK);
    assert_eq!(stack["parameters"]["LogGroupPrefixes"], "/fleet/a,/fleet/b");
    assert_eq!(stack["parameters"]["ErrorSearchPrefixes"], "/fleet/a/,/fleet/b/");
    assert_eq!(stack["parameters"]["RetentionInDays"], "90");
    assert_eq!(stack["parameters"]["MetricNamespaces"], "Fleet/One");
    assert!(stack["resources"]["FleetDashboard"].is_null());
    assert_eq!(stack["resources"]["UserPool"]["physical"], pool, "the user pool must never be another one");
}

#[test]
fn a_failure_is_told_with_the_stacks_own_reasons_and_mended_by_the_next_run() {
    let Some(double) = scene() else { return };
    double.control(&json!({ "fail": { "DeviceRole": "not authorized to perform: iam:CreateRole" } }));
    let ended = run(double.provision(&["deploy"])).with(69);
    ended.says("ended as ROLLBACK_COMPLETE").says("DeviceRole (AWS::IAM::Role)").says("iam:CreateRole");
    let last = ended.err.rsplit("error:").next().unwrap();
    assert!(!last.contains("cancelled"), "what only followed is no cause: {last}");

    double.control(&json!({ "fail": {} }));
    run(double.provision(&["deploy", "--dry-run"])).with(69).says("ROLLBACK_COMPLETE");
    run(double.provision(&["deploy"])).with(0).says("deleted first");
    assert_eq!(double.stack(STACK)["status"], "UPDATE_COMPLETE");

    double.control(&json!({ "fail": { "LogPolicyfleet": "policy too large" } }));
    let ended = run(double.provision(&["deploy", "--log-group-prefix", "/fleet"])).with(69);
    ended.says("ended as UPDATE_ROLLBACK_COMPLETE").says("policy too large");
    double.control(&json!({ "fail": {} }));
    run(double.provision(&["deploy", "--log-group-prefix", "/fleet"])).with(0);
}

#[test]
fn a_stack_of_another_template_is_left_alone() {
    let Some(double) = scene() else { return };
    let old = json!({
        "Region": "eu-west-1", "AccountId": "1", "UserPoolId": "p", "IdentityPoolId": "i", "AppClientId": "c",
    });
    double.control(
        &json!({ "plant": { "name": "amazon-cloudwatch-publisher", "status": "CREATE_COMPLETE", "outputs": old } }),
    );
    double.control(
        &json!({ "plant": { "name": "other", "status": "ROLLBACK_COMPLETE", "metadata": { "Template": "x/1" } } }),
    );
    let before = double.state()["stacks"].clone();
    for stack in ["amazon-cloudwatch-publisher", "other"] {
        run(double.provision(&["deploy", "--stack", stack])).with(69).says("is left alone");
        run(double.provision(&["destroy", "--yes", "--stack", stack])).with(69).says("is left alone");
    }
    assert_eq!(double.state()["stacks"], before);
    let seen = &double.state()["seen"];
    assert_eq!((&seen["CreateChangeSet"], &seen["DeleteStack"]), (&Value::Null, &Value::Null));
}

#[test]
fn wrong_wishes_are_refused_all_at_once_before_anything_is_touched() {
    let Some(double) = scene() else { return };
    let wrong = ["deploy", "--namespace", "AWS/EC2", "--log-group-prefix", "/a/,b,/c*", "--retention", "10"];
    let ended = run(double.provision(&wrong)).with(64);
    ended.says("5 problems").says("`AWS/EC2` begins").says("`/a/` ends").says("`b` does not begin").says("`/c*` holds");
    ended.says("retention of 10 days").says("nothing was changed");
    run(double.provision(&["deploy", "--region", "cn-north-1"])).with(69).says("no user pools in cn-north-1");
    assert_eq!(double.state()["seen"], json!({}));
}

#[test]
fn the_largest_list_that_is_taken_fits_into_the_role() {
    let Some(double) = scene() else { return };
    let list = |count: usize| (0..count).map(|number| format!("/fleet/site-{number}")).collect::<Vec<_>>().join(",");
    let deploy = |count: usize| run(double.provision(&["deploy", "--dry-run", "--log-group-prefix", &list(count)]));
    let most = (1..30).take_while(|count| deploy(*count).code == 0).last().unwrap();
    assert!(most >= 15, "{most}");
    deploy(most + 1).with(64).says("IAM takes 10240");
    // The double refuses policies over IAM's limit.
    run(double.provision(&["deploy", "--log-group-prefix", &list(most)])).with(0);
}

#[test]
fn destroying_asks_for_the_name_and_says_what_stays() {
    let Some(double) = scene() else { return };
    run(double.provision(&["destroy", "--yes"])).with(0).says("no stack");
    run(double.provision(&["deploy"])).with(0);
    run(double.provision(&["destroy"])).with(64).says("0 systems").says("nothing was deleted");
    assert_eq!(typed(double.provision(&["destroy"]), "yes\n").code, 64);
    assert_eq!(double.stack(STACK)["status"], "UPDATE_COMPLETE");

    let ended = typed(double.provision(&["destroy"]), "cloudwatch-publisher\n").with(0);
    ended.says("DELETE_COMPLETE  UserPool").says("stays").says("/system/rpi/");
    assert_eq!(double.state()["stacks"], json!({}));
    run(double.provision(&["deploy"])).with(0);
    let ended = run(double.provision(&["destroy", "--yes", "--json"])).with(0);
    assert_eq!(ended.json(), json!({ "stack": STACK, "deleted": true, "users": 0 }));
}

fn typed(mut command: Command, text: &str) -> Ended {
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    ended(&process.wait_with_output().unwrap())
}

#[test]
fn an_interrupted_deployment_goes_on_and_the_next_one_waits_for_it() {
    let Some(double) = scene() else { return };
    double.control(&json!({ "seconds": 0.2 }));
    let mut first = double.provision(&["deploy"]);
    let process = first.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let is_under_way = || double.stack(STACK)["status"] == "CREATE_IN_PROGRESS";
    for _ in 0..600 {
        if is_under_way() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = rustix::process::Pid::from_child(&process);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    ended(&process.wait_with_output().unwrap()).with(130).says("goes on");
    run(double.provision(&["deploy"])).with(0).says("CREATE_IN_PROGRESS: waiting");
    assert_eq!(double.stack(STACK)["status"], "UPDATE_COMPLETE");
}

#[test]
fn a_state_that_comes_late_is_not_taken_for_the_end() {
    let Some(double) = scene() else { return };
    double.control(&json!({ "seconds": 0.1, "lag": 1 }));
    run(double.provision(&["deploy", "--log-group-prefix", "/fleet"])).with(0);
    run(double.provision(&["deploy", "--retention", "90"])).with(0).says("is changed");
    run(double.provision(&["destroy", "--yes"])).with(0).says("is deleted");
}

#[test]
fn a_stack_whose_deletion_met_the_protection_is_destroyed_all_the_same() {
    let Some(double) = scene() else { return };
    run(double.provision(&["deploy"])).with(0);
    double.by_hand("DeleteStack", STACK);
    let is_over = || double.stack(STACK)["status"] == "DELETE_FAILED";
    assert!((0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        is_over()
    }));
    run(double.provision(&["deploy"])).with(69).says("provision destroy");
    run(double.provision(&["destroy", "--yes"])).with(0).says("can be deleted now").says("DELETE_COMPLETE  UserPool");
    assert_eq!(double.state()["stacks"], json!({}));
}

#[test]
fn a_stack_that_somebody_proposed_is_left_until_a_person_says_so() {
    let Some(double) = scene() else { return };
    double.control(&json!({ "plant": { "name": STACK, "status": "REVIEW_IN_PROGRESS" } }));
    for arguments in [&["deploy"][..], &["deploy", "--dry-run"]] {
        run(double.provision(arguments)).with(69).says("somebody proposed it").says("provision destroy");
    }
    assert_eq!(double.state()["seen"]["CreateChangeSet"], Value::Null);
    assert_eq!(double.stack(STACK)["status"], "REVIEW_IN_PROGRESS");
    run(double.provision(&["destroy", "--yes"])).with(0);
    run(double.provision(&["deploy"])).with(0);
}

#[test]
fn without_credentials_the_ways_to_have_some_are_told() {
    let Some(double) = scene() else { return };
    let mut command = double.provision(&["deploy"]);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    run(command).with(77).says("no AWS credentials").says("--profile");
    assert_eq!(double.state()["seen"], json!({}));
}

#[test]
fn cognito_can_be_the_programs_own_endpoint() {
    let endpoint = Endpoint::start_on_own_thread(Options::default()).unwrap();
    let Some(double) = Double::with(Some(&endpoint.url())) else { return };
    run(double.provision(&["deploy"])).with(0).says("CREATE_COMPLETE  PrincipalTag");
    run(double.provision(&["destroy", "--yes"])).with(0).says("DELETE_COMPLETE  UserPool");
}

#[test]
fn the_dashboard_is_the_same_in_the_stack_and_on_paper() {
    let Some(double) = scene() else { return };
    run(double.provision(&["deploy", "--namespace", "Fleet/One,Fleet/Two", "--log-group-prefix", "/fleet"])).with(0);
    let from_stack = run(double.provision(&["dashboard"])).with(0).json();
    let body = &double.stack(STACK)["resources"]["FleetDashboard"]["properties"]["DashboardBody"];
    assert_eq!(serde_json::from_str::<Value>(body.as_str().unwrap()).unwrap(), from_stack);

    let mut alone = Command::new(env!("CARGO_BIN_EXE_cloudwatch-publisher"));
    alone.args(["provision", "dashboard", "--region", double::REGION, "--namespace", "Fleet/One,Fleet/Two"]);
    // No AWS to ask: what the options say must do.
    alone.args(["--log-group-prefix", "/fleet"]).env_clear();
    assert_eq!(run(alone).with(0).json(), from_stack);
    assert_eq!(from_stack["variables"][0]["populateFrom"], "InstanceId");
}
