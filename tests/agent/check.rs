//! `check` through the real program: what is followed, published and paid, as text and as JSON, and what AWS permits.

use std::fs;
use std::process::Output;

use cloudwatch_publisher::local::{Fault, Operation, PoolSetup};
use serde_json::{Value, json};

use crate::scene::{GROUP, NAMESPACE, Scene};

fn check(scene: &Scene, flags: &[&str]) -> Output {
    scene.program(&["check"]).args(flags).arg(scene.config()).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What `check --json` prints, and its exit code.
fn json_of(scene: &Scene, flags: &[&str]) -> (Value, Option<i32>) {
    let output = check(scene, &[&["--json"], flags].concat());
    let said = stdout(&output);
    let value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}{}", stderr(&output)));
    (value, output.status.code())
}

/// The verdict on an action, and whether it is needed.
fn verdict(report: &Value, action: &str) -> (String, bool) {
    let rights = report["aws"]["rights"].as_array().unwrap();
    let right = rights.iter().find(|right| right["action"] == action).unwrap_or_else(|| panic!("{action}: {report}"));
    (right["verdict"].as_str().unwrap().to_owned(), right["is_needed"].as_bool().unwrap())
}

fn denied(code: &'static str) -> Fault {
    Fault::Code { code, status: 400 }
}

#[test]
fn check_tells_what_is_followed_what_is_published_and_what_a_month_costs() {
    let scene = Scene::new(&["app.log"]);
    fs::write(scene.path("app.log"), "one\ntwo\n").unwrap();
    let output = check(&scene, &[]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for expected in [
        &format!("  {}\n    to {GROUP} app.log, from its beginning", scene.path("app.log").display()),
        "CPUUtilization",
        "InstanceId=test-agent",
        "estimated cost of a month, in us-east-1 with prices of",
        "free each month, once for the whole account",
    ] {
        assert!(said.contains(expected), "`{expected}` is not in\n{said}");
    }
}

#[test]
fn check_as_json_has_the_names_that_are_documented() {
    let scene = Scene::new(&["app.log"]);
    fs::write(scene.path("app.log"), "one\ntwo\n").unwrap();
    let (report, code) = json_of(&scene, &[]);
    assert_eq!(code, Some(0));
    assert_eq!((&report["format"], &report["ok"], &report["problems"]), (&json!(1), &json!(true), &json!([])));
    assert_eq!(report["configuration"], json!(scene.path("config.json")));
    assert_eq!(report["settings"]["instance_id"], "test-agent");
    assert_eq!(report["settings"]["namespace"], NAMESPACE);
    let file = &report["files"][0];
    assert_eq!(
        (&file["path"], &file["group"], &file["stream"]),
        (&json!(scene.path("app.log")), &json!(GROUP), &json!("app.log"))
    );
    assert_eq!((&file["from"], &file["bytes"]), (&json!(0), &json!(8)));
    let metrics = report["metrics"].as_array().unwrap();
    let count = &report["cost"]["estimate"]["metrics"];
    assert!(!metrics.is_empty() && *count == json!(metrics.len()), "{metrics:?} {count}");
    assert!(metrics.iter().all(|metric| metric["name"].is_string() && metric["dimensions"].is_object()));
    assert!(report["cost"]["estimate"]["total_usd"].as_f64().unwrap() > 0.0);
    assert_eq!(report["cost"]["prices"]["region"], "us-east-1");
    assert!(report.get("aws").is_none());
    assert_eq!(scene.endpoint.counts().all_requests(), 0);
}

#[test]
fn problems_as_json_have_their_file_line_column_and_key() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/agent/regoin", "eu-west-1");
    fs::create_dir(scene.path("config.d")).unwrap();
    fs::write(scene.path("config.d/a.json"), "{\n  \"logs\": {\"retention_in_days\": 10}}").unwrap();
    let (report, code) = json_of(&scene, &[]);
    assert_eq!((code, &report["ok"]), (Some(78), &json!(false)));
    let problems = report["problems"].as_array().unwrap();
    let of_main = problems.iter().find(|problem| problem["path"] == "agent.regoin").unwrap();
    assert_eq!(
        (&of_main["file"], &of_main["hint"]),
        (&json!(scene.path("config.json")), &json!("did you mean `region`?"))
    );
    let of_other = problems.iter().find(|problem| problem["path"] == "logs.retention_in_days").unwrap();
    assert_eq!(of_other["file"], json!(scene.path("config.d/a.json")));
    assert_eq!((&of_other["line"], &of_other["column"]), (&json!(2), &json!(12)));
    let missing = scene.program(&["check", "--json", "/nowhere.json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&missing.stdout).unwrap();
    assert_eq!(missing.status.code(), Some(78));
    assert!(report["problems"][0]["message"].as_str().unwrap().contains("/nowhere.json"), "{report}");
}

#[test]
fn two_files_that_would_share_a_stream_are_told_apart() {
    let scene = Scene::new(&["a/app.log", "b/app.log"]);
    for name in ["a", "b"] {
        fs::create_dir(scene.path(name)).unwrap();
        fs::write(scene.path(name).join("app.log"), "x\n").unwrap();
    }
    let (report, _) = json_of(&scene, &[]);
    let files = report["files"].as_array().unwrap();
    assert_eq!(files.len(), 2);
    assert_ne!(files[0]["stream"], files[1]["stream"]);
    assert!(files.iter().any(|file| file["instead_of"] == "app.log"), "{files:?}");
}

#[test]
fn check_aws_proves_every_right_and_writes_nothing() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/logs/retention_in_days", 7);
    fs::write(scene.path("app.log"), "x\n").unwrap();
    let (report, code) = json_of(&scene, &["--aws"]);
    assert_eq!(code, Some(0), "{report}");
    let actions = [
        "logs:PutLogEvents",
        "logs:CreateLogStream",
        "logs:CreateLogGroup",
        "logs:PutRetentionPolicy",
        "cloudwatch:PutMetricData",
    ];
    for action in actions {
        assert_eq!(verdict(&report, action), ("allowed".to_owned(), true), "{action}: {report}");
    }
    assert_eq!(scene.endpoint.groups(), [] as [&str; 0]);
    assert!(scene.endpoint.metrics().is_empty());
    assert!(!scene.path("state").exists());
}

#[test]
fn what_aws_denies_is_named_with_77_and_what_is_not_needed_now_does_not_matter() {
    let mut scene = Scene::new(&["app.log"]);
    fs::write(scene.path("app.log"), "x\n").unwrap();
    for (operation, action) in [
        (Operation::PutLogEvents, "logs:PutLogEvents"),
        (Operation::CreateLogGroup, "logs:CreateLogGroup"),
        (Operation::CreateLogStream, "logs:CreateLogStream"),
        (Operation::PutRetentionPolicy, "logs:PutRetentionPolicy"),
        (Operation::PutMetricData, "cloudwatch:PutMetricData"),
    ] {
        scene.set("/logs/retention_in_days", 7);
        scene.endpoint.behave();
        scene.endpoint.misbehave_on(operation, denied("AccessDeniedException"), None);
        let output = check(&scene, &["--aws"]);
        assert_eq!(output.status.code(), Some(77), "{action}: {}{}", stdout(&output), stderr(&output));
        assert!(stderr(&output).contains(&format!("AWS does not permit {action} on ")), "{}", stderr(&output));
        assert!(stdout(&output).contains(&format!("denied      {action} on")), "{}", stdout(&output));
    }
    assert_eq!(scene.endpoint.groups(), [] as [&str; 0]);
}

#[test]
fn where_group_and_stream_are_there_nobody_needs_to_make_them() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/logs/retention_in_days", 7);
    let mut app = crate::scene::Written::open(&scene, "app.log");
    let agent = scene.start();
    app.lines(3);
    scene.wait_for_exactly(&app);
    crate::scene::wait_until("the retention is set", crate::scene::PATIENCE, || {
        scene.endpoint.retention(GROUP) == Some(7)
    });
    agent.stop();
    let before = scene.endpoint.events(GROUP, "app.log");
    let (report, code) = json_of(&scene, &["--aws"]);
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(verdict(&report, "logs:PutLogEvents"), ("allowed".to_owned(), true));
    assert_eq!(verdict(&report, "logs:CreateLogGroup"), ("allowed".to_owned(), false));
    assert_eq!(verdict(&report, "logs:CreateLogStream"), ("allowed".to_owned(), false));
    assert_eq!(verdict(&report, "logs:PutRetentionPolicy"), ("allowed".to_owned(), true));
    assert_eq!(scene.endpoint.events(GROUP, "app.log"), before);
    assert_eq!(scene.endpoint.streams().len(), 1);
    // Another retention is not set to find out whether it could be.
    scene.set("/logs/retention_in_days", 14);
    let (report, code) = json_of(&scene, &["--aws"]);
    assert_eq!((verdict(&report, "logs:PutRetentionPolicy").0.as_str(), code), ("cannot_tell", Some(0)));
    assert_eq!(scene.endpoint.retention(GROUP), Some(7));
}

#[test]
fn an_endpoint_that_cannot_be_reached_is_69() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/agent/endpoint_override", "http://127.0.0.1:9");
    let output = check(&scene, &["--aws"]);
    assert_eq!(output.status.code(), Some(69), "{}{}", stdout(&output), stderr(&output));
    assert!(stderr(&output).contains("asking AWS"), "{}", stderr(&output));
}

#[test]
fn a_cognito_user_is_signed_in_and_told_which_groups_are_not_its_own() {
    let mut scene = Scene::new(&["app.log"]);
    fs::write(scene.path("app.log"), "x\n").unwrap();
    let pool = scene.endpoint.add_user_pool(&PoolSetup { server_side_check: true, ..PoolSetup::default() });
    let password = "Kept9!between_the-2of+us*XyZ~012";
    scene.endpoint.add_user(&pool, "test-agent", password);
    scene.endpoint.set_up_cognito(|cognito| cognito.isolation = vec![GROUP.to_owned()]);
    let authentication = json!({
        "accountId": "123456789012", "userPoolId": pool.user_pool, "identityPoolId": pool.identity_pool,
        "appClientId": pool.client, "password": password,
    });
    scene.set("/agent/authentication", authentication);
    scene.set("/logs/log_group_name", format!("{GROUP}/{{instance_id}}"));
    let (report, code) = json_of(&scene, &["--aws"]);
    assert_eq!((verdict(&report, "logs:PutLogEvents").0.as_str(), code), ("allowed", Some(0)), "{report}");
    scene.set("/logs/log_group_name", format!("{GROUP}/of-another"));
    let (report, code) = json_of(&scene, &["--aws"]);
    assert_eq!((verdict(&report, "logs:PutLogEvents").0.as_str(), code), ("denied", Some(77)), "{report}");
    scene.set("/agent/authentication/password", "wrong");
    let output = check(&scene, &["--aws"]);
    assert_eq!(output.status.code(), Some(69), "{}", stderr(&output));
    assert!(stderr(&output).contains("signing in"), "{}", stderr(&output));
}

#[test]
fn what_is_not_known_in_a_name_stands_as_it_is_written_and_nobody_is_asked_about_it() {
    let mut scene = Scene::new(&["app.log"]);
    fs::write(scene.path("app.log"), "x\n").unwrap();
    scene.set("/logs/log_group_name", "/g/{account_id}/{date}");
    let (report, code) = json_of(&scene, &[]);
    assert_eq!((&report["files"][0]["group"], code), (&json!("/g/{account_id}/{date}"), Some(0)));
    let said = stdout(&check(&scene, &[]));
    assert!(said.contains("to /g/{account_id}/{date} app.log") && !said.contains("-account_id-"), "{said}");
    let (report, code) = json_of(&scene, &["--aws"]);
    // This endpoint does not tell the account: there is no name to ask about.
    let open = report["aws"]["not_asked"][0]["group"].as_str().unwrap_or_else(|| panic!("{report}"));
    assert!(open.starts_with("/g/{account_id}/2") && !open.contains("date"), "{open}");
    assert_eq!((report["aws"]["not_asked"].as_array().unwrap().len(), code), (1, Some(0)));
    let asked = |report: &Value| -> Vec<String> {
        let rights = report["aws"]["rights"].as_array().unwrap().iter();
        let put = rights.filter(|right| right["action"] == "logs:PutLogEvents");
        put.map(|right| right["on"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(asked(&report), [] as [&str; 0]);
    scene.set("/agent/credentials", json!({"role_arn": "arn:aws:iam::123456789012:role/r"}));
    let (report, _) = json_of(&scene, &[]);
    assert_eq!(report["files"][0]["group"], "/g/123456789012/{date}");
}

#[test]
fn without_a_region_and_an_id_everything_else_is_told_and_both_are_problems() {
    let mut scene = Scene::new(&["app.log"]);
    fs::write(scene.path("app.log"), "x\n").unwrap();
    scene.set("/agent/region", Value::Null);
    scene.set("/agent/instance", json!({"command": "exit 3"}));
    scene.set("/metrics/metrics_collected", json!({"jmx": {}, "heartbeat": true}));
    let run = |flags: &[&str]| {
        let mut command = scene.program(&["check"]);
        command.args(flags).arg(scene.config()).env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION");
        command.env("AWS_EC2_METADATA_DISABLED", "true").output().unwrap()
    };
    let output = run(&["--aws"]);
    assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
    for expected in ["app.log", "heartbeat", "estimated cost of a month", "metrics_collected.jmx is known"] {
        assert!(stdout(&output).contains(expected), "`{expected}` is not in\n{}", stdout(&output));
    }
    let said = stderr(&output);
    assert!(said.contains("finding the AWS region") && said.contains("agent.instance.command"), "{said}");
    let output = run(&["--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["ok"]), (Some(78), &json!(false)));
    assert_eq!((report["problems"].as_array().unwrap().len(), report["files"].as_array().unwrap().len()), (2, 1));
}

#[test]
fn the_region_is_told_as_it_was_resolved_and_each_section_counts_by_its_own_interval() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/agent/region", Value::Null);
    scene.set(
        "/metrics/metrics_collected",
        json!({
            "heartbeat": {"metrics_collection_interval": 1},
            "mem": {"measurement": ["mem_free"], "metrics_collection_interval": 300},
        }),
    );
    scene.set("/metrics/force_flush_interval", 300);
    let output =
        scene.program(&["check", "--json"]).arg(scene.config()).env("AWS_REGION", "eu-south-2").output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["settings"]["region"], "eu-south-2", "{report}");
    // 300 s were asked for, and 100 samplings have come before, nearly each of them of the heartbeat.
    assert_eq!(report["cost"]["estimate"]["requests"].as_f64().unwrap().round(), 26_386.0, "{report}");
}

#[test]
fn nobody_needs_to_put_metrics_where_there_are_none() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/metrics/metrics_collected", json!({"jmx": {}}));
    scene.endpoint.misbehave_on(Operation::PutMetricData, denied("AccessDeniedException"), None);
    let (report, code) = json_of(&scene, &["--aws"]);
    assert_eq!((verdict(&report, "cloudwatch:PutMetricData"), code), (("denied".to_owned(), false), Some(0)));
}
